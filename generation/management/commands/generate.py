import asyncio
import logging
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.money import dollars
from generation.calls.asking import FORMS, asked, is_id
from generation.calls.errors import InvalidInput, PriceChanged, VideoError
from generation.calls.giving import Target, give, place, target
from generation.calls.making import make
from generation.calls.threads import aside, ask, let_go
from generation.calls.waiting import Look, ending, looks
from generation.models import Job
from generation.spec import Complaint

_BAR = 30  # characters
_WISHES = (
    *("model", "prompt", "duration", "image", "mode", "start_time", "end_time"),
    *("size", "resolution", "aspect_ratio", "negative_prompt", "seed"),
)
_OPTIONS = {  # of fields that go by another name here
    "user_id": "--user",
    "stream_to": "--output",
    "max_cost": "--max-cost",
    "aspect_ratio": "--aspect",
    "video": "--source",
    "source_job": "--source",
    "start_time": "--from",
    "end_time": "--to",
    "generate_audio": "--no-audio",
    "prompt": "prompt",
}
_SOURCE = "a file, or the id of a job that has a video"
_WORDS = {  # of other doors, and what they are here
    "--user": (("an id (int), or an e-mail address or username (str)", "an e-mail address or username"),),
    "--output": ((", or a file opened for writing bytes", ""),),
    "--max-cost": (('Decimal("0.36")', "0.36"),),
    "--image": (
        (FORMS, "a file, or the id of an upload"),
        ("the id of an uploaded picture", "a file, or the id of an upload"),
        (", from POST /api/v1/uploads", ""),
    ),
    "--source": ((FORMS, _SOURCE), ("the id of an uploaded video, or that of a job in source_job", _SOURCE)),
}


class Command(BaseCommand):
    help = "Make one video and wait for it. Ctrl-C leaves the job going; its id is printed first."

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._job: Job | None = None
        self._shown = ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the wish, whose it is, and where the file goes."""
        parser.add_argument("prompt")
        parser.add_argument("--user", required=True, metavar="EMAIL")
        parser.add_argument("--model", required=True, metavar="M", help="such as ltx-2-pro")
        parser.add_argument("--duration", type=int, metavar="N", help="seconds")
        parser.add_argument("--no-audio", action="store_true", help="without a sound track")
        parser.add_argument("--image", metavar="FILE", help="the picture that the video begins with")
        parser.add_argument("--source", metavar="FILE|JOB_ID", help="the video to change, of this machine or of a job")
        parser.add_argument("--mode", metavar="M", help="what of the source to replace, such as replace_audio")
        parser.add_argument("--from", dest="start_time", type=float, metavar="S", help="seconds into the source")
        parser.add_argument("--to", dest="end_time", type=float, metavar="S", help="seconds into the source")
        parser.add_argument("--size", metavar="S", help="such as 1280*720")
        parser.add_argument("--resolution", metavar="R", help="such as 720p")
        parser.add_argument("--aspect", dest="aspect_ratio", metavar="A", help="such as 9:16")
        parser.add_argument("--negative-prompt", metavar="TEXT", help="what to avoid")
        parser.add_argument("--seed", type=int, metavar="N")
        parser.add_argument("--max-cost", metavar="DOLLARS", help="make nothing that costs more")
        parser.add_argument("-o", "--output", metavar="FILE", help="where to write the MP4")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the video without the log's lines, since the progress says the same."""
        logger = logging.getLogger("generation")
        before = logger.level
        logger.setLevel(logging.ERROR)
        try:
            asyncio.run(self._make_and_let_go(options))
        except VideoError as error:
            raise CommandError(_said(error)) from None
        except KeyboardInterrupt:
            if self._job is None:
                raise CommandError(
                    "Interrupted before the job was seen; the gallery shows whether there is one."
                ) from None
            self.stdout.write(f"\nThe job goes on: {self._job.pk}")
        finally:
            logger.setLevel(before)

    async def _make_and_let_go(self, options: dict[str, Any]) -> None:
        try:
            await self._make(options)
        finally:
            await let_go()

    async def _make(self, options: dict[str, Any]) -> None:
        """Create the job, show its progress, write the file."""
        output = target(options["output"])
        call = asked(_wish(options), user_id=options["user"], by="command", max_cost=options["max_cost"])
        job = self._job = await (aside if call.files else ask)(make, call)
        self.stdout.write(f"job {job.pk}, ${dollars(job.hold.spend)} set aside")
        self.stdout.flush()  # whoever reads a pipe shall know the id at once
        for warning in job.warnings:
            self.stderr.write(warning["message"])
        async for look in looks(job.pk):
            self._show(look)
            job = look.job
        await self._end(job, output)

    async def _end(self, job: Job, output: Target) -> None:
        if error := ending(job):
            raise error
        if output:
            await give(job, output)
        self.stdout.write(f"${dollars(job.hold.spend)} charged. {output or f'Stored as {place(job)}'}")

    def _show(self, look: Look) -> None:
        """Draw over the last line on a terminal; write lines into a file."""
        line = f"[{'#' * (look.percent * _BAR // 100):<{_BAR}}] {look.percent:3} % {look.message}"
        if line != self._shown:
            sys.stderr.write(f"\r{line:<{len(self._shown)}}" if sys.stderr.isatty() else f"{line}\n")
            self._shown = line
        if look.job.is_final and sys.stderr.isatty():
            sys.stderr.write("\n")
        sys.stderr.flush()


def _wish(options: dict[str, Any]) -> dict[str, object]:
    wish: dict[str, object] = {name: options[name] for name in _WISHES}
    if options["no_audio"]:
        wish["generate_audio"] = False
    source = options["source"]
    is_job = source is not None and is_id(source) and not Path(source).exists()
    return wish | {"source_job" if is_job else "video": source}


def _said(error: VideoError) -> str:
    """Return what is wrong, with the names and words of this door."""
    if isinstance(error, PriceChanged):
        return str(error).replace("max_cost", "--max-cost")
    if not isinstance(error, InvalidInput):
        return str(error)
    return " ".join(_complained(complaint) for complaint in error.complaints)


def _complained(complaint: Complaint) -> str:
    option, message = _OPTIONS.get(complaint.field, f"--{complaint.field.replace('_', '-')}"), complaint.message
    for elsewhere, here in _WORDS.get(option, ()):
        message = message.replace(elsewhere, here)
    return f"{option}: {message}"
