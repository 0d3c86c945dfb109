"""Jobs that are made from something: a copy of the source is brought to the provider before the fence."""

from datetime import timedelta
from pathlib import Path

import pytest
import requests
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from django_q.models import OrmQ

from billing.models import Hold, LedgerEntry
from generation import services
from generation.catalog import MODELS
from generation.models import Job, Status, Upload
from generation.providers.errors import RefusedForAccount, RefusedForJob, Unavailable
from generation.providers.wavespeed import WaveSpeed
from generation.services import submitting
from generation.spec import InvalidSpec
from tests import media
from tests.engine import run, turn
from tests.generation.services.test_leases import expire_leases, killed_at
from tests.generation.storage.test_places import bucket, s3  # noqa: F401 - fixtures
from tests.make import ACTOR, make_job, make_plan, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(db):
    return make_user(plan=make_plan())


def upload(user, data: bytes, name: str = "fox.bin") -> Upload:
    return services.upload(user, ContentFile(data, name=name))


def made(user, **wish) -> Job:
    return services.create(user, services.spec_of(user, {"prompt": "A fox", **wish}), by=ACTOR)


def image_job(user) -> Job:
    return made(user, model="ltx-2-pro", image=str(upload(user, media.png()).pk))


def handed(user) -> Job:
    job = image_job(user)
    services.dispatch()
    job.refresh_from_db()
    return job


def again_at_once(job: Job) -> None:
    Job.objects.update(due_at=None)
    services.dispatch()
    services.submit(job.pk)


def facts(job: Job):
    return job.width, job.height, round(job.duration or 0), job.has_audio


def test_every_model_makes_what_was_wished(user, sandbox):
    picture, video = upload(user, media.png(320, 200)), upload(user, media.mp4(2.0, 320, 240))
    wishes = {
        "lightricks/ltx-2-pro/text-to-video": ({"duration": 8}, (1920, 1080, 8, True)),
        "lightricks/ltx-2-pro/image-to-video": ({"generate_audio": False}, (1920, 1080, 6, False)),
        "lightricks/ltx-2-fast/text-to-video": ({"duration": 20}, (1920, 1080, 20, True)),
        "lightricks/ltx-2-fast/image-to-video": ({"duration": 12}, (1920, 1080, 12, True)),
        "wavespeed-ai/hunyuan-video-1.5/text-to-video": ({"size": "480*832", "duration": 10}, (480, 832, 10, False)),
        "wavespeed-ai/hunyuan-video-1.5/image-to-video": ({"resolution": "480p", "seed": 4}, (832, 480, 5, False)),
        "lightricks/ltx-2-retake": ({"mode": "replace_video", "start_time": 0.5}, (320, 240, 2, True)),
    }
    assert set(wishes) == {model.id for model in MODELS}
    sandbox.set(tiny=False)
    for model in MODELS:
        wish, expected = wishes[model.id]
        if model.media:
            wish = wish | {model.media.name: str((video if model.media.name == "video" else picture).pk)}
        job = run(made(user, model=model.id, **wish))
        assert (job.status, job.flags) == (Status.SUCCEEDED, []), (model.id, job.error_message, job.flags)
        assert facts(job) == expected, model.id
        assert job.hold.state == Hold.State.SETTLED


def test_a_retake_of_a_finished_video_knows_its_source(user, sandbox):
    source = run(made(user, model="ltx-2-pro"))
    retake = run(made(user, model="ltx-2-retake", source_job=str(source.pk), mode="replace_audio"))
    assert (retake.status, retake.flags) == (Status.SUCCEEDED, [])
    assert retake.source_job == source
    assert list(source.retakes.all()) == [retake]
    assert retake.hold.spend == 600_000


def test_the_provider_gets_a_copy_and_the_part_in_the_prompt(user, sandbox):
    source = run(made(user, model="ltx-2-pro"))
    run(made(user, model="ltx-2-retake", source_job=str(source.pk), start_time=1, end_time=2.5))
    answer = requests.post(
        f"{sandbox.url}/api/v3/predictions",
        json={"page": 1, "page_size": 1, "include_inputs": True},
        headers={"Authorization": "Bearer x"},
        timeout=10,
    )
    inputs = answer.json()["data"]["items"][0]["inputs"]
    assert inputs["prompt"] == "From 1s to 2.5s: A fox"
    assert inputs["video"].startswith(f"{sandbox.url}/uploads/")
    assert inputs["video"].endswith("/video.mp4")
    assert str(source.pk) not in inputs["video"]
    assert set(inputs) == {"prompt", "video", "mode"}


def test_jobs_with_media_wait_for_the_workers_that_have_the_time(user):
    image_job(user)
    made(user, model="ltx-2-pro")
    services.dispatch()
    assert sorted(hint.key for hint in OrmQ.objects.all()) == ["clapboard", "collect"]


def test_a_handing_has_one_taker(user, monkeypatch):
    job = handed(user)
    killed_at(monkeypatch, "generation.providers.wavespeed.WaveSpeed.upload", lambda: services.submit(job.pk))
    monkeypatch.setattr(WaveSpeed, "upload", lambda *_, **__: pytest.fail("twice"))
    services.submit(job.pk)
    assert Job.objects.get().status == Status.QUEUED


