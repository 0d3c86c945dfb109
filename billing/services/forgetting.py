"""What nobody needs any more. Money's own rows are kept for ever."""

from datetime import datetime

from billing.models import Notice


def forget_notices(*, ended_before: datetime) -> int:
    """Remove what was told in periods that ended before a moment, and return how many rows.

    Not by their own age: a notice that is gone while its period lasts would be given a second time.
    """
    return Notice.objects.filter(period__ends_at__lt=ended_before).delete()[0]
