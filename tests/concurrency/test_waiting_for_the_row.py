"""What an UPDATE on PostgreSQL does after it waited for another one's row: all steps in a fixed order."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import ApiKey, Notice, Period, Plan, User
from billing.money import Amount
from tests.billing.make import make_capped_key, make_hold, make_used
from tests.make import ACTOR, make_plan, make_user
from tests.processes import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

ONE = Amount(spend=1, videos=0, seconds=1)


@pytest.fixture
def period():
    """Is a period with room for one micro-dollar; its plan allows the same."""
    alice = make_user(plan=make_plan(spend_limit=2))
    return make_hold(alice, ONE).period


def in_turn(first: Callable[[], object], second: Callable[[], object]) -> tuple[object, object]:
    """Do `first`, begin `second` before `first` is committed, and commit when `second` waits or is through."""
    done = threading.Event()

    def follow() -> object:
        try:
            return second()
        finally:
            done.set()
            connection.close()

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            one = first()
            two = other.submit(follow)
            wait_until(lambda: done.is_set() or somebody_waits(), "the second one waits for the first")
        return one, two.result()


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # or a transaction sees the same activity for ever
        waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        cursor.execute(waiting)
        return cursor.fetchone() is not None


def take(period: Period) -> bool:
    """Take as a hold does."""
    return billing.take(period, ONE, timezone.now())


def take_through_a_join(period: Period, amount: Amount) -> bool:
    """Take as ours does, but with the limit of the plan, which stands behind a join."""
    used = F("spend_spent") + F("spend_held") + amount.spend
    fits = Period.objects.filter(pk=period.pk, subscription__plan__spend_limit__gte=used)
    return fits.update(spend_held=F("spend_held") + amount.spend) == 1


def test_the_second_hold_sees_what_the_first_one_took(period):
    assert in_turn(lambda: take(period), lambda: take(period)) == (True, False)
    period.refresh_from_db()
    assert period.left("spend") == 0


def test_control_a_limit_behind_a_join_oversells(period, unchecked):
    # This test exists to show why the limits stand on the period's own row.
    both = in_turn(lambda: take_through_a_join(period, ONE), lambda: take_through_a_join(period, ONE))
    assert both == (True, True)
    period.refresh_from_db()
    assert period.left("spend") == -1


def test_a_limit_behind_a_join_refuses_where_nobody_is_in_the_way(period):
    assert take_through_a_join(period, ONE)
    assert not take_through_a_join(period, ONE)


@pytest.mark.parametrize("first_opens", [True, False])
def test_a_larger_plan_reaches_the_period_that_is_just_being_opened(first_opens):
    user = User.objects.create_user("new@example.org")
    now = timezone.now()
    billing.subscription_of(user, now)
    pro = Plan.objects.get(slug="pro")

    def opening() -> object:
        return make_hold(user, ONE, now=now)

    def upgrading() -> object:
        return billing.change_plan(user, pro, now=now, by=ACTOR)

    in_turn(*(opening, upgrading) if first_opens else (upgrading, opening))
    assert Period.objects.get().spend_limit == pro.spend_limit


def test_room_that_is_just_being_made_is_not_seen_yet(period):
    held = make_hold(period.subscription.user, ONE)
    both = in_turn(lambda: billing.release(held, now=timezone.now(), by=ACTOR), lambda: take(period))
    # A refusal too many for a moment, never a hold too many.
    assert both == (True, False)
    assert take(period)


def test_a_refund_into_a_new_period_and_a_hold_there_by_the_same_key_do_not_block_each_other():
    key = make_capped_key(make_user(plan=make_plan()), 100)
    used = make_used(key.user, ONE, api_key=key)
    now = used.period.ends_at
    make_hold(key.user, ONE, now=now)
    through = threading.Event()

    def refund() -> bool:
        try:
            return billing.refund(used, reason="x", now=now, by=ACTOR)
        finally:
            through.set()
            connection.close()

    with ThreadPoolExecutor(1) as other:
        begun: list[Future[bool]] = []

        def begin_refund(execute, sql, params, many, context):
            done = execute(sql, params, many, context)
            if sql.startswith("UPDATE billing_period") and not begun:
                # The hold has its period and not yet its key.
                begun.append(other.submit(refund))
                wait_until(lambda: through.is_set() or somebody_waits(), "the refund waits for the hold")
            return done

        with connection.execute_wrapper(begin_refund):
            make_hold(key.user, ONE, now=now, api_key=key)
        assert begun[0].result()
    assert not list(differences())


def test_a_notice_that_comes_true_again_while_somebody_looks_whether_it_is_still_so_stays():
    alice = make_user(plan=make_plan(videos_limit=10))
    billing.release(make_hold(alice, Amount(spend=1, videos=8, seconds=1)), now=timezone.now(), by=ACTOR)
    notice = Notice.objects.get()
    again = Amount(spend=1, videos=9, seconds=1)
    assert in_turn(lambda: make_hold(alice, again).videos, lambda: billing.confirm(notice)) == (9, True)
    assert Notice.objects.get() == notice
    assert notice.period.videos_held == 9


def test_a_repair_of_a_key_and_a_hold_by_it_that_ends_a_grant_both_come_through():
    user, later = make_user(plan=make_plan()), timezone.now() + timedelta(seconds=5)
    key = make_capped_key(user, 10**9)
    make_hold(user, ONE, api_key=key)
    until = later - timedelta(seconds=1)
    billing.grant(user, ONE, reason="x", now=timezone.now(), by=ACTOR, expires_at=until)
    ApiKey.objects.filter(pk=key.pk).update(spend_held=7)
    repaired, held = in_turn(
        lambda: billing.repair_key(ApiKey.objects.get(pk=key.pk), now=later, by=ACTOR),
        lambda: make_hold(user, ONE, now=later, api_key=key),
    )
    assert repaired
    assert held
    assert not list(differences())
