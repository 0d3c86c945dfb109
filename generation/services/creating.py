"""Ask, quote, hold, create; and cancel, as long as nothing was sent."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction

from billing import services as billing
from billing.models import ApiKey, Period, Price, User
from billing.money import Amount, dollars
from billing.services import Actor
from generation import clock
from generation.models import Job, JobEvent, Status
from generation.services.transitions import NotCancelable, cancel_queued, locked, log
from generation.spec import VideoSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The price of a spec now, and whether it fits what is left."""

    spec: VideoSpec
    price: Price
    period: Period

    @property
    def amount(self) -> Amount:
        """What a job of it takes of each limit."""
        spend = self.price.micros_per_second * self.spec.seconds
        return Amount(spend=spend, videos=1, seconds=self.spec.seconds)

    @property
    def violated(self) -> str | None:
        """The limit it does not fit in, None when it fits."""
        return billing.violated_limit(self.period, self.amount)


class PriceChanged(Exception):
    """It costs more than the caller was ready to pay; nothing was written. Carries the new quote."""

    code = "price_changed"

    def __init__(self, quote: Quote) -> None:
        super().__init__(f"This costs ${dollars(quote.amount.spend)} now, which is more than max_cost allows.")
        self.quote = quote


def quote(user: User, spec: VideoSpec) -> Quote:
    """Price a spec for a user; writes nothing. Raises billing's NoPrice and ModelNotInPlan."""
    quoted = _quote(user, spec, clock.now())
    billing.check_included(spec.model.id, quoted.period.subscription.plan)
    return quoted


def create(
    user: User,
    spec: VideoSpec,
    *,
    by: Actor,
    max_cost: int | None = None,
    api_key: ApiKey | None = None,
    token: UUID | None = None,
) -> Job:
    """Set the cost of a spec aside and queue a job for it, both or neither.

    `max_cost` in micro-dollars: above it PriceChanged is raised. A `token` that the user has sent before returns the
    job it made then. Raises billing's NoPrice, ModelNotInPlan and InsufficientQuota; nothing is written then.
    """
    now = clock.now()
    if token and (made := Job.objects.filter(user=user, token=token).first()):
        return made
    try:
        with transaction.atomic():
            job = _create(user, spec, now=now, by=by, max_cost=max_cost, api_key=api_key, token=token)
    except (IntegrityError, billing.InsufficientQuota):
        # The same form twice at the same moment: the other one made the job, maybe with the last that was left, and
        # what we wrote went with the transaction.
        if token and (made := Job.objects.filter(user=user, token=token).first()):
            return made
        raise
    log.info("job created", job_id=str(job.pk), model=job.model, warnings=[w["parameter"] for w in job.warnings])
    return job


def cancel(job_id: UUID, *, by: Actor) -> Job:
    """Take a queued job back; its money is released. Raises NotCancelable once it was sent or has ended."""
    with transaction.atomic():
        job = locked(job_id, Status.QUEUED)
        if job and cancel_queued(job, now=clock.now(), by=by, note="Canceled before it was sent."):
            return job
    raise NotCancelable(Job.objects.get(pk=job_id))


def _quote(user: User, spec: VideoSpec, now: datetime) -> Quote:
    price = billing.price_of(spec.model.id, spec.variant, now)
    return Quote(spec=spec, price=price, period=billing.current_period(user, now))


def _create(
    user: User,
    spec: VideoSpec,
    *,
    now: datetime,
    by: Actor,
    max_cost: int | None,
    api_key: ApiKey | None,
    token: UUID | None,
) -> Job:
    quoted = _quote(user, spec, now)
    if max_cost is not None and quoted.amount.spend > max_cost:
        raise PriceChanged(quoted)
    job_id = uuid4()
    job = Job.objects.create(
        id=job_id,
        user=user,
        api_key=api_key,
        hold=billing.hold(user=user, reference=job_id, price=quoted.price, amount=quoted.amount, now=now, by=by),
        token=token,
        request_id=by.request_id,
        model=spec.model.id,
        prompt=spec.prompt,
        parameters=dict(spec.parameters),
        warnings=[{"parameter": w.field, "message": w.message} for w in spec.warnings],
        created_at=now,
    )
    JobEvent.objects.create(job=job, at=now, to_status=Status.QUEUED, actor=by.name, note=f"Created by {by.name}.")
    return job
