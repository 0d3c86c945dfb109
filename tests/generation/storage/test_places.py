"""Where a kept video lies: one object a job, whole or not there, on local files and on S3."""

import os
import subprocess
import sys
import uuid
from pathlib import Path
from threading import Event, Thread

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from django.core.files.storage import default_storage
from moto.server import ThreadedMotoServer
from storages.backends.s3 import S3Storage

from generation import storage
from tests.generation.providers.loopback import PATIENCE, Loopback
from tests.generation.storage.servers import delivers, sends
from tests.media import mp4

JOB, OTHER = uuid.UUID(int=7), uuid.UUID(int=8)
VIDEO, POSTER = f"videos/{JOB}.mp4", f"posters/{JOB}.jpg"


@pytest.fixture
def keep(settings, tmp_path):
    """Keeps what a server sends that counts as the sandbox."""
    settings.DATA_DIR = tmp_path

    def keep(behaviour, job=JOB):
        with Loopback(behaviour) as server:
            settings.SANDBOX, settings.WAVESPEED_URL = True, server.url
            return storage.keep(job, f"{server.url}/v")

    return keep


@pytest.fixture(scope="module")
def longer():
    """Is another video."""
    return mp4(seconds=2)


# --- On local files ---------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """Lists all files of the house, those that wait too."""
    return lambda: sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())


def rooms(tmp_path: Path) -> list[Path]:
    return [*tmp_path.glob("media/.incoming/*"), *tmp_path.glob("incoming/*")]


def test_a_video_and_its_poster_are_all_that_stays(keep, video, files, tmp_path):
    stored = keep(delivers(video))

    assert files() == [f"media/{POSTER}", f"media/{VIDEO}"]
    assert (stored.video, stored.poster) == (VIDEO, POSTER)
    assert (tmp_path / "media" / VIDEO).read_bytes() == video
    assert (tmp_path / "media" / POSTER).read_bytes().startswith(b"\xff\xd8")
    assert rooms(tmp_path) == []


def test_collected_twice_it_is_one_object_and_the_newer_one(keep, video, longer, files, tmp_path):
    keep(delivers(video))
    stored = keep(delivers(longer))

    assert files() == [f"media/{POSTER}", f"media/{VIDEO}"]
    assert (tmp_path / "media" / VIDEO).read_bytes() == longer
    assert stored.size_bytes == len(longer)


def test_two_jobs_with_the_same_output_have_two_objects(keep, video, files):
    keep(delivers(video))
    keep(delivers(video), OTHER)

    assert len(files()) == 4


@pytest.mark.parametrize("before", [True, False])
def test_nobody_sees_half_a_video_under_its_name(keep, video, longer, tmp_path, before):
    half_sent, may_go_on = Event(), Event()

    def slowly(_, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(longer) + longer[:1000])
        half_sent.set()
        may_go_on.wait(PATIENCE)
        connection.sendall(longer[1000:])

    if before:
        keep(delivers(video))
    kept = tmp_path / "media" / VIDEO
    thread = Thread(target=keep, args=[slowly])
    thread.start()
    assert half_sent.wait(PATIENCE)
    seen = kept.read_bytes() if kept.exists() else None
    open_before = kept.open("rb") if before else None
    may_go_on.set()
    thread.join(PATIENCE)

    assert seen == (video if before else None)
    assert kept.read_bytes() == longer
    if open_before:  # whoever looks at it meanwhile sees the old one to its end
        with open_before:
            assert open_before.read() == video


def test_nobody_sees_half_a_poster_either(keep, video, tmp_path):
    keep(delivers(video))
    kept = tmp_path / "media" / POSTER
    before = kept.stat().st_ino
    with kept.open("rb") as open_before:
        keep(delivers(video))
        assert open_before.read() == kept.read_bytes()
    assert kept.stat().st_ino != before


