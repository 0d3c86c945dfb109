"""What `from generation import …` gives: a video from Python, by the same way that every job takes."""

import math
from decimal import Decimal
from os import PathLike
from typing import IO
from uuid import UUID

from generation.calls.asking import PROVIDER, File, asked, is_id
from generation.calls.errors import Deleted, InvalidInput
from generation.calls.giving import Target, Video, described, give, target
from generation.calls.making import make, user_of
from generation.calls.threads import aside, ask
from generation.calls.waiting import Callback, Stages, wait
from generation.catalog import MODELS, Operation, VideoModel
from generation.models import Job
from generation.spec import Complaint, shown

TIME_LIMIT = 600.0  # seconds


async def ai_video_generate(  # noqa: PLR0913 - these names are the contract
    *,
    prompt: str,
    model: str,
    user_id: int | str,
    operation_type: str = Operation.TEXT_TO_VIDEO,
    provider: str = PROVIDER,
    progress_callback: Callback | None = None,
    timeout: float | None = TIME_LIMIT,  # noqa: ASYNC109 - it ends the call, and the job goes on
    stream_to: str | PathLike[str] | IO[bytes] | None = None,
    image: File | UUID | None = None,
    video: File | UUID | None = None,
    source: File | UUID | None = None,
    source_job: UUID | str | None = None,
    max_cost: Decimal | str | None = None,
    **parameters: object,
) -> Video:
    """Make a video and return it; its cost is set aside first and charged once the video is stored.

    `user_id`: an int is an id, text an e-mail address or username. `operation_type` chooses among the models of the
    name: "text-to-video", "image-to-video" (with `image`) or "video-to-video" (with `video`, which may be called
    `source`, or the id of a finished job in `source_job`). Media are a path, bytes, an open binary file, or the id of
    an upload (a UUID, or text that reads as one). `parameters` are the model's own (duration in seconds, size …); None
    is not said. `max_cost` in dollars, `timeout` in seconds, None waits for ever. With `stream_to`, a path or an open
    binary file, `video_bytes` is None.

    `progress_callback(percent, message)` gets 10, 20 to 80, 90 and 100, on the event loop; it may be a coroutine
    function. Canceling the task leaves the job going.

    Raises a VideoError, whose `code` says what: invalid_input, insufficient_quota, model_closed, price_changed,
    no_price, model_not_in_plan, past_due, address_not_verified, too_many_uploads or engine_down, and nothing was held;
    refused, failed or canceled, and nothing was charged; timed_out, and `resume_video` picks the job up; not_delivered
    or deleted once it was made.
    """
    wish = {"model": model, "prompt": prompt, "source_job": source_job, **parameters}
    call = asked(
        wish | {"image": image, "video": video, "source": source},
        user_id=user_id,
        by="Python",
        provider=provider,
        operation=operation_type,
        max_cost=max_cost,
    )
    to, seconds = target(stream_to), _seconds(timeout)
    job = await (aside if call.files else ask)(make, call)
    return await _followed(job, Stages(progress_callback), seconds, to)


async def resume_video(
    job_id: UUID | str,
    *,
    progress_callback: Callback | None = None,
    timeout: float | None = TIME_LIMIT,  # noqa: ASYNC109 - as above
    stream_to: str | PathLike[str] | IO[bytes] | None = None,
    user_id: int | str | None = None,
) -> Video:
    """Wait for a job that was made before, through whatever door, and return its video; it may have ended already.

    With a `user_id` the jobs of others do not exist. Raises and calls back as `ai_video_generate` does.
    """
    to, seconds = target(stream_to), _seconds(timeout)
    job = await ask(_job, job_id, user_id)
    return await _followed(job, Stages(progress_callback), seconds, to)


def get_wavespeed_text_to_video_service(model: str) -> VideoModel:
    """Return the text-to-video model of exactly this name, as data; InvalidInput with all names on any other."""
    offered = [entry for entry in MODELS if entry.operation is Operation.TEXT_TO_VIDEO]
    for entry in offered:
        if model in entry.names:
            return entry
    names = ", ".join(name for entry in offered for name in entry.names)
    message = f"{shown(model)} is not a text-to-video model we offer; allowed: {names}."
    raise InvalidInput([Complaint(field="model", message=message)])


async def _followed(job: Job, stages: Stages, seconds: float | None, to: Target) -> Video:
    job = await wait(job, stages, seconds)
    video = await described(job, await give(job, to))
    await stages.end(job)
    return video


def _job(job_id: object, user_id: object) -> Job:
    jobs = Job.objects.select_related("hold", "source_job", "upload")
    if user_id is not None:
        jobs = jobs.filter(user=user_of(user_id))
    job = jobs.filter(pk=str(job_id)).first() if is_id(job_id) else None
    if job is None:
        raise InvalidInput([Complaint(field="job_id", message=f"{shown(str(job_id))} is not the id of a job.")])
    if job.deleted_at:
        raise Deleted("The video has been deleted.", job_id=job.pk, prediction_id=job.prediction_id)
    return job


def _seconds(timeout: object) -> float | None:
    if timeout is None:
        return None
    if isinstance(timeout, int | float) and not isinstance(timeout, bool) and timeout > 0 and math.isfinite(timeout):
        return float(timeout)
    message = f"{shown(timeout)} is no time; allowed: seconds above 0, or None to wait for ever."
    raise InvalidInput([Complaint(field="timeout", message=message)])
