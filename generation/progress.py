"""How far a job is: a number and a sentence, derived from its row, so that they move without being written."""

from datetime import datetime
from math import exp

from generation.models import Job, Status

# A job that the provider did not take goes back from submitting to queued: both are nothing, so that nothing is lost.
_FIXED = {Status.UNKNOWN: 10, Status.COLLECTING: 90, Status.SUCCEEDED: 100}
_FIRST, _LAST = 20, 80  # percent, while it runs

MESSAGES = {
    Status.QUEUED: "In the queue.",
    Status.SUBMITTING: "Handing it to WaveSpeed.",
    Status.RUNNING: "Rendering.",
    Status.COLLECTING: "Rendered. Checking the file and storing it.",
    Status.UNKNOWN: "The line broke while we handed it over. We never send twice, so we find out whether it runs.",
    Status.SUCCEEDED: "Ready.",
    Status.CANCELED: "Canceled before it was sent.",
}


def progress(job: Job, now: datetime) -> tuple[int, bool]:
    """Return percent as an integer, and whether it is an estimate. It never runs backwards while a job is under way.

    While a job runs nobody tells us how far it is: 10 when submitted, then 20 to 80 after the usual time of its
    model, which was written down at submission; it slows down towards 80 and waits there.
    """
    if job.status == Status.RUNNING and job.submitted_at:
        elapsed = max((now - job.submitted_at).total_seconds(), 0.0)
        if elapsed < 1:
            return 10, True
        share = 1 - exp(-1.6 * elapsed / max(job.expected_seconds, 1.0))
        return _FIRST + int((_LAST - _FIRST) * share), True
    # A job that ended without a video stays at nothing: 100 would read like success.
    return _FIXED.get(Status(job.status), 0), False


def message(job: Job) -> str:
    """Return the sentence that belongs to the number."""
    if job.status == Status.FAILED:
        return job.error_message
    if job.status == Status.RUNNING and job.late_at:
        return "Rendering. Later than the time limit; it still ends by itself."
    if job.status == Status.SUCCEEDED and job.flags:
        return "Ready, not as wished."
    return MESSAGES[Status(job.status)]
