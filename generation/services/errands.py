"""What one worker at a time does, whenever there is cause: whoever is slow at it is never joined by others."""

from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django_q.tasks import async_task

from generation import clock
from generation.models import Errand
from generation.services import leases
from generation.services.collecting import COLLECT_CLUSTER

_WAITS = timedelta(minutes=15)  # for a collector, who may be busy; then the hint is thought lost
_LONGEST = 300.0  # seconds that a lease is renewed; whoever hangs lets go
_PAUSE = timedelta(minutes=1)  # after it has failed


TELL_OPERATORS = "tell_operators"
"""The one errand that submitters do, while the Gate is closed and they have nothing else to do."""


@transaction.atomic
def hand(name: str, *, cluster: str = COLLECT_CLUSTER) -> bool:
    """Tell a worker to run generation.tasks.NAME, unless one is told or at it, or it has just failed."""
    now = clock.now()
    Errand.objects.bulk_create([Errand(name=name)], ignore_conflicts=True)
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    if not Errand.objects.filter(free, pk=name).update(handed_at=now, lease_until=now + _WAITS):
        return False
    async_task(f"generation.tasks.{name}", cluster=cluster)
    return True


def do(name: str, step: Callable[[], object]) -> bool:
    """Do what was handed over; False where somebody else has it. What the step raises is raised, after a pause is set.

    Each handing has one taker, as with jobs; and who was thought dead takes nothing from the next.
    """
    now = clock.now()
    taken = {"handed_at": None, "taken_at": now, "lease_until": leases.until(now)}
    if not Errand.objects.filter(pk=name, handed_at__isnull=False).update(**taken):
        return False
    ours = Errand.objects.filter(pk=name, handed_at__isnull=True, taken_at=now)
    try:
        with leases.renewed(ours, at_most=_LONGEST):
            step()
    except Exception:
        ours.update(lease_until=clock.now() + _PAUSE)
        raise
    ours.update(lease_until=None)
    return True
