"""check_ledger: what it sees, what it mends and what it leaves to people."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone

from billing import ledger
from billing import services as billing
from billing.ledger import differences
from billing.models import ApiKey, FreeDay, Grant, Hold, LedgerEntry, LimitsEntry, Period
from billing.money import LIMITS
from billing.triggers import drop_triggers, lifted, make_triggers, missing_triggers
from tests.billing.make import make_amount, make_hold, make_price, make_used
from tests.make import ACTOR, make_key, make_plan, make_user

pytestmark = pytest.mark.django_db

COUNTERS = [*ledger.COUNTERS]


@pytest.fixture
def key():
    """Is a key of somebody's, with something spent and something held."""
    key = make_key(make_user(plan=make_plan()))[0]
    make_used(key.user, make_amount(spend=360_000), api_key=key)
    make_hold(key.user, make_amount(spend=480_000), api_key=key)
    key.refresh_from_db()
    return key


@pytest.fixture
def period(key):
    """Is the period in which the key was used."""
    return Period.objects.get()


def repair(*arguments: str) -> None:
    call_command("check_ledger", "--repair", *(arguments or ("--by", "olga")))


def stored(row: Period | ApiKey) -> dict[str, object]:
    return type(row).objects.values().get(pk=row.pk)


# --- looking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counter", ledger.KEY_COUNTERS)
def test_a_counter_of_a_key_that_drifted_is_named(key, capsys, counter):
    ApiKey.objects.filter(pk=key.pk).update(**{counter: F(counter) + 7})
    with pytest.raises(CommandError, match=r"^1 difference$"):
        call_command("check_ledger")
    was = getattr(key, counter)
    assert f"apikey {key.pk} ({key}): {counter} is {was + 7}, the ledger says {was}" in capsys.readouterr().out


def test_keys_are_told_apart(key, capsys):
    others = [make_key(key.user)[0] for _ in range(5)]
    for place, other in enumerate(others):
        make_hold(key.user, make_amount(spend=place + 1), api_key=other)
    call_command("check_ledger")
    assert capsys.readouterr().out == "0 differences\n"


def test_missing_triggers_are_a_failure(period, capsys):
    drop_triggers()
    number = len(missing_triggers())
    with pytest.raises(CommandError, match=rf"^{number} differences$") as error:
        call_command("check_ledger")
    make_triggers()
    assert error.value.returncode == 1
    assert (
        "trigger ledger_lines_are_not_removed is missing or not ours: `manage.py migrate` makes it"
        in capsys.readouterr().out
    )
    call_command("check_ledger")


# --- while others work ------------------------------------------------------------------------------------------------


def differences_while_somebody_holds() -> int:
    """Count differences while another connection takes a hold between any two reads."""
    user = make_user(plan=make_plan())
    make_hold(user)

    def hold() -> None:
        try:
            make_hold(user)
        finally:
            connection.close()

    def interrupt(execute, sql, params, many, context):
        if sql.startswith("SELECT"):
            with ThreadPoolExecutor(1) as other:
                other.submit(hold).result()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(interrupt):
        return len(list(differences()))


@pytest.mark.django_db(transaction=True)
def test_what_is_held_while_the_ledger_is_read_is_no_difference():
    assert differences_while_somebody_holds() == 0
    assert Hold.objects.count() > 1
    make_hold(make_user())  # and the connection writes again


@pytest.mark.django_db(transaction=True)
def test_control_reading_at_several_moments_sees_differences_that_are_none(monkeypatch):
    # This test exists to show that the one above could fail.
    monkeypatch.setattr(ledger, "_one_moment", nullcontext)
    assert differences_while_somebody_holds() > 0


# --- repairing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_counter_of_a_period_is_set_to_what_the_ledger_says(period, capsys, counter):
    before = stored(period)
    Period.objects.filter(pk=period.pk).update(**{counter: F(counter) + 7})
    repair()
    assert stored(period) == before
    assert capsys.readouterr().out == f"period {period.pk}: repaired\n0 differences\n"


@pytest.mark.parametrize("counter", ledger.KEY_COUNTERS)
def test_a_counter_of_a_key_is_set_to_what_the_ledger_says(key, capsys, counter):
    before = stored(key)
    ApiKey.objects.filter(pk=key.pk).update(**{counter: F(counter) + 7})
    repair()
    assert stored(key) == before
    assert capsys.readouterr().out == f"apikey {key.pk}: repaired\n0 differences\n"


def test_a_repair_never_touches_the_lines_that_are_there(period):
    lines = list(LedgerEntry.objects.order_by("pk").values())
    Period.objects.update(spend_spent=1, videos_held=5)
    ApiKey.objects.update(spend_spent=1)
    repair()
    assert list(LedgerEntry.objects.order_by("pk").values())[: len(lines)] == lines


