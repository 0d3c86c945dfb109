"""Comparing what ended with what the provider says that it did for us: its list, and its bills."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from billing.models import Hold
from billing.money import dollars
from generation.models import FINAL, Difference, Job, JobQuerySet, Status
from generation.providers.errors import ProviderError
from generation.providers.predictions import Prediction
from generation.providers.wavespeed import WaveSpeed
from generation.services.attaching import look_for_unknown
from generation.services.differing import differ
from generation.services.fitting import misfit, unanswered
from generation.services.listing import LISTED_FOR, OutOfTime, slices
from generation.services.provider import wavespeed
from generation.services.transitions import log

_JUST_MADE = timedelta(minutes=5)  # its job may not know of it yet
_AT_ONCE = timedelta(days=1)  # of a list
_KEPT = timedelta(days=7)  # in which a bill is compared
_SETTLED_AFTER = timedelta(hours=4)  # WaveSpeed refunds what failed within 3 hours
_ASK_AGAIN = timedelta(hours=20)
_LAST_ASKED = timedelta(days=1)  # after its end; a bill that is not there by then never comes
_ENDED_BY_US = {"given_up", "expired"}
_BILLS_AT_ONCE = 50
_SPARE = 120.0  # seconds of a worker's time for what is on its way when the time for asking is over


def reconcile(now: datetime) -> list[Difference]:
    """Compare what ended with the provider's list and bills, and return the differences that this call has noted.

    Looking for unknown jobs, the list and the bills have a third each of the time that a worker has, and their turn
    whatever came of the others. Raises the first ProviderError at the end; what was compared stays noted.
    """
    provider, seconds = wavespeed(), (settings.COLLECT_TIMEOUT - _SPARE) / 3
    noted: list[Difference] = []
    troubles: list[ProviderError] = []
    for compare in (_look_for_unknown, _compare_lists, _compare_bills):
        try:
            noted.extend(compare(provider, now, seconds))
        except ProviderError as error:
            log.warning("not all is compared", **error.signs())
            troubles.append(error)
    if troubles:
        raise troubles[0]
    return noted


def _look_for_unknown(_provider: WaveSpeed, now: datetime, seconds: float) -> list[Difference]:
    with suppress(OutOfTime):  # whoever is due is looked for anyway
        look_for_unknown(now, all_of_them=True, seconds=seconds)
    return []


def _compare_lists(provider: WaveSpeed, now: datetime, seconds: float) -> Iterator[Difference]:
    """Compare the list, the newest first: what there is no time for was compared when it was new."""
    stop_at = monotonic() + seconds
    until, oldest = now - _JUST_MADE, now - LISTED_FOR
    try:
        while until > oldest:
            since = max(until - _AT_ONCE, oldest)
            for part in slices(provider, since=since, until=until, stop_at=stop_at):
                yield from _note_strangers(part, now)
                yield from _note_late_completions(part, now)
            until = since
    except OutOfTime:
        log.warning("lists are left for the next time", until=until.isoformat())


def _note_strangers(listed: Sequence[Prediction], now: datetime) -> list[Difference]:
    """Note predictions that no job has, but for those that may be of a job whose submission has no answer."""
    missing = _without_a_job(listed)
    if not missing:
        return []
    waiting = list(unanswered(now - _KEPT, now))
    # Asked again after these were read: one that got its answer in between has its prediction now.
    return [
        noted
        for prediction in _without_a_job(missing)
        if not any(not misfit(job, prediction) for job in waiting) and (noted := _note_stranger(prediction, now))
    ]


def _without_a_job(listed: Sequence[Prediction]) -> list[Prediction]:
    ids = [prediction.id for prediction in listed]
    ours = set(Job.objects.filter(prediction_id__in=ids).values_list("prediction_id", flat=True))
    return [prediction for prediction in listed if prediction.id not in ours]


def _note_stranger(prediction: Prediction, now: datetime) -> Difference | None:
    theirs = f"{prediction.model}, {prediction.status}, {prediction.created_at}"
    return differ(Difference.Kind.NOT_OURS, ours="no job", theirs=theirs, now=now, prediction_id=prediction.id)


def _note_late_completions(listed: Sequence[Prediction], now: datetime) -> list[Difference]:
    completed = {prediction.id: prediction for prediction in listed if prediction.is_completed and prediction.outputs}
    ended = Job.objects.filter(status=Status.FAILED, prediction_id__in=list(completed), error_code__in=_ENDED_BY_US)
    kind = Difference.Kind.LATE_COMPLETION
    noted = (differ(kind, ours=f"failed: {job.error_code}", theirs="completed", now=now, job=job) for job in ended)
    return [difference for difference in noted if difference]


def _compare_bills(provider: WaveSpeed, now: datetime, seconds: float) -> Iterator[Difference]:
    """Ask for the bills of what ended: each job once, and once more where there is none while it may still come.

    Those that were not yet asked for come first. What can't be asked for in time is left to the next time.
    """
    until = monotonic() + seconds
    while jobs := _unbilled(now)[:_BILLS_AT_ONCE]:
        if monotonic() > until:
            log.warning("bills are left for the next time")
            break
        bills = provider.bills([str(job.prediction_id) for job in jobs])
        compared = (_compare_bill(job, bills.get(str(job.prediction_id)), now) for job in jobs)
        yield from (difference for difference in compared if difference)


def _unbilled(now: datetime) -> JobQuerySet:
    may_come = Q(billed__isnull=True, billed_at__lt=F("finished_at") + _LAST_ASKED)
    ended = Job.objects.filter(
        Q(billed_at__isnull=True) | may_come & Q(billed_at__lt=now - _ASK_AGAIN),
        status__in=FINAL,
        prediction_id__isnull=False,
        finished_at__gt=now - _KEPT,
        finished_at__lt=now - _SETTLED_AFTER,
    )
    return ended.select_related("hold").order_by(F("billed_at").asc(nulls_first=True), "finished_at")


@transaction.atomic
def _compare_bill(job: Job, billed: int | None, now: datetime) -> Difference | None:
    Job.objects.filter(pk=job.pk).update(billed=billed, billed_at=now)
    charged = job.hold.spend if job.hold.state == Hold.State.SETTLED else 0
    ours, theirs = f"${dollars(charged)} charged", "no bill" if billed is None else f"${dollars(billed)} billed"
    if (billed or 0) == charged:
        return None
    if billed is None:
        kind = Difference.Kind.NOT_THERE
    else:
        kind = Difference.Kind.OTHER_PRICE if charged else Difference.Kind.BILLED_FAILURE
    return differ(kind, ours=ours, theirs=theirs, now=now, job=job)
