"""Signs of life: do watcher and workers work? The watcher beats by itself and asks each cluster to beat by a hint."""

from datetime import datetime, timedelta

from django.db.models import F, Q
from django_q.tasks import async_task

from generation.models import Heartbeat, Job, Status
from generation.services.collecting import COLLECT_CLUSTER
from generation.services.dispatching import SUBMIT_CLUSTER

WATCHER = "watcher"
CLUSTERS = (SUBMIT_CLUSTER, COLLECT_CLUSTER)
BEATS = (WATCHER, *CLUSTERS)

_ASK_AGAIN = timedelta(seconds=60)  # for a beat that never came
_SILENT_AFTER = timedelta(seconds=30)


def beat(now: datetime) -> None:
    """Show that the watcher lives, and ask every cluster to show it, unless a question is still on its way."""
    Heartbeat.objects.update_or_create(name=WATCHER, defaults={"beat_at": now})
    for name in CLUSTERS:
        Heartbeat.objects.get_or_create(name=name)
        answered = Q(asked_at__isnull=True) | Q(beat_at__gte=F("asked_at")) | Q(asked_at__lt=now - _ASK_AGAIN)
        if Heartbeat.objects.filter(answered, name=name).update(asked_at=now):
            async_task("generation.tasks.beat", name, cluster=name)


def silent(now: datetime, *, after: timedelta = _SILENT_AFTER) -> list[str]:
    """Return who has given no sign of life for so long, of BEATS. A worker's lease on a job is one, too."""
    alive = set(Heartbeat.objects.filter(beat_at__gt=now - after).values_list("name", flat=True))
    working = {SUBMIT_CLUSTER: Status.SUBMITTING, COLLECT_CLUSTER: Status.COLLECTING}
    for name in sorted(working.keys() - alive):
        if Job.objects.filter(status=working[name], handed_at__isnull=True, lease_until__gt=now).exists():
            alive.add(name)
    return [name for name in BEATS if name not in alive]
