"""What a job says of itself: its chip, its line, its money and what may be done. One card, the same everywhere."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from billing.models import Hold, User
from generation.catalog import MODELS, Operation
from generation.line import Line, WaitsFor
from generation.models import Job, Status
from generation.progress import progress
from generation.templatetags.clapboard import CHIPS, LATE, NOT_AS_WISHED, REFUSED, SLOWER, Chip, dollars
from generation.web.retrying import REFUSALS, Prices, can_retry, prices_of, retry_cost
from generation.web.wording import ago, day, headline, join, roughly, span

_KEPT_AT_PROVIDER = timedelta(days=7)
_SLOWER_THAN_MOST = 2.0  # times the usual time

_CHIPS = {
    **{str(status): chip for status, chip in CHIPS.items()},
    "slower": SLOWER,
    "late": LATE,
    "different": NOT_AS_WISHED,
    "refused": REFUSED,
}

_SAID = {
    "queued": "in the queue",
    "submitting": "sending",
    "running": "rendering",
    "slower": "slower than most",
    "late": "late, it still ends by itself",
    "collecting": "saving",
    "unknown": "being checked",
    "succeeded": "is ready",
    "different": "is ready, not as wished",
    "refused": "was refused; you were not charged",
    "failed": "failed; you were not charged",
    "canceled": "is cancelled; you were not charged",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A job as it is shown now."""

    job: Job
    stage: str
    line: str
    percent: int
    is_estimate: bool
    age: str
    retry_cost: int | None = None

    @property
    def chip(self) -> Chip:
        """Colour, icon and word of its stage."""
        return _CHIPS[self.stage]

    @property
    def title(self) -> str:
        """What the video is called by."""
        return headline(self.job.prompt)

    @property
    def opening(self) -> str:
        """As much of the prompt as stands in its dim frame."""
        return headline(self.job.prompt, 160)

    @property
    def is_under_way(self) -> bool:
        """Whether it can still change."""
        return not self.job.is_final

    @property
    def is_ready(self) -> bool:
        """Whether there is a video."""
        return self.job.status == Status.SUCCEEDED

    @property
    def can_cancel(self) -> bool:
        """Whether nothing was sent yet."""
        return self.job.status == Status.QUEUED

    @property
    def money(self) -> str:
        """Where the money is."""
        cost = dollars(self.job.hold.spend)
        match self.job.hold.state:
            case Hold.State.SETTLED:
                return f"{cost} charged"
            case Hold.State.RELEASED:
                return f"You were not charged; {cost} is no longer set aside."
            case _:
                return f"{cost} still set aside" if self.stage == "unknown" else f"{cost} set aside"

    @property
    def can_retake(self) -> bool:
        """Whether a part of the video can be made anew."""
        return self.is_ready and any(model.operation is Operation.VIDEO_TO_VIDEO for model in MODELS)

    @property
    def retry(self) -> str:
        """What the button says that makes the same again."""
        words = "Make it after all" if self.stage == "canceled" else "Try again"
        return f"{words} · {dollars(self.retry_cost)}"

    @property
    def token(self) -> UUID:
        """Names the form of that button, each time it is drawn: pressed twice, it makes one job."""
        return uuid4()

    @property
    def again(self) -> str:
        """What the link to the composer with this wish in it says."""
        return "Edit and try again" if self.stage == "refused" else "Again with changes"

    @property
    def announcement(self) -> str:
        """What is said aloud when it comes to this stage."""
        said = _SAID[self.stage]
        return f"{self.title} {said}." if self.job.is_final else f"{self.title}: {said}."

    @property
    def page_title(self) -> str:
        """What the tab says."""
        if self.is_under_way:
            return f"{self.percent}% · {self.title}"
        return f"{self.chip.word}: {self.title}"

    @property
    def look(self) -> str:
        """A short sum of what moves without a change of stage: another sum is another picture."""
        return f"{zlib.crc32(f'{self.line}|{self.percent}'.encode()):08x}"

    @property
    def pace(self) -> float:
        """Seconds after which to look at it again."""
        match self.stage:
            case "queued":
                return 2.0
            case "late" | "unknown":
                return 30.0
            case "submitting" | "collecting":
                return 1.0
            case _:
                return 1.0 if self.job.expected_seconds < 30 else 3.0


def cards_of(user: User, jobs: Iterable[Job], now: datetime) -> list[Card]:
    """Return the cards of these jobs, which belong to the user and came with their holds; a fixed number of queries."""
    jobs = list(jobs)
    line = Line.of(user.pk, now) if any(job.status == Status.QUEUED for job in jobs) else None
    prices = prices_of(now) if any(can_retry(job) for job in jobs) else {}
    return [_card(job, line, prices, now) for job in jobs]


