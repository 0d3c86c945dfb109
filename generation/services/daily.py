"""What is done once a day, and what came of it.

Rows of our own instead of django-q2's Schedule: that starts a chore again while the last one still runs, keeps no
result where successes are not saved, and its rows would have to be made by somebody. Here the watcher makes them, each
handing is taken by one worker, and operators see when each ran last and what it found.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django_q.models import Task
from django_q.tasks import async_task

from billing.ledger import differences
from billing.services import forget_notices
from billing.triggers import missing_triggers
from generation import clock
from generation.models import Alert, Chore, Difference, Job, JobNotice, Status
from generation.providers.errors import ProviderError
from generation.services import leases
from generation.services.checking import NotChecked, check_models
from generation.services.collecting import COLLECT_CLUSTER
from generation.services.noticing import alert
from generation.services.reconciling import reconcile
from generation.services.transitions import log

_EVERY = timedelta(days=1)
_FIRST = timedelta(hours=1)  # after the rows are made: whoever sets up a machine is not done yet
_AGAIN = timedelta(hours=1)  # where it could not be done, or its worker died; longer than a worker may take
_MOST_DEATHS = 2  # in a row, before operators are told
_MOST_TOLD = 20  # lines of a report
_KEPT = timedelta(days=30)  # what was told to users, and what django-q2 says of hints that failed
_KEPT_LONG = timedelta(days=90)  # what was told to operators, and the notices of periods that are over


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a chore: nothing found, unless `found` says how many; the report; and whether all was looked at."""

    report: str
    found: int = 0
    is_whole: bool = True


def ensure_chores(now: datetime) -> None:
    """Make the row of each chore that has none."""
    known = set(Chore.objects.values_list("name", flat=True))
    new = [Chore(name=name, due_at=now + _FIRST) for name in CHORES if name not in known]
    Chore.objects.bulk_create(new, ignore_conflicts=True)


def hand_chores(now: datetime) -> int:
    """Tell workers of the chores that are due, and return how many. Several watchers may ask: each is handed once."""
    return sum(_hand(chore, now) for chore in Chore.objects.filter(name__in=CHORES, due_at__lte=now))


def do_now(name: str, now: datetime) -> bool:
    """Make a chore due; False where there is none of that name."""
    return bool(Chore.objects.filter(name=name).update(due_at=now))


def do_chore(name: str, now: datetime) -> bool:
    """Do a chore that was handed over and write down what came of it; False where somebody else has it."""
    taken = {"handed_at": None, "began_at": now, "lease_until": leases.until(clock.now())}
    if not Chore.objects.filter(name=name, handed_at__isnull=False).update(**taken):
        return False
    ours = Chore.objects.filter(name=name, handed_at__isnull=True, began_at=now)
    try:
        with leases.renewed(ours, at_most=settings.COLLECT_TIMEOUT):
            outcome = CHORES[name](now)
    except (ProviderError, NotChecked) as error:
        signs = error.signs() if isinstance(error, ProviderError) else {"error": type(error).__name__}
        log.warning("chore not done", name=name, **signs)
        failed(name, f"WaveSpeed did not say: {error}", now)
    else:
        result = Chore.Result.FOUND if outcome.found else Chore.Result.FINE
        if outcome.is_whole:
            _write_down(name, result, outcome.report, now, next_at=now + _EVERY, found=outcome.found)
        else:
            _write_down(name, Chore.Result.FAILED, outcome.report, now, next_at=now + _AGAIN, found=outcome.found)
    return True


def failed(name: str, why: str, now: datetime) -> None:
    """Write down that a chore could not be done; it is tried again in an hour, and operators are told of the first."""
    _write_down(name, Chore.Result.FAILED, why, now, next_at=now + _AGAIN)


@transaction.atomic
def _hand(chore: Chore, now: datetime) -> bool:
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)  # else somebody is at it, however long it takes
    died = chore.lease_until is not None
    ours = Chore.objects.filter(free, pk=chore.pk, due_at=chore.due_at)
    if not ours.update(due_at=now + _AGAIN, handed_at=now, lease_until=None, deaths=F("deaths") + int(died)):
        return False
    if died and chore.deaths + 1 == _MOST_DEATHS:
        _tell_of_deaths(chore, now)
    async_task("generation.tasks.do_chore", chore.pk, cluster=COLLECT_CLUSTER)
    return True


def _tell_of_deaths(chore: Chore, now: datetime) -> None:
    """Let it count as failed: a worker that dies says nothing itself, and one death may be a restart."""
    report = f"Whoever was at it died or ran out of time, {_MOST_DEATHS} times in a row; our log may say more."
    Chore.objects.filter(pk=chore.pk).update(result=Chore.Result.FAILED, report=report)
    log.error("chore", name=chore.pk, result=str(Chore.Result.FAILED), deaths=_MOST_DEATHS)
    if chore.result != Chore.Result.FAILED:
        _alert_of_failure(chore, report, now)