def test_who_is_killed_while_uploading_is_followed_by_another(user, sandbox, monkeypatch):
    job = handed(user)
    killed_at(monkeypatch, "generation.providers.wavespeed.WaveSpeed.upload", lambda: services.submit(job.pk))
    expire_leases()
    assert run(job).status == Status.SUCCEEDED
    assert sandbox.stats()["submissions"] == 1


@pytest.mark.django_db(transaction=True)
def test_the_lease_is_renewed_while_the_upload_goes_on(user, monkeypatch, settings):
    settings.HAND_LEASE = 0.2
    job = handed(user)
    first = job.lease_until

    def slow(*_, **__):
        deadline = timezone.now() + timedelta(seconds=20)
        while Job.objects.get().lease_until <= first + timedelta(seconds=0.3) and timezone.now() < deadline:
            pass
        raise Unavailable("enough")

    monkeypatch.setattr(WaveSpeed, "upload", slow)
    services.submit(job.pk)
    assert "enough" in Job.objects.get().events.latest("pk").note


def test_a_source_that_can_not_be_brought_just_now_waits(user, monkeypatch, sandbox):
    job = handed(user)
    with monkeypatch.context() as patch:
        patch.setattr(WaveSpeed, "upload", _raises(Unavailable("WaveSpeed did not answer.")))
        services.submit(job.pk)
    job.refresh_from_db()
    assert (job.status, job.attempts, job.handed_at, job.lease_until) == (Status.QUEUED, 1, None, None)
    assert job.due_at > timezone.now()
    assert job.hold.state == Hold.State.HELD
    assert run(job).status == Status.SUCCEEDED


def test_a_source_waits_for_a_provider_that_is_away_as_long_as_a_prompt_does(user, monkeypatch, sandbox):
    job = handed(user)
    with monkeypatch.context() as patch:
        patch.setattr(WaveSpeed, "upload", _raises(Unavailable("WaveSpeed did not answer.")))
        for _ in range(submitting._MOST_LOOKS + 1):
            again_at_once(job)
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Status.QUEUED, submitting._MOST_LOOKS + 1)
    assert run(job).status == Status.SUCCEEDED


def test_a_source_that_is_gone_for_hours_ends_the_job_and_says_whose_fault_it_is(user, sandbox):
    job = handed(user)
    default_storage.delete(job.upload.file.name)
    for _ in range(submitting._MOST_LOOKS):
        again_at_once(job)
    assert Job.objects.get().status == Status.QUEUED

    again_at_once(job)

    job = Job.objects.select_related("hold").get()
    assert (job.status, job.error_code, job.hold.state) == (Status.FAILED, "source_lost", Hold.State.RELEASED)
    assert "our storage" in job.error_message
    assert [event.to_status for event in job.events.all()][-2:] == [Status.SUBMITTING, Status.FAILED]
    assert sandbox.stats()["submissions"] == 0


def test_limits_of_the_account_are_no_looks_for_a_source(user, sandbox):
    job = handed(user)
    Job.objects.update(attempts=submitting._MOST_LOOKS + 10)  # so often was the account at a limit
    default_storage.delete(job.upload.file.name)
    services.submit(job.pk)
    assert Job.objects.get().status == Status.QUEUED


def test_a_source_of_another_length_than_was_uploaded_is_not_sent(user, sandbox):
    job = handed(user)
    Upload.objects.update(size_bytes=1)
    services.submit(job.pk)
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Status.QUEUED, 1)
    assert "another file than was uploaded" in job.events.latest("pk").note


def test_a_source_that_the_provider_never_takes_ends_the_job_and_nothing_is_sent(user, monkeypatch, sandbox):
    job = handed(user)
    monkeypatch.setattr(WaveSpeed, "upload", _raises(RefusedForJob("too large", status=413)))
    services.submit(job.pk)
    job = Job.objects.select_related("hold").get()
    assert (job.status, job.hold.state) == (Status.FAILED, Hold.State.RELEASED)
    assert [event.to_status for event in job.events.all()][-2:] == [Status.SUBMITTING, Status.FAILED]
    assert sandbox.stats()["submissions"] == 0


def test_an_account_that_is_refused_closes_the_gate_and_fails_nobody(user, monkeypatch):
    job = handed(user)
    monkeypatch.setattr(WaveSpeed, "upload", _raises(RefusedForAccount("the key is not valid")))
    services.submit(job.pk)
    assert Job.objects.get().status == Status.QUEUED
    assert services.the_gate().closed_at


def test_a_source_whose_file_is_away_waits(user):
    job = handed(user)
    default_storage.delete(job.upload.file.name)
    services.submit(job.pk)
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Status.QUEUED, 1)
    assert job.events.latest("pk").note == "Our storage has not got its source."


