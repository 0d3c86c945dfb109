"""Jobs through the API: made, listed, looked at, canceled."""

from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from billing import services as billing
from billing.models import Hold, LedgerEntry
from billing.services import Actor
from generation import services
from generation.models import Job, JobEvent, Status
from tests.conftest import api_of
from tests.make import ACTOR, make_job, make_spec

WISH = {"model": "ltx-2-pro", "prompt": "A red fox in snow"}

MEMBERS = {
    *("id", "status", "model", "prompt", "parameters", "warnings", "progress", "progress_is_estimate", "message"),
    *("late", "queue", "error", "cost", "prediction_id", "source_job", "upload", "retry_of", "flags"),
    *("video", "created_at", "submitted_at", "finished_at"),
}
COST = {"quoted", "held", "settled", "released", "refunded", "currency"}
VIDEO = {"url", "poster_url", "width", "height", "duration", "has_audio", "size_bytes", "sha256"}


def test_a_job_is_accepted_with_its_place(api, alice):
    answer = api.post("/api/v1/jobs", WISH)
    job = Job.objects.get()
    assert answer.status_code == 202
    assert urlsplit(answer["Location"]).path == f"/api/v1/jobs/{job.pk}"
    later = api.get(answer["Location"]).json()
    later["queue"]["estimated_start_at"] = answer.json()["queue"]["estimated_start_at"]  # time has passed
    assert later == answer.json()
    assert (job.user, job.status, job.model) == (alice, Status.QUEUED, "lightricks/ltx-2-pro/text-to-video")
    assert job.parameters == {"duration": 6, "generate_audio": True}
    assert JobEvent.objects.get().actor == f"user {alice.pk}"


def test_each_further_job_stands_behind_those_that_are_queued(api, alice):
    make_job(alice, status=Status.RUNNING)
    make_job()  # somebody else's
    answers = [api.post("/api/v1/jobs", WISH).json() for _ in range(2)]
    assert [answer["queue"]["position"] for answer in answers] == [1, 2]
    for answer in answers:
        later = api.get(f"/api/v1/jobs/{answer['id']}").json()
        assert later["queue"]["position"] == answer["queue"]["position"]


def test_a_queued_job_in_json(api, alice):
    body = api.post("/api/v1/jobs", WISH | {"duration": 8, "generate_audio": False}).json()
    job = Job.objects.get()
    assert body == {
        "id": str(job.pk),
        "status": "queued",
        "model": "lightricks/ltx-2-pro/text-to-video",
        "prompt": "A red fox in snow",
        "parameters": {"duration": 8, "generate_audio": False},
        "warnings": [],
        "progress": 0,
        "progress_is_estimate": False,
        "message": "In the queue.",
        "late": False,
        "queue": {"position": 1, "estimated_start_at": body["queue"]["estimated_start_at"], "waits_for": None},
        "error": None,
        "cost": {
            "quoted": "0.48",
            "held": "0.48",
            "settled": "0.00",
            "released": "0.00",
            "refunded": "0.00",
            "currency": "USD",
        },
        "prediction_id": None,
        "source_job": None,
        "upload": None,
        "retry_of": None,
        "flags": [],
        "video": None,
        "created_at": job.created_at.isoformat().replace("+00:00", "Z"),
        "submitted_at": None,
        "finished_at": None,
    }


@pytest.mark.parametrize("status", Status)
def test_a_job_has_exactly_the_members_of_the_contract_in_every_status(api, alice, status):
    job = make_job(alice, status=status)
    body = api.get(f"/api/v1/jobs/{job.pk}").json()
    assert set(body) == MEMBERS
    assert set(body["cost"]) == COST
    assert (body["id"], body["status"]) == (str(job.pk), status)
    assert body["message"]
    assert (body["queue"] is not None) == (status == Status.QUEUED)
    assert (body["error"] is not None) == (status == Status.FAILED)
    assert (body["video"] is not None) == (status == Status.SUCCEEDED)
    assert (body["finished_at"] is not None) == job.is_final
    assert type(body["progress"]) is int
    assert body["progress_is_estimate"] == (status == Status.RUNNING)
    for name in ("created_at", "submitted_at", "finished_at"):
        assert body[name] is None or parse_datetime(body[name])


@pytest.mark.parametrize("status", Status)
def test_the_money_is_where_the_status_says(api, alice, status):
    cost = api.get(f"/api/v1/jobs/{make_job(alice, status=status).pk}").json()["cost"]
    at = {Status.SUCCEEDED: "settled", Status.FAILED: "released", Status.CANCELED: "released"}.get(status, "held")
    nothing = dict.fromkeys(COST - {"currency"}, "0.00")
    assert cost == {**nothing, "quoted": "0.36", at: "0.36", "currency": "USD"}


