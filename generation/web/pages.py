"""What all pages have in common: who asks, and what caches may do with the answer."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django_htmx.middleware import HtmxDetails

from billing.models import User
from billing.services import Actor


class UserRequest(HttpRequest):
    """A request of somebody who is signed in, as the middleware left it."""

    user: User
    htmx: HtmxDetails
    request_id: str


def page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let in who is signed in; keep the answer out of shared caches, and fragments apart from whole pages."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        patch_cache_control(response, private=True, no_cache=True)
        patch_vary_headers(response, ["HX-Request"])
        return response

    guarded: Callable[..., HttpResponse] = login_required(answer)
    return guarded


def actor(request: UserRequest) -> Actor:
    """Return who asks, for history and ledger."""
    return Actor(name=f"user {request.user.pk}", request_id=request.request_id)
