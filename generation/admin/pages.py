"""What the operators' pages of generation have in common."""

from datetime import datetime
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from billing.desk import DialogForm, TextareaWidget
from billing.services import Actor


class ReasonForm(DialogForm):
    """Asks why."""

    reason = forms.CharField(
        min_length=10, max_length=500, strip=True, widget=TextareaWidget, help_text="At least 10 characters."
    )


def operator(request: HttpRequest) -> Actor:
    """Return who does it, for history and ledger."""
    return Actor(name=f"operator {request.user.pk}", request_id=getattr(request, "request_id", ""))


def to_the_second(moment: datetime) -> str:
    """Return a moment as it stands in a list."""
    return f"{timezone.localtime(moment):%d %b %Y %H:%M:%S}"


def id_of(object_id: str) -> UUID:
    """Return the id in an address, or 404."""
    try:
        return UUID(object_id)
    except ValueError:
        raise Http404 from None


def back(request: HttpRequest, address: str) -> HttpResponse:
    """Go to a page, also out of a dialog: htmx would follow a redirect inside it."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)
