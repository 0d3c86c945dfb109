"""API keys and their caps."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from billing.admin.dialogs import DecisionForm, decision
from billing.desk import DollarsField, ReadOnly, back, display, usd
from billing.models import ApiKey
from billing.services.keys import set_cap


class CapForm(DecisionForm):
    """Asks how much."""

    rows = ApiKey.objects.select_related("user")

    cap = DollarsField(
        required=False, label="Cap in dollars", help_text="What its jobs may cost in all; empty: no cap, 0: nothing."
    )

    def clean(self) -> dict[str, Any]:
        """Name what is in the way; the update itself decides."""
        cleaned = super().clean()
        cap, used = cleaned.get("cap"), self.row.spend_spent + self.row.spend_held
        if cap is not None and cap < used:
            self.add_error("cap", f"{usd(used)} is spent and held already; allowed: that or more, or empty.")
        return cleaned

    def facts(self) -> list[tuple[str, str]]:
        """Return what it may cost, and what it has."""
        key = self.row
        amounts = {"Cap": key.spend_limit, "Spent": key.spend_spent, "Held": key.spend_held, "Left": key.left}
        return [(name, usd(amount)) for name, amount in amounts.items()]


@admin.register(ApiKey)
class ApiKeysAdmin(ReadOnly):
    """Keys, by name and first characters: more of a key is known to its owner only."""

    list_display = ("name", "prefix", "user", "state", "cap", "left", "created_at", "last_used_at")
    list_filter = ("revoked_at", "expires_at", "last_used_at", ("spend_limit", admin.EmptyFieldListFilter))
    list_select_related = ("user",)
    search_fields = ("prefix", "name", "user__email")
    search_help_text = "The first characters of a key, its name, or part of its owner's address."
    fieldsets = (
        (None, {"fields": ("user", "name", "prefix", "state")}),
        ("Money of its life", {"fields": ("cap", "spent", "held", "left")}),
        ("Times", {"fields": ("created_at", "last_used_at", "expires_at", "revoked_at")}),
    )
    readonly_fields = ("state", "cap", "spent", "held", "left")
    actions = ("revoke",)
    actions_detail = ("set_cap",)

    @display(description="State", label={"Active": "success", "Revoked": "danger", "Expired": "warning"})
    def state(self, key: ApiKey) -> str:
        """Say whether it opens the door."""
        if key.revoked_at:
            return "Revoked"
        return "Expired" if key.expires_at and key.expires_at <= timezone.now() else "Active"

    @display(description="Cap", ordering="spend_limit")
    def cap(self, key: ApiKey) -> str:
        """Return what its jobs may cost."""
        return usd(key.spend_limit)

    @display(description="Spent")
    def spent(self, key: ApiKey) -> str:
        """Return what they have cost."""
        return usd(key.spend_spent)

    @display(description="Held")
    def held(self, key: ApiKey) -> str:
        """Return what is set aside for them."""
        return usd(key.spend_held)

    @display(description="Left")
    def left(self, key: ApiKey) -> str:
        """Return what they may still cost."""
        return usd(key.left)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Say who may revoke."""
        may: bool = request.user.has_perm("billing.change_apikey")
        return may

    def has_cap_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Say who may cap."""
        return self.has_revoke_permission(request)

    @admin.action(description="Revoke: programs that use it stop at once", permissions=["revoke"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        """Revoke keys, for good."""
        revoked = list(keys.filter(revoked_at__isnull=True))
        for key in revoked:
            if ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=timezone.now()):
                self.log_change(request, key, "Revoked.")
        self.message_user(request, f"{len(revoked)} revoked. Jobs under way go on.", messages.SUCCESS)

    @decision(
        "Set or remove the cap",
        icon="speed",
        says="What the jobs of this key may cost in all its life, beside the limits of its owner's plan.",
        submit="Save",
        form=CapForm,
        may="cap",
    )
    def set_cap(self, request: HttpRequest, form: CapForm, object_id: str) -> HttpResponse:
        """Cap what the key may cost, or let it be."""
        key, cap = form.row, form.cleaned_data["cap"]
        if set_cap(key, cap):
            said = f"Cap: {usd(cap)}, {usd(key.left)} left."
            self.log_change(request, key, f"{said} Reason: {form.cleaned_data['reason']}")
            self.message_user(request, said, messages.SUCCESS)
        else:
            used = usd(key.spend_spent + key.spend_held)
            self.message_user(request, f"{used} is spent and held by now; nothing was changed.", messages.WARNING)
        return back(request, reverse("admin:billing_apikey_change", args=[key.pk]))
