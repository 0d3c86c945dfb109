"""The law of the job: every step of states.md is there, and every other is refused."""

import pytest
from django.utils import timezone

from generation.models import FINAL, LAW, Job, JobEvent, Status
from generation.services.transitions import IllegalTransition, move
from tests.make import ACTOR, make_job

# Typed from states.md, apart from the code.
ALLOWED = {
    ("queued", "canceled"),
    ("queued", "submitting"),
    ("submitting", "running"),
    ("submitting", "failed"),
    ("submitting", "queued"),
    ("submitting", "unknown"),
    ("unknown", "running"),
    ("unknown", "failed"),
    ("running", "failed"),
    ("running", "collecting"),
    ("collecting", "succeeded"),
    ("collecting", "failed"),
}
ALL = [(before, after) for before in Status.values for after in Status.values]


def test_the_law_is_that_of_the_book():
    assert {(str(before), str(after)) for before, afters in LAW.items() for after in afters} == ALLOWED


def test_nothing_leaves_a_final_status():
    assert all(not LAW[status] for status in FINAL)


@pytest.mark.parametrize(("before", "after"), sorted(set(ALL) - ALLOWED))
def test_every_other_step_is_refused_and_changes_nothing(alice, before, after):
    job = make_job(alice, status=Status(before))
    events = JobEvent.objects.count()

    with pytest.raises(IllegalTransition):
        move(job, Status(after), now=timezone.now(), by=ACTOR)

    assert Job.objects.get().status == before
    assert JobEvent.objects.count() == events


@pytest.mark.parametrize(("before", "after"), sorted(ALLOWED))
def test_an_allowed_step_writes_its_history(alice, before, after):
    job = make_job(alice, status=Status(before))
    fields = {"finished_at": timezone.now(), "video": "videos/x.mp4"} if after == "succeeded" else {}

    assert move(job, Status(after), now=timezone.now(), by=ACTOR, note="why", **fields)

    event = JobEvent.objects.latest("pk")
    assert (event.from_status, event.to_status, event.actor, event.note) == (before, after, "test", "why")


@pytest.mark.parametrize(("before", "after"), sorted(ALLOWED))
def test_a_step_of_a_job_that_has_moved_on_changes_nothing(alice, before, after):
    job = make_job(alice, status=Status(before))
    Job.objects.update(status=Status.CANCELED if before != "canceled" else Status.QUEUED)
    events = JobEvent.objects.count()

    assert not move(job, Status(after), now=timezone.now(), by=ACTOR)

    assert JobEvent.objects.count() == events
