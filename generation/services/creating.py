"""Ask, quote, hold, create; try again; and cancel, as long as nothing was sent."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction

from billing import services as billing
from billing.models import ApiKey, Hold, Period, Price, User
from billing.money import Amount, dollars
from billing.services import Actor
from generation import clock
from generation.models import Job, JobEvent, Status, Upload
from generation.services.admitting import admit, refusal_of
from generation.services.switching import check_open
from generation.services.transitions import NotCancelable, cancel_queued, locked, log
from generation.services.wishing import spec_of, wish_of
from generation.spec import Complaint, InvalidSpec, Media, VideoSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The price of a spec now, and whether it fits what is left."""

    spec: VideoSpec
    price: Price
    period: Period
    refused: Exception | None = None  # what would refuse any job of this user
    fits_today: bool = True  # in what all of Free may cost together today

    @property
    def amount(self) -> Amount:
        """What a job of it takes of each limit."""
        spend = self.price.micros_per_second * self.spec.seconds
        return Amount(spend=spend, videos=1, seconds=self.spec.seconds)

    @property
    def violated(self) -> str | None:
        """The limit it does not fit in, None when it fits."""
        return billing.violated_limit(self.period, self.amount) or (None if self.fits_today else "free_today")


class PriceChanged(Exception):
    """It costs more than the caller was ready to pay; nothing was written. Carries the new quote."""

    code = "price_changed"

    def __init__(self, quote: Quote) -> None:
        super().__init__(f"This costs ${dollars(quote.amount.spend)} now, which is more than max_cost allows.")
        self.quote = quote


class NotRetryable(Exception):
    """Only what failed or was canceled can be tried again."""

    code = "not_retryable"

    def __init__(self, job: Job) -> None:
        hint = "; make another one of it instead" if job.status == Status.SUCCEEDED else ""
        super().__init__(f"The job is {job.status}, and only one that failed or was canceled can be retried{hint}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under which conditions a job is made.

    `max_cost` in micro-dollars: above it PriceChanged is raised. A `token` that the user has sent before returns the
    job it made then.
    """

    max_cost: int | None = None
    api_key: ApiKey | None = None
    token: UUID | None = None


_NO_TERMS = Terms()


def quote(user: User, spec: VideoSpec) -> Quote:
    """Price a spec for a user; writes nothing. Raises ModelClosed, and billing's NoPrice and ModelNotInPlan."""
    check_open(spec)
    now = clock.now()
    quoted = _quote(user, spec, now)
    billing.check_included(spec.model.id, quoted.period)
    return with_standing(quoted, user, now)


def with_standing(quoted: Quote, user: User, now: datetime) -> Quote:
    """Return a quote that knows what would refuse it beside the limits of the period."""
    fits_today = billing.fits_today(quoted.period, quoted.amount.spend, now)
    return replace(quoted, refused=refusal_of(user, quoted.period), fits_today=fits_today)


def create(user: User, spec: VideoSpec, *, by: Actor, terms: Terms = _NO_TERMS, retry_of: Job | None = None) -> Job:
    """Set the cost of a spec aside and queue a job for it, both or neither.

    Raises PriceChanged, ModelClosed, ReviewNeeded, InvalidSpec where its source is gone, and billing's NoPrice,
    ModelNotInPlan, PastDue, AddressNotVerified and InsufficientQuota; nothing is written then.
    """
    if made := _made_before(user, terms):
        return made
    admitted = admit(user, spec)
    try:
        with transaction.atomic():
            job = _create(user, spec, now=admitted.now, by=by, terms=terms, retry_of=retry_of)
    except (IntegrityError, billing.InsufficientQuota):
        # The same form twice at the same moment: the other one made the job, maybe with the last that was left, and
        # what we wrote went with the transaction.
        if made := _made_before(user, terms):
            return made
        raise
    job.position = admitted.queued + 1
    log.info("job created", job_id=str(job.pk), model=job.model, warnings=[w["parameter"] for w in job.warnings])
    return job


def retry(job_id: UUID, *, by: Actor, terms: Terms = _NO_TERMS) -> Job:
    """Make a new job of the wish of one that failed or was canceled, at the price of now; the old one stays as it is.

    Raises NotRetryable, and whatever `create` raises: its model may be closed and its source gone.
    """
    job = Job.objects.select_related("user", "upload").get(pk=job_id)
    if job.status not in {Status.FAILED, Status.CANCELED}:
        raise NotRetryable(job)
    return create(job.user, spec_of(job.user, wish_of(job)), by=by, terms=terms, retry_of=job)


def cancel(job_id: UUID, *, by: Actor) -> Job:
    """Take a queued job back; its money is released. Raises NotCancelable once it was sent or has ended."""
    with transaction.atomic():
        job = locked(job_id, Status.QUEUED)
        if job and cancel_queued(job, now=clock.now(), by=by, note="Canceled before it was sent."):
            return job
    raise NotCancelable(Job.objects.get(pk=job_id))


def _made_before(user: User, terms: Terms) -> Job | None:
    return Job.objects.filter(user=user, token=terms.token).first() if terms.token else None


def _quote(user: User, spec: VideoSpec, now: datetime) -> Quote:
    price, period = billing.price_and_period(user, spec.model.id, spec.variant, now)
    return Quote(spec=spec, price=price, period=period)


def _create(user: User, spec: VideoSpec, *, now: datetime, by: Actor, terms: Terms, retry_of: Job | None = None) -> Job:
    if spec.media:
        _keep(spec.media)
    quoted = _quote(user, spec, now)
    if terms.max_cost is not None and quoted.amount.spend > terms.max_cost:
        raise PriceChanged(with_standing(quoted, user, now))
    job = Job(
        id=uuid4(),
        user=user,
        api_key=terms.api_key,
        retry_of=retry_of,
        source_job_id=spec.media.job_id if spec.media else None,
        upload_id=spec.media.upload_id if spec.media else None,
        token=terms.token,
        request_id=by.request_id,
        model=spec.model.id,
        prompt=spec.prompt,
        parameters=dict(spec.parameters),
        warnings=[{"parameter": w.field, "message": w.message} for w in spec.warnings],
        created_at=now,
    )
    event = JobEvent(job=job, at=now, to_status=Status.QUEUED, actor=by.name, note=f"Created by {by.name}.")

    def paid_with(hold: Hold) -> tuple[Job, JobEvent]:
        job.hold = hold
        return job, event

    billing.hold_in(
        quoted.period,
        reference=job.pk,
        price=quoted.price,
        amount=quoted.amount,
        now=now,
        by=by,
        api_key=terms.api_key,
        beside=paid_with,
    )
    return job


def _keep(media: Media) -> None:
    """Lock what the job is made from until its row stands: whoever deletes it comes before, or finds it in use."""
    kept: Job | Upload | None = None
    if media.job_id:
        kept = Job.objects.kept().select_for_update(of=("self",), no_key=True).filter(pk=media.job_id).first()
    elif media.upload_id:
        uploads = Upload.objects.select_for_update(of=("self",), no_key=True)
        kept = uploads.filter(pk=media.upload_id, deleted_at__isnull=True).first()
    if kept is None:
        message = f"This {media.kind} has been deleted meanwhile; choose another one."
        raise InvalidSpec((Complaint(field=media.given_as, message=message),))