def test_a_refund_is_told_beside_what_was_charged(api, alice):
    job = make_job(alice, status=Status.SUCCEEDED)
    billing.refund(job.hold, reason="Not as wished.", now=timezone.now(), by=ACTOR)
    cost = api.get(f"/api/v1/jobs/{job.pk}").json()["cost"]
    assert cost == {
        "quoted": "0.36",
        "held": "0.00",
        "settled": "0.36",
        "released": "0.00",
        "refunded": "0.36",
        "currency": "USD",
    }


def test_a_ready_job_tells_its_video(api, alice):
    job = make_job(alice, status=Status.SUCCEEDED, flags=[{"what": "audio", "wished": True, "delivered": False}])
    body = api.get(f"/api/v1/jobs/{job.pk}").json()
    assert set(body["video"]) == VIDEO
    assert body["video"]["url"] == f"http://testserver/api/v1/jobs/{job.pk}/video"
    assert body["video"]["poster_url"] == f"http://testserver/api/v1/jobs/{job.pk}/poster"
    assert (body["video"]["width"], body["video"]["height"]) == (1920, 1080)
    assert body["flags"] == [{"what": "audio", "wished": True, "delivered": False}]
    assert body["message"] == "Ready, not as wished."


def test_a_failed_job_tells_why(api, alice):
    job = make_job(alice, status=Status.FAILED, provider_error="internal words of the provider")
    answer = api.get(f"/api/v1/jobs/{job.pk}")
    error = {"code": "provider_failed", "message": "WaveSpeed could not make this video."}
    assert answer.json()["error"] == error
    assert "internal words" not in answer.content.decode()


def test_what_the_model_lacks_is_ignored_with_a_warning(api):
    wish = WISH | {"seed": 7, "negative_prompt": "rain", "resolution": None}
    body = api.post("/api/v1/jobs", wish).json()
    assert [warning["parameter"] for warning in body["warnings"]] == ["negative_prompt", "seed", "resolution"]
    assert body["warnings"][1] == {"parameter": "seed", "message": "LTX-2 Pro has no seed; it is ignored."}
    assert body["parameters"] == {"duration": 6, "generate_audio": True}
    assert api.get(f"/api/v1/jobs/{body['id']}").json()["warnings"] == body["warnings"]


@pytest.mark.parametrize(
    "prompt", ["x", "x" * 5000, "狐狸 🦊 in the snow", "  a fox\n", "'; DROP TABLE--", "=cmd|' /C calc'!A0"]
)
def test_a_prompt_comes_back_as_it_was_sent(api, prompt):
    body = api.post("/api/v1/jobs", WISH | {"prompt": prompt}).json()
    assert api.get(f"/api/v1/jobs/{body['id']}").json()["prompt"] == prompt


@pytest.mark.parametrize("name", ["ltx-2-pro", "lightricks/ltx-2-pro", "lightricks/ltx-2-pro/text-to-video"])
def test_a_model_goes_by_all_its_names(api, name):
    body = api.post("/api/v1/jobs", WISH | {"model": name}).json()
    assert body["model"] == "lightricks/ltx-2-pro/text-to-video"


def test_the_place_in_the_queue_is_among_the_own(api, alice, bob):
    make_job(bob)
    jobs = [make_job(alice) for _ in range(3)]
    single = [api.get(f"/api/v1/jobs/{job.pk}").json()["queue"]["position"] for job in jobs]
    listed = [job["queue"]["position"] for job in api.get("/api/v1/jobs").json()["results"]]
    assert single == [1, 2, 3]
    assert listed == [3, 2, 1]


# --- Lists ------------------------------------------------------------------------------------------------------------


def ids(page):
    return [UUID(job["id"]) for job in page["results"]]


def test_a_list_has_the_newest_first(api, alice):
    jobs = [make_job(alice, status=status) for status in (Status.QUEUED, Status.SUCCEEDED, Status.FAILED)]
    page = api.get("/api/v1/jobs").json()
    assert set(page) == {"results", "next", "previous"}
    assert ids(page) == [job.pk for job in reversed(jobs)]
    assert (page["next"], page["previous"]) == (None, None)
    assert all(set(job) == MEMBERS for job in page["results"])


def test_a_list_is_read_page_by_page_and_back(api, alice):
    jobs = [make_job(alice).pk for _ in range(5)][::-1]
    first = api.get("/api/v1/jobs", {"limit": 2}).json()
    second = api.get(first["next"]).json()
    third = api.get(second["next"]).json()
    assert [ids(first), ids(second), ids(third)] == [jobs[:2], jobs[2:4], jobs[4:]]
    assert (first["previous"], third["next"]) == (None, None)
    assert ids(api.get(third["previous"]).json()) == jobs[2:4]


def test_a_job_made_meanwhile_shifts_nothing(api, alice):
    jobs = [make_job(alice).pk for _ in range(4)][::-1]
    first = api.get("/api/v1/jobs", {"limit": 2}).json()
    make_job(alice)
    assert ids(api.get(first["next"]).json()) == jobs[2:]


