"""Webhooks: the provider calls when a prediction has ended. Verified or not, it is a hint, and the provider is asked.

A webhook changes no status and no money. It makes a running job due now, or shows a job without a prediction which one
may be its own; the watcher and the workers then ask the provider and go by the same law as always.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from billing.rows import columns, prepared, read
from generation import clock
from generation.models import Ear, Job, Status
from generation.providers.webhooks import is_signed, named_prediction
from generation.services.dispatching import SUBMIT_CLUSTER
from generation.services.fitting import is_another_s
from generation.services.provider import wavespeed
from generation.services.transitions import locked, log

HOOK_PATH = "/hooks/wavespeed"  # what follows is masked in logs: config.logs
_NOTED_EVERY = timedelta(seconds=5)
_ARRIVE_FOR = timedelta(minutes=5)  # after the last one; then polling no longer relies on them
_ASK_AGAIN = timedelta(minutes=1)  # for the secret
# All that it takes to believe a webhook: the provider's time to tell us is the user's.
_LOOK = (
    f"SELECT {{now}}, job.webhook_hash, {columns(Ear, 'ear')} FROM generation_job job "  # noqa: S608 - names of ours
    "LEFT JOIN generation_ear ear ON ear.id = 1 WHERE job.id = %s"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where the provider shall call when a job's prediction ends. Only the token's hash is ever stored or shown."""

    url: str
    token_hash: str

    def __repr__(self) -> str:
        return "<Webhook>"


def draw_webhook(job: Job) -> Webhook | None:
    """Draw a fresh token for a submission; None where the provider can't reach us. The secret is wanted from now on."""
    if not settings.PUBLIC_URL:
        return None
    if not _secret_of(_ear()):
        _want_secret(clock.now())
    token = secrets.token_urlsafe(32)
    return Webhook(url=f"{settings.PUBLIC_URL}{HOOK_PATH}/{job.pk}/{token}", token_hash=_hash(token))


def hear(job_id: UUID, token: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Heed a webhook and say whether it was to be believed: our token, the provider's signature, of this job.

    Asks the provider nothing. Twice, late or about what has moved on, it is believed and changes nothing.
    """
    now, webhook_hash, ear = _looked_up(job_id)
    if not webhook_hash or not hmac.compare_digest(webhook_hash, _hash(token)):
        return False
    if not is_signed(headers, body, secret=_secret_of(ear), now=now.timestamp()):
        log.warning("webhook not believed", job_id=str(job_id))
        _want_secret(now)  # it may have been changed; until then polling finds out
        return False
    prediction_id = named_prediction(body)
    if prediction_id is None:
        return False
    is_heeded = _heed(job_id, prediction_id, now)
    if is_heeded and (ear.heard_at is None or now - ear.heard_at >= _NOTED_EVERY):
        Ear.objects.filter(pk=1).update(heard_at=now)
    return is_heeded


def hooks_arrive(now: datetime) -> bool:
    """Say whether webhooks arrive, so that polling need be no more than a safety net.

    False again five minutes after the last one: whatever keeps them away, polling then notices ends by itself.
    """
    return bool(settings.PUBLIC_URL) and Ear.objects.filter(pk=1, heard_at__gt=now - _ARRIVE_FOR).exists()


def learn_webhook_secret() -> None:
    """Fetch the secret that webhooks are signed with. Raises ProviderError."""
    secret = wavespeed().webhook_secret()
    _ear()
    Ear.objects.filter(pk=1).update(secret=secret, secret_at=clock.now())


def hand_to_attach(job: Job, now: datetime) -> None:
    """Tell a worker, in the caller's transaction, that an unknown job was shown its prediction."""
    # Due, so that the watcher repairs a hint that is lost.
    Job.objects.filter(pk=job.pk, status=Status.UNKNOWN).update(due_at=now)
    async_task("generation.tasks.attach_shown", str(job.pk), cluster=SUBMIT_CLUSTER)


def _looked_up(job_id: UUID) -> tuple[datetime, str, Ear]:
    """Return the time, the hash of a job's token, "" where there is none, and what it takes to believe, in one look."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK.format(now=clock.expression()), [prepared(Job, "id", job_id)])
        row = cursor.fetchone()
    if row is None:
        return timezone.now(), "", Ear()
    now, webhook_hash, *ear = row
    return now or timezone.now(), webhook_hash, read([Ear], ear)[0] if ear[0] else _ear()


def _heed(job_id: UUID, prediction_id: str, now: datetime) -> bool:
    # Who asks just now finds another due time than it had claimed, and does not take this back.
    running = Job.objects.filter(pk=job_id, prediction_id=prediction_id)
    if running.nudge(now, heard_at=now):
        return True
    with transaction.atomic():
        job = locked(job_id, Status.SUBMITTING, Status.UNKNOWN)
        if job is not None:
            return _show(job, prediction_id, now)
    if running.nudge(now, heard_at=now):  # it runs since a moment ago
        return True
    # It has ended or is being collected.
    nobodys = Q(prediction_id__isnull=True) & Q(shown_id__in=["", prediction_id])
    return Job.objects.filter(nobodys | Q(prediction_id=prediction_id), pk=job_id).exists()


def _show(job: Job, prediction_id: str, now: datetime) -> bool:
    """Write down which prediction it may be, unless it is another job's, or the job was shown another before.

    While the POST's own answer may come, nobody else acts on it.
    """
    if job.shown_id not in {"", prediction_id} or is_another_s(job, prediction_id):
        return False
    Job.objects.filter(pk=job.pk).update(shown_id=prediction_id, heard_at=now)
    if job.status == Status.UNKNOWN:
        hand_to_attach(job, now)
    return True


def _secret_of(ear: Ear) -> str:
    return str(settings.WAVESPEED_WEBHOOK_SECRET or ear.secret)


@transaction.atomic
def _want_secret(now: datetime) -> None:
    """Ask a worker to fetch the secret, at most once a minute: this process must wait for no one."""
    if settings.WAVESPEED_WEBHOOK_SECRET:
        return
    unasked = Q(asked_at__isnull=True) | Q(asked_at__lte=now - _ASK_AGAIN)
    if Ear.objects.filter(unasked, pk=1).update(asked_at=now):
        async_task("generation.tasks.learn_webhook_secret", cluster=SUBMIT_CLUSTER)


def _ear() -> Ear:
    return Ear.objects.get_or_create(pk=1)[0]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
