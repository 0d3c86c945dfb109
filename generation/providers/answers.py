"""What an HTTP answer of WaveSpeed means: the envelope, and which error of errors.py it is.

HTTP status and envelope code are two signs of the same kind, and either can be the bad one. For a submit doubt wins:
what may have created a prediction is Ambiguous, whatever else speaks for a refusal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import nan
from typing import TypeVar

from generation.providers.errors import (
    Ambiguous,
    NotFound,
    ProviderError,
    RateLimited,
    RefusedForAccount,
    RefusedForJob,
    Unavailable,
)
from generation.providers.predictions import (
    Prediction,
    Status,
    is_prediction_id,
    read_code,
    read_failure_code,
    read_prediction,
    read_words,
)

E = TypeVar("E", bound=ProviderError)
D = TypeVar("D", RateLimited, Unavailable)

WORDS_LIMIT = 500  # characters of the provider's words in an error
RETRY_AFTER = "Retry-After"
RETRY_AFTER_LIMIT = 86_400.0  # seconds; more is nonsense

JOB_CODES = {1200, 1400, 1401, 1402}  # moderation, missing and invalid parameter, media that could not be fetched
NO_CREDIT_CODE = 1407

_NO_CREDIT = re.compile(
    r"insufficient[\W_]+(\w+[\W_]+)?(credit|balance|fund)|not enough (credit|balance)", re.IGNORECASE
)
_MARKS = re.compile(r"[:;\"'“”‘’„«»…·()\[\]]|\.\.\.")
_LIMIT = re.compile(r"(?<![a-z])rate[\W_]*limit|concurren", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One whole answer. `code` is None without a number there; `is_envelope` is false for what we cannot read."""

    status: int
    code: int | None
    words: str
    data: object
    is_envelope: bool
    retry_after: float | None

    @property
    def is_success(self) -> bool:
        """Say whether both signs are good; a code that is missing, with the rest as it should be, counts as good."""
        return self.is_envelope and is_good(self.status) and (self.code is None or is_good(self.code))

    @property
    def prediction_id(self) -> str | None:
        found = self.data.get("id") if isinstance(self.data, dict) else None
        return found if is_prediction_id(found) else None


def read_answer(status: int, body: bytes, *, retry_after: str | None = None, secrets: Iterable[str] = ()) -> Answer:
    """Read an answer. Secrets are blanked out of it, since error texts like to quote the key or address they refuse."""
    for secret in secrets:
        if len(secret) >= 8:
            body = body.replace(secret.encode(), b"***")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    envelope = found if isinstance(found, dict) else {}
    data = envelope.get("data")
    code = read_code(envelope.get("code"))
    words = [read_words(envelope.get(name)) for name in ("message", "error", "error_code")]
    if isinstance(data, dict):
        words.append(read_words(data.get("error")))
    return Answer(
        status=status,
        code=code,
        words=" · ".join(filter(None, words)),
        data=data,
        is_envelope=isinstance(found, dict) and (code is not None or envelope.get("code") is None),
        retry_after=read_retry_after(retry_after),
    )


