"""Extra for a period, and what is put right in it."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from billing import services
from billing.admin.dialogs import decision
from billing.admin.steering import MomentField, Steered, SubscriptionForm
from billing.admin.tables import filled
from billing.desk import AMOUNTS, DollarsField, NumberWidget, amounts, day, operator, written
from billing.models import Period
from billing.money import LIMITS, MOST, Amount


class GrantForm(SubscriptionForm):
    """Asks how much, and until when."""

    spend = DollarsField(required=False, label="Dollars")
    videos = forms.IntegerField(required=False, min_value=0, max_value=MOST, widget=NumberWidget)
    seconds = forms.IntegerField(required=False, min_value=0, max_value=MOST, widget=NumberWidget)
    expires_at = MomentField(
        required=False, label="Until", help_text="Empty: to the end of the period. What is unused then goes."
    )

    def clean(self) -> dict[str, Any]:
        """Ask for something at all, and for an end within the period."""
        cleaned = super().clean()
        until = cleaned.get("expires_at")
        if until and until >= self.period.ends_at:
            self.add_error("expires_at", f"The period ends on {day(self.period.ends_at)}, and what is granted with it.")
        if not self.errors and not any(cleaned[limit] for limit in LIMITS):
            self.add_error("spend", "Say how much: dollars, videos or seconds.")
        return cleaned

    def facts(self) -> list[tuple[str, str]]:
        """Return what is left, and of which period."""
        left = [(f"{name} left", written(limit, self.period.left(limit))) for limit, name in AMOUNTS.items()]
        return [("Period ends", self.until()), *left]


class AdjustForm(SubscriptionForm):
    """Asks how much, of either sign, and shows what comes of it before it is written."""

    spend = DollarsField(required=False, label="Dollars", min_value=-MOST, help_text="Below 0 takes away.")
    videos = forms.IntegerField(required=False, min_value=-MOST, max_value=MOST, widget=NumberWidget)
    seconds = forms.IntegerField(required=False, min_value=-MOST, max_value=MOST, widget=NumberWidget)
    looked_at = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """Take what fits, and only after it was looked at."""
        cleaned = super().clean()
        if self.errors:
            return cleaned
        cleaned["amount"] = amount = _amount(cleaned)
        if not any(getattr(amount, limit) for limit in LIMITS):
            self.add_error("spend", "Say how much: dollars, videos or seconds.")
        for limit in LIMITS:
            self._check(limit, getattr(amount, limit))
        if not self.errors and cleaned["looked_at"] != amounts(amount):
            self.write_over(looked_at=amounts(amount))
            self._preview = _changes(self.period, amount)
            self.add_error(None, "Nothing is written yet. Send it again to write this.")
        return cleaned

    def facts(self) -> list[tuple[str, str]]:
        """Return what is spent and held of each limit."""
        used = [(name, self._used(limit)) for limit, name in AMOUNTS.items()]
        return [("Period ends", self.until()), *used]

    def preview(self) -> list[tuple[str, str]]:
        """Return what was spent and will be."""
        return getattr(self, "_preview", [])

    def _used(self, limit: str) -> str:
        return f"{self.spent_and_held(limit)}, of {written(limit, getattr(self.period, f'{limit}_limit'))}"

    def _check(self, limit: str, change: int) -> None:
        left = self.period.left(limit)
        if getattr(self.period, f"{limit}_spent") + change < 0:
            self.add_error(limit, f"More than is spent: {self._used(limit)}.")
        elif left is not None and change > max(left, 0):
            self.add_error(limit, f"More than is left: {self._used(limit)}.")


class MoneyActions(Steered):
    """Lets operators give more, and put right what was spent."""

    @decision(
        "Grant extra",
        icon="redeem",
        says="On top of the limits of the period of now, and of no other. What is unlimited stays so.",
        submit="Grant",
        form=GrantForm,
        may="steer",
    )
    def grant_extra(self, request: HttpRequest, form: GrantForm, object_id: str) -> HttpResponse:
        """Add to the limits of the period of now."""
        says, subscription, before = form.cleaned_data, form.row, form.period
        amount, until = _amount(says), says["expires_at"]
        given = services.grant(
            subscription.user,
            amount,
            reason=says["reason"],
            now=timezone.now(),
            by=operator(request),
            expires_at=until,
        )
        said = f"Granted {amounts(amount)}{f', until {day(until)}' if until else ''}."
        after = Period.objects.get(pk=given.period_id)
        return self.done(request, subscription, said, reason=says["reason"], more=filled(before, after))

    @decision(
        "Adjust what is spent",
        icon="balance",
        says="For what was counted wrongly. It is a line of the ledger for its owner to read. A charged video is "
        "refunded on its job's page.",
        submit="Adjust",
        form=AdjustForm,
        may="steer",
    )
    def adjust_spent(self, request: HttpRequest, form: AdjustForm, object_id: str) -> HttpResponse:
        """Add to what is spent in the period of now, or take away."""
        says, subscription = form.cleaned_data, form.row
        amount, by = says["amount"], operator(request)
        try:
            after = services.adjust(subscription.user, amount, reason=says["reason"], now=timezone.now(), by=by)
        except services.CantAdjust as error:
            return self.refused(request, subscription, str(error))
        before = Amount(**{limit: getattr(after, f"{limit}_spent") - getattr(amount, limit) for limit in LIMITS})
        said = "; ".join(f"{name}: {change}" for name, change in _from_to(before, amount))
        return self.done(request, subscription, f"Spent is adjusted. {said}.", reason=says["reason"])


def _amount(says: dict[str, Any]) -> Amount:
    return Amount(**{limit: says[limit] or 0 for limit in LIMITS})


def _changes(period: Period, amount: Amount) -> list[tuple[str, str]]:
    return _from_to(Amount(**{limit: getattr(period, f"{limit}_spent") for limit in LIMITS}), amount)


def _from_to(before: Amount, change: Amount) -> list[tuple[str, str]]:
    """Return what each limit that changes was, and what it comes to."""
    changed = [(limit, getattr(before, limit), getattr(change, limit)) for limit in LIMITS if getattr(change, limit)]
    return [(AMOUNTS[limit], f"{written(limit, was)} → {written(limit, was + by)}") for limit, was, by in changed]
