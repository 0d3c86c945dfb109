"""What all actions of a subscription's page have in common."""

from datetime import timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from billing import services
from billing.admin.dialogs import DecisionForm
from billing.desk import MomentWidget, ReadOnly, back, day, written
from billing.models import Period, Subscription

_FAR = timedelta(days=3660)


class SubscriptionForm(DecisionForm):
    """Decides about a subscription, which is its row as it stands now: what has begun or ended since is so."""

    rows = Subscription.objects.select_related("user", "plan", "next_plan")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        services.as_it_stands(self.row, timezone.now())

    @cached_property
    def period(self) -> Period:
        """The period of now, unsaved where none is open."""
        return services.current_period(self.row.user, timezone.now())

    def until(self) -> str:
        """Say when the period of now ends."""
        opened = "" if self.period.pk else " (nothing is held in it yet)"
        return f"{day(self.period.ends_at)}{opened}"

    def spent_and_held(self, limit: str) -> str:
        """Say what is used of a limit now."""
        spent, held = (written(limit, getattr(self.period, f"{limit}_{column}")) for column in ("spent", "held"))
        return f"{spent} spent, {held} held"


class MomentField(forms.DateTimeField):
    """A moment to come, or none."""

    widget = MomentWidget

    def clean(self, value: object) -> object:
        """Refuse what is over, and what nobody will live to see."""
        at, now = super().clean(value), timezone.now()
        if at is not None and not now < at < now + _FAR:
            raise ValidationError("Allowed: a moment to come, within ten years; or empty for none.")
        return at


class Steered(ReadOnly):
    """A page whose rows are changed by actions."""

    def has_steer_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Say who may act."""
        may: bool = request.user.has_perm("billing.change_subscription")
        return may

    def done(
        self, request: HttpRequest, subscription: Subscription, said: str, *, reason: str, more: str = ""
    ) -> HttpResponse:
        """Write down what was done and why, tell it, and go back to the page."""
        self.log_change(request, subscription, f"{said} Reason: {reason}")
        self.message_user(request, f"{said} {more}".strip(), messages.SUCCESS)
        return _to_page(request, subscription)

    def refused(self, request: HttpRequest, subscription: Subscription, said: str) -> HttpResponse:
        """Tell why nothing was done, and go back to the page."""
        self.message_user(request, said, messages.WARNING)
        return _to_page(request, subscription)


def _to_page(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    return back(request, reverse("admin:billing_subscription_change", args=[subscription.pk]))
