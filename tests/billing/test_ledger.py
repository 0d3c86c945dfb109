from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import Hold, LedgerEntry, Period
from billing.money import LIMITS
from billing.triggers import lifted
from tests.billing.make import make_amount, make_hold, make_used
from tests.make import ACTOR, make_job, make_plan, make_user

pytestmark = pytest.mark.django_db

COUNTERS = [f"{limit}_{counter}" for limit in LIMITS for counter in ("spent", "held")]


@pytest.fixture
def held():
    """Is an open hold beside a settled and a released one, of the same user."""
    alice = make_user(plan=make_plan())
    make_used(alice, make_amount(spend=360_000))
    billing.release(make_hold(alice), now=timezone.now(), by=ACTOR)
    return make_hold(alice, make_amount(spend=480_000, seconds=8))


def check_ledger(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what the command prints; CommandError with the number of differences."""
    try:
        call_command("check_ledger")
    finally:
        said = capsys.readouterr().out
    return said


def refused(capsys: pytest.CaptureFixture[str], number: int) -> str:
    """Return what the command prints when it finds this number of differences and exits with 1."""
    with pytest.raises(CommandError, match=f"^{number} differences?$") as error:
        call_command("check_ledger")
    assert error.value.returncode == 1
    return capsys.readouterr().out


def test_an_empty_ledger_has_no_differences(db, capsys):
    assert check_ledger(capsys) == "0 differences\n"


def test_a_healthy_ledger_has_no_differences(held, capsys):
    make_job(make_user())
    make_job(make_user(), status="succeeded")
    make_job(make_user(), status="failed")
    assert check_ledger(capsys) == "0 differences\n"


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_counter_that_drifted_is_named(held, capsys, counter):
    before = getattr(Period.objects.get(pk=held.period_id), counter)
    Period.objects.filter(pk=held.period_id).update(**{counter: F(counter) + 7})
    said = refused(capsys, 1)
    assert f"period {held.period_id} " in said
    assert f"{counter} is {before + 7}, the ledger says {before}" in said


def test_a_period_without_lines_has_nothing_spent(held, capsys):
    later = make_hold(held.period.subscription.user, now=held.period.ends_at).period
    with lifted():
        LedgerEntry.objects.filter(period=later).delete()
    said = refused(capsys, 4)
    assert f"period {later.pk} " in said
    assert "spend_held is 500000, the ledger says 0" in said


def test_a_hold_whose_line_is_missing_is_named(held, capsys):
    with lifted():
        LedgerEntry.objects.filter(hold=held).delete()
    said = refused(capsys, 4)
    assert f"hold {held.pk} " in said
    assert "state is held, the ledger says no line of its amount" in said


@pytest.mark.parametrize("state", ["settled", "released"])
def test_a_hold_that_ended_without_a_line_is_named(held, capsys, state):
    Hold.objects.filter(pk=held.pk).update(state=state, resolved_at=timezone.now())
    said = refused(capsys, 1)
    assert f"hold {held.pk} " in said
    assert f"state is {state}, the ledger says a hold line of its amount" in said


@pytest.mark.parametrize(("kind", "differing"), [("settle", 7), ("release", 4)])
def test_a_hold_that_is_still_open_beside_a_line_of_its_end_is_named(held, capsys, kind, differing):
    add_line(held, kind)
    said = refused(capsys, differing)
    assert f"hold {held.pk} " in said
    assert f"state is held, the ledger says a hold and a {kind} line of its amount" in said


@pytest.mark.parametrize("limit", LIMITS)
def test_a_line_of_another_amount_is_named(held, capsys, limit):
    with lifted():
        LedgerEntry.objects.filter(hold=held).update(**{limit: F(limit) + 1})
    said = refused(capsys, 2)
    assert f"{limit}_held is" in said
    assert f"hold {held.pk} " in said


def test_a_line_in_another_period_is_named(held, capsys):
    other = make_hold(make_user()).period
    with lifted():
        LedgerEntry.objects.filter(hold=held).update(period=other)
    said = refused(capsys, 7)
    assert f"period {other.pk} " in said
    assert f"hold {held.pk} " in said


def test_looking_for_differences_changes_nothing(held):
    Period.objects.filter(pk=held.period_id).update(spend_held=F("spend_held") + 7)
    before = list(Period.objects.values())
    assert [difference.field for difference in differences()] == ["spend_held"]
    assert list(Period.objects.values()) == before


def test_every_line_bears_who_did_it_and_in_which_request():
    alice = make_user(plan=make_plan())
    by = billing.Actor(name=f"user {alice.pk}", request_id=str(uuid4()))
    make_job(alice)
    line = LedgerEntry.objects.get()
    assert (line.actor, line.request_id) == (ACTOR.name, ACTOR.request_id)
    billing.release(Hold.objects.get(), now=timezone.now(), by=by)
    line = LedgerEntry.objects.get(kind="release")
    assert (line.actor, line.request_id) == (by.name, by.request_id)


def add_line(held: Hold, kind: str) -> None:
    LedgerEntry.objects.create(
        period=held.period,
        hold=held,
        price=held.price,
        reference=held.reference,
        kind=kind,
        spend=held.spend,
        videos=held.videos,
        seconds=held.seconds,
        actor="nobody",
        at=timezone.now(),
    )
