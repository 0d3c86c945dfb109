"""Own limits of a subscription: set, and taken back."""

import re
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from billing import services
from billing.admin.dialogs import decision
from billing.admin.steering import Steered, SubscriptionForm
from billing.admin.tables import allowed_by, ids, stops_at
from billing.desk import AMOUNTS, IdsField, SelectWidget, TextareaWidget, TextWidget, operator, written
from billing.models import Override, Period, Plan, Price
from billing.money import MOST, micros

_NAMES = {**AMOUNTS, "models": "Models"}
_CHOICES = [
    ("", "Choose a limit"),  # or a reason alone would make the first one unlimited
    ("spend", "Spend, in dollars"),
    ("videos", "Videos"),
    ("seconds", "Seconds of video"),
    ("models", "Models"),
]


class LimitForm(SubscriptionForm):
    """Asks which limit, and how much."""

    limit = forms.ChoiceField(choices=_CHOICES, widget=SelectWidget)
    value = forms.CharField(
        required=False,
        max_length=30,
        widget=TextWidget,
        help_text="Dollars such as 12.50, or a number; empty: unlimited, 0: none.",
    )
    models = IdsField(
        required=False,
        widget=TextareaWidget(attrs={"rows": 3}),
        help_text='For models: a list such as ["maker/model"]; empty: all of them, []: none.',
    )

    def clean(self) -> dict[str, Any]:
        """Read the value as what the limit counts."""
        cleaned = super().clean()
        limit, typed, models = cleaned.get("limit"), cleaned.get("value") or "", cleaned.get("models")
        if limit == "models":
            self._check_models(typed, models)
            cleaned["allowed"] = models
        elif limit:
            if models is not None:
                self.add_error("models", "Only for the limit of models; leave it empty.")
            cleaned["allowed"] = self._number(limit, typed)
        return cleaned

    def facts(self) -> list[tuple[str, str]]:
        """Return what the plan says and what holds now."""
        limits = services.limits_of(self.row, self.row.plan)
        return [
            (name, f"{written(limit, limits[f'{limit}_limit'])} a period, {self.spent_and_held(limit)}")
            for limit, name in AMOUNTS.items()
        ]

    def _check_models(self, typed: str, models: list[str] | None) -> None:
        if typed:
            self.add_error("value", "Models are a list; leave this empty.")
        known = list(Price.objects.order_by("model").values_list("model", flat=True).distinct())
        if unknown := [model for model in models or () if model not in known]:
            self.add_error("models", f"There is no {', '.join(unknown)}. There are: {', '.join(known)}.")

    def _number(self, limit: str, typed: str) -> int | None:
        if not typed:
            return None
        try:
            number = micros(typed) if limit == "spend" else _whole(typed)
        except ValueError as error:
            self.add_error("value", f"{error}.")
            return None
        if number < 0:
            self.add_error("value", f"{typed} is below 0; allowed: 0 or more, or empty for unlimited.")
        return number


class PlansLimitForm(SubscriptionForm):
    """Asks which own limit goes."""

    limit = forms.ChoiceField(widget=SelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._own = list(self.row.overrides.order_by("pk"))
        names = [(override.limit, _NAMES[override.limit]) for override in self._own]
        self.fields["limit"].choices = names  # type: ignore[attr-defined]

    def facts(self) -> list[tuple[str, str]]:
        """Return what is there to be taken back."""
        plan = self.row.plan
        return [(_NAMES[own.limit], f"{allowed_by(own)} instead of {_of_plan(plan, own)}") for own in self._own]


class LimitActions(Steered):
    """Lets operators set other limits than the plan's."""

    @decision(
        "Set a limit",
        icon="tune",
        says="It holds at once and in every period to come, with what was granted on top. Where it allows less than "
        "is spent and held, the open period stops there, and sinks as some of that comes back.",
        submit="Set it",
        form=LimitForm,
        may="steer",
    )
    def set_limit(self, request: HttpRequest, form: LimitForm, object_id: str) -> HttpResponse:
        """Set another limit than the plan's."""
        says, subscription = form.cleaned_data, form.row
        services.set_override(
            subscription.user,
            says["limit"],
            says["allowed"],
            reason=says["reason"],
            now=timezone.now(),
            by=operator(request),
        )
        own = Override.objects.get(subscription=subscription, limit=says["limit"])
        said = f"{_NAMES[own.limit]}: {allowed_by(own)} instead of {_of_plan(form.row.plan, own)} from the plan."
        return self.done(request, subscription, said, reason=says["reason"], more=_stops(form.period, own.limit))

    @decision(
        "Remove the own limit",
        icon="undo",
        says="The plan's holds again, at once. Where it allows less than is spent and held, the open period stops "
        "there, and sinks as some of that comes back.",
        submit="Remove it",
        form=PlansLimitForm,
        may="steer",
    )
    def remove_limit(self, request: HttpRequest, form: PlansLimitForm, object_id: str) -> HttpResponse:
        """Let the plan's limit hold again."""
        limit, reason, subscription = form.cleaned_data["limit"], form.cleaned_data["reason"], form.row
        by = operator(request)
        if not services.remove_override(subscription.user, limit, now=timezone.now(), by=by, reason=reason):
            return self.refused(request, subscription, "Somebody has removed it already.")
        said, more = f"{_NAMES[limit]}: the plan's limit holds again.", _stops(form.period, limit)
        return self.done(request, subscription, said, reason=reason, more=more)


def _whole(typed: str) -> int:
    if not re.fullmatch(r"-?[0-9]+", typed, re.ASCII) or abs(int(typed)) > MOST:
        raise ValueError(f"{typed!r} is no whole number up to {MOST:,}")
    return int(typed)


def _of_plan(plan: Plan, override: Override) -> str:
    if override.limit == Override.Limit.MODELS:
        return ids(plan.models_allowed)
    return written(override.limit, getattr(plan, f"{override.limit}_limit"))


def _stops(period: Period, limit: str) -> str:
    """Say so where the open period allows more than what was set."""
    if not period.pk or limit == Override.Limit.MODELS:
        return ""
    period.refresh_from_db()
    return stops_at(period, limit)
