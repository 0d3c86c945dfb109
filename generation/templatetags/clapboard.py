"""What templates say in the words of this house: icons, money, statuses, sizes and lengths."""

from dataclasses import dataclass

from django import template
from django.forms import BoundField
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing import money
from generation.models import Job, Status
from generation.web.icons import NAMES

register = template.Library()


@dataclass(frozen=True, slots=True)
class Chip:
    """How a status looks and reads."""

    role: str
    icon: str
    word: str


CHIPS = {
    Status.QUEUED: Chip("idle", "clock", "In the queue"),
    Status.SUBMITTING: Chip("idle", "send", "Sending"),
    Status.RUNNING: Chip("info", "film", "Rendering"),
    Status.COLLECTING: Chip("info", "download", "Saving"),
    Status.UNKNOWN: Chip("review", "circle-question-mark", "Being checked"),
    Status.SUCCEEDED: Chip("ok", "circle-check", "Ready"),
    Status.FAILED: Chip("bad", "circle-x", "Failed"),
    Status.CANCELED: Chip("idle", "x", "Cancelled"),
}
LATE = Chip("warn", "hourglass", "Late")
SLOWER = Chip("warn", "hourglass", "Slower than most")
NOT_AS_WISHED = Chip("warn", "triangle-alert", "Ready, not as wished")
REFUSED = Chip("bad", "circle-x", "Refused")
_REFUSALS = frozenset({"moderated", "refused"})


@register.simple_tag
def icon(name: str) -> SafeString:
    """Show an icon of the sprite, hidden from readers: a word stands beside it."""
    if name not in NAMES:
        raise KeyError(f"{name} is not in generation.web.icons.NAMES")
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#i-{}"/></svg>', reverse("icons"), name)


@register.simple_tag
def control(field: BoundField) -> SafeString:
    """Show the widget of a field without what our pages do not have: placeholders for labels, inline styles."""
    return field.as_widget(attrs={"placeholder": False, "style": False})


@register.filter
def dollars(micros: int | None) -> str:
    """Return micro-dollars as they read: 360000 → "$0.36"; nothing for None."""
    if micros is None:
        return ""
    return f"-${money.dollars(-micros)}" if micros < 0 else f"${money.dollars(micros)}"


@register.filter
def duration(seconds: float | None) -> str:
    """Return the length of a video: 6.04 → "6.0 s", 75 → "1:15"."""
    if seconds is None:
        return ""
    text = f"{seconds:.1f} s"
    return text if float(text[:-2]) < 60 else clock(round(seconds))


@register.filter
def clock(seconds: float | None) -> str:
    """Return a time that passes: 48 → "48 s", 125 → "2:05", 3700 → "1:01:40"."""
    if seconds is None:
        return ""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def file_size(size: int | None) -> str:
    """Return bytes in the unit that reads best: 41000000 → "41 MB"."""
    if size is None:
        return ""
    if size < 1000:
        return f"{size} byte{'' if size == 1 else 's'}"
    amount = float(size)
    for unit in ("kB", "MB"):
        amount /= 1000
        # What would be rounded to 1000 belongs to the next unit.
        if amount < 999.5:
            return _short(amount, unit)
    return _short(amount / 1000, "GB")


@register.filter
def chip_of(job: Job) -> Chip:
    """Return how the status of a job looks and reads, with what makes it special."""
    if job.status == Status.RUNNING and job.late_at:
        return LATE
    if job.status == Status.SUCCEEDED and job.flags:
        return NOT_AS_WISHED
    if job.status == Status.FAILED and job.error_code in _REFUSALS:
        return REFUSED
    return CHIPS[Status(job.status)]


@register.inclusion_tag("clapboard/chip.html")
def status_chip(job: Job) -> dict[str, Chip]:
    """Show the status of a job as a chip: icon, word and colour."""
    return {"chip": chip_of(job)}


@register.inclusion_tag("clapboard/chip.html")
def slower_chip() -> dict[str, Chip]:
    """Show that a running job takes longer than 19 of 20 do."""
    return {"chip": SLOWER}


@register.inclusion_tag("clapboard/chip.html")
def sandbox_chip() -> dict[str, Chip]:
    """Show that a video is a test render."""
    return {"chip": Chip("sandbox", "flask-conical", "Sandbox")}


@register.inclusion_tag("clapboard/meter_bar.html")
def meter_bar(spent: int, held: int, limit: int, label: str) -> dict[str, object]:
    """Show how much of a limit is spent (solid), held (hatched) and left (empty); `label` says it in words.

    Units are the caller's own: micro-dollars, videos or seconds.
    """
    of = max(limit, spent + held, 1)
    share = (spent + held) * 100 // of
    return {
        "label": label,
        "spent": f"{spent * 100 / of:.2f}",
        "held": f"{held * 100 / of:.2f}",
        "level": "bad" if share >= 100 else "warn" if share >= 80 else "",
    }


def _short(amount: float, unit: str) -> str:
    return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:.0f} {unit}"
