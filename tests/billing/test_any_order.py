"""Whatever is done with money, in whatever order: the rows say what the ledger says, and no limit is passed."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from billing import services as billing
from billing.ledger import differences
from billing.models import Hold, Period
from billing.money import LIMITS, Amount
from billing.services import InsufficientQuota
from tests.billing.make import counters, make_hold
from tests.make import ACTOR, make_plan, make_user

AMOUNTS = st.builds(Amount, spend=st.integers(1, 6), videos=st.integers(0, 3), seconds=st.integers(1, 6))
LIMIT = st.none() | st.integers(0, 15)


class Money(RuleBasedStateMachine):
    """One user's money, beside what a child would write down of it."""

    held = Bundle("held")
    resolved = Bundle("resolved")

    def __init__(self) -> None:
        super().__init__()
        self.rolled_back = transaction.atomic()
        self.rolled_back.__enter__()
        self.now = timezone.now()
        self.user = make_user(plan=make_plan(spend_limit=20, videos_limit=8, seconds_limit=30))
        self.noted: dict[int, dict[str, tuple[int, int]]] = {}

    def teardown(self) -> None:
        """Take everything back."""
        transaction.set_rollback(True)
        self.rolled_back.__exit__(None, None, None)

    @rule(target=held, amount=AMOUNTS)
    def hold(self, amount: Amount) -> Any:
        """Hold an amount; it is granted exactly when it fits."""
        before = billing.current_period(self.user, self.now)
        fits = all((left := before.left(limit)) is None or getattr(amount, limit) <= left for limit in LIMITS)
        taken = self._try(amount)
        assert isinstance(taken, Hold) is fits
        if isinstance(taken, Hold):
            self._note(taken, spent=0, held=1)
            return taken
        assert taken.required > taken.available == before.left(taken.violated)
        return multiple()

    @rule(target=resolved, taken=consumes(held))
    def settle(self, taken: Hold) -> Hold:
        """Spend what is held."""
        assert billing.settle(taken, now=self.now, by=ACTOR)
        self._note(taken, spent=1, held=-1)
        return taken

    @rule(target=resolved, taken=consumes(held))
    def release(self, taken: Hold) -> Hold:
        """Give back what is held."""
        assert billing.release(taken, now=self.now, by=ACTOR)
        self._note(taken, spent=0, held=-1)
        return taken

    @rule(taken=resolved, again=st.sampled_from([billing.settle, billing.release]))
    def resolve_again(self, taken: Hold, again: Any) -> None:
        """Change nothing."""
        assert not again(Hold.objects.get(pk=taken.pk), now=self.now, by=ACTOR)

    @rule(spend=LIMIT, videos=LIMIT, seconds=LIMIT)
    def change_plan(self, spend: int | None, videos: int | None, seconds: int | None) -> None:
        """Give the user other limits, larger or smaller."""
        plan = make_plan(spend_limit=spend, videos_limit=videos, seconds_limit=seconds)
        billing.change_plan(self.user, plan, now=self.now)

    @rule(days=st.integers(0, 40))
    def wait(self, days: int) -> None:
        """Let time pass, perhaps into another period."""
        self.now += timedelta(days=days)

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

    @invariant()
    def no_limit_is_passed(self) -> None:
        """Look at what is left."""
        for period in Period.objects.filter(subscription__user=self.user):
            assert all((left := period.left(limit)) is None or left >= 0 for limit in LIMITS)

    def _try(self, amount: Amount) -> Hold | InsufficientQuota:
        try:
            return make_hold(self.user, amount, now=self.now)
        except InsufficientQuota as refused:
            return refused

    def _note(self, taken: Hold, *, spent: int, held: int) -> None:
        noted = self.noted.setdefault(taken.period_id, dict.fromkeys(LIMITS, (0, 0)))
        for limit in LIMITS:
            before, amount = noted[limit], getattr(taken, limit)
            noted[limit] = (before[0] + spent * amount, before[1] + held * amount)


@pytest.mark.django_db
def test_in_any_order_the_rows_are_what_the_ledger_adds_up_to():
    run_state_machine_as_test(
        Money,
        settings=settings(
            max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
