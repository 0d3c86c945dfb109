"""Writing down ends without a video: each gives money back, in a transaction of its own, which may have to wait."""

from collections.abc import Sequence
from datetime import timedelta
from time import monotonic

from django.conf import settings
from django.db import transaction

from generation import clock
from generation.models import Job
from generation.services.polling import Answered, polled
from generation.services.sparing import Outcome, spare


def end_some(ended: Sequence[Answered], *, seconds: float) -> list[Answered]:
    """Write ends down for about so long, and return those that are left.

    Of which that can't be done, the job stays as it was claimed and is asked about again after its lease. Whose row
    somebody else holds is waited for once: more jobs of the same owner would wait for the same.
    """
    until = monotonic() + seconds
    kept_waiting: set[int] = set()
    for number, each in enumerate(ended):
        if monotonic() >= until and number:
            return [one for one in ended[number:] if one.job.user_id not in kept_waiting]
        if each.job.user_id not in kept_waiting and _end(each) is Outcome.KEPT_WAITING:
            kept_waiting.add(each.job.user_id)
    return []


@transaction.atomic
def hold_claims(waiting: Sequence[Answered]) -> None:
    """Hold what waits to be written down for another lease, so that nobody asks about it again."""
    now = clock.now()
    Job.objects.hold([each.job.pk for each in waiting], now, now + timedelta(seconds=settings.POLL_LEASE))


def _end(answered: Answered) -> Outcome:
    prediction = answered.prediction
    assert prediction is not None  # noqa: S101 - it has ended
    return spare("end a job", lambda: polled(answered.job.pk, prediction), of=f"job {answered.job.pk}")
