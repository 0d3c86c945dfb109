"""What nobody knows is found out, not guessed: the provider's list, its bills, and operators."""

from datetime import UTC, timedelta

import pytest
import requests
from django.utils import timezone

from billing.models import Hold
from generation import services
from generation.models import Alert, Difference, Gate, Job, Status
from generation.providers.errors import RateLimited, RefusedForAccount
from generation.services import submitting
from generation.services.fitting import moment
from generation.services.gating import cause_of, narrow_gate
from generation.services.provider import wavespeed
from tests.engine import run
from tests.make import ACTOR, make_job, make_spec, make_user

pytestmark = pytest.mark.django_db


def lost(user, prompt: str = "A red fox in snow", **wish) -> Job:
    """Make a job whose POST the provider took without an answer."""
    job = services.create(user, make_spec(prompt, **wish), by=ACTOR)
    job = run(job, until={Status.UNKNOWN})
    assert job.prediction_id is None
    return job


def look() -> int:
    return services.look_for_unknown(timezone.now(), all_of_them=True)


def again(job: Job) -> Job:
    return Job.objects.select_related("hold").get(pk=job.pk)


@pytest.fixture
def drop(sandbox):
    """Say how the sandbox drops the connection after it has accepted."""
    sandbox.set(faults=["dropped"])
    return sandbox


def test_the_one_that_fits_is_attached_and_goes_on(alice, drop):
    job = lost(alice)
    assert look() == 1
    found = again(job)
    assert found.status == Status.RUNNING
    assert found.submitted_at == found.submit_started_at
    assert run(found).status == Status.SUCCEEDED
    assert drop.stats()["submissions"] == 1


def test_of_two_with_their_own_prompts_each_gets_its_own(alice, drop):
    jobs = [lost(alice, "A red fox"), lost(alice, "A grey wolf")]
    assert look() == 2
    shown = {p.id: (p.inputs or {})["prompt"] for p in wavespeed().predictions()}
    assert [shown[again(job).prediction_id] for job in jobs] == ["A red fox", "A grey wolf"]


def test_two_that_look_alike_are_for_an_operator(alice, drop):
    jobs = [lost(alice), lost(alice)]
    assert look() == 0
    assert {again(job).status for job in jobs} == {Status.UNKNOWN}
    assert [len(services.candidates(job)) for job in jobs] == [2, 2]


def test_without_prompts_in_the_list_time_and_model_decide(alice, drop):
    drop.set(include_inputs=False)
    job = lost(alice)
    (candidate,) = services.candidates(job)
    assert candidate.same_prompt is None
    assert look() == 1


def test_what_belongs_to_another_job_is_no_candidate(alice, sandbox):
    other = run(services.create(alice, make_spec(), by=ACTOR), until={Status.RUNNING, Status.SUCCEEDED})
    job = make_job(alice, status=Status.UNKNOWN)
    assert other.prediction_id
    assert services.candidates(job) == []
    assert look() == 0


def test_what_was_never_taken_stays_unknown_with_its_money(alice, sandbox):
    job = make_job(alice, status=Status.UNKNOWN)
    for days in (0, 8, 400):
        services.look_for_unknown(timezone.now() + timedelta(days=days), all_of_them=True)
    assert (again(job).status, again(job).hold.state) == (Status.UNKNOWN, Hold.State.HELD)


def test_it_is_looked_for_after_one_minute_then_five_and_then_every_hour(alice, drop, monkeypatch):
    job = lost(alice)
    Job.objects.update(submit_started_at=timezone.now() - timedelta(days=3))  # so that nothing fits
    since = job.due_at
    waits = []
    for _ in range(4):
        now = again(job).due_at
        services.look_for_unknown(now)
        waits.append(round((again(job).due_at - now).total_seconds() / 60))
    assert timedelta(seconds=50) < since - job.events.latest("pk").at <= timedelta(seconds=61)
    assert waits == [5, 60, 60, 60]


def test_the_sweep_and_the_watcher_leave_unknown_jobs_alone(alice, sandbox):
    job = make_job(alice, status=Status.UNKNOWN)
    services.sweep()
    services.dispatch()
    assert again(job).status == Status.UNKNOWN
    assert sandbox.stats()["submissions"] == 0


# --- operators --------------------------------------------------------------------------------------------------------


def submit_by_hand(
    sandbox, model: str = "lightricks/ltx-2-pro/text-to-video", prompt: str = "A red fox in snow"
) -> str:
    answer = requests.post(
        f"{sandbox.url}/api/v3/{model}", json={"prompt": prompt}, headers={"Authorization": "Bearer x"}, timeout=10
    )
    return str(answer.json()["data"]["id"])


def test_an_operator_attaches_an_id(alice, sandbox):
    job = make_job(alice, status=Status.UNKNOWN)
    services.attach(job.pk, submit_by_hand(sandbox), by=ACTOR)
    assert run(again(job)).status == Status.SUCCEEDED


