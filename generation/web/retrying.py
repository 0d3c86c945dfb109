"""The same once more: for which jobs it is worth a button, and what it costs now."""

from datetime import datetime

from billing.models import Price
from generation.catalog import MODELS
from generation.models import Job, Status

REFUSALS = frozenset({"moderated", "refused"})
"""Codes of a job that the provider did not want."""

Prices = dict[tuple[str, str], int]
"""Micro-dollars a second of a model's id and variant."""


def prices_of(now: datetime) -> Prices:
    """Return what a second of each model costs now."""
    prices: Prices = {}
    for price in Price.objects.at(now):
        prices.setdefault((price.model, price.variant), price.micros_per_second)
    return prices


def can_retry(job: Job) -> bool:
    """Say whether the same once more may end otherwise; what was refused will be refused again."""
    is_gone = job.source is not None and job.source.deleted_at is not None
    return job.status in {Status.FAILED, Status.CANCELED} and job.error_code not in REFUSALS and not is_gone


def retry_cost(job: Job, prices: Prices) -> int | None:
    """Return micro-dollars; None where it can't be made any more."""
    if not can_retry(job) or job.video_model not in MODELS:
        return None
    a_second = prices.get((job.model, job.video_model.variant(job.parameters)))
    return a_second * job.hold.seconds if a_second is not None else None