def test_a_source_waits_for_a_storage_that_is_away(user, sandbox):
    job = handed(user)
    path = Path(job.upload.file.path)
    away = path.rename(path.with_suffix(".away"))
    path.mkdir()  # so that opening it is an error, for root, too
    for _ in range(submitting._MOST_LOOKS + 1):
        again_at_once(job)
    job.refresh_from_db()
    assert job.status == Status.QUEUED
    assert "Our storage did not give the source: IsADirectoryError" in job.events.latest("pk").note
    path.rmdir()
    away.rename(path)
    assert run(job).status == Status.SUCCEEDED


@pytest.mark.usefixtures("bucket")
def test_a_source_waits_for_a_bucket_that_falls_silent_while_it_is_fetched(user, sandbox, monkeypatch):
    job = handed(user)

    def fall_silent(body, amt=None):
        body.close()  # as the time-out does; nobody else closes what was not read
        raise ReadTimeoutError(endpoint_url="https://bucket.example")

    with monkeypatch.context() as patch:
        patch.setattr(StreamingBody, "read", fall_silent)
        services.submit(job.pk)
    job.refresh_from_db()
    assert (job.status, job.attempts, job.handed_at, job.lease_until) == (Status.QUEUED, 1, None, None)
    assert "Our storage did not give the source: RetriesExceededError" in job.events.latest("pk").note
    again_at_once(job)
    job.refresh_from_db()
    assert job.status == Status.RUNNING


def test_a_canceled_job_is_not_sent_when_its_upload_is_done(user, monkeypatch, sandbox):
    job = handed(user)

    def canceled_meanwhile(*_, **__):
        services.cancel(job.pk, by=ACTOR)
        return "https://example.org/x.png"

    monkeypatch.setattr(WaveSpeed, "upload", canceled_meanwhile)
    services.submit(job.pk)
    assert Job.objects.get().status == Status.CANCELED
    assert sandbox.stats()["submissions"] == 0


# --- retry ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELED])
def test_a_retry_is_a_new_job_of_the_same_wish(user, status):
    job = image_job(user)
    Job.objects.filter(pk=job.pk).update(status=status, finished_at=timezone.now())
    again = services.retry(job.pk, by=ACTOR)
    job.refresh_from_db()
    assert (again.retry_of, again.status, job.status) == (job, Status.QUEUED, status)
    wish = ("model", "prompt", "parameters", "upload_id", "source_job_id", "user_id")
    assert [getattr(again, name) for name in wish] == [getattr(job, name) for name in wish]
    assert LedgerEntry.objects.filter(kind="hold", reference=again.pk).count() == 1


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.FAILED, Status.CANCELED}))
def test_only_what_ended_without_a_video_is_retried(user, status):
    job = make_job(user, status=status)
    with pytest.raises(services.NotRetryable, match=f"The job is {status}"):
        services.retry(job.pk, by=ACTOR)
    assert Job.objects.count() == 1


def test_a_retry_keeps_the_same_part_of_the_same_video(user, sandbox):
    source = run(made(user, model="ltx-2-pro"))
    retake = made(user, model="ltx-2-retake", source_job=str(source.pk), start_time=1, mode="replace_audio")
    services.cancel(retake.pk, by=ACTOR)
    again = services.retry(retake.pk, by=ACTOR)
    assert again.source_job == source
    assert again.parameters == {"start_time": 1, "mode": "replace_audio"}


def test_a_retry_costs_what_it_costs_now(user):
    job = make_job(user, status=Status.FAILED)
    with pytest.raises(services.PriceChanged):
        services.retry(job.pk, by=ACTOR, terms=services.Terms(max_cost=359_999))
    assert services.retry(job.pk, by=ACTOR, terms=services.Terms(max_cost=360_000)).hold.spend == 360_000


def test_a_retry_of_what_is_gone_says_so(user):
    job = image_job(user)
    services.cancel(job.pk, by=ACTOR)
    services.delete_upload(job.upload_id)
    with pytest.raises(InvalidSpec, match="is not one of your uploads"):
        services.retry(job.pk, by=ACTOR)


# --- uploads ----------------------------------------------------------------------------------------------------------


def test_an_upload_is_kept_under_a_name_of_ours(user):
    row = upload(user, media.jpeg(), "../../etc/passwd\n.exe")
    assert (row.content_type, row.width, row.height, row.size_bytes) == ("image/jpeg", 64, 48, len(media.jpeg()))
    assert row.file.name == f"uploads/{row.pk}.jpg"
    assert row.name == "passwd_.exe"
    with default_storage.open(row.file.name) as stored:
        assert stored.read() == media.jpeg()


def test_what_is_refused_is_not_kept(user):
    with pytest.raises(services.NotMedia):
        upload(user, b"hello")
    with pytest.raises(services.NotMedia, match="This is a picture; allowed: an MP4, MOV or WebM video"):
        services.upload(user, ContentFile(media.png(), name="x.png"), kind=MODELS[-1].media.kind)
    assert not Upload.objects.exists()
    assert not default_storage.exists("uploads") or default_storage.listdir("uploads")[1] == []


def _raises(error):
    def raises(*_, **__):
        raise error

    return raises


def test_turning_the_engine_brings_what_waits(user, sandbox):
    job = image_job(user)
    turn()
    job.refresh_from_db()
    assert job.status in {Status.RUNNING, Status.COLLECTING, Status.SUCCEEDED}
