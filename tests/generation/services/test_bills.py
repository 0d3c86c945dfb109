"""What we and the provider disagree about: every bill is compared, none for ever, and each difference is told once."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from billing.models import Hold
from generation import services
from generation.models import Difference, Job, Status
from generation.providers.errors import Unavailable
from generation.providers.wavespeed import WaveSpeed
from generation.services import attaching, listing, reconciling, submitting
from generation.services.provider import wavespeed
from tests.generation.services.test_listing import predictions
from tests.make import ACTOR, make_job

pytestmark = pytest.mark.django_db

_PRO = "lightricks/ltx-2-pro/text-to-video"


def ended(user, status: Status = Status.SUCCEEDED, *, hours_ago: float = 5, **fields) -> Job:
    """Make a job that ended so long ago and has a prediction."""
    fields = {"prediction_id": uuid4().hex, "finished_at": timezone.now() - timedelta(hours=hours_ago)} | fields
    return make_job(user, status=status, **fields)


class Bills:
    """Stands in for bills that the sandbox would not write: at other prices, of very many, or late."""

    def __init__(self) -> None:
        self.all: dict[str, int] = {}
        self.asked: list[str] = []

    def bills(self, ids) -> dict[str, int]:
        """Return the bills of these predictions."""
        self.asked += ids
        return {each: self.all[each] for each in ids if each in self.all}


@pytest.fixture
def bills(sandbox, monkeypatch) -> Bills:
    bills = Bills()
    monkeypatch.setattr(WaveSpeed, "bills", lambda self, ids: bills.bills(ids))
    return bills


def many_failed(job: Job, number: int) -> None:
    """Make as many jobs like this one, as rows."""
    names = [field.attname for field in Hold._meta.concrete_fields if field.attname not in {"id", "reference"}]
    same = {name: getattr(job.hold, name) for name in names}
    holds = Hold.objects.bulk_create(Hold(**same, reference=uuid4()) for _ in range(number))
    names = [f.attname for f in Job._meta.concrete_fields if f.attname not in {"id", "hold_id", "prediction_id"}]
    same = {name: getattr(job, name) for name in names}
    Job.objects.bulk_create(Job(**same, hold=hold, prediction_id=uuid4().hex) for hold in holds)


def test_the_bills_of_more_than_a_thousand_are_compared_at_once(alice, bob, bills):
    many_failed(ended(alice, Status.FAILED, hours_ago=48), 1_000)
    dear = ended(bob, hours_ago=30)
    bills.all = {str(dear.prediction_id): 99_000_000}
    (found,) = services.reconcile(timezone.now())
    assert (found.job, found.kind, len(set(bills.asked))) == (dear, "other_price", 1_002)


def test_a_bill_that_is_not_there_is_asked_for_once_more_and_no_third_time(alice, bills):
    ended(alice, Status.FAILED)
    for day in range(6):
        services.reconcile(timezone.now() + timedelta(days=day))
    assert len(bills.asked) == 2


def test_a_bill_that_comes_a_day_late_is_compared(alice, bills):
    job = ended(alice, Status.FAILED)
    assert services.reconcile(timezone.now()) == []
    bills.all = {str(job.prediction_id): 360_000}
    (found,) = services.reconcile(timezone.now() + timedelta(days=1))
    assert (found.kind, found.theirs) == ("billed_failure", "$0.36 billed")


def test_what_was_never_asked_for_comes_first(alice, bills):
    early, late = ended(alice, Status.FAILED, hours_ago=30), ended(alice, hours_ago=6)
    Job.objects.filter(pk=early.pk).update(billed_at=timezone.now() - timedelta(hours=21))
    services.reconcile(timezone.now())
    assert bills.asked == [late.prediction_id, early.prediction_id]


def test_what_can_t_be_asked_for_in_time_is_left_to_the_next(alice, bills, settings):
    ended(alice)
    settings.COLLECT_TIMEOUT, enough = 0, settings.COLLECT_TIMEOUT
    services.reconcile(timezone.now())
    settings.COLLECT_TIMEOUT = enough
    assert bills.asked == []
    services.reconcile(timezone.now())
    assert len(bills.asked) == 1


@pytest.mark.parametrize(
    ("status", "billed", "kind"),
    [
        (Status.SUCCEEDED, 360_000, None),
        (Status.SUCCEEDED, 350_000, "other_price"),
        (Status.SUCCEEDED, 370_000, "other_price"),
        (Status.SUCCEEDED, 0, "other_price"),
        (Status.SUCCEEDED, None, "not_there"),
        (Status.FAILED, 360_000, "billed_failure"),
        (Status.FAILED, 0, None),
        (Status.FAILED, None, None),
    ],
)
def test_a_bill_at_another_price_is_a_difference_whichever_is_dearer(alice, bills, status, billed, kind):
    job = ended(alice, status)
    bills.all = {} if billed is None else {str(job.prediction_id): billed}
    assert [each.kind for each in services.reconcile(timezone.now())] == ([kind] if kind else [])


# --- predictions without a job ----------------------------------------------------------------------------------------


def accepted() -> str:
    return wavespeed().submit(_PRO, {"prompt": "A red fox in snow"}).id


def reconcile_later() -> list[Difference]:
    """Compare when what was made just now is old enough to be compared."""
    return services.reconcile(timezone.now() + timedelta(minutes=10))


def test_what_a_job_is_just_sending_is_no_stranger(alice, sandbox):
    """Its worker was killed and no watcher runs: nobody has taken it for unknown yet."""
    job = make_job(alice, status=Status.SUBMITTING, lease_until=timezone.now() - timedelta(minutes=5))
    accepted()
    assert reconcile_later() == []
    services.sweep()
    assert services.look_for_unknown(timezone.now(), all_of_them=True) == 1
    assert Job.objects.get(pk=job.pk).status == Status.RUNNING


def test_what_gets_its_job_during_the_comparison_is_no_stranger(alice, sandbox, monkeypatch):
    job, prediction_id = make_job(alice, status=Status.SUBMITTING), accepted()
    unanswered = reconciling.unanswered

    def meanwhile(*args):
        submitting._attach(job, prediction_id)
        return unanswered(*args)

    monkeypatch.setattr(reconciling, "unanswered", meanwhile)
    assert reconcile_later() == []
    assert Job.objects.get().prediction_id == prediction_id


def test_what_no_waiting_job_can_have_made_is_a_stranger_whoever_waits(alice, sandbox):
    sandbox.set(include_inputs=False)
    make_job(alice, status=Status.UNKNOWN, submit_started_at=timezone.now() - timedelta(hours=1))
    prediction_id = accepted()
    assert [each.prediction_id for each in reconcile_later()] == [prediction_id]


def test_the_prediction_of_an_unknown_job_that_was_given_up_is_noted(alice, sandbox):
    job = make_job(alice, status=Status.UNKNOWN)
    accepted()
    services.give_up(job.pk, reason="she waits", by=ACTOR)
    assert [each.kind for each in reconcile_later()] == ["not_ours"]


def test_what_was_compared_before_the_provider_fell_silent_stays_noted(alice, sandbox, monkeypatch):
    accepted()
    ended(alice)

    def silent(self, ids):
        raise Unavailable("HTTP 503")

    monkeypatch.setattr(WaveSpeed, "bills", silent)
    with pytest.raises(Unavailable):
        reconcile_later()
    assert Difference.objects.get().kind == "not_ours"


def test_a_list_that_is_not_given_keeps_no_bill_from_being_compared(alice, bills, monkeypatch):
    dear = ended(alice)
    bills.all = {str(dear.prediction_id): 99_000_000}
    make_job(alice, status=Status.UNKNOWN)

    def silent(self, **wish):
        raise Unavailable("HTTP 503")

    monkeypatch.setattr(WaveSpeed, "predictions", silent)
    with pytest.raises(Unavailable):
        services.reconcile(timezone.now())
    assert Difference.objects.get().kind == "other_price"


def test_the_newest_of_a_list_is_compared_first(sandbox, monkeypatch):
    asked = []
    monkeypatch.setattr(WaveSpeed, "predictions", lambda self, **wish: asked.append(wish["created_before"]) or ())
    services.reconcile(timezone.now())
    assert len(asked) > 1
    assert asked == sorted(asked, reverse=True)


def test_an_unknown_job_that_is_too_old_for_the_list_asks_for_none(alice, sandbox, monkeypatch):
    """WaveSpeed refuses to list what was made more than seven days ago."""
    sent = timezone.now() - timedelta(days=8)
    job = make_job(alice, status=Status.UNKNOWN, submit_started_at=sent, due_at=sent)
    predictions = WaveSpeed.predictions

    def strict(self, **wish):
        if wish["created_after"] < timezone.now() - timedelta(days=7):
            raise Unavailable("HTTP 400")
        return predictions(self, **wish)

    monkeypatch.setattr(WaveSpeed, "predictions", strict)
    stranger = accepted()
    services.look_for_unknown(timezone.now())
    assert [each.prediction_id for each in reconcile_later()] == [stranger]
    assert services.candidates(job) == []
    assert Job.objects.get().due_at > timezone.now()


def test_all_of_it_ends_before_the_worker_s_time_does(alice, sandbox, settings, monkeypatch):
    """With the shortest transfers a worker has eight minutes, and each question takes half of one."""
    settings.COLLECT_TIMEOUT = 480
    many_failed(ended(alice, Status.FAILED), 1_000)
    for minutes in range(0, 1_000, 50):
        make_job(alice, status=Status.UNKNOWN, submit_started_at=timezone.now() - timedelta(minutes=minutes))
    passed, page = [0.0], predictions(100, since=timezone.now(), seconds=1)

    def asked(*args, **wish):
        passed[0] += 30.0
        return page if wish else {}

    for module in (reconciling, attaching, listing):
        monkeypatch.setattr(module, "monotonic", lambda: passed[0])
    monkeypatch.setattr(WaveSpeed, "predictions", asked)
    monkeypatch.setattr(WaveSpeed, "bills", asked)
    services.reconcile(timezone.now())
    assert Job.objects.filter(billed_at__isnull=False).exists()
    assert passed[0] <= settings.COLLECT_TIMEOUT


@pytest.mark.django_db(transaction=True)
def test_of_four_comparisons_at_once_each_difference_is_one_s(sandbox):
    ids = {accepted() for _ in range(5)}
    found: list[list[Difference]] = []
    start = threading.Barrier(4)

    def compare() -> None:
        try:
            start.wait()
            found.append(reconcile_later())
        finally:
            connection.close()

    threads = [threading.Thread(target=compare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [difference.prediction_id for each in found for difference in each]
    assert (len(found), len(told), set(told)) == (4, 5, ids)
