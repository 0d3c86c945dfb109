"""Places and starts of queued jobs: from what is known, and None where nobody can know."""

from datetime import timedelta

import pytest
from django.utils import timezone

from generation import services
from generation.line import Line, WaitsFor
from generation.models import Gate, Job, Status
from tests.make import make_fence, make_job, make_plan, make_user

pytestmark = pytest.mark.django_db

NOW = timezone.now().replace(microsecond=0)


def gate(places: int = 50, a_minute: int = 6000) -> None:
    services.the_gate()
    Gate.objects.update(predictions_at_a_time=places, submissions_a_minute=a_minute)


def seconds(user, *jobs: Job) -> list[float | None]:
    """Return in how many seconds each is thought to start."""
    line = Line.of(user.pk, NOW)
    starts = [line.place_of(job).starts_at for job in jobs]
    return [start and round((start - NOW).total_seconds(), 1) for start in starts]


def waits(user, *jobs: Job) -> list[str | None]:
    line = Line.of(user.pk, NOW)
    return [line.place_of(job).waits_for for job in jobs]


def running(user, *, since: float, expected: float = 60.0, **fields) -> Job:
    began = NOW - timedelta(seconds=since)
    return make_job(
        user,
        **{"status": Status.RUNNING, "submitted_at": began, "submit_started_at": began} | fields,
        expected_seconds=expected,
    )


def test_what_has_a_place_starts_now(alice):
    gate()
    jobs = [make_job(alice) for _ in range(3)]

    assert seconds(alice, *jobs) == [0, 0, 0]
    assert waits(alice, *jobs) == [None] * 3
    assert [Line.of(alice.pk, NOW).place_of(job).position for job in jobs] == [1, 2, 3]


def test_own_places_get_free_one_after_the_other(settings):
    gate()
    settings.SANDBOX_SECONDS = 100
    user = make_user(plan=make_plan(jobs_at_a_time=2))
    running(user, since=10)
    running(user, since=40)
    jobs = [make_job(user) for _ in range(4)]

    # After 20 and 50 s the two that run have ended; then those that took their places, 100 s each.
    assert seconds(user, *jobs) == [20, 50, 120, 150]
    assert set(waits(user, *jobs)) == {WaitsFor.YOUR_PLACES}


def test_what_is_overdue_is_thought_to_need_a_quarter_still():
    gate()
    user = make_user(plan=make_plan(jobs_at_a_time=1))
    running(user, since=100)

    assert seconds(user, make_job(user)) == [15]


def test_behind_a_late_job_nobody_can_know():
    gate()
    user = make_user(plan=make_plan(jobs_at_a_time=1))
    running(user, since=601)
    jobs = [make_job(user), make_job(user)]

    assert seconds(user, *jobs) == [None, None]
    assert waits(user, *jobs) == [WaitsFor.YOUR_PLACES] * 2


def test_an_unknown_job_gives_its_place_back_at_the_time_limit():
    gate()
    user = make_user(plan=make_plan(jobs_at_a_time=1))
    make_job(user, status=Status.UNKNOWN, submit_started_at=NOW - timedelta(seconds=500))

    assert seconds(user, make_job(user)) == [100]


def test_after_a_change_to_a_smaller_plan_the_surplus_ends_first():
    gate()
    user = make_user(plan=make_plan(jobs_at_a_time=1))
    for since in (50, 30, 10):
        running(user, since=since)

    assert seconds(user, make_job(user)) == [50]


def test_a_closed_gate_is_a_reason_and_no_estimate(alice):
    job = make_job(alice)
    services.close_gate("no credit", now=NOW)

    assert (seconds(alice, job), waits(alice, job)) == ([None], [WaitsFor.PROVIDER_CLOSED])


def test_a_full_account_drains_by_turns(alice):
    gate(places=2)
    bob = make_user(plan=make_plan(priority=2))  # as Alice's Pro has
    for _ in range(2):
        running(bob, since=10)
    for _ in range(50):
        make_job(bob)
    jobs = [make_job(alice), make_job(alice)]

    # Two places of 60 s each: one start in 30 s. Before Alice's first comes one of Bob's, before her second two.
    assert seconds(alice, *jobs) == [60, 120]
    assert set(waits(alice, *jobs)) == {WaitsFor.PROVIDER}


def test_the_larger_plan_has_the_shorter_wait():
    gate(places=1)
    mild, large = make_user(plan=make_plan(priority=1)), make_user(plan=make_plan(priority=3))
    running(make_user(plan=make_plan()), since=10)
    jobs = {user: [make_job(user) for _ in range(4)] for user in (mild, large)}

    assert seconds(large, *jobs[large])[2] < seconds(mild, *jobs[mild])[2]


def test_submissions_a_minute_bound_it_too(alice):
    gate(a_minute=2)
    for _ in range(2):
        make_fence(make_job(status=Status.SUCCEEDED), NOW - timedelta(seconds=5))
    job = make_job(alice)

    assert (seconds(alice, job), waits(alice, job)) == ([30], [WaitsFor.PROVIDER])


def test_an_account_that_takes_nothing_gives_no_estimate(alice):
    gate(places=0)
    job = make_job(alice)

    assert (seconds(alice, job), waits(alice, job)) == ([None], [WaitsFor.PROVIDER])


def test_where_late_jobs_hold_the_account_s_places_nobody_can_know(alice, bob):
    gate(places=2)
    for _ in range(2):
        running(bob, since=5 * 3600)
    job = make_job(alice)

    assert (seconds(alice, job), waits(alice, job)) == ([None], [WaitsFor.PROVIDER])


def test_a_queue_drains_through_the_places_that_no_late_job_holds(alice, bob):
    gate(places=2)
    running(bob, since=5 * 3600)
    running(bob, since=10)

    # One place of 60 s drains, where two would give a start in 30 s.
    assert seconds(alice, make_job(alice)) == [60]


def test_what_is_due_later_starts_no_sooner(alice):
    gate()
    job = make_job(alice, due_at=NOW + timedelta(seconds=42))

    assert seconds(alice, job) == [42]


@pytest.mark.parametrize("many", [1, 25])
def test_a_queue_of_any_length_takes_six_queries_at_most(alice, many, django_assert_max_num_queries):
    gate(places=1)
    for user in (alice, make_user(plan=make_plan())):
        for _ in range(many):
            make_job(user)

    with django_assert_max_num_queries(6):
        assert Line.of(alice.pk, NOW).queue


def test_the_api_tells_it(api, alice):
    gate()
    alice.subscription.plan = make_plan(jobs_at_a_time=1)
    alice.subscription.save()
    began = timezone.now() - timedelta(seconds=10)  # not since this module was loaded, which may be long ago
    running(alice, since=10, submitted_at=began, submit_started_at=began)
    job = make_job(alice)

    queue = api.get(f"/api/v1/jobs/{job.pk}").json()["queue"]
    assert (queue["position"], queue["waits_for"]) == (1, "your_places")
    assert NOW.isoformat()[:13] <= queue["estimated_start_at"][:13]
    assert api.get("/api/v1/jobs").json()["results"][0]["queue"]["waits_for"] == "your_places"
    services.close_gate("no credit", now=NOW)
    assert api.get(f"/api/v1/jobs/{job.pk}").json()["queue"] == {
        "position": 1,
        "estimated_start_at": None,
        "waits_for": "provider_closed",
    }
