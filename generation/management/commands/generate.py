import logging
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.models import User
from billing.money import dollars
from billing.services import Actor, InsufficientQuota, ModelNotInPlan, NoPrice
from generation import clock, heart, services
from generation.models import Job, Status
from generation.progress import message, progress
from generation.spec import InvalidSpec, video_spec

_LOOK_EVERY = 0.25  # seconds
_BAR = 30  # characters


class Command(BaseCommand):
    help = "Make one video and wait for it. Ctrl-C leaves the job going; its id is printed first."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the wish, whose it is, and where the file goes."""
        parser.add_argument("prompt")
        parser.add_argument("--user", required=True, metavar="EMAIL")
        parser.add_argument("--model", required=True, metavar="M", help="such as ltx-2-pro")
        parser.add_argument("--duration", type=int, metavar="N", help="seconds")
        parser.add_argument("--no-audio", action="store_true", help="without a sound track")
        parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write the MP4")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the video without the log's lines, since the progress says the same."""
        logger = logging.getLogger("generation")
        before = logger.level
        logger.setLevel(logging.WARNING)
        try:
            self._make(options)
        finally:
            logger.setLevel(before)

    def _make(self, options: dict[str, Any]) -> None:
        """Create the job, show its progress, write the file."""
        user = User.objects.filter(email=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"--user is {options['user']!r}; no active user has this address.")
        output: Path | None = options["output"]
        if output and not output.parent.is_dir():
            raise CommandError(f"--output is {str(output)!r}; the folder {str(output.parent)!r} does not exist.")
        _check_engine()
        job = self._create(user, _wish(options))
        self.stdout.write(f"job {job.pk}, ${dollars(job.hold.spend)} set aside")
        for warning in job.warnings:
            self.stderr.write(warning["message"])
        try:
            job = self._wait(job)
        except KeyboardInterrupt:
            self.stdout.write(f"\nThe job goes on: {job.pk}")
            return
        if job.status != Status.SUCCEEDED:
            raise CommandError(f"{message(job)} You were not charged; ${dollars(job.hold.spend)} is back.")
        if output:
            _write(job, output)
        self.stdout.write(f"${dollars(job.hold.spend)} charged. {output or f'Stored as {job.video.name}.'}")

    def _create(self, user: User, wish: dict[str, object]) -> Job:
        try:
            return services.create(user, video_spec(wish), by=Actor(name=f"user {user.pk} by command"))
        except (InvalidSpec, InsufficientQuota, ModelNotInPlan, NoPrice) as error:
            raise CommandError(_said(error)) from None

    def _wait(self, job: Job) -> Job:
        shown = ""
        while True:
            job = Job.objects.select_related("hold").get(pk=job.pk)
            percent, _ = progress(job, clock.now())
            line = f"[{'#' * (percent * _BAR // 100):<{_BAR}}] {percent:3} % {_sentence(job)}"
            if line != shown:
                self._show(line, shown)
                shown = line
            if job.is_final:
                self._show("\n" if sys.stderr.isatty() else "", "")
                return job
            time.sleep(_LOOK_EVERY)

    def _show(self, line: str, before: str) -> None:
        """Draw over the last line on a terminal; write lines into a file."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{line:<{len(before)}}")
        elif line:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _wish(options: dict[str, Any]) -> dict[str, object]:
    wish: dict[str, object] = {"model": options["model"], "prompt": options["prompt"]}
    if options["duration"] is not None:
        wish["duration"] = options["duration"]
    if options["no_audio"]:
        wish["generate_audio"] = False
    return wish


def _check_engine() -> None:
    """Refuse before anything is held when nobody is there to work on the job."""
    if silent := heart.silent(clock.now()):
        raise CommandError(
            f"Nobody would work on the job: no sign of life from {', '.join(silent)}. "
            "Start `make run`, or `manage.py worker` and `manage.py watch`."
        )


def _sentence(job: Job) -> str:
    """Return how it goes; for a queued job also whether anybody is there to take it."""
    if job.status == Status.QUEUED and (silent := heart.silent(clock.now())):
        return f"{message(job)} No sign of life from {', '.join(silent)}; it waits for them."
    return message(job)


def _said(error: Exception) -> str:
    if not isinstance(error, InsufficientQuota):
        return str(error)
    if error.violated == "spend":
        return f"${dollars(error.required)} needed, ${dollars(error.available)} left until {error.resets_at:%d %B %Y}."
    return f"{error.required} {error.violated} needed, {error.available} left until {error.resets_at:%d %B %Y}."


def _write(job: Job, output: Path) -> None:
    """Copy the stored video, whole or not at all."""
    part = output.with_name(f".{output.name}.part")
    with job.video.open("rb") as stored, part.open("wb") as file:
        shutil.copyfileobj(stored, file)
    part.replace(output)
