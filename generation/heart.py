"""Signs of life: do watcher and workers work? The watcher beats by itself and asks each cluster to beat by a hint."""

from datetime import datetime, timedelta

from django.db.models import F, Q
from django_q.tasks import async_task

from generation.models import Chore, Errand, Heartbeat, Job, Status, Watcher
from generation.services import errands
from generation.services.collecting import COLLECT_CLUSTER
from generation.services.dispatching import SUBMIT_CLUSTER, WITH_MEDIA

WATCHER = "watcher"
CLUSTERS = (SUBMIT_CLUSTER, COLLECT_CLUSTER)
BEATS = (WATCHER, *CLUSTERS)

_ASK_AGAIN = timedelta(seconds=60)  # for a beat that never came
SILENT_AFTER = timedelta(seconds=30)


def beat(now: datetime) -> None:
    """Show that the watcher lives, and ask every cluster to show it, unless a question is still on its way."""
    Heartbeat.objects.update_or_create(name=WATCHER, defaults={"beat_at": now})
    for name in CLUSTERS:
        Heartbeat.objects.get_or_create(name=name)
        answered = Q(asked_at__isnull=True) | Q(beat_at__gte=F("asked_at")) | Q(asked_at__lt=now - _ASK_AGAIN)
        if Heartbeat.objects.filter(answered, name=name).update(asked_at=now):
            async_task("generation.tasks.beat", name, cluster=name)


def present(name: str, now: datetime) -> int:
    """Show that the watcher of this name runs, and return how many do: who has shown nothing for long is forgotten."""
    Watcher.objects.update_or_create(name=name, defaults={"beat_at": now})
    Watcher.objects.filter(beat_at__lte=now - SILENT_AFTER).delete()
    return max(Watcher.objects.count(), 1)  # another one may have forgotten us just now


def leave(name: str) -> None:
    """Let the other watchers have its share at once."""
    Watcher.objects.filter(name=name).delete()


def silent(now: datetime, *, after: timedelta = SILENT_AFTER) -> list[str]:
    """Return who has given no sign of life for so long, of BEATS. A lease of what a worker is at is one, too."""
    alive = set(Heartbeat.objects.filter(beat_at__gt=now - after).values_list("name", flat=True))
    alive |= {name for name in CLUSTERS if name not in alive and _is_at_work(name, now)}
    return [name for name in BEATS if name not in alive]


def _is_at_work(cluster: str, now: datetime) -> bool:
    """Say whether one of a cluster's workers is at something that may take longer than the time between two beats."""
    leased = Q(lease_until__gt=now)
    taken = leased & Q(handed_at__isnull=True)
    under_way = Job.objects.under_way()
    if cluster == SUBMIT_CLUSTER:
        return under_way.filter(taken, status=Status.SUBMITTING).exists()
    uploading = leased & WITH_MEDIA & Q(status=Status.QUEUED, taken_at__isnull=False)
    jobs = (under_way.filter(of_a_job) for of_a_job in (taken & Q(status=Status.COLLECTING), uploading))
    errand = Errand.objects.filter(taken).exclude(name=errands.TELL_OPERATORS)
    return any(found.exists() for found in (*jobs, errand, Chore.objects.filter(taken)))
