"""Of what a user is told by mail: three switches."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from generation.services.noticing import choose_mails, mail_choice
from generation.web.pages import UserRequest, page


@page
@require_http_methods(["GET", "HEAD", "POST"])
def mails(request: UserRequest) -> HttpResponse:
    """Show the three switches, or set them."""
    if request.method != "POST":
        return render(request, "account/mails.html", {"choice": mail_choice(request.user.pk)})
    # A browser sends a switch that is on, and nothing for one that is off.
    done, failed, late = (name in request.POST for name in ("done", "failed", "late"))
    choose_mails(request.user, done=done, failed=failed, late=late)
    messages.success(request, "Saved.")
    response = redirect("mails")
    response.status_code = HTTPStatus.SEE_OTHER
    return response