@pytest.mark.parametrize("wrong", ["nothing", "another model", "another time", "another job's", "not unknown"])
def test_what_does_not_fit_is_not_attached(alice, sandbox, wrong):
    job = make_job(alice, status=Status.RUNNING if wrong == "not unknown" else Status.UNKNOWN)
    prediction_id = submit_by_hand(sandbox) if wrong != "nothing" else "0" * 32
    if wrong == "another model":
        prediction_id = submit_by_hand(sandbox, "lightricks/ltx-2-fast/text-to-video")
    if wrong == "another time":
        Job.objects.update(submit_started_at=timezone.now() - timedelta(hours=1))
    if wrong == "another job's":
        Job.objects.filter(pk=make_job(alice, status=Status.RUNNING).pk).update(prediction_id=prediction_id)
    before = again(job).status
    with pytest.raises(services.NotAttachable):
        services.attach(job.pk, prediction_id, by=ACTOR)
    assert again(job).status == before


def test_an_operator_confirms_that_it_was_never_created(alice):
    job = make_job(alice, status=Status.UNKNOWN)
    assert services.never_created(job.pk, reason="WaveSpeed's support says so", by=ACTOR)
    assert not services.never_created(job.pk, reason="twice", by=ACTOR)
    assert (again(job).status, again(job).error_code) == (Status.FAILED, "never_created")
    assert again(job).hold.state == Hold.State.RELEASED


@pytest.mark.parametrize("status", Status)
def test_an_operator_gives_up_what_is_at_the_provider_and_nothing_else(alice, status):
    job = make_job(alice, status=status)
    can = status in {Status.RUNNING, Status.COLLECTING, Status.UNKNOWN}
    assert services.give_up(job.pk, reason="the user waits", by=ACTOR) is can
    assert again(job).status == (Status.FAILED if can else status)


# --- differences ------------------------------------------------------------------------------------------------------


def kinds() -> set[str]:
    return set(Difference.objects.values_list("kind", flat=True))


def reconcile_later() -> list[Difference]:
    return services.reconcile(timezone.now() + timedelta(hours=5))


def test_where_all_agree_nothing_is_noted(alice, sandbox):
    job = run(services.create(alice, make_spec(), by=ACTOR))
    assert reconcile_later() == []
    assert again(job).billed == 360_000


def test_a_dearer_bill_is_noted_once(alice, sandbox):
    sandbox.set(prices={"lightricks/ltx-2-pro/text-to-video": 0.07})
    run(services.create(alice, make_spec(), by=ACTOR))
    (found,) = reconcile_later()
    assert (found.kind, found.ours, found.theirs) == ("other_price", "$0.36 charged", "$0.42 billed")
    assert reconcile_later() == []


def test_a_finished_job_that_the_provider_never_billed_is_noted(alice, sandbox):
    make_job(alice, status=Status.SUCCEEDED)
    reconcile_later()
    assert kinds() == {"not_there"}


def test_a_prediction_that_is_nobodys_is_noted(alice, sandbox):
    stranger = submit_by_hand(sandbox)
    (found,) = reconcile_later()
    assert (found.kind, found.prediction_id, found.job) == ("not_ours", stranger, None)


def test_a_completion_after_we_gave_up_is_noted_and_changes_no_status(alice, sandbox):
    job = run(services.create(alice, make_spec(), by=ACTOR), until={Status.RUNNING})
    services.give_up(job.pk, reason="the user waits", by=ACTOR)
    sandbox.finish()
    for _ in range(100):
        if wavespeed().result(job.prediction_id).is_completed:
            break
    reconcile_later()
    assert "late_completion" in kinds()
    assert again(job).status == Status.FAILED


def test_a_prediction_that_was_said_to_be_never_created_is_noted_and_changes_no_status(alice, drop):
    job = lost(alice)
    services.never_created(job.pk, reason="it is not in the list", by=ACTOR)
    sandbox_made = [prediction["id"] for prediction in drop.stats()["predictions"]]
    (found,) = reconcile_later()
    assert (found.kind, [found.prediction_id]) == ("not_ours", sandbox_made)
    assert (again(job).status, again(job).hold.state) == (Status.FAILED, Hold.State.RELEASED)


def test_what_was_made_and_could_not_be_kept_is_noted(alice, sandbox):
    sandbox.set(faults=["html"])
    job = run(services.create(alice, make_spec(), by=ACTOR))
    assert job.status == Status.FAILED
    assert kinds() == {"paid_for_nothing"}


def test_seven_days_without_a_verdict_are_noted(alice):
    job = make_job(alice, status=Status.RUNNING, submitted_at=timezone.now() - timedelta(days=8))
    services.unreachable(job.pk, RateLimited("later"))
    assert again(job).error_code == "expired"
    assert kinds() == {"no_verdict"}


