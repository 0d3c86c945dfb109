"""How things read on the pages: lengths of time, days, the head of a prompt."""

from datetime import datetime
from math import ceil

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import Truncator
from django.utils.timesince import timesince


def span(seconds: float) -> str:
    """Return a length of time, as coarse as one would say it: 48 s, 2:40 min, 11 min, 3 h, 2 days."""
    whole = max(int(seconds), 0)
    minutes, rest = divmod(whole, 60)
    if whole < 60:
        return f"{whole} s"
    if minutes < 10:
        return f"{minutes}:{rest:02} min"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 60 // 24} days"


def roughly(seconds: float) -> str:
    """Return a length of time that is a guess, no finer than one can guess: 10 s, 40 s, 3 min, 2 h."""
    if seconds < 55:
        return f"{max(ceil(seconds / 10), 1) * 10} s"
    minutes = max(round(seconds / 60), 1)
    return f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"


def count(number: int, noun: str) -> str:
    """Return a number with its noun: 1 video, 2 videos."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def day(moment: datetime) -> str:
    """Return the day of a moment: 22 December."""
    return date_format(timezone.localtime(moment), "j F")


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago it was, in one unit: 2 hours ago."""
    if (now - moment).total_seconds() < 60:
        return "just now"
    return f"{timesince(moment, now, depth=1)} ago"


def headline(prompt: str, characters: int = 60) -> str:
    """Return the beginning of a prompt, to call its video by."""
    first = prompt.strip().splitlines()[0] if prompt.strip() else ""
    return Truncator(first).chars(characters)


def join(parts: list[str], word: str = "and") -> str:
    """Return parts as a list in a sentence: a, b and c."""
    return f" {word} ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
