"""The hints: what django-q2 runs. Each may come twice or never; the job's row decides, and the watcher repairs."""

from collections.abc import Callable
from uuid import UUID

import structlog

from generation import clock, notices, services
from generation.models import Heartbeat
from generation.providers.errors import ProviderError
from generation.services import daily, errands
from generation.services.provider import wavespeed

log = structlog.get_logger(__name__)


def submit(job_id: str) -> None:
    """Look at this job: it may be sent."""
    _run(services.submit, job_id)


def collect(job_id: str) -> None:
    """Look at this job: its video is ready."""
    _run(services.collect, job_id)


def look_for_unknown() -> None:
    """Look whether the provider's list knows of jobs whose submission got no answer."""
    _ask(lambda: errands.do("look_for_unknown", lambda: services.look_for_unknown(clock.now())))


def attach_shown(job_id: str) -> None:
    """Look at this unknown job: a webhook has named its prediction."""
    _run(services.attach_shown, job_id)


def learn_webhook_secret() -> None:
    """Look with which secret the provider signs webhooks."""
    _ask(services.learn_webhook_secret)


def heed_balance() -> None:
    """Look what the provider's account has left."""

    def look() -> None:
        now = clock.now()  # before the answer: what closes the Gate meanwhile is later
        services.heed_balance(wavespeed().balance(), now=now)

    _ask(lambda: errands.do("heed_balance", look))


def _ask(step: Callable[[], object]) -> None:
    """Ask the provider something that may be asked again."""
    try:
        step()
    except ProviderError as error:
        log.warning("no answer; it is asked again", **error.signs())
    except Exception:
        log.exception("step failed; the watcher hands it out again")


def send_notices() -> None:
    """Look whether mails wait."""
    _errand("send_notices", lambda: notices.send_notices(clock.now()))


def tell_operators() -> None:
    """Look whether mails wait for operators."""
    _errand(errands.TELL_OPERATORS, lambda: notices.tell_operators(clock.now()))


def remove_what_is_left() -> None:
    """Look whether files of deleted rows are left."""
    _errand("remove_what_is_left", services.remove_what_is_left)


def _errand(name: str, step: Callable[[], object]) -> None:
    """Do what one worker at a time does."""
    try:
        errands.do(name, step)
    except Exception:
        log.exception("errand failed; the watcher hands it out again", name=name)


def do_chore(name: str) -> None:
    """Do what is due today."""
    now = clock.now()
    try:
        daily.do_chore(name, now)
    except Exception:
        log.exception("chore failed", name=name)
        daily.failed(name, "It failed unexpectedly; our log says more.", now)


def beat(name: str) -> None:
    """Show that hints of this cluster are run."""
    Heartbeat.objects.filter(name=name).update(beat_at=clock.now())


def _run(step: Callable[[UUID], object], job_id: str) -> None:
    """Run one step. A hint never raises, or django-q2 would run it again by rules that are not ours."""
    with structlog.contextvars.bound_contextvars(job_id=job_id):
        try:
            step(UUID(job_id))
        except Exception:
            log.exception("step failed; its lease runs out and the watcher repairs it")
        finally:
            structlog.contextvars.unbind_contextvars("request_id", "prediction_id")  # the step's