@transaction.atomic
def _write_down(
    name: str, result: Chore.Result, report: str, now: datetime, *, next_at: datetime, found: int = 0
) -> None:
    chore = Chore.objects.select_for_update().get(pk=name)
    before, chore.result, chore.report = chore.result, str(result), report
    chore.ended_at, chore.due_at, chore.lease_until, chore.deaths = clock.now(), next_at, None, 0
    if found:
        chore.found = report
    elif result is Chore.Result.FINE:  # who could not look has found nothing out
        chore.found = ""
    chore.save(update_fields=["result", "report", "found", "ended_at", "due_at", "lease_until", "deaths"])
    is_old = result is Chore.Result.FAILED and before == str(result) and not found
    if result is Chore.Result.FINE or is_old:
        return
    log.error("chore", name=name, result=str(result))  # the report may hold the provider's words
    if result is Chore.Result.FAILED and not found:
        _alert_of_failure(chore, report, now)
    else:
        _alert(name, _FOUND.get(name, f"The daily {chore} found something"), report, now)


def _alert_of_failure(chore: Chore, report: str, now: datetime) -> None:
    _alert(chore.pk, f"The daily {chore} could not be done; it is tried again every hour", report, now)


def _alert(name: str, subject: str, text: str, now: datetime) -> None:
    alert(_KINDS.get(name, Alert.Kind.CHORE), subject=subject, text=text, page=_PAGES[name], now=now)


def _reconcile(now: datetime) -> Outcome:
    not_said = []
    try:
        reconcile(now)
    except ProviderError as error:
        not_said.append(f"WaveSpeed did not say: {error}")
    found = Difference.objects.filter(noted_at=now)
    open_ = Difference.objects.filter(resolved_at__isnull=True).count()
    unknown = Job.objects.filter(status=Status.UNKNOWN).count()
    said = [f"{one}; ours: {one.ours}; theirs: {one.theirs}" for one in found]
    last = f"{len(found)} new differences, {open_} to be resolved, {unknown} jobs unknown"
    report = "\n".join([*not_said, _lines(said, len(found), last)])
    return Outcome(report=report, found=len(found), is_whole=not not_said)


def _check_models(now: datetime) -> Outcome:
    report = check_models(now)
    closed = [f"Closed for new jobs: {closing}. {closing.reason}" for closing in report.closings]
    opened = [f"Opened again: {switch}" for switch in report.openings]
    number = len(report.drifts)
    said = [*map(str, report.drifts), *closed, *opened]
    last = f"{number} differences between WaveSpeed's offer and ours"
    return Outcome(report=_lines(said, len(said), last), found=number)


def _check_ledger(_now: datetime) -> Outcome:
    missing = missing_triggers()
    said = [f"trigger {name} is missing" for name in missing]
    number = len(missing)
    with_all = differences()
    for one in islice(with_all, _MOST_TOLD):
        said.append(str(one))
        number += 1
    number += sum(1 for _ in with_all)
    return Outcome(report=_lines(said, number, f"{number} differences"), found=number)


def _prune(now: datetime) -> Outcome:
    """Remove what is of no more use and would grow without end. Jobs, their history and the ledger stay."""
    gone = {
        "hints done or failed": Task.objects.filter(stopped__lt=now - _KEPT).delete()[0],
        "notices of jobs": JobNotice.objects.filter(created_at__lt=now - _KEPT).delete()[0],
        "alerts": Alert.objects.filter(created_at__lt=now - _KEPT_LONG).delete()[0],
        "notices of limits": forget_notices(ended_before=now - _KEPT_LONG),
    }
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    return Outcome(report=", ".join(f"{number} {what}" for what, number in gone.items()) + " removed")


def _lines(said: Sequence[str], number: int, last: str) -> str:
    more = [f"and {number - _MOST_TOLD} more"] if number > _MOST_TOLD else []
    return "\n".join([*said[:_MOST_TOLD], *more, last])


CHORES: dict[str, Callable[[datetime], Outcome]] = {
    "reconcile": _reconcile,
    "check_models": _check_models,
    "check_ledger": _check_ledger,
    "prune": _prune,
}
_KINDS = {"reconcile": Alert.Kind.DIFFERENCES, "check_ledger": Alert.Kind.LEDGER}
_FOUND = {
    "reconcile": "WaveSpeed says something else than we do",
    "check_ledger": "The ledger does not bear out a number",
    "check_models": "WaveSpeed offers something else than we do",
}
_PAGES = {
    "reconcile": "generation_difference_changelist",
    "check_models": "generation_switch_changelist",
    "check_ledger": "generation_chore_changelist",
    "prune": "generation_chore_changelist",
}
