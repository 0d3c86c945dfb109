"""What the page of a job tells beside the video: wished and delivered, where the money went, what happened when."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from billing.models import Hold
from generation.catalog import Kind, Parameter
from generation.models import Job, JobEvent, Status
from generation.templatetags.clapboard import dollars, file_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing as it was wished and as it came; `delivered` is empty while there is no video."""

    label: str
    wished: str
    delivered: str = ""
    differs: bool = False


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
    """Return what was wished, and beside it what was delivered."""
    model = job.video_model
    differing = {flag["what"] for flag in job.flags}
    found = [Fact(label="Model", wished=model.title)]
    for parameter in model.parameters:
        if parameter.name in job.parameters:
            measure = _MEASURES.get(parameter.name, "")
            found.append(
                Fact(
                    label=parameter.label,
                    wished=_said(parameter, job.parameters[parameter.name]),
                    delivered=_delivered(job, measure),
                    differs=measure in differing,
                )
            )
    found.append(
        Fact(
            label="Size",
            wished=f"{model.width}×{model.height}",
            delivered=_delivered(job, "size"),
            differs="size" in differing,
        )
    )
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
    return f"{value} s" if parameter.name == "duration" else str(value)


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