def test_each_repair_is_one_line_of_zeros_that_says_who_and_what(key, period):
    Period.objects.update(spend_spent=1, videos_held=5)
    ApiKey.objects.update(spend_held=2)
    repair("--by", "olga@example.org")
    lines = LedgerEntry.objects.filter(kind="adjust").order_by("pk")
    assert [(line.spend, line.videos, line.seconds, line.actor) for line in lines] == [
        (0, 0, 0, "olga@example.org")
    ] * 2
    assert [line.reason for line in lines] == [
        "Counters set to the ledger's sums: spend_spent was 1, is 360000; videos_held was 5, is 1",
        f"Counters of key {key.prefix} set to the ledger's sums: spend_held was 2, is 480000",
    ]
    assert {line.period for line in lines} == {period}


def test_a_repair_of_everything_is_as_many_lines_as_it_takes_to_name_it_all(limited):
    columns = ("limit", "target", "spent", "held", "granted")
    wrong = {f"{limit}_{column}": 10**12 for limit in LIMITS for column in columns}
    with connection.constraint_checks_disabled():
        Period.objects.filter(pk=limited.pk).update(**wrong | {f"{limit}_limit": 2 * 10**12 for limit in LIMITS})
    repair()
    lines = [line.reason for line in LedgerEntry.objects.filter(kind="adjust").order_by("pk")]
    assert all(line.startswith("Counters set to the ledger's sums: ") and len(line) <= 300 for line in lines)
    assert set(re.findall(r"(\w+) was \d000000000000, is \d+", " ".join(lines))) == set(wrong)
    assert not list(differences())


def test_what_is_right_is_left_alone(key, period):
    other = make_hold(make_user()).period
    Period.objects.filter(pk=period.pk).update(spend_spent=1)
    before = stored(other)
    repair()
    assert stored(other) == before
    assert LedgerEntry.objects.filter(kind="adjust").count() == 1
    assert not billing.repair_period(other, now=timezone.now(), by=ACTOR)
    assert not billing.repair_key(key, now=timezone.now(), by=ACTOR)
    assert LedgerEntry.objects.filter(kind="adjust").count() == 1


def test_a_limit_that_does_not_hold_what_the_ledger_says_is_raised_to_it(key, period):
    billing.set_override(key.user, "spend", 100, reason="x", now=timezone.now(), by=ACTOR)
    Period.objects.update(spend_spent=0, spend_held=0, spend_limit=100)
    ApiKey.objects.update(spend_spent=0, spend_held=0, spend_limit=100)
    repair()
    for row in (period, key):
        row.refresh_from_db()
        assert (row.spend_spent, row.spend_held, row.spend_limit) == (360_000, 480_000, 840_000)
    assert period.spend_target == 100


# --- limits, grants, days of Free -------------------------------------------------------------------------------------


@pytest.fixture
def limited():
    """Is a period of 100, 10 and 60 with a grant of 50, of which 120 is used."""
    user = make_user(plan=make_plan(spend_limit=100, videos_limit=10, seconds_limit=60))
    extra = make_amount(spend=50, videos=0, seconds=0)
    billing.grant(user, extra, reason="x", now=timezone.now(), by=ACTOR, expires_at=timezone.now() + timedelta(days=1))
    make_used(user, make_amount(spend=120))
    return Period.objects.get(subscription__user=user)


