"""Hints: what tells a worker to look at jobs. They are rows, written in the transaction of what they speak of."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

HINT_WAITS = timedelta(minutes=15)  # behind others; then it is thought lost


def hint_at(task: str, jobs: Iterable[UUID], *, cluster: str) -> None:
    """Tell a cluster's workers to look at these jobs, with one statement for all of them."""
    pile = _Pile(cluster)
    for job in jobs:
        async_task(task, str(job), cluster=cluster, broker=pile)
    OrmQ.objects.bulk_create(OrmQ(key=cluster, payload=pack, lock=timezone.now()) for pack in pile.packs)


def any_waits(cluster: str) -> bool:
    """Say whether there is a hint that no worker of the cluster has taken: all of them are busy, or away."""
    waits: bool = OrmQ.objects.filter(key=cluster, lock__lte=timezone.now()).exists()
    return waits


def let_go(cluster: str) -> int:
    """Give out again at once what workers of a cluster had in hand, and return how many hints there were.

    For who starts in place of workers that were killed: django-q2 would wait for `retry`, which is minutes. Hints of
    others that still live run twice, and the second finds nothing to do.
    """
    now = timezone.now()
    given: int = OrmQ.objects.filter(key=cluster, lock__gt=now).update(lock=now)
    return given


class _Pile:
    """Stands in for django-q2's broker of a cluster: keeps what that would write, one statement each."""

    def __init__(self, cluster: str) -> None:
        self.list_key = cluster
        self.packs: list[str] = []

    def enqueue(self, pack: str) -> None:
        """Take one more."""
        self.packs.append(pack)
