"""What all pages share beside their template: the icons, the favicon and the choice of light or dark."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from generation.web.icons import SPRITE

THEMES = ("system", "light", "dark")
THEME_COOKIE = "theme"
_YEAR = 365 * 24 * 3600

_FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="7" fill="#16181D"/>'
    '<path d="M0 11.5V7a7 7 0 0 1 7-7h18a7 7 0 0 1 7 7v4.5z" fill="#F5B82E"/>'
    '<path d="M5.5 0h6L6 11.5H0zM18 0h6.5L19 11.5h-6.5zM30.5 2.600 26 11.5h6V7z" fill="#16181D"/>'
    "{mark}</svg>"
)
_READY = '<circle cx="16" cy="21.5" r="6.5" fill="#7FD6A2"/>'


def theme_of(request: HttpRequest) -> str:
    """Return the theme that this browser chose: "system", "light" or "dark"."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else THEMES[0]


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember the chosen theme in this browser and return to the page the form stood on."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        target = "/"
    response = redirect(target)
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(
            THEME_COOKIE, chosen, max_age=_YEAR, samesite="Lax", secure=request.is_secure(), httponly=True
        )
    return response


@require_safe
@cache_control(public=True, max_age=_YEAR, immutable=True)
def icons(_request: HttpRequest) -> HttpResponse:
    """Return the sprite; its address holds its version, so it may be kept for ever."""
    return HttpResponse(SPRITE, content_type="image/svg+xml")


@require_safe
@cache_control(public=True, max_age=24 * 3600)
def favicon(request: HttpRequest) -> HttpResponse:
    """Return the clapper; with ?mark=ready it bears a green dot."""
    mark = _READY if request.GET.get("mark") == "ready" else ""
    return HttpResponse(_FAVICON.format(mark=mark), content_type="image/svg+xml")