FORGED = {
    "a larger limit and target": {"spend_limit": 999, "spend_target": 999},
    "no limit": {"videos_limit": None, "videos_target": None},
    "a smaller one": {"seconds_limit": 30, "seconds_target": 30},
    "another end of its grants": {"grant_expires_at": None},
    "other models": {"models_allowed": []},
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_forged_limit_is_seen_and_set_to_what_its_lines_say(limited, capsys, forged):
    before = stored(limited)
    Period.objects.filter(pk=limited.pk).update(**forged)
    assert {difference.field for difference in differences()} == set(forged)
    repair()
    assert stored(limited) == before
    assert f"period {limited.pk}: repaired" in capsys.readouterr().out


def test_a_forged_line_of_limits_is_not_believed_against_none(limited):
    # Whoever can write a line can lie in it; that is as true of the ledger. Whoever only changes rows is seen.
    with lifted():
        LimitsEntry.objects.all().delete()
    assert [str(difference).rpartition(": ")[2] for difference in differences()] == [
        "limits is as they stand, the ledger says nothing of them"
    ]


def test_limits_that_no_line_tells_are_left_to_people(limited, capsys):
    with lifted():
        LimitsEntry.objects.all().delete()
    Period.objects.filter(pk=limited.pk).update(seconds_spent=1)
    for said in (f"period {limited.pk}: repaired", f"No line says what the limits of {limited} are"):
        with pytest.raises(CommandError, match=r"^1 difference$"):
            repair()
        out = capsys.readouterr().out
        assert said in out
        assert "Nothing here can repair that: look at the period and its lines." in out
        assert "right by now" not in out
    assert Period.objects.get(pk=limited.pk).seconds_spent == 6


OTHERWISE = {
    "reference": lambda held: Hold.objects.filter(pk=held.pk).update(reference=uuid4()),
    "price": lambda held: Hold.objects.filter(pk=held.pk).update(price=make_price()),
    "a line's price": lambda held: LedgerEntry.objects.filter(hold=held).update(price=make_price()),
    "a line's reference": lambda held: LedgerEntry.objects.filter(hold=held, kind="settle").update(reference=uuid4()),
}


@pytest.mark.parametrize("forge", OTHERWISE.values(), ids=OTHERWISE)
def test_a_hold_and_its_lines_that_are_about_something_else_are_seen(limited, forge):
    held = Hold.objects.get()
    with lifted():
        forge(held)
    (difference,) = differences()
    assert (difference.row, difference.field) == (held, "state")


GRANTS = {
    "a larger one": lambda: Grant.objects.update(spend=51),
    "one that ended without a line": lambda: Grant.objects.update(expired_at=timezone.now()),
    "one without a line": lambda: Grant.objects.create(
        period=Period.objects.get(), spend=5, reason="x", granted_by="x", granted_at=timezone.now()
    ),
}


@pytest.mark.parametrize("forge", GRANTS.values(), ids=GRANTS)
def test_a_forged_grant_is_seen(limited, forge, capsys):
    forge()
    with pytest.raises(CommandError):
        repair()
    said = capsys.readouterr().out
    assert f"grant {Grant.objects.first().pk} " in said
    assert "Nothing here can repair that: look at the grant and its lines." in said


def test_a_grant_that_is_taken_up_again_after_its_end_is_seen(limited):
    billing.expire_grants(limited, timezone.now() + timedelta(days=2))
    assert not list(differences())
    Grant.objects.update(expired_at=None)
    assert {type(difference.row) for difference in differences()} == {Grant, Period}


def test_a_day_of_free_is_rebuilt_and_set_to_what_its_holds_cost(settings, capsys):
    settings.FREE_DAILY_CEILING = 10_000_000
    user = make_user(plan="free")
    make_used(user, make_amount(spend=300))
    billing.release(make_hold(user, make_amount(spend=40)), now=timezone.now(), by=ACTOR)
    make_hold(user, make_amount(spend=5))
    assert FreeDay.objects.get().spend_used == 305
    assert not list(differences())
    FreeDay.objects.update(spend_used=7)
    spare = FreeDay.objects.create(day="2020-01-01", spend_used=9)
    assert sorted((difference.stored, difference.rebuilt) for difference in differences()) == [(7, 305), (9, 0)]
    repair()
    assert capsys.readouterr().out.count("repaired") == 2
    assert list(FreeDay.objects.order_by("day").values_list("spend_used", flat=True)) == [0, 305]
    assert not billing.repair_free_day(spare)


def test_a_key_is_repaired_in_a_month_in_which_nothing_was_held_yet(key, period):
    ApiKey.objects.update(spend_held=2)
    key.refresh_from_db()
    assert billing.repair_key(key, now=period.ends_at, by=ACTOR)
    assert LedgerEntry.objects.get(kind="adjust").period.starts_at == period.ends_at
    assert not list(differences())


@pytest.mark.parametrize("by", [(), ("--by", ""), ("--by", "  "), ("--by", "x" * 101)])
def test_without_a_name_nothing_is_repaired(period, by):
    Period.objects.update(spend_spent=1)
    with pytest.raises(CommandError, match="--by NAME") as error:
        call_command("check_ledger", "--repair", *by)
    assert error.value.returncode == 2
    assert Period.objects.get().spend_spent == 1


def test_a_hold_whose_lines_do_not_fit_remains_and_is_said(period, capsys):
    held = Hold.objects.get(state="held")
    Hold.objects.filter(pk=held.pk).update(state="settled", resolved_at=timezone.now())
    Period.objects.update(spend_spent=1)
    with pytest.raises(CommandError, match=r"^1 difference$") as error:
        repair()
    said = capsys.readouterr().out
    assert error.value.returncode == 1
    assert f"period {period.pk}: repaired" in said
    assert f"hold {held.pk} " in said
    assert "Nothing here can repair that" in said
    assert Hold.objects.get(pk=held.pk).state == "settled"


def test_lines_that_add_up_to_less_than_nothing_are_left_to_people(key, period, capsys):
    with lifted():
        LedgerEntry.objects.filter(kind="hold").delete()
    before = stored(period), stored(key)
    with pytest.raises(CommandError) as error:
        repair()
    assert error.value.returncode == 1
    assert "add up to less than nothing" in capsys.readouterr().out
    assert (stored(period), stored(key)) == before


def test_nothing_is_repaired_from_a_ledger_that_is_not_guarded(period):
    Period.objects.update(spend_spent=1)
    drop_triggers()
    with pytest.raises(CommandError, match="anybody could have changed"):
        repair()
    make_triggers()
    assert Period.objects.get().spend_spent == 1
