"""May this user make this job now? What is closed, and whom an operator looks at first."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone

from billing import services as billing
from billing.models import Period, User
from generation import clock
from generation.models import Job, Status
from generation.services.switching import check_open
from generation.services.wording import MODERATED_CODE
from generation.spec import VideoSpec

# All that nearly always lets a job pass, in one look. The code stands in it as the index of moderated jobs has it.
_LOOK = (
    f"SELECT {{now}}, EXISTS (SELECT 1 FROM generation_switch WHERE opened_at IS NULL), "  # noqa: S608 - names of ours
    f"(SELECT COUNT(*) FROM generation_job WHERE user_id = %s AND error_code = '{MODERATED_CODE}'), "
    f"(SELECT COUNT(*) FROM generation_job WHERE user_id = %s AND status = '{Status.QUEUED}' AND deleted_at IS NULL)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """When a user was let in, by the database's time, and how many jobs of theirs are queued before."""

    now: datetime
    queued: int


class ReviewNeeded(Exception):
    """Much of what this user wished was refused by the provider's safety filter: an operator looks first."""

    code = "review_needed"

    def __init__(self, moderated: int) -> None:
        super().__init__(
            f"{moderated} of your videos were refused by WaveSpeed's safety filter. "
            "An operator looks at your account before you can make more; nothing else is closed to you."
        )


def admit(user: User, spec: VideoSpec) -> Admission:
    """Let a user make a job now. Raises ReviewNeeded, ModelClosed, or InvalidSpec for a value that is closed."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK.format(now=clock.expression()), [user.pk, user.pk])
        now, is_something_closed, moderated, queued = cursor.fetchone()
    most = settings.MODERATED_BEFORE_REVIEW
    if most and moderated >= most:
        _check_reviewed(user, most)
    if is_something_closed:
        check_open(spec)
    return Admission(now=now or timezone.now(), queued=queued)


def refusal_of(user: User, period: Period) -> ReviewNeeded | billing.PastDue | billing.AddressNotVerified | None:
    """Return what would refuse any job of this user, whatever is left; None where nothing. Writes nothing."""
    most = settings.MODERATED_BEFORE_REVIEW
    try:
        if most:
            _check_reviewed(user, most)
    except ReviewNeeded as error:
        return error
    return billing.refusal_of(user, period)


def _check_reviewed(user: User, most: int) -> None:
    refused = Job.objects.filter(user=user, error_code=MODERATED_CODE)
    if user.reviewed_at:
        refused = refused.filter(finished_at__gt=user.reviewed_at)
    moderated = refused.count()
    if moderated >= most:
        raise ReviewNeeded(moderated)
