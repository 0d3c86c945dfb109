"""What would refuse a hold beside the limits of the period: for quotes, so that it is said before. Writes nothing."""

from datetime import UTC, datetime

from django.conf import settings

from billing.models import FreeDay, Period, User
from billing.services.errors import AddressNotVerified, PastDue
from billing.services.holding import check_address
from billing.services.looking import FREE


def refusal_of(user: User, period: Period) -> PastDue | AddressNotVerified | None:
    """Return what `hold` would raise whatever the amount; None where nothing."""
    if period.subscription.past_due_since:
        return PastDue(period.subscription.past_due_since)
    if period.subscription.plan.slug != FREE:
        return None
    try:
        check_address(user)
    except AddressNotVerified as error:
        return error
    return None


def fits_today(period: Period, spend: int, now: datetime) -> bool:
    """Say whether it fits what all of Free may cost together today; everything does where there is no ceiling."""
    ceiling: int | None = settings.FREE_DAILY_CEILING
    if ceiling is None or period.subscription.plan.slug != FREE:
        return True
    today = FreeDay.objects.filter(day=now.astimezone(UTC).date()).values_list("spend_used", flat=True).first() or 0
    return today + spend <= ceiling
