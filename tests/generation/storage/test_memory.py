"""A large output takes no more memory than a small one, on local files and on S3, with the settings as shipped."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import boto3
import pytest

from tests.generation.providers.loopback import Loopback
from tests.generation.storage.servers import delivers_padded
from tests.media import mp4

ROOT = Path(__file__).resolve().parents[3]
SMALL, LARGE = 2_000_000, 200_000_000
MAY_ADD = 10_000_000
PATIENCE = 120  # seconds


@pytest.fixture(scope="module")
def video():
    return mp4()


def peak(video: bytes, size: int, folder: Path, **environment: str) -> int:
    """Return the most bytes of memory of a process that keeps an output of `size` bytes."""
    with Loopback(delivers_padded(video, size)) as server:
        told = {
            "READ_ENV_FILES": "0",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "CLAPBOARD_DATA": str(folder / "data"),
            "WAVESPEED_URL": server.url,
            "DEBUG": "1",
            "SANDBOX": "1",
            "WAVESPEED_API_KEY": "key",
            "SECRET_KEY": "x" * 50,
            **environment,
        }
        command = [sys.executable, "-m", "tests.generation.storage.peak", str(uuid.UUID(int=size)), f"{server.url}/v"]
        ended = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | told,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    assert ended.returncode == 0, ended.stderr
    kept, memory = map(int, ended.stdout.split())
    assert kept == size
    return memory


def test_on_local_files_200_mb_add_less_than_10_mb(video, tmp_path):
    small = peak(video, SMALL, tmp_path)
    added = peak(video, LARGE, tmp_path) - small
    (kept,) = tmp_path.glob(f"data/media/videos/{uuid.UUID(int=LARGE)}.mp4")
    assert kept.stat().st_size == LARGE
    kept.unlink()  # pytest keeps folders for a while
    assert added < MAY_ADD


@pytest.fixture
def s3(tmp_path):
    """Is an S3 in a process of its own, with a bucket."""
    command = [sys.executable, "-m", "tests.generation.storage.s3"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    pipe = subprocess.PIPE
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=quiet, text=True
    ) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(PATIENCE)


def test_on_s3_200_mb_add_less_than_10_mb(video, tmp_path, s3, monkeypatch):
    access = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "S3_REGION": "us-east-1"}
    for name, value in access.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=s3, region_name="us-east-1")
    client.create_bucket(Bucket="clapboard")
    settings = {"S3_BUCKET": "clapboard", "S3_ENDPOINT_URL": s3}
    small = peak(video, SMALL, tmp_path, **settings)
    added = peak(video, LARGE, tmp_path, **settings) - small
    head = client.head_object(Bucket="clapboard", Key=f"videos/{uuid.UUID(int=LARGE)}.mp4")
    client.close()
    assert (head["ContentLength"], head["ContentType"]) == (LARGE, "video/mp4")
    assert added < MAY_ADD