def card_of(user: User, job: Job, now: datetime) -> Card:
    """Return the card of one job."""
    return cards_of(user, [job], now)[0]


def delivered(job: Job) -> str:
    """Return what the stored file is: length, size, sound."""
    sound = "sound" if job.has_audio else "no sound"
    return f"{job.duration or 0:.1f} s · {job.width}×{job.height} · {sound}"


def differences(job: Job) -> str:
    """Return where what was delivered is not what was wished, as a sentence."""
    wished, got = [], []
    for flag in job.flags:
        wished.append(_said(flag["what"], flag["wished"]))
        got.append(_said(flag["what"], flag["delivered"]))
    return f"Wished: {join(wished)}. Delivered: {join(got)}."


def _card(job: Job, line: Line | None, prices: Prices, now: datetime) -> Card:
    percent, is_estimate = progress(job, now)
    stage = _stage(job, now)
    return Card(
        job=job,
        stage=stage,
        line=_line(job, stage, line, now),
        percent=percent,
        is_estimate=is_estimate,
        age=ago(job.created_at, now),
        retry_cost=retry_cost(job, prices),
    )


def _stage(job: Job, now: datetime) -> str:
    match job.status:
        case Status.RUNNING if job.late_at:
            return "late"
        case Status.RUNNING if _elapsed(job, now) > _SLOWER_THAN_MOST * max(job.expected_seconds, 10):
            return "slower"
        case Status.SUCCEEDED if job.flags:
            return "different"
        case Status.FAILED if job.error_code in REFUSALS:
            return "refused"
        case status:
            return status


def _line(job: Job, stage: str, line: Line | None, now: datetime) -> str:
    """Return the one sentence of fact."""
    match stage:
        case "queued" if line:
            return _waiting(line, job, now)
        case "running" | "slower" | "late":
            return _rendering(job, stage, now)
        case "succeeded":
            return delivered(job)
        case "different":
            return differences(job)
        case "failed" | "refused":
            return job.error_message
        case _:
            return _LINES[stage]


def _waiting(line: Line, job: Job, now: datetime) -> str:
    """Return when a queued job will start, or what it waits for."""
    place = line.place_of(job)
    about = f", in about {roughly((place.starts_at - now).total_seconds())}" if place.starts_at else ""
    match place.waits_for:
        case WaitsFor.PROVIDER_CLOSED:
            return "WaveSpeed takes no videos from us just now. This one waits and starts by itself."
        case WaitsFor.YOUR_PLACES:
            free = "your place is" if line.places == 1 else f"one of your {line.places} places is"
            return f"{_ordinal(place.position)} of yours. Starts by itself when {free} free{about}."
        case WaitsFor.PROVIDER:
            return f"{_ordinal(place.position)} of yours. Starts by itself when WaveSpeed takes more from us{about}."
        case _:
            return "Starts in a moment."


def _rendering(job: Job, stage: str, now: datetime) -> str:
    so_far, usual = f"{span(_elapsed(job, now))} so far", span(job.expected_seconds)
    if stage == "late":
        last = day((job.submitted_at or now) + _KEPT_AT_PROVIDER)
        return f"{so_far}. It still ends by itself, at the latest on {last}. We look every 30 s."
    return (
        f"{so_far}. Usually about {usual}."
        if stage == "running"
        else f"{so_far}; usually about {usual}. Nothing to do."
    )


_LINES = {
    "queued": "Waits for its turn.",
    "submitting": "Handing it to WaveSpeed. It can't be stopped any more.",
    "collecting": "Rendered. Checking the file and copying it to your gallery.",
    "canceled": "Cancelled before it was sent.",
    "unknown": (
        "The line broke while we handed it over. We don't send twice, so we are finding out whether it runs. "
        "Usually settled within the hour."
    ),
}


def _elapsed(job: Job, now: datetime) -> float:
    return max((now - job.submitted_at).total_seconds(), 0.0) if job.submitted_at else 0.0


def _said(what: str, value: object) -> str:
    """Return a wished or delivered fact in words."""
    match what, value:
        case "audio", bool():
            return "sound" if value else "no sound"
        case "duration", int() | float():
            return f"{value:g} s" if isinstance(value, int) else f"{value:.1f} s"
        case _:
            return str(value).replace("x", "×")


def _ordinal(number: int) -> str:
    if number == 1:
        return "Next"
    suffix = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
