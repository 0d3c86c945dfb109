"""What needs a person: unknown outcomes are decided with a reason, differences resolved with a note."""

from dataclasses import replace
from datetime import timedelta

import pytest
import requests
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from billing.models import Hold
from generation import services
from generation.models import Difference, Job, Status, Stuck
from generation.providers.errors import NotFound
from generation.providers.predictions import Prediction
from tests.admin.test_pages import address
from tests.make import ACTOR, make_job
from tests.web.reading import words

_GOING_ON = Prediction(
    id="x",
    status="processing",
    model="m",
    outputs=(),
    error="",
    code=None,
    has_nsfw=False,
    created_at="",
    inputs=None,
    execution_ms=None,
)
REASON = {"_form_submitted": "1", "reason": "WaveSpeed's support has told us"}


def board(job: Job, action: str) -> str:
    return f"/admin/generation/stuck/{job.pk}/{action}/"


def submitted(sandbox) -> str:
    answer = requests.post(
        f"{sandbox.url}/api/v3/lightricks/ltx-2-pro/text-to-video",
        json={"prompt": "A red fox in snow"},
        headers={"Authorization": "Bearer x"},
        timeout=10,
    )
    return str(answer.json()["data"]["id"])


def test_the_board_shows_what_needs_a_person_and_nothing_else(desk):
    for status in Status:
        make_job(status=status)
    late = make_job(status=Status.RUNNING, late_at=timezone.now())
    saved_for_long = make_job(status=Status.COLLECTING, collecting_at=timezone.now() - timedelta(minutes=16))
    shown = {row.pk for row in desk.get(address(Stuck, "changelist")).context["cl"].result_list}
    assert shown == {late.pk, saved_for_long.pk, Job.objects.get(status=Status.UNKNOWN).pk}


def test_a_prediction_that_is_not_found_for_an_hour_needs_a_person(desk):
    job = make_job(status=Status.RUNNING)
    services.unreachable(job.pk, NotFound("gone"))

    def shown():
        return [row.pk for row in desk.get(address(Stuck, "changelist")).context["cl"].result_list]

    since = Job.objects.get().not_found_since
    services.unreachable(job.pk, NotFound("still gone"))
    assert (Job.objects.get().not_found_since, shown()) == (since, [])
    Job.objects.update(not_found_since=since - timedelta(hours=1))
    assert shown() == [job.pk]
    services.polled(job.pk, replace(_GOING_ON, id=job.prediction_id))  # there it is again
    assert shown() == []


def test_candidates_are_shown_and_one_is_attached(desk, sandbox, olga):
    prediction_id = submitted(sandbox)
    job = make_job(status=Status.UNKNOWN)
    page = desk.get(address(Stuck, "change", job.pk)).content.decode()
    assert f"{prediction_id}: " in page
    assert "same prompt" in page
    desk.post(board(job, "attach"), REASON | {"prediction_id": prediction_id})
    job.refresh_from_db()
    assert (job.status, job.prediction_id) == (Status.RUNNING, prediction_id)
    assert job.events.latest("pk").actor == f"operator {olga.pk}"


def test_whose_a_candidate_may_be_as_well_is_said(desk, sandbox):
    sandbox.set(include_inputs=False)
    prediction_id = submitted(sandbox)
    job, other = make_job(status=Status.UNKNOWN), make_job(status=Status.SUBMITTING)

    def page() -> str:
        return desk.get(address(Stuck, "change", job.pk)).content.decode()

    assert "a job that is just being sent may have made it" in page()
    answer = desk.post(board(job, "attach"), REASON | {"prediction_id": prediction_id}, follow=True)
    assert "just being sent" in str(next(iter(answer.context["messages"])))
    Job.objects.filter(pk=other.pk).update(status=Status.UNKNOWN)
    assert f"may be that of {str(other.pk)[:8]} as well" in page()
    Job.objects.filter(pk=other.pk).update(status=Status.RUNNING, prediction_id=prediction_id)
    assert "None that fits." in page()


def test_what_does_not_fit_is_not_attached(desk, sandbox):
    job = make_job(status=Status.UNKNOWN)
    answer = desk.post(board(job, "attach"), REASON | {"prediction_id": "0" * 32}, follow=True)
    assert "Not attached: WaveSpeed knows no prediction" in str(next(iter(answer.context["messages"])))
    assert Job.objects.get().status == Status.UNKNOWN


@pytest.mark.parametrize("action", ["never_created", "give_up"])
def test_a_decision_needs_a_reason_and_gives_the_money_back(desk, action):
    job = make_job(status=Status.UNKNOWN)
    desk.post(board(job, action), {"_form_submitted": "1", "reason": "short"})
    assert Job.objects.get().status == Status.UNKNOWN
    desk.post(board(job, action), REASON)
    assert (Job.objects.get().status, Hold.objects.get().state) == (Status.FAILED, Hold.State.RELEASED)
    assert REASON["reason"] in LogEntry.objects.latest("pk").change_message
    desk.post(board(job, action), REASON)
    assert LogEntry.objects.count() == 1


def test_who_may_only_look_decides_nothing(onlooker):
    job = make_job(status=Status.UNKNOWN)
    for action in ("attach", "never_created", "give_up"):
        assert onlooker.post(board(job, action), REASON | {"prediction_id": "x"}).status_code == 403
    assert Job.objects.get().status == Status.UNKNOWN


def test_a_difference_is_resolved_with_a_note(desk, olga):
    job = make_job(status=Status.RUNNING)
    services.give_up(job.pk, reason="the user waits", by=ACTOR)
    found = Difference.objects.create(
        kind="late_completion", job=job, ours="failed", theirs="completed", noted_at=timezone.now()
    )
    desk.post(f"/admin/generation/difference/{found.pk}/resolve/", REASON)
    found.refresh_from_db()
    assert (found.note, found.resolved_by) == (REASON["reason"], f"operator {olga.pk}")


@pytest.mark.parametrize("kind", Difference.Kind)
def test_each_difference_is_told_in_words_and_stays_open_until_resolved(desk, kind):
    job = make_job(status=Status.SUCCEEDED)
    Difference.objects.create(kind=kind, job=job, ours="a", theirs="b", noted_at=timezone.now())

    page = words(desk.get(address(Difference, "changelist")))
    assert page.count(kind.label) == 2  # of the filter, and of the row
    assert kind.name.replace("_", " ").title() not in page
    assert f"job {str(job.pk)[:8]}" in page
    assert "open" in page
