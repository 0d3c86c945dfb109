"""Dialogs in which something is decided: they show how things stand, ask why, and are answered once."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar, TypeVar

from django import forms
from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing import services
from billing.admin.links import page_of
from billing.desk import ReasonForm, action, back

_Method = TypeVar("_Method", bound=Callable[..., Any])

_RED = "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400"
_BLUE = "bg-blue-100 text-blue-700 dark:bg-blue-500/20 dark:text-blue-400"


def row_of(rows: "QuerySet[Any]", object_id: object) -> Any:
    """Return the row in an address, or 404."""
    try:
        return rows.get(pk=object_id)
    except (ObjectDoesNotExist, ValueError, ValidationError):
        raise Http404 from None


class DecisionForm(ReasonForm):
    """Asks why, and takes an answer once: what was done since it was opened is shown before it is done again."""

    rows: "ClassVar[QuerySet[Any]]"

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, request: Any, object_id: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        self.row = row_of(self.rows.all(), object_id)
        self._last = _last_change(self.row)
        self._about = f"{type(self.row).__name__} {self.row.pk}"
        # An answer that came to nothing leaves no line in the history, and is yet another state.
        self._written = str(self._last.pk) if self._last else "0"
        self._now = f"{self._written}-{services.last_answer(self._about)}"
        self.fields["seen"].initial = self._now
        self.fields["reason"] = self.fields.pop("reason")  # asked last

    def clean(self) -> dict[str, Any]:
        """Refuse the second of two answers to one question."""
        cleaned: dict[str, Any] = super().clean() or {}
        seen = cleaned.get("seen") or ""
        if seen != self._now:
            self.write_over(seen=self._now)
            self.add_error(None, self._what_was_done(seen))
        return cleaned

    def take(self) -> bool:
        """Take this answer, once it is valid; False where another window was faster by a moment."""
        return services.take_answer(self._about, self._now, now=timezone.now())

    def facts(self) -> list[tuple[str, str]]:
        """Return how things stand, as names and values."""
        return []

    def preview(self) -> list[tuple[str, str]]:
        """Return what an answer would change, once it has been typed and only looked at."""
        return []

    def render_before_template(self) -> SafeString:
        """Show how things stand, and what belongs to no field."""
        preview = self.preview()
        said = format_html_join("", "<p>{}</p>", ((error,) for error in self.non_field_errors()))
        box = format_html(
            '<div role="alert" class="mb-3 px-3 py-2.5 rounded-default {}">{}{}</div>',
            _BLUE if preview else _RED,
            _lines(preview),
            said,
        )
        facts = format_html('<div class="mb-4">{}</div>', _lines(self.facts()))
        return format_html("{}{}", facts if self.facts() else "", box if said else "")

    def write_over(self, **fields: object) -> None:
        """Write hidden fields for the next answer."""
        typed = {name: self.data[name] for name in self.data}  # a QueryDict would unpack into lists
        self.data = typed | {name: str(value) for name, value in fields.items()}

    def _what_was_done(self, seen: str) -> str:
        if self._last is None or seen.partition("-")[0] == self._written:
            return "Look at what it says here, and send it again."
        said = self._last.get_change_message()
        return (
            f"Done since you opened this, by {self._last.user}: “{said}” Send it again only if you mean it once more."
        )


def decision(
    name: str, *, icon: str, says: str, submit: str, form: type[DecisionForm], may: str
) -> Callable[[_Method], _Method]:
    """Make an action of a page with a dialog; `may` names the has_…_permission that it needs."""
    # Not a right by its name, such as "billing.change_plan": unfold's check looks for it in the database, which is not
    # there yet when a fresh machine migrates.
    dialog = {"title": name, "description": says, "form_class": form, "form_submit_text": submit}
    as_action = action(description=name, icon=icon, permissions=[may], dialog=dialog)
    return lambda method: as_action(_once(method))


def _once(method: _Method) -> Any:
    """Do nothing for the second of two answers that were both found right at the same moment.

    The answer, what it does and its line of history are one commit: who dies in between has done nothing, and is not
    led to do it twice because the history says nothing of it.
    """

    @wraps(method)
    def answered(admin: Any, request: HttpRequest, form: DecisionForm, object_id: str) -> HttpResponse:
        with transaction.atomic():
            if form.take():
                return method(admin, request, form, object_id)  # type: ignore[no-any-return]
        said = "The same was answered in another window at this moment; this answer changed nothing."
        admin.message_user(request, said, messages.WARNING)
        return back(request, page_of(form.row))

    return answered


def _last_change(row: Model) -> LogEntry | None:
    kind = ContentType.objects.get_for_model(row)
    changes = LogEntry.objects.filter(content_type=kind, object_id=str(row.pk))
    return changes.select_related("user").order_by("-pk").first()


def _lines(facts: list[tuple[str, str]]) -> SafeString:
    line = '<div class="flex gap-4 justify-between py-0.5"><span>{}</span><b class="text-right">{}</b></div>'
    return format_html_join("", line, facts)
