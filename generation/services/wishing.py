"""From what a door was told to a spec: the uploads and videos that a wish names are looked up, its owner's only."""

from collections.abc import Mapping
from uuid import UUID

from billing.models import User
from generation.catalog import Kind
from generation.models import Job, Status, Upload
from generation.spec import Media, NoMedia, VideoSpec, shown, video_spec

_KINDS = {"image": Kind.IMAGE, "video": Kind.VIDEO}


def spec_of(user: User, wish: Mapping[str, object]) -> VideoSpec:
    """Validate a wish as doors have it: of media it gives the id of an upload, or a finished job as "source_job".

    Raises InvalidSpec with a complaint for each field that is wrong. What belongs to others does not exist.
    """
    found = dict(wish)
    names_job = "source_job" in found
    source_job = found.pop("source_job", None)
    for name in _KINDS.keys() & found.keys():
        found[name] = _upload(user, name, found[name])
    if names_job:
        both = NoMedia(given_as="source_job", message="Give either source_job or video, not both.")
        found["video"] = both if "video" in found else _video_of(user, source_job)
    return video_spec(found)


def wish_of(job: Job) -> dict[str, object]:
    """Return the wish that makes this job again."""
    wish: dict[str, object] = {"model": job.model, "prompt": job.prompt, **job.parameters}
    if job.source_job_id:
        wish["source_job"] = str(job.source_job_id)
    if job.upload:
        wish[str(job.upload.kind)] = str(job.upload_id)
    return wish


def media_of_upload(upload: Upload) -> Media:
    """Return an upload as a spec sees it."""
    return Media(
        kind=_KINDS[upload.kind],
        given_as=str(upload.kind),
        width=upload.width,
        height=upload.height,
        seconds=upload.seconds,
        has_audio=upload.has_audio,
        upload_id=upload.pk,
    )


def media_of_job(job: Job) -> Media:
    """Return a finished video as a spec sees it."""
    return Media(
        kind=Kind.VIDEO,
        given_as="source_job",
        width=job.width or 0,
        height=job.height or 0,
        seconds=job.duration or 0.0,
        has_audio=bool(job.has_audio),
        job_id=job.pk,
    )


def _upload(user: User, name: str, value: object) -> Media | NoMedia:
    upload_id = _id(value)
    found = upload_id and Upload.objects.filter(pk=upload_id, user=user, deleted_at__isnull=True).first()
    if not found:
        message = f"{shown(value)} is not one of your uploads; allowed: the id of one, from POST /api/v1/uploads."
        return NoMedia(given_as=name, message=message)
    media = media_of_upload(found)
    if media.kind is not _KINDS[name]:
        message = f"{shown(value)} is {_a(media.kind)}; allowed: the id of {_a(_KINDS[name])} that was uploaded."
        return NoMedia(given_as=name, message=message)
    return media


def _video_of(user: User, value: object) -> Media | NoMedia:
    job_id = _id(value)
    found = job_id and Job.objects.kept().filter(pk=job_id, user=user).first()
    if not found:
        message = f"{shown(value)} is not one of your jobs; allowed: the id of one that has a video."
        return NoMedia(given_as="source_job", message=message)
    if found.status != Status.SUCCEEDED:
        return NoMedia(given_as="source_job", message=f"The job is {found.status}; allowed: one that has a video.")
    return media_of_job(found)


def _a(kind: Kind) -> str:
    return {Kind.IMAGE: "a picture", Kind.VIDEO: "a video"}[kind]


def _id(value: object) -> UUID | None:
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
