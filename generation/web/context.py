"""What every page shows."""

from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from billing.models import Period, User
from billing.services import current_period
from generation.models import Job
from generation.web.frame import theme_of

_COUNTED = ("spend", "videos")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What is left of the period, for the bar of every page. None is unlimited; spend is in micro-dollars."""

    spend: int | None
    videos: int | None
    percent: int
    level: str
    under_way: int


def page(request: HttpRequest) -> dict[str, object]:
    """Say whether videos come from the sandbox, which theme is chosen, and to signed-in users what is left.

    The meter asks the database only where a template shows it.
    """
    return {
        "sandbox": settings.SANDBOX,
        "theme": theme_of(request),
        "meter": SimpleLazyObject(lambda: _meter(request)),
    }


def _meter(request: HttpRequest) -> Meter | None:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    period = current_period(cast("User", user), timezone.now())
    percent = max(_percent(period, limit) for limit in _COUNTED)
    return Meter(
        spend=period.left("spend"),
        videos=period.left("videos"),
        percent=percent,
        level="bad" if percent >= 100 else "warn" if percent >= 80 else "",
        under_way=Job.objects.under_way().filter(user=user).count(),
    )


def _percent(period: Period, limit: str) -> int:
    """Return how much of a limit is spent or held; whole percents, so that only all of it is 100."""
    allowed, left = getattr(period, f"{limit}_limit"), period.left(limit)
    if allowed is None or left is None:
        return 0
    return 100 if left <= 0 else int((allowed - left) * 100 // allowed)
