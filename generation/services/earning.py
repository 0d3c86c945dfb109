"""What we charge beside what the provider bills. Writes nothing."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Q, Sum

from billing.models import Hold
from generation.models import FINAL, Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Earning:
    """The ended jobs of a model in a time; micro-dollars.

    `margin` is that of the jobs whose bill is known, failures that were billed among them: what is still awaited could
    only be guessed.
    """

    model: str
    videos: int
    charged: int
    refunded: int
    billed: int
    margin: int
    awaited: int  # charged jobs without a bill


_CHARGED = Q(hold__state=Hold.State.SETTLED)
_REFUNDED = _CHARGED & Q(hold__refunded_at__isnull=False)
_KEPT = _CHARGED & Q(hold__refunded_at__isnull=True)


def earnings(since: datetime, until: datetime) -> list[Earning]:
    """Return what each model brought of the jobs that ended in a time, the dearest at the provider first. One query."""
    ended = Job.objects.filter(finished_at__gte=since, finished_at__lt=until, status__in=FINAL)
    rows = (
        ended.order_by()
        .values("model")
        .annotate(
            videos=Count("pk", filter=_CHARGED),
            charged=Sum("hold__spend", filter=_CHARGED, default=0),
            refunded=Sum("hold__spend", filter=_REFUNDED, default=0),
            billed_sum=Sum("billed", default=0),
            kept=Sum("hold__spend", filter=_KEPT & Q(billed__isnull=False), default=0),
            awaited=Count("pk", filter=_CHARGED & Q(billed__isnull=True)),
        )
        .filter(Q(videos__gt=0) | Q(billed_sum__gt=0))
        .order_by(F("billed_sum").desc(), "model")
    )
    return [
        Earning(
            model=row["model"],
            videos=row["videos"],
            charged=row["charged"],
            refunded=row["refunded"],
            billed=row["billed_sum"],
            margin=row["kept"] - row["billed_sum"],
            awaited=row["awaited"],
        )
        for row in rows
    ]


def margin_of(job: Job) -> int | None:
    """Return what is left of a job's charge after its bill, in micro-dollars; None while the bill is not known."""
    if job.billed is None:
        return None
    kept = job.hold.state == Hold.State.SETTLED and job.hold.refunded_at is None
    return (job.hold.spend if kept else 0) - job.billed
