"""Whatever is done with money, in whatever order: the rows say what the ledger says, and no limit is passed.

A limit is what a child would say: the override's or else the plan's, and the grants in force; or what is used already.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.db.models import Count, Sum
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from billing import services as billing
from billing.ledger import differences
from billing.models import ApiKey, FreeDay, Grant, Hold, LedgerEntry, Override, Period, Plan
from billing.money import LIMITS, Amount
from billing.services import CantAdjust, InsufficientQuota, NotRefundable, PastDue
from tests.billing.cutting import died_after
from tests.billing.make import counters, everything, make_capped_key, make_hold
from tests.make import ACTOR, expire_all_grants, make_plan, make_user

AMOUNTS = st.builds(Amount, spend=st.integers(1, 6), videos=st.integers(0, 3), seconds=st.integers(1, 6))
CHANGES = st.builds(Amount, spend=st.integers(-6, 6), videos=st.integers(-3, 3), seconds=st.integers(-6, 6))
LIMIT = st.none() | st.integers(0, 15)
DAYS = st.none() | st.integers(1, 40)
CUT = st.none() | st.integers(0, 25)
"""After how many statements the first attempt dies, if it does."""


class Money(RuleBasedStateMachine):
    """One user's money, beside what a child would write down of it."""

    held = Bundle("held")
    settled = Bundle("settled")
    over = Bundle("over")  # released, or refunded

    def __init__(self) -> None:
        super().__init__()
        self.rolled_back = transaction.atomic()
        self.rolled_back.__enter__()
        self.now = timezone.now()
        self.user = make_user(plan=make_plan(spend_limit=20, videos_limit=8, seconds_limit=30))
        self.key = make_capped_key(self.user, 25)
        self.noted: dict[int, dict[str, tuple[int, int]]] = {}
        self.noted_of_key = (0, 0)
        self.own: dict[str, int | None] = {}
        self.given: dict[int, Amount] = {}

    def teardown(self) -> None:
        """Take everything back."""
        transaction.set_rollback(True)
        self.rolled_back.__exit__(None, None, None)

    # --- holds

    @rule(target=held, amount=AMOUNTS, with_key=st.booleans(), cut=CUT)
    def hold(self, amount: Amount, with_key: bool, cut: int | None) -> Any:  # noqa: FBT001
        """Hold an amount; it is granted exactly when it fits."""
        key = self.key if with_key else None
        room = self._room(key)
        try:
            taken = self._do(cut, partial(make_hold, self.user, amount, now=self.now, api_key=key))
        except PastDue:
            assert billing.subscription_of(self.user, self.now).past_due_since
            return multiple()
        except InsufficientQuota as error:
            refused = error
        else:
            assert all(left is None or _of(amount, limit) <= left for limit, left in room.items())
            self._note(taken, held=1)
            return taken
        assert refused.required > refused.available == room[refused.violated]
        return multiple()

    @rule(target=settled, taken=consumes(held), cut=CUT)
    def settle(self, taken: Hold, cut: int | None) -> Hold:
        """Spend what is held."""
        assert self._do(cut, partial(self._resolve, billing.settle, taken))
        self._note(taken, spent=1, held=-1)
        return taken

    @rule(target=over, taken=consumes(held), cut=CUT)
    def release(self, taken: Hold, cut: int | None) -> Hold:
        """Give back what is held."""
        assert self._do(cut, partial(self._resolve, billing.release, taken))
        self._note(taken, held=-1)
        return taken

    @rule(taken=settled | over, again=st.sampled_from([billing.settle, billing.release]))
    def resolve_again(self, taken: Hold, again: Any) -> None:
        """Change nothing."""
        assert not self._resolve(again, taken)

    @rule(target=over, taken=consumes(settled), cut=CUT)
    def refund(self, taken: Hold, cut: int | None) -> Hold:
        """Give back what was charged, and nothing when asked again; not what was taken off by an adjustment already."""
        spent = Period.objects.get(pk=taken.period_id)
        there = all(getattr(spent, f"{limit}_spent") >= getattr(taken, limit) for limit in LIMITS)
        late = spent.ends_at <= self.now
        try:
            assert self._do(cut, partial(self._resolve, partial(billing.refund, reason="x"), taken))
        except NotRefundable:
            assert not there
            return multiple()
        assert there
        self._note(taken, spent=-1)
        if late:
            self.given[Grant.objects.latest("pk").pk] = taken.amount
        before = everything()
        assert not self._resolve(partial(billing.refund, reason="again"), taken)
        assert everything() == before
        return taken

    # --- what operators do

    @rule(amount=AMOUNTS, days=DAYS, cut=CUT)
    def grant(self, amount: Amount, days: int | None, cut: int | None) -> None:
        """Grant an amount, for good or for some days."""
        until = self._in(days)
        given = partial(billing.grant, self.user, amount, reason="x", now=self.now, by=ACTOR, expires_at=until)
        if until and until >= billing.current_period(self.user, self.now).ends_at:
            with pytest.raises(ValueError, match="when the period ends"):
                given()
            return
        self.given[self._do(cut, given).pk] = amount

    @rule(cut=CUT)
    def end_grants(self, cut: int | None) -> None:
        """End what is over."""
        self._do(cut, partial(expire_all_grants, self.now))

    @rule(amount=CHANGES.filter(lambda change: any(getattr(change, limit) for limit in LIMITS)), cut=CUT)
    def adjust(self, amount: Amount, cut: int | None) -> None:
        """Add or take away; it is done exactly when it fits."""
        room, spent = self._room(None), billing.current_period(self.user, self.now)
        fits = all(
            getattr(spent, f"{limit}_spent") + getattr(amount, limit) >= 0
            and ((left := room[limit]) is None or getattr(amount, limit) <= left)
            for limit in LIMITS
        )
        try:
            period = self._do(cut, partial(billing.adjust, self.user, amount, reason="x", now=self.now, by=ACTOR))
        except CantAdjust:
            assert not fits
        else:
            assert fits
            self._add(period.pk, amount, spent=1)

    @rule(limit=st.sampled_from(LIMITS), value=LIMIT, cut=CUT)
    def override(self, limit: str, value: int | None, cut: int | None) -> None:
        """Set another limit, and the same once more, which changes nothing."""
        set_it = partial(billing.set_override, self.user, limit, value, reason="x", now=self.now, by=ACTOR)
        self._do(cut, set_it)
        self.own[limit] = value
        before = everything()
        set_it()
        assert everything() == before

    @rule(limit=st.sampled_from(LIMITS), cut=CUT)
    def remove_override(self, limit: str, cut: int | None) -> None:
        """Let the plan's limit hold again."""
        was = Override.objects.filter(subscription__user=self.user, limit=limit).exists()
        assert self._do(cut, partial(billing.remove_override, self.user, limit, now=self.now, by=ACTOR)) is was
        self.own.pop(limit, None)

    @rule(spend=LIMIT, videos=LIMIT, seconds=LIMIT, cut=CUT)
    def change_plan(self, spend: int | None, videos: int | None, seconds: int | None, cut: int | None) -> None:
        """Give the user another plan, larger or smaller: no limit of the month falls, opened or not."""
        plan = make_plan(spend_limit=spend, videos_limit=videos, seconds_limit=seconds)
        before = billing.current_period(self.user, self.now)
        self._do(cut, partial(billing.change_plan, self.user, plan, now=self.now, by=ACTOR))
        after = billing.current_period(self.user, self.now)
        assert not any(_fell(before, after, limit) for limit in LIMITS)

    @rule(days=DAYS, cut=CUT)
    def expire(self, days: int | None, cut: int | None) -> None:
        """Let the plan end some day, or never; Free has no end."""
        is_free = billing.current_period(self.user, self.now).subscription.plan.slug == billing.FREE
        ends = None if is_free else self._in(days)
        self._do(cut, partial(billing.set_expiry, self.user, ends, now=self.now))

    @rule(cut=CUT)
    def leave_and_stay(self, cut: int | None) -> None:
        """Leave, which nothing shows before the month is over, and stay after all, as if nobody had left."""
        before = _month(billing.current_period(self.user, self.now))
        self._do(cut, partial(billing.cancel_subscription, self.user, now=self.now))
        left = billing.current_period(self.user, self.now)
        assert _month(left) == before
        later = billing.plan_at(left.subscription, left.ends_at)
        assert later.slug == billing.FREE
        self._do(cut, partial(billing.keep_subscription, self.user, now=self.now))
        stays = billing.current_period(self.user, self.now)
        assert _month(stays) == before
        assert billing.plan_at(stays.subscription, stays.ends_at) == stays.subscription.plan

    @rule(
        change=st.sampled_from(
            [billing.cancel_subscription, billing.keep_subscription, billing.set_past_due, billing.reactivate]
        ),
        cut=CUT,
    )
    def change_subscription(self, change: Any, cut: int | None) -> None:
        """Leave, stay, owe, or pay."""
        self._do(cut, partial(change, self.user, now=self.now))

    @rule(days=st.integers(0, 40))
    def wait(self, days: int) -> None:
        """Let time pass, perhaps into another period."""
        self.now += timedelta(days=days)

    # --- what holds after every step

    @invariant()
    def rows_say_what_the_ledger_says(self) -> None:
        """Rebuild the counters."""
        assert not list(differences())

    @invariant()
    def rows_say_what_was_noted(self) -> None:
        """Compare with what was added up by hand."""
        for period in Period.objects.filter(subscription__user=self.user):
            nothing = dict.fromkeys(LIMITS, (0, 0))
            assert counters(period) == self.noted.get(period.pk, nothing)
        key = ApiKey.objects.get(pk=self.key.pk)
        assert (key.spend_spent, key.spend_held) == self.noted_of_key

    @invariant()
    def no_limit_is_passed(self) -> None:
        """Look at what is held and what is left."""
        for row in (*Period.objects.filter(subscription__user=self.user), ApiKey.objects.get(pk=self.key.pk)):
            for limit in LIMITS if isinstance(row, Period) else ("spend",):
                left = row.left(limit) if isinstance(row, Period) else row.left
                assert getattr(row, f"{limit}_held") >= 0
                assert left is None or left >= 0

    @invariant()
    def limits_are_what_they_are_meant_to_be_or_what_is_used(self) -> None:
        """Add up what the plan or an override says and what is granted, and look where that stops."""
        for period in Period.objects.filter(subscription__user=self.user).select_related("subscription__plan"):
            in_force = [self.given[pk] for pk in period.grants.filter(expired_at=None).values_list("pk", flat=True)]
            for limit in LIMITS:
                target, allowed = getattr(period, f"{limit}_target"), getattr(period, f"{limit}_limit")
                granted = sum(getattr(amount, limit) for amount in in_force)
                used = sum(self.noted.get(period.pk, {}).get(limit, (0, 0)))
                if period.starts_at <= self.now < period.ends_at:  # of the others nobody knows the plan any more
                    base = self.own.get(limit, getattr(period.subscription.plan, f"{limit}_limit"))
                    assert target == (None if base is None else base + granted)
                assert allowed == (None if target is None else max(target, used))

    @invariant()
    def what_is_nearly_used_up_was_said(self) -> None:
        """Look at every limit that stands at 80 or 100 percent, whatever brought it there, while its month lasts."""
        for period in Period.objects.filter(subscription__user=self.user, ends_at__gt=self.now):
            told = set(period.notices.values_list("limit", "kind"))
            for limit in LIMITS:
                allowed, used = getattr(period, f"{limit}_limit"), sum(counters(period)[limit])
                for percent in (80, 100) if getattr(period, f"{limit}_target") else ():
                    assert used * 100 < allowed * percent or (limit, f"limit_{percent}") in told

    @invariant()
    def each_hold_ends_once(self) -> None:
        """Count the lines."""
        ends = {"resolved": ["settle", "release"], "refunded": ["refund"], "taken": ["hold"]}
        for kinds in ends.values():
            lines = LedgerEntry.objects.filter(kind__in=kinds).values("hold").annotate(number=Count("pk"))
            assert not lines.filter(number__gt=1).exists()

    @invariant()
    def a_day_of_free_says_what_its_holds_cost(self) -> None:
        """Add them up."""
        for day in FreeDay.objects.all():
            kept = Hold.objects.filter(free_day=day).exclude(state=Hold.State.RELEASED)
            assert day.spend_used == (kept.aggregate(all=Sum("spend"))["all"] or 0)

    # --- how it is done

    def _do(self, cut: int | None, call: Callable[[], Any]) -> Any:
        """Do it; where it is to die first, it leaves nothing behind, and is then asked for once more."""
        if cut is not None:
            before = everything()
            with suppress(InsufficientQuota, PastDue, CantAdjust, NotRefundable):
                died_after(cut, call)
            assert everything() == before
        return call()

    def _resolve(self, how: Callable[..., bool], taken: Hold) -> bool:
        """Resolve or refund it as somebody who has just read it."""
        return how(Hold.objects.get(pk=taken.pk), now=self.now, by=ACTOR)

    def _in(self, days: int | None) -> datetime | None:
        return None if days is None else self.now + timedelta(days=days)

    def _room(self, key: ApiKey | None) -> dict[str, int | None]:
        """Return what is left of each limit; what is over is left out, whether or not it has ended."""
        period = billing.current_period(self.user, self.now)
        room = {limit: period.left(limit) for limit in LIMITS}
        if key:
            room["key"] = ApiKey.objects.get(pk=key.pk).left
        if period.subscription.plan.slug == billing.FREE:
            day = FreeDay.objects.filter(day=self.now.date()).first()
            room["free_today"] = django_settings.FREE_DAILY_CEILING - (day.spend_used if day else 0)
        return room

    def _note(self, taken: Hold, *, spent: int = 0, held: int = 0) -> None:
        self._add(taken.period_id, taken.amount, spent=spent, held=held)
        if taken.api_key_id:
            before = self.noted_of_key
            self.noted_of_key = (before[0] + spent * taken.spend, before[1] + held * taken.spend)

    def _add(self, period: int, amount: Amount, *, spent: int = 0, held: int = 0) -> None:
        noted = self.noted.setdefault(period, dict.fromkeys(LIMITS, (0, 0)))
        for limit in LIMITS:
            before, number = noted[limit], getattr(amount, limit)
            noted[limit] = (before[0] + spent * number, before[1] + held * number)


def _of(amount: Amount, limit: str) -> int:
    return int(getattr(amount, limit if limit in LIMITS else "spend"))


def _month(period: Period) -> tuple[object, ...]:
    """Return the plan and the limits of a month."""
    return period.subscription.plan, *(getattr(period, f"{limit}_limit") for limit in LIMITS)


def _fell(before: Period, after: Period, limit: str) -> bool:
    most, now = getattr(before, f"{limit}_limit"), getattr(after, f"{limit}_limit")
    return now is not None and (most is None or now < most)


@pytest.fixture
def _felt_ceiling(db: None, settings: Any) -> None:
    """Let Free cost little enough to be felt; its plan itself allows two videos."""
    settings.FREE_DAILY_CEILING = 8
    Plan.objects.filter(slug="free").update(videos_limit=12)


@pytest.mark.usefixtures("_felt_ceiling")
def test_in_any_order_the_rows_are_what_the_ledger_adds_up_to():
    examples = 8 if connection.vendor == "sqlite" else 3  # where each statement is a journey
    some = settings(max_examples=examples, stateful_step_count=25, deadline=None)
    run_machine(Money, settings=settings(some, suppress_health_check=list(HealthCheck)))
