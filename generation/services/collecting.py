"""A finished prediction becomes a stored, checked video, and its cost is charged."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from structlog.contextvars import bind_contextvars

from billing import services as billing
from billing.services import Actor
from generation import clock, storage
from generation.models import Difference, Job, JobNotice, JobQuerySet, Status
from generation.providers.errors import ProviderError
from generation.services import leases
from generation.services.differing import differ
from generation.services.hinting import hint_at
from generation.services.noticing import give_notice
from generation.services.provider import wavespeed
from generation.services.transitions import fail, locked, log, move, tell, the_one

COLLECT_CLUSTER = "collect"
_MARGIN = 120  # seconds that result, probe, poster and storage may take beside the download
_MOST_BAD_FILES = 3
_OUTPUT_LIVES = timedelta(days=7)  # at WaveSpeed
_MARGIN_OF_PIXELS = 1  # H.264 has no odd sizes, and a source may have one
_TOLERANCE = 0.5  # seconds between wished and delivered length that nobody minds


def hand_to_collectors(job: Job, now: datetime) -> bool:
    """Tell a worker to fetch the video, in the caller's transaction; False when it is in other hands or not yet due."""
    free = Job.objects.filter(
        Q(lease_until__isnull=True) | Q(lease_until__lte=now),
        Q(due_at__isnull=True) | Q(due_at__lte=now),
        pk=job.pk,
        status=Status.COLLECTING,
    )
    if not free.update(**in_the_hands_of_collectors(now)):
        return False
    tell_collectors([job])
    return True


def in_the_hands_of_collectors(now: datetime) -> dict[str, datetime]:
    """Return the columns of a job that a worker is told of now."""
    return {"handed_at": now, "lease_until": leases.until(now)}


def tell_collectors(jobs: Iterable[Job]) -> None:
    """Tell workers to fetch the videos, in the transaction that writes down that they are handed over."""
    hint_at("generation.tasks.collect", [job.pk for job in jobs], cluster=COLLECT_CLUSTER)


def collect(job_id: UUID) -> None:
    """Fetch, check and store a job's video and charge it. Does nothing for a job that somebody else has."""
    job = _claim(job_id)
    if job is None:
        return
    try:
        with leases.renewed(_ours(job), at_most=settings.DOWNLOAD_TIME_LIMIT + _MARGIN):
            stored = _fetch(job)
        _finish(job, stored)
    except storage.OutputGone as error:
        _gone(job, "output_gone", "The video was made, but it was gone before we could fetch it.", str(error))
    except storage.NotAVideo as error:
        _spoiled(job, error)
    except (storage.Interrupted, ProviderError) as error:
        _again_later(job, f"Cut: {error}")
    except Exception:  # noqa: BLE001 - whatever it is, the video is paid for and may still be fetched
        log.exception("collecting failed unexpectedly", job_id=str(job.pk))
        _again_later(job, "Failed unexpectedly; our log says more.")
    discard_of_ended(job.pk)


def discard_of_ended(job_id: UUID) -> None:
    """Remove what attempts have stored of a job that has failed or was deleted meanwhile: nobody comes back for it."""
    if not Job.objects.filter(Q(status=Status.FAILED) | Q(deleted_at__isnull=False), pk=job_id).exists():
        return
    try:
        storage.discard(job_id)
    except storage.Interrupted:
        # What our storage does not give up now costs room and nothing else.
        log.exception("files of an ended job stay", job_id=str(job_id))


def _claim(job_id: UUID) -> Job | None:
    """Take the job for a short while. Each handing has one taker: the others find it unhanded.

    The attempt is counted now, and the next one due after a pause: an output may kill whoever opens it.
    """
    handed = Job.objects.filter(pk=job_id, status=Status.COLLECTING, handed_at__isnull=False)
    job = the_one(handed.select_related("hold"))  # few have a source: it is looked up where it is asked for
    if job is None:
        return None
    now = clock.now()
    taken = {"handed_at": None, "lease_until": leases.until(now), "due_at": now + _pause(job.attempts)}
    if not handed.filter(attempts=job.attempts).update(**taken, attempts=job.attempts + 1):
        return None
    job.attempts += 1
    bind_contextvars(request_id=job.request_id, prediction_id=job.prediction_id)
    return job


