"""Retake: the player of a finished video, the part that is to be made anew, and the price of all of it."""

from http import HTTPStatus
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from generation.catalog import LTX_2_RETAKE
from generation.models import Job, Status
from generation.web.cards import card_of
from generation.web.composer import Refusal, attempt, context, form_of
from generation.web.forms import SOURCE_JOB, WishForm
from generation.web.pages import UserRequest, page


@page
@require_http_methods(["GET", "HEAD", "POST"])
def retake(request: UserRequest, job_id: UUID) -> HttpResponse:
    """Show the form for a retake of this video; or, where it was sent, make the retake or say why not."""
    own = Job.objects.kept().filter(user=request.user, status=Status.SUCCEEDED).select_related("hold")
    source = get_object_or_404(own, pk=job_id)
    if request.method != "POST":
        return _shown(request, source, Refusal(form=_of(WishForm(), source), status=HTTPStatus.OK, focus=""))
    form = _of(form_of(request), source)
    if "ask" in request.POST:
        return _shown(request, source, Refusal(form=form, status=HTTPStatus.OK))
    made = attempt(request, form)
    if isinstance(made, Refusal):
        return _shown(request, source, made)
    if request.htmx:
        return HttpResponseClientRedirect(redirect("job", made.pk).url)
    response = redirect("job", made.pk)
    response.status_code = HTTPStatus.SEE_OTHER
    return response


def _of(form: WishForm, source: Job) -> WishForm:
    """Return the form with what this page is about, whatever else it names."""
    return form.without("video", "image").with_(
        model=LTX_2_RETAKE.id, shown=LTX_2_RETAKE.id, **{SOURCE_JOB: str(source.pk)}
    )


def _shown(request: UserRequest, source: Job, refusal: Refusal) -> HttpResponse:
    """Show the form: alone where htmx asked, else beside the player."""
    form = _of(refusal.form, source).rejected(refusal.form.complaints)
    shown = context(request, form) | {"problem": refusal.problem, "focus": refusal.focus, "retaken": source}
    if request.htmx:
        return render(request, "studio/_composer.html", shown, status=refusal.status)
    shown["card"] = card_of(request.user, source, timezone.now())
    return render(request, "studio/retake.html", shown, status=refusal.status)
