"""What the page of a job tells beside the video: wished and delivered, where the money went, what happened when."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone

from billing.models import Hold
from generation.catalog import Kind, Parameter
from generation.models import Job, JobEvent, Status, Upload
from generation.templatetags.clapboard import dollars, file_size
from generation.web.forms import PARAMETERS
from generation.web.wording import headline


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing as it was wished and as it came; `delivered` is empty while there is no video."""

    label: str
    wished: str
    delivered: str = ""
    differs: bool = False
    href: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyLine:
    """A line of the sum that ends with what was charged."""

    label: str
    amount: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A line of a job's history, for its owner."""

    at: datetime
    text: str
    is_same_day: bool


def facts(job: Job) -> list[Fact]:
    """Return what was wished, and beside it what was delivered; also of models that are no longer offered."""
    differing = {flag["what"] for flag in job.flags}
    found = [Fact(label="Model", wished=job.video_model.title), *_sources(job)]
    for parameter, value in _said_parameters(job):
        measure = _MEASURES.get(parameter.name, "")
        found.append(
            Fact(
                label=parameter.label,
                wished=_said(parameter, value),
                delivered=_delivered(job, measure),
                differs=bool(measure) and measure in differing,
            )
        )
    for measure, wished in (("duration", _length(job)), ("size", _size(job))):
        if wished:
            label = _LABELS[measure]
            delivered = _delivered(job, measure)
            found.append(Fact(label=label, wished=wished, delivered=delivered, differs=measure in differing))
    if job.size_bytes:
        found.append(Fact(label="File", wished=f"MP4, {file_size(job.size_bytes)}"))
    return found


def money_lines(job: Job) -> list[MoneyLine]:
    """Return four lines that add up: set aside, less what is back and what is still there, is what was charged."""
    hold = job.hold
    back = hold.spend if hold.state == Hold.State.RELEASED else 0
    still = hold.spend if hold.state == Hold.State.HELD else 0
    return [
        MoneyLine(label="Set aside", amount=dollars(hold.spend), at=hold.created_at),
        MoneyLine(label="Given back", amount=f"− {dollars(back)}", at=hold.resolved_at if back else None),
        MoneyLine(label="Still set aside", amount=f"− {dollars(still)}"),
        MoneyLine(
            label="Charged",
            amount=f"= {dollars(hold.spend - back - still)}",
            at=None if back or still else hold.resolved_at,
        ),
    ]


def timeline(job: Job) -> list[Happening]:
    """Return what happened, the oldest first, in words for its owner: no addresses, no library's messages."""
    first = timezone.localtime(job.created_at).date()
    return [
        Happening(at=event.at, text=_told(event, job), is_same_day=timezone.localtime(event.at).date() == first)
        for event in job.events.all()
    ]


_MEASURES = {"duration": "duration", "generate_audio": "audio"}
_LABELS = {"duration": "Length", "size": "Size"}
_PART = ("start_time", "end_time")


def part_of(job: Job) -> str:
    """Return which part of its source it replaces; empty where all of it."""
    start, end = (job.parameters.get(name) for name in _PART)
    if start is None and end is None:
        return ""
    return f"{start or 0:g} to {end:g} s" if end is not None else f"{start:g} s to the end"


def _sources(job: Job) -> list[Fact]:
    """Return what it is made from."""
    if job.source_job:
        href = "" if job.source_job.deleted_at else reverse("job", args=[job.source_job_id])
        name = headline(job.source_job.prompt) if href else "a video that has been deleted"
        return [Fact(label="Source", wished=name, href=href)]
    if job.upload is None:
        return []
    is_picture = job.upload.kind == Upload.Kind.IMAGE
    label = "Start picture" if is_picture else "Source"
    if job.upload.deleted_at:
        return [Fact(label=label, wished=f"{job.upload.name}, deleted")]
    picture = reverse("upload-file", args=[job.upload_id]) if is_picture else ""
    return [Fact(label=label, wished=job.upload.name, picture=picture)]


def _said_parameters(job: Job) -> list[tuple[Parameter, object]]:
    """Return what was said, in the order of the model; nobody asks for what is folded away and as always."""
    model = job.video_model
    known = {parameter.name: parameter for parameter in model.parameters}
    others = [name for name in job.parameters if name not in known]
    found: list[tuple[Parameter, object]] = []
    for name in (*known, *others):
        parameter = known.get(name) or PARAMETERS.get(name) or _unknown(name)
        value = job.parameters.get(name)
        is_told = name in job.parameters and name not in {model.size_parameter, *_PART}
        if is_told and not (parameter.is_more and value == parameter.default):
            found.append((parameter, value))
    if part := part_of(job):
        found.append((_unknown("replaced_part"), part))
    return found


def _unknown(name: str) -> Parameter:
    return Parameter(name=name, kind=Kind.TEXT, label=name.replace("_", " ").capitalize())


def _length(job: Job) -> str:
    """Return the length that was wished, where no parameter says it."""
    if "duration" in job.parameters or job.source_seconds is None:
        return ""
    return f"{job.source_seconds:.1f} s, as the source"


def _size(job: Job) -> str:
    size = job.wished_size
    if size is None:
        return "as the picture" if job.upload else "as the model makes it"
    return f"{size[0]}×{size[1]}{', as the source' if job.source_seconds is not None else ''}"


def _delivered(job: Job, measure: str) -> str:
    """Return what was measured in the stored file."""
    if job.status != Status.SUCCEEDED:
        return ""
    match measure:
        case "duration":
            return f"{job.duration or 0:.2f} s"
        case "audio":
            return "sound" if job.has_audio else "none"
        case "size":
            return f"{job.width}×{job.height}"
    return ""


def _said(parameter: Parameter, value: object) -> str:
    if parameter.kind is Kind.BOOLEAN:
        return "wished" if value else "not wished"
    return parameter.label_of(value)


_MOVED = {
    ("", "queued"): "Created, and its price set aside.",
    ("queued", "queued"): "Handed to a worker.",
    ("queued", "submitting"): "Being sent to WaveSpeed.",
    ("submitting", "queued"): "Not sent; back in the queue.",
    ("submitting", "running"): "WaveSpeed took it.",
    ("submitting", "unknown"): "The line broke: nobody knows whether WaveSpeed took it.",
    ("unknown", "running"): "Found at WaveSpeed.",
    ("running", "running"): "Later than usual. It still ends by itself.",
    ("running", "collecting"): "WaveSpeed has rendered it.",
    ("collecting", "collecting"): "Fetching it again.",
    ("collecting", "succeeded"): "Checked, stored and charged.",
    ("queued", "canceled"): "Cancelled before it was sent.",
}


def _told(event: JobEvent, job: Job) -> str:
    if event.to_status == Status.FAILED:
        return job.error_message
    return _MOVED.get((event.from_status, event.to_status), event.note)