def read_retry_after(header: str | None) -> float | None:
    """Read `Retry-After`, seconds or a date, as seconds from now; None for what is neither."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        seconds = _seconds_until(header)
    return min(max(seconds, 0.0), RETRY_AFTER_LIMIT) if seconds == seconds else None  # noqa: PLR0124 - not a number


def _seconds_until(date: str) -> float:
    """Return the seconds until a date as HTTP writes it, NaN for what is none."""
    try:
        then = parsedate_to_datetime(date)
        return (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, ArithmeticError, LookupError):  # an answer is worth more than its header
        return nan


def is_good(sign: int) -> bool:
    """Say whether an HTTP status or a code means success."""
    return 200 <= sign < 300


def mapping_of(data: object) -> Mapping[str, object]:
    """Return what must be an object, or raise Unavailable."""
    if not isinstance(data, dict):
        raise Unavailable("WaveSpeed gave no usable answer.")
    return data


def items_of(data: object) -> list[Mapping[str, object]]:
    """Return what must be a list of objects, bare or as `items`, or raise Unavailable."""
    items = data if isinstance(data, list) else mapping_of(data).get("items")
    if not isinstance(items, list):
        raise Unavailable("WaveSpeed gave no usable list.")
    return [mapping_of(item) for item in items]


def judge_submit(answer: Answer, inputs: Mapping[str, object]) -> Prediction | ProviderError:
    """Say what a submit brought: a prediction to follow, or why there is none.

    A prediction that failed at once is a prediction all the same, and the first poll ends it; unless our account has no
    credit, which is nobody's job's fault. `inputs` are what we sent.
    """
    prediction = read_prediction(answer.data)
    refusal = _refusal(answer, inputs)
    if answer.is_success and prediction:
        out_of_credit = prediction.status == Status.FAILED and isinstance(refusal, RefusedForAccount)
        return refusal if refusal and out_of_credit else prediction
    names_one = isinstance(answer.data, dict) and answer.data.get("id")
    if refusal and (not names_one or _has_failed(answer)):
        return refusal
    # No refusal, or one that names a prediction which it does not call failed.
    return _error(Ambiguous, answer, "It is not known whether WaveSpeed took the job")


def judge_question(answer: Answer) -> ProviderError | None:
    """Say why an answer to anything but a submit is of no use; None if it is good."""
    if answer.is_success:
        return None
    signs = _signs(answer)
    if any(_is_doubtful(sign) or sign == 429 for sign in signs):
        return _delayed(Unavailable, answer, "WaveSpeed cannot answer now")
    if 401 in signs:
        return _account_error(answer)
    # A question costs nothing, and a wall on the way says 403, too: neither that nor 402 closes the Gate for all.
    if 404 in signs:
        return _error(NotFound, answer, "WaveSpeed does not know this")
    return _delayed(Unavailable, answer, "WaveSpeed gave no usable answer")


def judge_ticket(answer: Answer, wish: Mapping[str, object]) -> ProviderError | None:
    """Say why there is no ticket for an upload; None if there is one. `wish` is what we asked for.

    Nothing is paid here, so that what may be asked again is Unavailable, and only a definite no refuses the job.
    """
    if answer.is_success:
        return None
    refusal = _refusal(answer, wish)
    if isinstance(refusal, RefusedForJob | RefusedForAccount):
        return refusal
    return _delayed(Unavailable, answer, "WaveSpeed takes no upload now")


def _refusal(answer: Answer, inputs: Mapping[str, object]) -> ProviderError | None:
    """Find the definite refusal in an answer; the provider's own codes say more than the HTTP status they come with."""
    signs = _signs(answer)
    if any(_is_doubtful(sign) for sign in signs):
        return None
    if signs & JOB_CODES and 429 not in signs:
        return _error(RefusedForJob, answer, "WaveSpeed refused this job")
    if NO_CREDIT_CODE in signs or _names(_NO_CREDIT, answer, inputs) or signs & {401, 402, 403}:
        return _account_error(answer)
    if 429 in signs:
        return _delayed(RateLimited, answer, "WaveSpeed is at a limit") if _names(_LIMIT, answer, inputs) else None
    if any(400 <= sign < 500 for sign in signs):
        return _error(RefusedForJob, answer, "WaveSpeed refused this job")
    return None


def _signs(answer: Answer) -> set[int]:
    signs = {answer.status, answer.code, _failure_code(answer)}
    return {sign for sign in signs if sign is not None}


def _failure_code(answer: Answer) -> int | None:
    return read_failure_code(answer.data) if isinstance(answer.data, dict) and _has_failed(answer) else None


def _has_failed(answer: Answer) -> bool:
    return isinstance(answer.data, dict) and answer.data.get("status") == Status.FAILED


def _is_doubtful(sign: int) -> bool:
    return sign == 408 or 100 <= sign < 200 or 300 <= sign < 400 or 500 <= sign < 600 or 5000 <= sign < 5100


def _names(reason: re.Pattern[str], answer: Answer, inputs: Mapping[str, object]) -> bool:
    # A prompt about insufficient credits, quoted in its own refusal, must not close the Gate for everybody.
    texts = [" ".join(value.split()).casefold() for value in inputs.values() if isinstance(value, str)]
    # What is quoted stands between marks, and may be cut off behind.
    parts = (part.strip().casefold() for part in _MARKS.split(answer.words))
    return any(reason.search(part) and not any(part in text for text in texts) for part in parts)


def _account_error(answer: Answer) -> RefusedForAccount:
    signs = _signs(answer)
    if 401 in signs:
        reason = "WaveSpeed does not accept the API key."
    elif signs & {402, NO_CREDIT_CODE} or _NO_CREDIT.search(answer.words):
        reason = "The WaveSpeed account is out of credit."
    else:
        reason = "WaveSpeed forbids this to our account."
    error = _error(RefusedForAccount, answer, reason.rstrip("."))
    error.reason = reason
    return error


def _error(kind: type[E], answer: Answer, what: str) -> E:
    failure = _failure_code(answer)
    code = failure if answer.code is None or is_good(answer.code) else answer.code
    signs = f"HTTP {answer.status}" if code is None else f"HTTP {answer.status}, code {code}"
    message = f"{what} ({signs}): {answer.words[:WORDS_LIMIT]}" if answer.words else f"{what} ({signs})."
    error = kind(message, prediction_id=answer.prediction_id, status=answer.status, code=code)
    error.words = answer.words[:WORDS_LIMIT]
    return error


def _delayed(kind: type[D], answer: Answer, what: str) -> D:
    error = _error(kind, answer, what)
    error.retry_after = answer.retry_after
    return error
