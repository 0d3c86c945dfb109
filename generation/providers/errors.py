"""What may go wrong between us and a provider, one class for each row of the law of the job (states.md)."""

from __future__ import annotations


class ProviderError(Exception):
    """The provider gave no prediction.

    `message` never carries the key. `status` is the HTTP status and `code` the envelope's, where there was one.
    `words` are the provider's own, empty where it said none. With a `prediction_id` the answer named a prediction: look
    at it before anything else.
    """

    def __init__(
        self, message: str, *, prediction_id: str | None = None, status: int | None = None, code: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.words = ""
        self.prediction_id = prediction_id
        self.status = status
        self.code = code

    def signs(self) -> dict[str, object]:
        """Return what a log may say of it. The message may hold the provider's words, and those may quote a prompt."""
        return {"error": type(self).__name__, "http_status": self.status, "code": self.code}


class _Delay(ProviderError):
    """The provider may have said how long to wait: `retry_after`, in seconds."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        prediction_id: str | None = None,
        status: int | None = None,
        code: int | None = None,
    ) -> None:
        super().__init__(message, prediction_id=prediction_id, status=status, code=code)
        self.retry_after = retry_after


# A submit.


class RefusedForJob(ProviderError):
    """The provider refused what this job asks for. Row "refused for this job": it fails, its hold is released."""

    @property
    def moderated(self) -> bool:
        """Say whether the content was refused, not its form."""
        return self.code == 1200


class RefusedForAccount(ProviderError):
    """The provider refuses our account. Row "refused for the account": back to the queue, and the Gate closes.

    A poll that meets it closes the Gate too. `reason` is one sentence for operators. A `prediction_id` names a
    prediction that has failed for this very reason, never a live one.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        prediction_id: str | None = None,
        status: int | None = None,
        code: int | None = None,
    ) -> None:
        super().__init__(message, prediction_id=prediction_id, status=status, code=code)
        self.reason = reason or message


class NotSent(ProviderError):
    """The submit did not leave this machine. Row "surely not sent": back to the queue, due later, the Gate narrows."""


class RateLimited(_Delay):
    """The submit met a limit. Row "a 429 that names a rate or concurrency limit": nothing was created, due later."""


class Ambiguous(ProviderError):
    """The submit may have created a prediction. Row "anything else": `unknown`, hold kept, never a second POST."""


# Everything else we ask.


class NotFound(ProviderError):
    """The provider does not know what we asked for. Row "poll: … 404": ask again, an hour of it is for operators."""


class Unavailable(_Delay):
    """The provider could not say. Row "poll: going on, … 5xx, 429": ask again later."""
