"""What the provider account allows, and what is closed for new jobs."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget as SelectWidget
from unfold.widgets import UnfoldAdminTextInputWidget as TextWidget

from billing.desk import DialogForm, DollarsField, Kept, ModelForm, ReadOnly, action, display, usd
from generation import services
from generation.admin.pages import ReasonForm, back, number_of, operator
from generation.catalog import MODELS, Value, entry_of
from generation.models import Gate, Switch
from generation.spec import shown


class GateForm(ModelForm):
    """The three numbers, the balance in dollars."""

    least_balance = DollarsField(
        required=False,
        label="Least balance",
        help_text="Dollars at WaveSpeed below which the Gate closes, and above which it reopens; empty: never.",
    )


@admin.register(Gate)
class GateAdmin(Kept):
    """What the provider account allows. Closing and opening are actions, so that the reason is told."""

    form = GateForm
    list_display = ("state", "predictions_at_a_time", "submissions_a_minute", "closed_at", "closed_reason")
    fields = (
        *("predictions_at_a_time", "submissions_a_minute", "least_balance", "state", "closed_at", "closed_for"),
        *("closed_reason", "narrowed_to", "narrowed_until", "balance_left", "balance_at"),
    )
    readonly_fields = (
        *("state", "closed_at", "closed_for", "closed_reason", "narrowed_to", "narrowed_until", "balance_left"),
        "balance_at",
    )
    actions_detail = ("close", "reopen")

    @display(description="State", label={"Open": "success", "Closed": "danger"})
    def state(self, gate: Gate) -> str:
        """Say whether jobs go to the provider."""
        return "Closed" if gate.closed_at else "Open"

    @display(description="Balance at WaveSpeed")
    def balance_left(self, gate: Gate) -> str:
        """Return the last that was read."""
        return "not read yet" if gate.balance is None else usd(gate.balance)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Gate]:
        """Make sure that there is one to look at."""
        services.the_gate()
        queryset: QuerySet[Gate] = super().get_queryset(request)
        return queryset

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: there is one."""
        return False

    def save_model(self, request: HttpRequest, obj: Gate, form: ModelForm, change: bool) -> None:  # noqa: FBT001 - Django's
        """Save the three numbers alone: somebody may close the Gate while this page is open."""
        obj.save(update_fields=["predictions_at_a_time", "submissions_a_minute", "least_balance"])

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer the one of the two that would work."""
        offered = "reopen" if services.the_gate().closed_at else "close"
        actions = super().get_actions_detail(request, object_id)  # type: ignore[misc]  # unfold's
        return [action for action in actions if action.action_name.endswith(offered)]

    def has_steer_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Say who may close and open."""
        may: bool = request.user.has_perm("generation.change_gate")
        return may

    @action(
        description="Close with a reason",
        permissions=["steer"],
        icon="block",
        dialog={
            "title": "Close the Gate?",
            "description": "No job is sent until you reopen it. What waits keeps its place; what runs goes on.",
            "form_class": ReasonForm,
            "form_submit_text": "Close",
        },
    )
    def close(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Stop submitting, for everybody."""
        reason = form.cleaned_data["reason"]
        services.close_gate(reason, now=timezone.now())
        self.log_change(request, services.the_gate(), f"Closed: {reason}")
        self.message_user(request, f"Closed: {services.the_gate().closed_reason}", messages.WARNING)
        return back(request, reverse("admin:generation_gate_change", args=[1]))

    @action(
        description="Reopen",
        permissions=["steer"],
        icon="play_arrow",
        dialog={
            "title": "Reopen the Gate?",
            "description": "Waiting jobs go to the provider again, as fast as the two numbers allow.",
            "form_class": DialogForm,
            "form_submit_text": "Reopen",
        },
    )
    def reopen(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Let jobs go again."""
        services.open_gate()
        self.log_change(request, services.the_gate(), "Reopened.")
        self.message_user(request, "Open.", messages.SUCCESS)
        return back(request, reverse("admin:generation_gate_change", args=[1]))


class CloseForm(DialogForm):
    """Asks what is closed, and why."""

    model = forms.ChoiceField(
        required=False,
        choices=[("", "All models"), *((model.id, f"{model.title} ({model.id})") for model in MODELS)],
        widget=SelectWidget,
    )
    value = forms.CharField(
        required=False,
        max_length=100,
        widget=TextWidget,
        help_text="One value of a parameter, such as duration=10 or size=1280*720; empty closes the whole model.",
    )
    reason = forms.CharField(
        min_length=10, max_length=300, strip=True, widget=TextWidget, help_text="Users read it. At least 10 characters."
    )

    def clean(self) -> dict[str, Any]:
        """Look whether the model has such a value."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("value"):
            cleaned["closed"] = _value(cleaned.get("model") or "", cleaned["value"])
        return cleaned


def _value(model_id: str, text: str) -> dict[str, Value]:
    """Return the parameter and the value of it that a text such as duration=10 names."""
    name, _, value = text.partition("=")
    model = entry_of(model_id)
    if not model.has(name):
        names = ", ".join(parameter.name for parameter in model.parameters if parameter.choices) or "those of a model"
        raise forms.ValidationError({"value": f"{shown(name)} is no parameter to choose from; allowed: {names}."})
    parameter = model.parameter(name)
    for choice in parameter.choices:
        if str(choice) == value:
            return {name: choice}
    raise forms.ValidationError({"value": f"{shown(value)} is not offered; allowed: {parameter.allowed}."})


@admin.register(Switch)
class SwitchesAdmin(ReadOnly):
    """What is closed for new jobs. Closing and opening are actions, so that who and why is told."""

    list_display = ("what", "state", "reason", "closed_at", "closed_by", "opened_at", "opened_by")
    list_filter = ("opened_at", "closed_by")
    search_fields = ("model", "reason")
    ordering = ("opened_at", "-closed_at")
    readonly_fields = ("what", "state")
    actions_list = ("close",)
    actions_detail = ("open_again",)

    @display(description="What")
    def what(self, switch: Switch) -> str:
        """Return what it closes."""
        if not switch.model:
            return "All models"
        value = f", {switch.parameter} {json.loads(switch.value)}" if switch.parameter else ""
        return f"{entry_of(switch.model).title}{value}"

    @display(description="State", label={"Open": "success", "Closed": "danger"})
    def state(self, switch: Switch) -> str:
        """Say whether it still closes something."""
        return "Open" if switch.opened_at else "Closed"

    def has_steer_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Say who may close and open."""
        may: bool = request.user.has_perm("generation.change_switch")
        return may

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer to open what is closed."""
        closed = Switch.objects.filter(pk=number_of(object_id), opened_at__isnull=True).exists()
        return super().get_actions_detail(request, object_id) if closed else []  # type: ignore[misc]  # unfold's

    @action(
        description="Close something",
        permissions=["steer"],
        icon="block",
        dialog={
            "title": "Close for new jobs?",
            "description": "What waits or runs goes on. Users read the reason where they choose.",
            "form_class": CloseForm,
            "form_submit_text": "Close",
        },
    )
    def close(self, request: HttpRequest, form: forms.Form) -> HttpResponse:
        """Close a model, a value, or everything."""
        says = form.cleaned_data
        by, now = operator(request), timezone.now()
        if services.close(model=says["model"], value=says.get("closed"), reason=says["reason"], by=by, now=now):
            self.message_user(request, "Closed for new jobs.", messages.WARNING)
        else:
            self.message_user(request, "That was closed already; its reason stays.", messages.WARNING)
        return back(request, reverse("admin:generation_switch_changelist"))

    @action(
        description="Open again",
        permissions=["steer"],
        icon="play_arrow",
        dialog={
            "title": "Open for new jobs again?",
            "description": "Users can order it at once, at the price of now.",
            "form_class": DialogForm,
            "form_submit_text": "Open",
        },
    )
    def open_again(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        """Open what this switch closed."""
        switch = get_object_or_404(Switch, pk=number_of(object_id))
        if services.reopen(switch, by=operator(request), now=timezone.now()):
            self.log_change(request, switch, "Opened.")
            self.message_user(request, "Open.", messages.SUCCESS)
        return back(request, reverse("admin:generation_switch_changelist"))
