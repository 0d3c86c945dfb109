"""What a call can end with beside a video. Knows no Django; money is dollars, exact."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from generation.spec import Complaint

START = "Start `make run`, or `manage.py worker` and `manage.py watch`."


class VideoError(Exception):
    """There is no video for this call; `code` says why, the message says it to people."""

    code = "error"


class InvalidInput(VideoError, ValueError):
    """Something in the call is wrong; `complaints` has one entry a field. Nothing was written."""

    code = "invalid_input"

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        super().__init__(" ".join(f"{c.field}: {c.message}" for c in complaints))
        self.complaints = tuple(complaints)


class InsufficientQuota(VideoError):
    """A limit would be exceeded; nothing was written.

    `violated` is "videos" or "seconds" of the period, and `required` and `available` are counts (int); else they are
    dollars (Decimal): "spend" of the period, "key", or "free_today" (what Free may cost in all today). `resets_at` is
    None for what never comes back by itself.
    """

    code = "insufficient_quota"

    def __init__(
        self, *, violated: str, required: Decimal | int, available: Decimal | int, resets_at: datetime | None
    ) -> None:
        needed, left = (f"${v}" if isinstance(v, Decimal) else f"{v}" for v in (required, available))
        unit = "" if isinstance(required, Decimal) else f" {violated}"
        until = f" until {resets_at:%d %B %Y}" if resets_at else ""
        super().__init__(f"{needed}{unit} needed, {left} left{until}.")
        self.violated = violated
        self.required = required
        self.available = available
        self.resets_at = resets_at


class ModelClosed(VideoError):
    """The model, or making videos at all, is closed for new jobs; `reason` says why."""

    code = "model_closed"

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class PriceChanged(VideoError):
    """It costs more than max_cost; `cost` is what it costs now, in dollars. Nothing was written."""

    code = "price_changed"

    def __init__(self, message: str, cost: Decimal) -> None:
        super().__init__(message)
        self.cost = cost


class NoPrice(VideoError):
    """There is no price for this model, so no job can be made of it."""

    code = "no_price"


class ModelNotInPlan(VideoError):
    """The user's plan does not include this model."""

    code = "model_not_in_plan"


class PastDue(VideoError):
    """The user's subscription is not paid for, so nothing new begins."""

    code = "past_due"


class AddressNotVerified(VideoError):
    """The user is on Free and has not confirmed the e-mail address."""

    code = "address_not_verified"


class ReviewNeeded(VideoError):
    """The safety filter refused much of what the user wished: an operator looks first."""

    code = "review_needed"


class TooManyUploads(VideoError):
    """The user has too many uploads that no job uses."""

    code = "too_many_uploads"


class EngineDown(VideoError):
    """Nobody would work on the job, so nothing was held; `silent` names who gave no sign of life for 30 s."""

    code = "engine_down"

    def __init__(self, silent: Sequence[str]) -> None:
        super().__init__(f"Nobody would work on the job: no sign of life from {', '.join(silent)}. {START}")
        self.silent = tuple(silent)


class JobError(VideoError):
    """A job was made, and the call has no video of it. `prediction_id` is None where it has none yet."""

    def __init__(self, message: str, *, job_id: UUID, prediction_id: str | None) -> None:
        named = f"Job {job_id}, prediction {prediction_id}." if prediction_id else f"Job {job_id}."
        super().__init__(f"{message} {named}")
        self.job_id = str(job_id)
        self.prediction_id = prediction_id


class Canceled(JobError):
    """The job was canceled before it was sent. Nothing was charged."""

    code = "canceled"


class Failed(JobError):
    """The job ended without a video; `error_code` is the job's own. Nothing was charged."""

    code = "failed"

    def __init__(self, message: str, *, job_id: UUID, prediction_id: str | None, error_code: str) -> None:
        super().__init__(message, job_id=job_id, prediction_id=prediction_id)
        self.error_code = error_code


class Refused(Failed):
    """The provider would not make this video, such as for its words ("moderated"). Nothing was charged."""

    code = "refused"


class TimedOut(JobError):
    """The time limit of the call is over. The job goes on: `await resume_video(job_id)` picks it up."""

    code = "timed_out"


class NotDelivered(JobError):
    """The video was made and charged, but could not be read or written now; `resume_video` tries again."""

    code = "not_delivered"


class Deleted(JobError):
    """The video was made, and its owner has deleted it since."""

    code = "deleted"
