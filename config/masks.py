"""What no log shows: permissions that stand in addresses, what users wrote, and what a provider says."""

import re
import traceback
from collections.abc import Iterator

# What follows these is a permission: to call as WaveSpeed, to set a password, to confirm an address.
_PERMITTING = ("hooks/wavespeed/", "password/reset/key/", "confirm-email/")
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # of the job, which may be seen
_REST = r"(?:[^\s?&,)\"'<>\\]|\\+u[0-9a-f]{4}|\\+/)+"
# PostgreSQL adds lines to what it says, in the language of the place: "DETAIL:  " repeats the row with all prompts,
# "LINE 1: " the statement. They end with the text, or where a traceback goes on.
_ADDED = re.compile(
    r"(^|\n)([ |]{0,40}[^\s|:]{1,30}(?:[ \u00a0]?[:：] {2}| \d{1,6}[:：] )).*?"
    r"(?=\n[ |]{0,40}\n[ |]{0,40}(?:The above exception|During handling)|\Z)",
    re.DOTALL,
)
_OF_DATABASES = ("django.db.utils", "psycopg")


def _spelled(text: str) -> str:
    """Return a pattern of the text however an address may spell it: with `%2F`, `%252F`, `\\/`, `//`, `wave%73peed`."""
    slash = r"(?:\\*/|%(?:25)*(?:2F|5C)|\\+u002F)+"
    return "".join(slash if one == "/" else _letter(one) for one in text)


def _letter(one: str) -> str:
    return rf"(?:{re.escape(one)}|%(?:25)*(?:{ord(one):x}|{ord(one.upper()):x}))"


_PERMISSION = re.compile(
    rf"((?:{'|'.join(map(_spelled, _PERMITTING))})(?:{_ID}{_spelled('/')})?){_REST}", re.IGNORECASE
)


def masked(text: str) -> str:
    """Return the text without what lets its reader in, and without what users wrote."""
    if any(one in text for one in "/%\\"):  # else no address stands in it
        text = _PERMISSION.sub(r"\1…", text)
    return _ADDED.sub(r"\1\2…", text) if ": " in text or "：" in text else text


def traced(error: BaseException) -> str:
    """Return the traceback of an error, without what the errors in it may quote."""
    text = "".join(traceback.format_exception(error)).rstrip("\n")
    for each in _all_of(error):
        if (short := _short(each)) is not None and str(each):
            # In a group each line is indented behind a bar.
            lines = r"\n[ |]*".join(map(re.escape, str(each).split("\n")))
            text = re.sub(lines, lambda _, short=short: short, text)  # type: ignore[misc]
    return text


def _short(error: BaseException) -> str | None:
    """Return what may be said of an error that quotes; None of all others."""
    if callable(signs := getattr(error, "signs", None)):  # a provider's
        return str(signs())
    if any(kind.__module__.startswith(_OF_DATABASES) for kind in type(error).__mro__):
        return str(error).partition("\n")[0]
    return None


def _all_of(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, what it came from, and the errors of groups."""
    seen, left = set(), [error]
    while left:
        each = left.pop()
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            left += [other for other in (each.__cause__, each.__context__) if other]
            left += each.exceptions if isinstance(each, BaseExceptionGroup) else ()