def _ours(job: Job) -> JobQuerySet:
    """Return the job as long as nobody was given it since we took it: the number of the attempt tells."""
    return Job.objects.filter(pk=job.pk, status=Status.COLLECTING, handed_at__isnull=True, attempts=job.attempts)


def _pause(attempts: int) -> timedelta:
    """Return how long to wait between an attempt and the next: longer and longer, up to ten minutes."""
    return timedelta(seconds=min(2.0 ** min(attempts, 10), 600.0))


def _fetch(job: Job) -> storage.StoredVideo:
    prediction = wavespeed().result(str(job.prediction_id))
    if not prediction.outputs:
        raise storage.OutputGone("The result names no output any more.")
    return storage.keep(job.pk, prediction.outputs[0])


def _finish(job: Job, stored: storage.StoredVideo) -> None:
    """Write down the video and charge for it, exactly once."""
    now = clock.now()
    fields = {
        "video": stored.video,
        "poster": stored.poster,
        "width": stored.facts.width,
        "height": stored.facts.height,
        "duration": stored.facts.duration,
        "has_audio": stored.facts.has_audio,
        "size_bytes": stored.size_bytes,
        "sha256": stored.sha256,
        "flags": _differences(job, stored.facts),
        "finished_at": now,
        "lease_until": None,
        "due_at": None,
    }
    by = _worker(job)
    with transaction.atomic():
        current = locked(job.pk, Status.COLLECTING)
        if current and move(current, Status.SUCCEEDED, now=now, by=by, note="Checked, stored and charged.", **fields):
            billing.settle(job.hold, now=now, by=by)
            give_notice(current, JobNotice.Kind.DONE, now)


def _differences(job: Job, facts: storage.Facts) -> list[dict[str, object]]:
    """Say where what was delivered is not what was wished. It is kept all the same, and flagged."""
    found: list[tuple[str, object, object]] = []
    wished_seconds = job.wished_seconds
    if wished_seconds is not None and abs(facts.duration - wished_seconds) > _TOLERANCE:
        found.append(("duration", wished_seconds, facts.duration))
    wished = job.wished_size
    if wished and max(abs(facts.width - wished[0]), abs(facts.height - wished[1])) > _MARGIN_OF_PIXELS:
        found.append(("size", f"{wished[0]}x{wished[1]}", f"{facts.width}x{facts.height}"))
    if job.wished_audio is not None and job.wished_audio != facts.has_audio:
        found.append(("audio", job.wished_audio, facts.has_audio))
    return [{"what": what, "wished": wished, "delivered": delivered} for what, wished, delivered in found]


def _spoiled(job: Job, error: storage.NotAVideo) -> None:
    """Fetch it again; what is no video three times will not become one."""
    if not _ours(job).update(bad_files=F("bad_files") + 1):
        return
    if job.bad_files + 1 >= _MOST_BAD_FILES:
        times = f"{_MOST_BAD_FILES} times"
        _gone(job, "no_video", f"It was rendered, but what arrived {times} was no video.", str(error))
    else:
        _again_later(job, f"No video: {error}")


@transaction.atomic
def _gone(job: Job, code: str, message: str, detail: str) -> None:
    now = clock.now()
    if the_one(_ours(job).select_for_update(of=("self",))) is None:
        return  # another one may still get it
    if fail(job, code=code, message=message, now=now, by=_worker(job), provider_error=detail):
        kind = Difference.Kind.PAID_FOR_NOTHING
        differ(kind, ours=f"failed: {code}", theirs=f"completed; {detail}", now=now, job=job)


@transaction.atomic
def _again_later(job: Job, note: str) -> None:
    """Give the job back, if it still is ours; the watcher hands it out again, after a pause that grows."""
    now = clock.now()
    if job.collecting_at and now - job.collecting_at > _OUTPUT_LIVES:
        _gone(job, "output_gone", "The video was made, but it could not be fetched for seven days.", note)
        return
    if _ours(job).update(lease_until=None, due_at=now + _pause(job.attempts - 1)):
        tell(job, now=now, by=_worker(job), note=note)


def _worker(job: Job) -> Actor:
    return Actor(name="worker", request_id=job.request_id)
