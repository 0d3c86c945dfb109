"""kill -9 of a real process behind every single step of submit, poll, collect and settle, and behind every write."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone
from moto.server import ThreadedMotoServer

from billing.ledger import differences
from billing.models import Hold
from generation import clock, services
from generation.models import FINAL, Job, Status, Upload
from tests.chaos.dying import POINTS, UPLOAD_POINTS, die_after, die_at, die_keeping
from tests.engine import run
from tests.make import ACTOR, make_job
from tests.processes import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

NOT_SENT = {"submit: fenced"}  # the fence is crossed and nothing was sent, which nobody can know
LOST = {"submit: sent", "submit: answer not committed"}  # it was sent, and the answer died with who heard it
STARTS = {"submit": {Status.QUEUED}, "poll": {Status.RUNNING}, "collect": {Status.COLLECTING}}
_PATIENCE = 180  # seconds


@pytest.fixture
def world(sandbox, settings) -> dict[str, Any]:
    """What a dying process has to know of the test."""
    names = ("MEDIA_ROOT", "WAVESPEED_URL", "WAVESPEED_API_KEY", "SANDBOX")
    return {"NAME": connection.settings_dict["NAME"], **{name: getattr(settings, name) for name in names}}


def killed(target: Callable[..., None], *args: object) -> bool:
    """Run it in a process of its own, and say whether that was killed; else it has ended by itself."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.concurrency.child"])
    process = context.Process(target=target, args=args)
    process.start()
    process.join(_PATIENCE)
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


def ready_for(step: str, user, monkeypatch, sandbox) -> Job:
    """Return a job for which this step comes next, and has something to do."""
    with monkeypatch.context() as patch:
        if step == "submit":
            job = make_job(user)
            services.dispatch()
            return job
        if step == "poll":
            patch.setattr("tests.engine.poll", lambda _: None)
        patch.setattr("tests.engine.services.collect", lambda _: None)
        job = run(make_job(user), until=STARTS[step])
    wait_until(lambda: not sandbox.stats()["running"], "it is made")
    return job


def expire_leases() -> None:
    Job.objects.filter(lease_until__isnull=False).update(lease_until=timezone.now() - timedelta(seconds=1))


def assert_ended_once(sandbox, job: Job, media: Path) -> None:
    """One POST, one end, one charge or release, and the files of one video or none."""
    made = [p for p in sandbox.stats()["predictions"] if p["id"] == job.prediction_id]
    succeeded = job.status == Status.SUCCEEDED
    assert len(made) == (1 if succeeded else 0)
    assert job.hold.state == (Hold.State.SETTLED if succeeded else Hold.State.RELEASED)
    assert job.events.filter(to_status__in=FINAL).count() == 1
    assert job.events.filter(to_status=Status.SUBMITTING).count() == 1
    assert job.hold.entries.exclude(kind="hold").count() == 1
    mine = {str(path.relative_to(media)) for path in media.rglob("*") if path.is_file() and str(job.pk) in str(path)}
    assert mine == ({str(job.video.name), str(job.poster.name)} if succeeded else set())
    assert not list(differences())


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_a_job_ends_once_or_is_unknown_where_the_law_says(
    sandbox, alice, monkeypatch, settings, world, point
):
    step = point.partition(":")[0].replace("settle", "collect")
    job = ready_for(step, alice, monkeypatch, sandbox)

    assert killed(die_at, point, job.pk, world)

    expire_leases()
    job = run(job, until={*FINAL, Status.UNKNOWN})
    assert (job.status == Status.UNKNOWN) == (point in NOT_SENT | LOST)
    if job.status == Status.UNKNOWN:
        assert job.hold.state == Hold.State.HELD
        assert services.look_for_unknown(clock.now(), all_of_them=True) == (point in LOST)
        if point in NOT_SENT:
            services.never_created(job.pk, reason="It is not in the list.", by=ACTOR)
        job = run(job)
    assert (job.status == Status.FAILED) == (point in NOT_SENT)
    assert sandbox.stats()["submissions"] == (point not in NOT_SENT)
    assert_ended_once(sandbox, job, settings.MEDIA_ROOT)


@pytest.mark.parametrize("step", STARTS)
def test_killed_after_any_write_a_job_ends_once_or_is_unknown_where_the_law_says(
    sandbox, alice, monkeypatch, settings, world, step
):
    for writes in count(1):
        job = ready_for(step, alice, monkeypatch, sandbox)
        was_killed = killed(die_after, writes, step, job.pk, world)
        if was_killed:
            expire_leases()
        job = run(job, until={*FINAL, Status.UNKNOWN})
        if job.status == Status.UNKNOWN:
            assert step == "submit"
            assert services.look_for_unknown(clock.now(), all_of_them=True) == 1
            job = run(job)
        assert job.status == Status.SUCCEEDED
        assert_ended_once(sandbox, job, settings.MEDIA_ROOT)
        if not was_killed:
            break
    assert writes > 3
    assert sandbox.stats()["submissions"] == writes


@pytest.mark.parametrize("point", UPLOAD_POINTS)
def test_killed_while_a_user_s_file_is_kept_it_is_there_whole_or_nothing_is_left(alice, settings, world, point):
    assert killed(die_keeping, point, alice.pk, world)

    assert services.remove_what_is_left() == 0  # it may still arrive
    kept = Upload.objects.filter(deleted_at__isnull=True)
    assert kept.count() == (point == "kept")
    there = [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]
    assert len(there) == (point != "announced")

    long_ago = timezone.now() - timedelta(days=2)
    Upload.objects.filter(deleted_at__isnull=False).update(created_at=long_ago, deleted_at=long_ago)
    services.remove_what_is_left()
    there = [str(path) for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]
    assert there == [upload.file.path for upload in kept]


@pytest.fixture
def bucket(settings) -> Iterator[Any]:
    """Keep files in a bucket of an S3 on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    access = {"access_key": "testing", "secret_key": "testing", "region_name": "us-east-1"}
    # What the server knows outlives it, in this process.
    options = {"bucket_name": f"chaos-{uuid4()}", "endpoint_url": "http://{}:{}".format(*server.get_host_and_port())}
    backend = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {**access, **options, "file_overwrite": True}}
    settings.STORAGES = settings.STORAGES | {"default": backend}
    found = default_storage.bucket
    found.create()
    yield found
    default_storage.connection.meta.client.close()
    server.stop()


@pytest.mark.any_database
@pytest.mark.parametrize("point", [point for point in POINTS if "stored" in point or "downloaded" in point])
def test_killed_while_collecting_to_s3_it_is_fetched_again_under_the_same_name(
    sandbox, alice, monkeypatch, settings, tmp_path, world, bucket, point
):
    settings.DATA_DIR = tmp_path
    job = ready_for("collect", alice, monkeypatch, sandbox)
    assert killed(die_at, point, job.pk, world | {"STORAGES": settings.STORAGES, "DATA_DIR": tmp_path})

    expire_leases()
    job = run(job)

    assert job.status == Status.SUCCEEDED
    assert sorted(item.key for item in bucket.objects.all()) == [str(job.poster.name), str(job.video.name)]
    assert list((tmp_path / "incoming").iterdir()) == []
