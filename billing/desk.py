"""The operators' desk: what the pages of the admin have in common. unfold under Django's types, since it ships none."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.formats import date_format

from billing.models import User
from billing.money import MICROS, Amount, dollars
from billing.services import Actor

if TYPE_CHECKING:
    from django.contrib import admin

    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    ModelForm = forms.ModelForm[Any]

    _F = TypeVar("_F", bound=Callable[..., Any])

    def display(
        *, description: str = "", ordering: str = "", label: Mapping[str, str] | None = None, boolean: bool = False
    ) -> Callable[[_F], _F]: ...

    def action(**says: Any) -> Callable[[_F], _F]: ...

    class DialogForm(forms.Form):
        request: HttpRequest
        object_id: str

        def __init__(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> None: ...

    class MomentWidget(forms.DateTimeInput): ...

    class MoneyWidget(forms.NumberInput): ...

    class NumberWidget(forms.NumberInput): ...

    class SelectWidget(forms.Select): ...

    class TextareaWidget(forms.Textarea): ...

    class TextWidget(forms.TextInput): ...

    class TimeWidget(forms.SplitDateTimeWidget): ...

else:
    from django.forms import ModelForm
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.decorators import action, display
    from unfold.forms import BaseDialogForm
    from unfold.widgets import INPUT_CLASSES
    from unfold.widgets import UnfoldAdminDecimalFieldWidget as MoneyWidget
    from unfold.widgets import UnfoldAdminIntegerFieldWidget as NumberWidget
    from unfold.widgets import UnfoldAdminSelectWidget as SelectWidget
    from unfold.widgets import UnfoldAdminSplitDateTimeWidget as TimeWidget
    from unfold.widgets import UnfoldAdminTextareaWidget as TextareaWidget
    from unfold.widgets import UnfoldAdminTextInputWidget as TextWidget

    # The dialog's form is unfold's, so a field of ours says it when Alpine finds it: a double click sends one request,
    # and what is taller than the window can be scrolled.
    _DIALOG = (
        "$el.form.setAttribute('hx-sync', 'this:drop'); "
        "Object.assign($el.closest('#modal-content').style, { maxHeight: '100vh', overflowY: 'auto' })"
    )

    class DialogForm(BaseDialogForm):
        """Asks in a dialog."""

        _form_submitted = forms.BooleanField(initial=True, widget=forms.HiddenInput(attrs={"x-init": _DIALOG}))

    class MomentWidget(forms.DateTimeInput):
        """The browser's own picker: Django's scripts do not see what htmx brings in."""

        input_type = "datetime-local"

        def __init__(self) -> None:
            super().__init__(attrs={"class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%dT%H:%M")


__all__ = [
    "AMOUNTS",
    "DialogForm",
    "DollarsField",
    "IdsField",
    "Kept",
    "ModelAdmin",
    "ModelForm",
    "MomentWidget",
    "NumberWidget",
    "OnlyReadRows",
    "ReadOnly",
    "ReasonForm",
    "SelectWidget",
    "TabularInline",
    "TextWidget",
    "TextareaWidget",
    "TimeWidget",
    "action",
    "amounts",
    "back",
    "day",
    "display",
    "operator",
    "to_the_second",
    "usd",
    "who",
    "written",
]

AMOUNTS = {"spend": "Spend", "videos": "Videos", "seconds": "Seconds"}
"""What a period limits, as headings."""


class Kept(ModelAdmin):
    """Rows that are never deleted, since the ledger speaks of them."""

    list_per_page = 50
    show_full_result_count = False
    list_filter_submit = True

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say no."""
        return False


class ReadOnly(Kept):
    """Rows that only code may write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say no; who may view it, still sees it."""
        return False


class OnlyReadRows(TabularInline):
    """Rows of the page's own row, to look at."""

    extra = 0
    can_delete = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say no."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say no."""
        return False


class ReasonForm(DialogForm):
    """Asks why. As long as a line of the ledger holds."""

    reason = forms.CharField(
        min_length=10,
        max_length=300,
        strip=True,
        widget=TextareaWidget(attrs={"rows": 3}),
        help_text="At least 10 characters.",
    )


def operator(request: HttpRequest) -> Actor:
    """Return who does it, for history and ledger."""
    return Actor(name=f"operator {request.user.pk}", request_id=getattr(request, "request_id", ""))


def who(actor: str) -> str:
    """Return the address behind an actor such as "operator 7", or the actor. One query: not for lists."""
    kind, _, key = actor.partition(" ")
    if kind not in {"operator", "user"} or not key.isdecimal():
        return actor
    return str(User.objects.filter(pk=key).values_list("email", flat=True).first() or actor)


def back(request: HttpRequest, address: str) -> HttpResponse:
    """Go to a page, also out of a dialog: htmx would follow a redirect inside it."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def to_the_second(moment: datetime) -> str:
    """Return a moment as it stands in a list."""
    return f"{timezone.localtime(moment):%d %b %Y %H:%M:%S}"


def day(moment: datetime) -> str:
    """Return a moment as it stands in a sentence."""
    return date_format(timezone.localtime(moment), "j M Y, H:i")


def usd(micros: int | None) -> str:
    """Return micro-dollars as people read them; what is unlimited says so."""
    if micros is None:
        return "unlimited"
    return f"${dollars(micros)}" if micros >= 0 else f"−${dollars(-micros)}"


def written(limit: str, value: int | None) -> str:
    """Return what a limit is, or what is used of it: dollars or a number."""
    if limit == "spend":
        return usd(value)
    return "unlimited" if value is None else f"{value:,}".replace("-", "−")


def amounts(amount: Amount) -> str:
    """Return an amount without what is 0: "$5.00, 2 videos, 10 s"."""
    units = {"spend": "", "videos": " video" if abs(amount.videos) == 1 else " videos", "seconds": " s"}
    parts = [f"{written(name, getattr(amount, name))}{unit}" for name, unit in units.items() if getattr(amount, name)]
    return ", ".join(parts) or "nothing"


class DollarsField(forms.DecimalField):
    """Dollars on the page, micro-dollars in the row."""

    widget = MoneyWidget

    def __init__(self, **says: Any) -> None:
        says.setdefault("min_value", 0)
        super().__init__(max_digits=15, decimal_places=6, **says)

    def prepare_value(self, value: Any) -> Any:
        """Show the row's integer as dollars; what somebody typed stays as it was."""
        return dollars(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        """Return micro-dollars: six decimals are the finest there is, so nothing is rounded."""
        cleaned: Decimal | None = super().clean(value)
        return None if cleaned is None else int(cleaned * MICROS)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare amounts, not how they are written."""
        return super().has_changed(self.prepare_value(initial), data)


class IdsField(forms.JSONField):
    """A list of ids; nothing at all is something else than an empty list."""

    widget = TextareaWidget

    def prepare_value(self, value: Any) -> Any:
        """Show nothing as nothing, not as null."""
        return "" if value is None else super().prepare_value(value)

    def clean(self, value: Any) -> list[str] | None:
        """Return the ids, None for nothing."""
        ids = super().clean(value)
        if ids is None or (isinstance(ids, list) and all(isinstance(one, str) for one in ids)):
            return ids
        raise forms.ValidationError('Write a list such as ["lightricks/ltx-2-pro/text-to-video"], or nothing.')
