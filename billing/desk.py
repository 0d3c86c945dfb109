"""The operators' desk: what the pages of the admin have in common. unfold under Django's types, since it ships none."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.db.models import Model
from django.http import HttpRequest

from billing.money import MICROS, dollars

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

    class DialogForm(forms.Form): ...

    class MoneyWidget(forms.NumberInput): ...

    class TextareaWidget(forms.Textarea): ...

    class TimeWidget(forms.SplitDateTimeWidget): ...

else:
    from django.forms import ModelForm
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.decorators import action, display
    from unfold.forms import BaseDialogForm as DialogForm
    from unfold.widgets import UnfoldAdminDecimalFieldWidget as MoneyWidget
    from unfold.widgets import UnfoldAdminSplitDateTimeWidget as TimeWidget
    from unfold.widgets import UnfoldAdminTextareaWidget as TextareaWidget

__all__ = [
    "DialogForm",
    "DollarsField",
    "IdsField",
    "Kept",
    "ModelAdmin",
    "ModelForm",
    "OnlyReadRows",
    "ReadOnly",
    "TabularInline",
    "TextareaWidget",
    "TimeWidget",
    "action",
    "display",
    "usd",
]


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


def usd(micros: int | None) -> str:
    """Return micro-dollars as people read them; what is unlimited says so."""
    return "unlimited" if micros is None else f"${dollars(micros)}"


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
