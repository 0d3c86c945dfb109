"""Operators' answers: each taken once."""

from datetime import datetime

from billing.models import Answer


def take_answer(about: str, seen: str, *, now: datetime) -> bool:
    """Take the answer to what was seen of a row; False where another has been taken, be it at the same moment.

    Wants the transaction of what it answers: who dies in between has answered nothing and done nothing. A second one at
    the same moment waits for the first, and is taken where that one was rolled back.
    """
    return Answer.objects.get_or_create(about=about, seen=seen, defaults={"at": now})[1]


def last_answer(about: str) -> int:
    """Return the key of the last answer about a row, 0 where there is none."""
    return Answer.objects.filter(about=about).order_by("-pk").values_list("pk", flat=True).first() or 0
