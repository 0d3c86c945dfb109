"""Hold, settle, release. A hold is one conditional UPDATE on the period's own columns; a row says that it fitted.

All functions want to run inside the caller's transaction or open their own; none does anything that can't be rolled
back. Order of locks: Subscription (where a period is opened), Period, ApiKey, the day of Free.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Model
from django.db.models.expressions import Combinable

from billing.models import ApiKey, FreeDay, Hold, LedgerEntry, Period, Price, User
from billing.money import LIMITS, Amount
from billing.rows import insert, prepared
from billing.services.errors import Actor, AddressNotVerified, InsufficientQuota, PastDue
from billing.services.granting import expire_grants
from billing.services.looking import FREE, check_included, limits_to_come, subscription_of, violated_limit
from billing.services.noticing import note_thresholds
from billing.services.opening import opened_period
from billing.services.stopping import limits_after
from billing.services.writing import line_of_hold, write_of_hold

_TRIES = 3
_COLUMNS = [f"{limit}_{column}" for limit in LIMITS for column in ("limit", "target", "spent", "held")]
# A hold leaves the limit as it is: where something fits, nothing stands above its target.
# A second hold waits for the row's lock and then sees the sums as the first one left them: PostgreSQL reads the row
# again as long as nothing else is named. Written out, since the ORM takes longer to say it than the database to do it.
_ADDED = ", ".join(f"{limit}_held = {limit}_held + %s" for limit in LIMITS)
_FITS = " AND ".join(
    f"({limit}_limit IS NULL OR {limit}_limit >= {limit}_spent + {limit}_held + %s)" for limit in LIMITS
)
_TAKE = (
    f"UPDATE billing_period SET {_ADDED} "  # noqa: S608 - names of ours
    f"WHERE id = %s AND (grant_expires_at IS NULL OR grant_expires_at > %s) AND {_FITS} "
    f"RETURNING {', '.join(_COLUMNS)}"
)

_TAKE_OF_KEY = """
    UPDATE billing_apikey SET spend_held = spend_held + %s
    WHERE id = %s AND (spend_limit IS NULL OR spend_limit >= spend_spent + spend_held + %s)
