"""What every page shows."""

from django.conf import settings
from django.http import HttpRequest


def page(request: HttpRequest) -> dict[str, object]:
    """Say whether videos come from the sandbox."""
    return {"sandbox": settings.SANDBOX}