def test_jobs_of_the_same_moment_are_each_listed_once(api, alice):
    now = timezone.now()
    jobs = {make_job(alice, created_at=now).pk for _ in range(5)}
    page = api.get("/api/v1/jobs", {"limit": 2}).json()
    seen = ids(page)
    while page["next"]:
        page = api.get(page["next"]).json()
        seen += ids(page)
    assert len(seen) == 5
    assert set(seen) == jobs


def test_the_cursor_of_another_shows_only_the_own(api, alice, bob):
    for _ in range(3):
        make_job(alice)
    theirs = make_job(bob)
    cursor = api.get("/api/v1/jobs", {"limit": 1}).json()["next"]
    assert set(ids(api_of(bob).get(cursor).json())) <= {theirs.pk}


@pytest.mark.parametrize("status", Status)
def test_a_list_is_narrowed_by_status(api, alice, status):
    jobs = {made: make_job(alice, status=made).pk for made in Status}
    assert ids(api.get("/api/v1/jobs", {"status": status.value}).json()) == [jobs[status]]


@pytest.mark.parametrize("name", ["ltx-2-pro", "lightricks/ltx-2-pro/text-to-video"])
def test_a_list_is_narrowed_by_model_under_any_of_its_names(api, alice, name):
    ours = make_job(alice)
    make_job(alice, model="once/offered/model")
    assert ids(api.get("/api/v1/jobs", {"model": name}).json()) == [ours.pk]


def test_filters_stay_while_paging(api, alice):
    jobs = [make_job(alice).pk for _ in range(3)][::-1]
    make_job(alice, status=Status.FAILED)
    first = api.get("/api/v1/jobs", {"limit": 2, "status": "queued"}).json()
    assert ids(api.get(first["next"]).json()) == jobs[2:]


def test_a_list_of_many_takes_as_many_queries_as_one_of_few(api, alice):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert api.get("/api/v1/jobs").status_code == 200
        return len(captured)

    api.get("/api/v1/jobs")  # writes the last use of the key
    make_job(alice)
    few = queries()
    for status in [*Status, *Status]:
        make_job(alice, status=status)
    assert queries() == few <= 8  # the queue's five, whatever its length


# --- Cancel -----------------------------------------------------------------------------------------------------------


def test_a_queued_job_is_canceled_and_its_money_is_back(api, alice):
    job = make_job(alice)
    answer = api.post(f"/api/v1/jobs/{job.pk}/cancel", HTTP_X_REQUEST_ID="request-of-a-cancel")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == MEMBERS
    assert (body["status"], body["queue"]) == ("canceled", None)
    assert (body["cost"]["held"], body["cost"]["released"]) == ("0.00", "0.36")
    line = LedgerEntry.objects.get(kind=LedgerEntry.Kind.RELEASE)
    assert (line.actor, line.request_id) == (f"user {alice.pk}", "request-of-a-cancel")
    assert api.get("/api/v1/usage").json()["limits"]["spend"]["held"] == "0.00"


def test_a_handed_job_can_still_be_canceled(api, alice):
    now = timezone.now()
    job = make_job(alice, handed_at=now, lease_until=now + timedelta(minutes=1))
    assert api.post(f"/api/v1/jobs/{job.pk}/cancel").status_code == 200


@pytest.mark.parametrize("status", [status for status in Status if status != Status.QUEUED])
def test_a_job_that_has_left_the_queue_is_not_canceled(api, alice, status):
    job = make_job(alice, status=status)
    before = Hold.objects.get().state
    answer = api.post(f"/api/v1/jobs/{job.pk}/cancel")
    body = answer.json()
    assert (answer.status_code, body["error"]["code"]) == (409, "not_cancelable")
    assert status in body["detail"]
    assert ("can't stop" in body["detail"]) == (not job.is_final)
    assert Job.objects.get().status == status
    assert Hold.objects.get().state == before


def test_canceling_twice_releases_once(api, alice):
    job = make_job(alice)
    codes = [api.post(f"/api/v1/jobs/{job.pk}/cancel").status_code for _ in range(2)]
    assert codes == [200, 409]
    assert LedgerEntry.objects.filter(kind=LedgerEntry.Kind.RELEASE).count() == 1


def test_cancel_that_comes_too_late_says_so(api, alice, monkeypatch):
    job = make_job(alice)
    cancel = services.cancel

    def after_the_fence(job_id, *, by):
        Job.objects.filter(pk=job_id).update(status=Status.SUBMITTING)
        return cancel(job_id, by=by)

    monkeypatch.setattr(services, "cancel", after_the_fence)
    assert api.post(f"/api/v1/jobs/{job.pk}/cancel").status_code == 409
    assert Hold.objects.get().state == Hold.State.HELD


def test_head_answers_like_get_without_a_body(api, alice):
    answer = api.head(f"/api/v1/jobs/{make_job(alice).pk}")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_job_is_read_the_same_whoever_made_it(api, alice):
    job = services.create(alice, make_spec(), by=Actor(name="form"))
    assert set(api.get(f"/api/v1/jobs/{job.pk}").json()) == MEMBERS
