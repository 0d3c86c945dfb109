"""Deleting: a page of its own that says what goes and what stays."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from generation import services
from generation.models import Job
from generation.services import InUse, NotDeletable
from generation.web.cards import card_of
from generation.web.pages import UserRequest, actor, page


@page
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: UserRequest, job_id: UUID) -> HttpResponse:
    """Ask whether to delete a job; or, where that was answered, delete it or say why not."""
    job = get_object_or_404(Job.objects.kept().filter(user=request.user).select_related("hold"), pk=job_id)
    card = card_of(request.user, job, timezone.now())
    context = {"card": card, "made_of_it": job.retakes.kept().count()}
    if request.method != "POST":
        return render(request, "jobs/delete.html", context)
    try:
        services.delete(job.pk, by=actor(request))
    except NotDeletable:
        problem = "It is under way and can be deleted once it has ended."
        return render(request, "jobs/delete.html", context | {"problem": problem}, status=HTTPStatus.CONFLICT)
    except InUse as error:
        return render(request, "jobs/delete.html", context | {"problem": str(error)}, status=HTTPStatus.CONFLICT)
    messages.success(request, f"“{card.title}” is deleted.")
    response = redirect("gallery")
    response.status_code = HTTPStatus.SEE_OTHER
    return response