@pytest.mark.parametrize("kind", ["videos", "posters"])
def test_a_storage_that_fails_may_be_tried_again_and_holds_no_poster_without_a_video(keep, video, tmp_path, kind):
    broken = tmp_path / "media" / kind
    broken.parent.mkdir()
    broken.write_bytes(b"")  # a file where a folder should be
    with pytest.raises(storage.Interrupted, match="our storage"):
        keep(delivers(video))

    assert not (tmp_path / "media" / POSTER).exists()
    assert rooms(tmp_path) == []
    broken.unlink()
    keep(delivers(video))
    assert (tmp_path / "media" / VIDEO).read_bytes() == video
    assert (tmp_path / "media" / POSTER).exists()


def test_a_house_without_room_may_be_tried_again(keep, video, tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / ".incoming").write_bytes(b"")
    with pytest.raises(storage.Interrupted, match="our storage"):
        keep(delivers(video))


def test_what_a_killed_attempt_left_goes_with_the_next_of_the_same_job(keep, video, tmp_path):
    left, others = (tmp_path / f"media/.incoming/{job}-{uuid.uuid4().hex}.part" for job in (JOB, OTHER))
    for room in (left, others):
        room.mkdir(parents=True)
        (room / "video.mp4").write_bytes(video[:1000])

    keep(delivers(video))

    assert rooms(tmp_path) == [others]


def test_an_attempt_that_was_thought_dead_spoils_nothing_and_says_nothing_about_the_video(
    keep, video, longer, files, settings
):
    def overtaken(_, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(video) + video[:1000])
        with Loopback(delivers(longer)) as second:
            settings.WAVESPEED_URL = second.url
            storage.keep(JOB, f"{second.url}/v")
        connection.sendall(video[1000:])

    with pytest.raises(storage.Interrupted):
        keep(overtaken)

    assert files() == [f"media/{POSTER}", f"media/{VIDEO}"]
    assert default_storage.size(VIDEO) == len(longer)


def test_files_that_a_failed_job_left_can_be_discarded(keep, video, files, tmp_path):
    keep(delivers(video))
    (tmp_path / f"media/.incoming/{JOB}-1.part").mkdir()
    keep(delivers(video), OTHER)

    storage.discard(JOB)
    storage.discard(JOB)

    assert files() == [f"media/posters/{OTHER}.jpg", f"media/videos/{OTHER}.mp4"]
    assert rooms(tmp_path) == []


def test_what_killed_processes_left_waiting_goes_after_a_day(settings, tmp_path, video, keep):
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "uploads")
    places = [tmp_path / "media/.incoming", tmp_path / "uploads"]
    for folder in places:
        for name in ("old", "new"):
            (folder / f"{name}.part").mkdir(parents=True)
            (folder / f"{name}.part" / "video.mp4").write_bytes(video)
            (folder / f"{name}.upload").write_bytes(video)
        for left in folder.glob("old*"):
            os.utime(left, (0, 0))

    storage.tidy()
    storage.tidy()

    for folder in places:
        assert sorted(path.name for path in folder.iterdir()) == ["new.part", "new.upload"]


def test_what_can_not_be_tidied_stays_and_stops_nothing(settings, tmp_path, monkeypatch):
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.upload").write_bytes(b"")
        os.utime(tmp_path / f"{name}.upload", (0, 0))
    unlink = Path.unlink

    def refuse(path: Path) -> None:
        if path.name == "a.upload":
            raise PermissionError
        unlink(path)

    monkeypatch.setattr(Path, "unlink", refuse)
    storage.tidy()

    assert [path.name for path in tmp_path.glob("*.upload")] == ["a.upload"]