"""


@transaction.atomic
def hold(
    *,
    user: User,
    reference: UUID,
    price: Price,
    amount: Amount,
    now: datetime,
    by: Actor,
    api_key: ApiKey | None = None,
) -> Hold:
    """Set `amount` aside in the user's current period for what `reference` names, and write the line.

    Raises ModelNotInPlan, PastDue, AddressNotVerified or InsufficientQuota, and nothing is written then.
    """
    period = opened_period(subscription_of(user, now), now, by)
    return hold_in(period, reference=reference, price=price, amount=amount, now=now, by=by, api_key=api_key)


def hold_in(
    period: Period,
    *,
    reference: UUID,
    price: Price,
    amount: Amount,
    now: datetime,
    by: Actor,
    api_key: ApiKey | None = None,
    beside: Callable[[Hold], Sequence[Model]] = lambda _: (),
) -> Hold:
    """Hold in the period that was just looked at, in the caller's transaction; else the same as `hold`.

    What `beside` makes of the hold is inserted along with it: rows that refer to it, in one trip to the database.
    """
    subscription = period.subscription
    if subscription.past_due_since:
        raise PastDue(subscription.past_due_since)
    if not period.pk:
        period = opened_period(subscription_of(subscription.user, now), now, by)
    check_included(price.model, period)
    is_free = period.subscription.plan.slug == FREE
    if is_free:
        check_address(subscription.user)
    _take_of_period(period, amount, now)
    if api_key:
        _take_of_key(api_key, amount.spend)
    ceiling: int | None = settings.FREE_DAILY_CEILING if is_free else None
    free_day = None if ceiling is None else _take_of_free_day(amount.spend, ceiling, now)
    taken = Hold(
        period=period,
        price=price,
        api_key=api_key,
        free_day=free_day,
        reference=reference,
        spend=amount.spend,
        videos=amount.videos,
        seconds=amount.seconds,
        created_at=now,
    )
    insert(taken, line_of_hold(LedgerEntry.Kind.HOLD, taken, now=now, by=by), *beside(taken))
    note_thresholds(period, now)
    return taken


def settle(held: Hold, *, now: datetime, by: Actor) -> bool:
    """Spend what was held. Return False, and change nothing, when the hold was resolved before."""
    return _resolve(held, Hold.State.SETTLED, LedgerEntry.Kind.SETTLE, now=now, by=by)


def release(held: Hold, *, now: datetime, by: Actor) -> bool:
    """Give back what was held. Return False, and change nothing, when the hold was resolved before."""
    return _resolve(held, Hold.State.RELEASED, LedgerEntry.Kind.RELEASE, now=now, by=by)


def take(period: Period, amount: Amount, now: datetime) -> bool:
    """Add to the held sums where all limits allow it, and tell the period its new sums; False where one does not."""
    amounts = [getattr(amount, limit) for limit in LIMITS]
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [*amounts, period.pk, moment, *amounts])
        row = cursor.fetchone()
    for name, value in zip(_COLUMNS, row or (), strict=False):
        setattr(period, name, value)
    return row is not None


def _take_of_period(period: Period, amount: Amount, now: datetime) -> None:
    for _ in range(_TRIES):
        if take(period, amount, now):
            return
        expire_grants(period, now)
        period.refresh_from_db(fields=[*_COLUMNS, "grant_expires_at"])
        if violated := violated_limit(period, amount):
            break
        # What was in the way has been freed since, or a grant has run out and it fits all the same.
    else:
        violated = "spend"
    raise InsufficientQuota(
        violated=violated,
        required=getattr(amount, violated),
        available=period.left(violated) or 0,
        resets_at=None if limits_to_come(period)[f"{violated}_limit"] == 0 else period.ends_at,
    )


def _take_of_key(key: ApiKey, spend: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_OF_KEY, [spend, prepared(ApiKey, "id", key.pk), spend])
        if cursor.rowcount:
            return
    key.refresh_from_db(fields=["spend_limit", "spend_spent", "spend_held"])
    raise InsufficientQuota(violated="key", required=spend, available=key.left or 0, resets_at=None)


def _take_of_free_day(spend: int, ceiling: int, now: datetime) -> FreeDay:
    today = now.astimezone(UTC).date()
    day, _ = FreeDay.objects.get_or_create(day=today)
    if FreeDay.objects.filter(pk=day.pk, spend_used__lte=ceiling - spend).update(spend_used=F("spend_used") + spend):
        return day
    day.refresh_from_db()
    tomorrow = datetime.combine(today + timedelta(days=1), time(), UTC)
    left = max(ceiling - day.spend_used, 0)
    raise InsufficientQuota(violated="free_today", required=spend, available=left, resets_at=tomorrow)


def check_address(user: User) -> None:
    """Refuse whoever could sign up again and again, where mail can tell."""
    if not settings.VERIFY_ADDRESSES:
        return
    if not EmailAddress.objects.filter(user=user, email=user.email, verified=True).exists():
        raise AddressNotVerified(str(user.email))


@transaction.atomic
def _resolve(held: Hold, state: Hold.State, kind: LedgerEntry.Kind, *, now: datetime, by: Actor) -> bool:
    if not Hold.objects.filter(pk=held.pk, state=Hold.State.HELD).update(state=state, resolved_at=now):
        return False
    held.state, held.resolved_at = state, now
    settled = state == Hold.State.SETTLED
    sums: dict[str, Combinable] = {f"{limit}_held": F(f"{limit}_held") - getattr(held, limit) for limit in LIMITS}
    if settled:
        sums |= {f"{limit}_spent": F(f"{limit}_spent") + getattr(held, limit) for limit in LIMITS}
    else:
        sums |= limits_after(-held.amount)
    Period.objects.filter(pk=held.period_id).update(**sums)
    if held.api_key_id:
        spent = {"spend_spent": F("spend_spent") + held.spend} if settled else {}
        ApiKey.objects.filter(pk=held.api_key_id).update(spend_held=F("spend_held") - held.spend, **spent)
    if held.free_day_id and not settled:
        FreeDay.objects.filter(pk=held.free_day_id).update(spend_used=F("spend_used") - held.spend)
    write_of_hold(kind, held, now=now, by=by)
    return True