def test_a_difference_is_resolved_once_with_a_note(alice, sandbox):
    submit_by_hand(sandbox)
    (found,) = reconcile_later()
    assert services.resolve_difference(found, note="A test by hand.", by=ACTOR, now=timezone.now())
    assert not services.resolve_difference(found, note="Again.", by=ACTOR, now=timezone.now())
    found.refresh_from_db()
    assert (found.resolved_by, found.note) == ("test", "A test by hand.")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-22T19:00:01Z", 1),
        ("2026-11-22T19:00:01.123456789Z", 1),
        ("2026-11-22T19:00:01.5+00:00", 1),
        ("2026-11-22T20:00:01+01:00", 1),
    ],
)
def test_the_providers_times_are_read(text, seconds):
    read = moment(text)
    assert read is not None
    assert (read.astimezone(UTC).hour, read.second) == (19, seconds)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-22T19:00:01", "1763838001"])
def test_other_times_are_none(text):
    assert moment(text) is None


# --- the Gate ---------------------------------------------------------------------------------------------------------


def test_a_balance_below_the_least_closes_the_gate_and_one_above_reopens_it():
    services.the_gate()
    Gate.objects.update(least_balance=5_000_000)
    now = timezone.now()
    services.heed_balance(4_990_000, now=now)
    gate = services.the_gate()
    assert (gate.closed_for, gate.closed_reason) == ("balance", "WaveSpeed's balance is $4.99, below $5.00.")
    services.heed_balance(5_000_000, now=now)
    assert services.the_gate().closed_at is None


@pytest.mark.parametrize(("cause", "opens"), [("credit", True), ("account", False), ("operator", False)])
def test_a_balance_reopens_only_what_money_can(cause, opens):
    services.the_gate()
    Gate.objects.update(least_balance=0, balance=900_000)
    services.close_gate("why", now=timezone.now(), cause=Gate.Cause(cause))
    services.heed_balance(1_000_000, now=timezone.now())
    assert (services.the_gate().closed_at is None) is opens


def test_after_a_refusal_for_credit_only_a_rise_reopens_it():
    services.the_gate()
    Gate.objects.update(least_balance=1_000_000)
    for turn, (balance, opens) in enumerate(
        [(2_000_000, False), (2_000_000, False), (1_500_000, False), (1_600_000, True)]
    ):
        services.close_gate("no credit", now=timezone.now(), cause=Gate.Cause.CREDIT)
        services.heed_balance(balance, now=timezone.now())
        assert (services.the_gate().closed_at is None) is opens, turn
    assert Alert.objects.count() == 1


@pytest.mark.parametrize("lasting", [Gate.Cause.OPERATOR, Gate.Cause.ACCOUNT])
@pytest.mark.parametrize("passing", [Gate.Cause.BALANCE, Gate.Cause.CREDIT])
def test_a_closing_that_lasts_takes_the_place_of_one_that_reopens_by_itself(passing, lasting):
    services.the_gate()
    Gate.objects.update(least_balance=1_000_000)
    services.close_gate("money", now=timezone.now(), cause=passing)
    services.close_gate("a person decides", now=timezone.now(), cause=lasting)
    services.close_gate("money again", now=timezone.now(), cause=passing)
    for balance in (1, 99_000_000):
        services.heed_balance(balance, now=timezone.now())
    gate = services.the_gate()
    assert (gate.closed_for, gate.closed_reason) == (lasting, "a person decides")
    services.open_gate()
    assert services.the_gate().closed_at is None


def test_without_a_least_balance_it_is_only_written_down():
    services.the_gate()
    services.heed_balance(0, now=timezone.now())
    gate = services.the_gate()
    assert (gate.closed_at, gate.balance) == (None, 0)


def test_a_429_narrows_the_gate_for_a_while(alice):
    for _ in range(3):
        make_job(alice, status=Status.RUNNING)
    now = timezone.now()
    narrow_gate(now)
    assert services.the_gate().narrowed_to == 2
    user = make_user(plan="enterprise")
    waiting = [make_job(user) for _ in range(3)]
    assert services.dispatch() == 0
    Gate.objects.update(narrowed_until=now - timedelta(seconds=1))
    assert services.dispatch() == len(waiting)


def test_credit_is_told_from_a_bad_key():
    assert cause_of(RefusedForAccount("x", reason="insufficient credits")) == Gate.Cause.CREDIT
    assert cause_of(RefusedForAccount("x", code=1407)) == Gate.Cause.CREDIT
    assert cause_of(RefusedForAccount("x", status=401)) == Gate.Cause.ACCOUNT


def test_a_submission_that_met_a_limit_narrows(alice, sandbox, monkeypatch):
    job = make_job(alice)
    services.dispatch()
    sandbox.set(concurrent=0)
    submitting.submit(job.pk)
    assert services.the_gate().narrowed_until