# --- On S3 ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3():
    """Is an S3 on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(s3, settings, monkeypatch):
    """Is where files are kept in this test, as the settings do it with S3_BUCKET."""
    access = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_MAX_ATTEMPTS": "1"}
    for name, value in access.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=s3, region_name="us-east-1")
    name = f"clapboard-{uuid.uuid4()}"
    client.create_bucket(Bucket=name)
    options = {"bucket_name": name, "endpoint_url": s3, "region_name": "us-east-1", "file_overwrite": True}
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    }
    yield Bucket(client, name)
    client.close()


class Bucket:
    """Shows what is in a bucket."""

    def __init__(self, client, name):
        self.client, self.name = client, name

    def objects(self):
        """List its objects."""
        listed = self.client.list_objects_v2(Bucket=self.name)
        return sorted(found["Key"] for found in listed.get("Contents", []))

    def read(self, name):
        """Return an object's content type and its bytes."""
        found = self.client.get_object(Bucket=self.name, Key=name)
        with found["Body"] as body:
            return found["ContentType"], body.read()


def test_s3_has_a_video_and_its_poster(bucket, keep, video, tmp_path):
    stored = keep(delivers(video))

    assert bucket.objects() == [POSTER, VIDEO]
    assert (stored.video, stored.poster) == (VIDEO, POSTER)
    assert bucket.read(VIDEO) == ("video/mp4", video)
    assert bucket.read(POSTER)[0] == "image/jpeg"
    assert rooms(tmp_path) == []


def test_s3_has_one_object_of_what_was_collected_twice_and_two_of_two_jobs(bucket, keep, video, longer):
    keep(delivers(video))
    keep(delivers(longer))
    keep(delivers(video), OTHER)

    assert bucket.objects() == sorted([POSTER, VIDEO, f"posters/{OTHER}.jpg", f"videos/{OTHER}.mp4"])
    assert bucket.read(VIDEO)[1] == longer


def test_s3_gets_nothing_of_what_is_cut_or_no_video(bucket, keep, video):
    for behaviour, error in (
        (sends(200, video[:1000], f"Content-Length: {len(video)}"), storage.Interrupted),
        (delivers(video[:1000]), storage.NotAVideo),
    ):
        with pytest.raises(error):
            keep(behaviour)

    assert bucket.objects() == []


def test_s3_that_fails_for_the_poster_may_be_tried_again_and_has_no_poster_without_a_video(
    bucket, keep, video, monkeypatch
):
    save = S3Storage._save

    def save_videos(self, name, content):
        if name == POSTER:
            raise EndpointConnectionError(endpoint_url="s3")
        return save(self, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(S3Storage, "_save", save_videos)
        with pytest.raises(storage.Interrupted, match="our storage"):
            keep(delivers(video))

    assert POSTER not in bucket.objects()
    keep(delivers(video))
    assert bucket.objects() == [POSTER, VIDEO]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"bucket_name": "nobody-s"}, id="no such bucket"),
        pytest.param({"endpoint_url": "http://127.0.0.1:9"}, id="nobody there"),
    ],
)
def test_s3_that_fails_may_be_tried_again(bucket, keep, video, settings, options):
    default = settings.STORAGES["default"]
    default = default | {"OPTIONS": default["OPTIONS"] | options}
    settings.STORAGES = settings.STORAGES | {"default": default}
    with pytest.raises(storage.Interrupted, match="our storage"):
        keep(delivers(video))

    assert bucket.objects() == []


def test_s3_that_says_nothing_is_waited_for_a_minute_at_most(tmp_path):
    told = {
        "READ_ENV_FILES": "0",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DEBUG": "1",
        "SECRET_KEY": "x" * 50,
        "CLAPBOARD_DATA": str(tmp_path),
        "S3_BUCKET": "clapboard",
        "S3_REGION": "us-east-1",
    }
    look = """
import django
django.setup()
from django.core.files.storage import default_storage
config = default_storage.connection.meta.client.meta.config
print(config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"])
"""
    done = subprocess.run([sys.executable, "-c", look], env=told, capture_output=True, text=True, check=True)

    connect, answer, times = map(int, done.stdout.split())
    assert connect <= 10
    assert answer * times <= 60


def test_s3_forgets_what_is_discarded(bucket, keep, video):
    keep(delivers(video))
    keep(delivers(video), OTHER)

    storage.discard(JOB)
    storage.discard(JOB)

    assert bucket.objects() == [f"posters/{OTHER}.jpg", f"videos/{OTHER}.mp4"]
