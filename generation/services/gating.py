"""What the provider account lets through: the Gate opens, narrows, and closes with a reason that operators read."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from billing.money import dollars
from generation.models import Alert, Gate, Job
from generation.providers.errors import RefusedForAccount
from generation.services import errands
from generation.services.noticing import alert
from generation.services.transitions import log

_NARROW_FOR = timedelta(seconds=30)
_TOLD_FOR = timedelta(hours=1)  # what closes for money again within it is no news yet
_TRY_AGAIN = timedelta(hours=3)  # after a refusal for credit: a top-up may have come before we could read what was left
_FOR_MONEY = (Gate.Cause.CREDIT, Gate.Cause.BALANCE)  # is how it reopens by itself; all else is a person's decision
_REOPENS = {
    Gate.Cause.ACCOUNT: "It stays closed until an operator reopens it: look at the key and the account first.",
    Gate.Cause.CREDIT: "With a least balance set, it reopens by itself once WaveSpeed's balance rises and is above it; "
    "where it is above and does not rise, one job is tried every three hours.",
    Gate.Cause.BALANCE: "It reopens by itself once WaveSpeed's balance is above the least again.",
}


def the_gate() -> Gate:
    """Return the Gate; the first look makes it, narrow for the real provider and wide for the sandbox."""
    wide = {"predictions_at_a_time": 50, "submissions_a_minute": 6000}
    narrow = {"predictions_at_a_time": 2, "submissions_a_minute": 2}
    return Gate.objects.get_or_create(pk=1, defaults=wide if settings.SANDBOX else narrow)[0]


@transaction.atomic
def close_gate(reason: str, *, now: datetime, cause: Gate.Cause = Gate.Cause.OPERATOR) -> None:
    """Stop submitting, for everybody, until it is reopened. What was said first stays; operators are told once.

    Only what reopens by itself gives way to what does not: else an operator's closing would end with a top-up.
    """
    the_gate()
    closed = {"closed_at": now, "closed_reason": reason, "closed_for": cause, "credit_mark": F("balance")}
    weaker = Q(closed_at__isnull=True)
    if cause not in _FOR_MONEY:
        weaker |= Q(closed_for__in=_FOR_MONEY)
    if not Gate.objects.filter(weaker, pk=1).update(**closed):
        return
    log.error("gate closed", reason=reason, cause=str(cause))
    if cause is Gate.Cause.CREDIT:
        errands.hand("heed_balance")  # what is left now is what a top-up is measured by
    if cause in _FOR_MONEY:
        _tell_of_money(now)
    elif cause is not Gate.Cause.OPERATOR:
        _tell(reason, cause, now)


@transaction.atomic
def open_gate() -> None:
    """Let jobs go to the provider again, as an operator has decided: closing once more is news."""
    Gate.objects.filter(pk=1).update(told_at=None)
    _open()


def cause_of(error: RefusedForAccount) -> Gate.Cause:
    """Say whether money would help."""
    no_credit = error.status == 402 or error.code in {402, 1407} or "credit" in error.reason.lower()
    return Gate.Cause.CREDIT if no_credit else Gate.Cause.ACCOUNT


def narrow_gate(now: datetime) -> None:
    """Let no more be in flight than there is now, for a while: the provider has said that it is enough."""
    the_gate()
    in_flight = max(Job.objects.in_flight(now).count() - 1, 1)
    until = now + _NARROW_FOR
    Gate.objects.filter(pk=1).update(narrowed_to=in_flight, narrowed_until=until)
    log.warning("gate narrowed", to=in_flight, until=until.isoformat())


@transaction.atomic
def heed_balance(balance: int, *, now: datetime) -> None:
    """Write down what the account had at `now`, close the Gate below what an operator has set, and reopen it above.

    After a refusal for lack of credit being above was not enough: it reopens when the balance has risen since, or to
    try, after hours.
    """
    the_gate()
    gate = Gate.objects.select_for_update().get(pk=1)
    Gate.objects.filter(pk=1).update(balance=balance, balance_at=now)
    if gate.closed_at and now < gate.closed_at:
        return  # asked before it was closed: this says nothing of what is left
    if gate.credit_mark is None or balance < gate.credit_mark:
        Gate.objects.filter(pk=1).update(credit_mark=balance)
    if gate.least_balance is None:
        return
    if balance < gate.least_balance:
        reason = f"WaveSpeed's balance is ${dollars(balance)}, below ${dollars(gate.least_balance)}."
        close_gate(reason, now=now, cause=Gate.Cause.BALANCE)
    elif _may_reopen(gate, balance, now):
        _open()
    _tell_of_money(now)


def _may_reopen(gate: Gate, balance: int, now: datetime) -> bool:
    """Say whether a balance that is not below the least reopens it, whatever it was closed for."""
    if gate.closed_for != Gate.Cause.CREDIT or gate.closed_at is None:
        return gate.closed_for == Gate.Cause.BALANCE
    has_risen = gate.credit_mark is not None and balance > gate.credit_mark
    return has_risen or now - gate.closed_at >= _TRY_AGAIN


def _open() -> None:
    Gate.objects.filter(pk=1).update(closed_at=None, closed_reason="", closed_for="")
    log.warning("gate opened")


def _tell_of_money(now: datetime) -> None:
    """Tell operators that it is closed for money, where they have not been told of this or of another one just now.

    Refunds of cents reopen it and the next job closes it again; what is still closed an hour later is told.
    """
    untold = Q(told_at__isnull=True) | Q(told_at__lt=F("closed_at"), told_at__lte=now - _TOLD_FOR)
    closed = Gate.objects.filter(untold, pk=1, closed_at__isnull=False, closed_for__in=_FOR_MONEY)
    if closed.update(told_at=now):
        gate = Gate.objects.get(pk=1)
        _tell(gate.closed_reason, Gate.Cause(gate.closed_for), now)


def _tell(reason: str, cause: Gate.Cause, now: datetime) -> None:
    alert(
        Alert.Kind.GATE,
        subject="The Gate closed itself: no video is sent",
        text=f"{reason}\n\nJobs wait and none fails. {_REOPENS[cause]}",
        page="generation_gate_changelist",
        now=now,
    )
