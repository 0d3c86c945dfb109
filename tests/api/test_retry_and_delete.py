"""What is done with a job that has ended: tried again, or deleted."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from billing.models import Hold, LedgerEntry, Price
from generation import services
from generation.models import FINAL, Job, JobEvent, Status
from tests.api.test_errors import assert_problem
from tests.api.test_jobs import MEMBERS, ids
from tests.api.test_permissions import stored
from tests.conftest import api_of
from tests.make import ACTOR, make_job, make_key, make_plan, make_user
from tests.media import make_upload, mp4

MODEL = "lightricks/ltx-2-pro/text-to-video"


def address(job, what=""):
    return f"/api/v1/jobs/{job.pk}{what}"


# --- Retry ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELED])
def test_a_retry_is_a_new_job_of_the_same_wish(api, alice, status):
    job = make_job(alice, status=status, parameters={"duration": 8, "generate_audio": False})
    before = api.get(address(job)).json()
    answer = api.post(address(job, "/retry"), HTTP_X_REQUEST_ID="request-of-a-retry")
    body = answer.json()
    assert (answer.status_code, set(body)) == (202, MEMBERS)
    assert urlsplit(answer["Location"]).path == f"/api/v1/jobs/{body['id']}"
    assert (body["retry_of"], body["status"]) == (str(job.pk), "queued")
    assert (body["model"], body["prompt"], body["parameters"]) == (job.model, job.prompt, job.parameters)
    assert body["cost"]["held"] == "0.48"
    assert api.get(address(job)).json() == before
    new = Job.objects.get(pk=body["id"])
    assert (new.user, new.api_key.user, new.request_id) == (alice, alice, "request-of-a-retry")
    assert LedgerEntry.objects.filter(request_id="request-of-a-retry").count() == 1


@pytest.mark.parametrize("body", [b"", b"{}", b'{"max_cost": null}', b'{"max_cost": "0.36"}', b'{"max_cost": 0.36}'])
def test_a_retry_needs_no_body_and_takes_a_max_cost(api, alice, body):
    job = make_job(alice, status=Status.FAILED)
    answer = api.generic("POST", address(job, "/retry"), body, content_type="application/json")
    assert answer.status_code == 202


def test_a_retry_costs_what_it_costs_now(api, alice):
    job = make_job(alice, status=Status.FAILED)
    Price.objects.create(model=MODEL, micros_per_second=70_000, starts_at=timezone.now())
    body = assert_problem(api.post(address(job, "/retry"), {"max_cost": "0.36"}), 409, "price_changed", "max_cost")
    assert body["quote"]["cost"] == "0.42"
    assert Job.objects.count() == 1
    assert api.post(address(job, "/retry"), {"max_cost": "0.42"}).json()["cost"]["quoted"] == "0.42"


@pytest.mark.parametrize("status", set(Status) - {Status.FAILED, Status.CANCELED})
def test_what_has_not_failed_is_not_retried(api, alice, status):
    job = make_job(alice, status=status)
    body = assert_problem(api.post(address(job, "/retry")), 409, "not_retryable")
    assert f"The job is {status}" in body["detail"]
    assert Job.objects.count() == Hold.objects.count() == 1


@pytest.mark.parametrize("field", ["prompt", "duration", "x" * 200])
def test_a_retry_takes_no_other_field(api, alice, field):
    job = make_job(alice, status=Status.FAILED)
    body = assert_problem(api.post(address(job, "/retry"), {field: 1}), 400, "invalid_input", field[:100])
    assert "it takes: max_cost" in body["detail"]
    assert Job.objects.count() == 1


@pytest.mark.parametrize("max_cost", ["", "x", "0", -1, True, []], ids=ascii)
def test_a_max_cost_that_is_no_amount_is_named(api, alice, max_cost):
    job = make_job(alice, status=Status.FAILED)
    assert_problem(api.post(address(job, "/retry"), {"max_cost": max_cost}), 400, "invalid_input", "max_cost")


def test_a_retry_is_json(api, alice):
    job = make_job(alice, status=Status.FAILED)
    assert_problem(
        api.post(address(job, "/retry"), {"max_cost": "1"}, format="multipart"), 415, "unsupported_media_type"
    )


@pytest.mark.django_db
def test_a_retry_needs_what_a_job_needs():
    user = make_user(plan=make_plan(spend_limit=500_000))
    job = make_job(user, status=Status.FAILED)
    make_job(user)
    assert_problem(api_of(user).post(address(job, "/retry")), 402, "insufficient_quota")


def test_a_retry_of_a_closed_model_is_refused(api, alice):
    job = make_job(alice, status=Status.FAILED)
    services.close(model=MODEL, reason="Not today.", by=ACTOR, now=timezone.now())
    assert_problem(api.post(address(job, "/retry")), 409, "model_closed", "model")


def test_a_retake_is_retried_from_the_same_source(api, alice):
    source = make_job(alice, status=Status.SUCCEEDED)
    wish = {"model": "ltx-2-retake", "prompt": "Rain", "source_job": str(source.pk)}
    first = api.post("/api/v1/jobs", wish).json()
    api.post(f"/api/v1/jobs/{first['id']}/cancel")
    second = api.post(f"/api/v1/jobs/{first['id']}/retry").json()
    assert (second["source_job"], second["retry_of"]) == (str(source.pk), first["id"])
    assert second["parameters"] == first["parameters"]


@pytest.mark.parametrize("field", ["source_job", "video"])
def test_a_retry_whose_source_is_gone_names_it(api, alice, field):
    source = stored(make_job(alice, status=Status.SUCCEEDED)) if field == "source_job" else make_upload(alice, mp4())
    first = api.post("/api/v1/jobs", {"model": "ltx-2-retake", "prompt": "Rain", field: str(source.pk)}).json()
    api.post(f"/api/v1/jobs/{first['id']}/cancel")
    kind = "jobs" if field == "source_job" else "uploads"
    assert api.delete(f"/api/v1/{kind}/{source.pk}").status_code == 204
    assert_problem(api.post(f"/api/v1/jobs/{first['id']}/retry"), 400, "invalid_input", field)


def test_a_key_is_noted_on_what_it_retried(api, alice):
    job = make_job(alice, status=Status.FAILED)
    key, secret = make_key(alice)
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert Job.objects.get(pk=api.post(address(job, "/retry")).json()["id"]).api_key == key


# --- Delete -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELED])
def test_a_deleted_job_is_gone_everywhere_and_its_money_stays_told(api, alice, status):
    job = stored(make_job(alice, status=status))
    other = make_job(alice)
    lines = LedgerEntry.objects.count()
    answer = api.delete(address(job))
    assert (answer.status_code, answer.content) == (204, b"")
    for what in ("", "/video", "/poster"):
        assert_problem(api.get(address(job, what)), 404, "not_found")
    for what in ("/retry", "/cancel"):
        assert_problem(api.post(address(job, what)), 404, "not_found")
    assert_problem(api.delete(address(job)), 404, "not_found")
    assert ids(api.get("/api/v1/jobs").json()) == [other.pk]
    assert ids(api.get("/api/v1/jobs", {"status": status.value}).json()) == []
    job.refresh_from_db()
    assert (job.status, job.deleted_at is None) == (status, False)
    assert LedgerEntry.objects.count() == lines
    assert JobEvent.objects.filter(job=job).last().actor == f"user {alice.pk}"


def test_the_files_go_with_the_job(api, alice):
    job = stored(make_job(alice, status=Status.SUCCEEDED))
    assert default_storage.exists("videos/x.mp4")
    assert api.delete(address(job)).status_code == 204
    assert not default_storage.exists("videos/x.mp4")
    assert not default_storage.exists("posters/x.jpg")


@pytest.mark.parametrize("status", [status for status in Status if status not in FINAL])
def test_a_job_under_way_is_not_deleted(api, alice, status):
    job = make_job(alice, status=status)
    body = assert_problem(api.delete(address(job)), 409, "not_deletable")
    assert status in body["detail"]
    assert api.get(address(job)).status_code == 200


def test_a_storage_that_is_away_does_not_refuse_a_deletion(api, alice):
    job = stored(make_job(alice, status=Status.SUCCEEDED))
    folder = Path(default_storage.path(str(job.video)))
    folder.unlink()
    (folder / "x").mkdir(parents=True)
    assert api.delete(address(job)).status_code == 204
    assert_problem(api.get(address(job)), 404, "not_found")


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SUBMITTING])
def test_a_video_that_a_waiting_retake_needs_is_not_deleted(api, alice, status):
    source = stored(make_job(alice, status=Status.SUCCEEDED))
    retake = make_job(alice, status=status, source_job=source)
    assert_problem(api.delete(address(source)), 409, "in_use")
    assert default_storage.exists("videos/x.mp4")
    Job.objects.filter(pk=retake.pk).update(status=Status.RUNNING)
    assert api.delete(address(source)).status_code == 204


def test_a_deleted_job_is_no_source(api, alice):
    source = make_job(alice, status=Status.SUCCEEDED, deleted_at=timezone.now())
    answer = api.post("/api/v1/jobs", {"model": "ltx-2-retake", "prompt": "Rain", "source_job": str(source.pk)})
    assert "not one of your jobs" in assert_problem(answer, 400, "invalid_input", "source_job")["detail"]


def test_what_was_made_of_a_deleted_job_still_names_it(api, alice):
    source = stored(make_job(alice, status=Status.SUCCEEDED))
    retake = make_job(alice, status=Status.SUCCEEDED, source_job=source)
    api.delete(address(source))
    assert api.get(address(retake)).json()["source_job"] == str(source.pk)
