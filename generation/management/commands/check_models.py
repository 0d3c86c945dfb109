from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from generation import clock
from generation.catalog import MODELS
from generation.models import Switch
from generation.services.checking import NotChecked, Report, check_models, preview_models

_FOUND = 1
_NOT_CHECKED = 2


class Command(BaseCommand):
    help = (
        "Compare catalogue and prices with WaveSpeed's. What it does not offer any more is closed for new jobs, and so "
        "is a model that has changed or costs more than we take. Exit 1 on a difference, 2 when WaveSpeed does not say."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whether anything may be changed."""
        parser.add_argument("--dry-run", action="store_true", help="only say what would be closed and opened")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each difference, and what is done about it."""
        dry = options["dry_run"]
        try:
            report = preview_models(clock.now()) if dry else check_models(clock.now())
        except NotChecked as error:
            raise CommandError(str(error), returncode=_NOT_CHECKED) from None
        for line in _lines(report, *(("Would close", "Would open") if dry else ("Closed", "Opened"))):
            self.stdout.write(line)
        if number := len(report.drifts):
            raise CommandError(f"{number} difference{'' if number == 1 else 's'}", returncode=_FOUND)
        self.stdout.write(f"WaveSpeed offers all {len(MODELS)} models as we do, and none above our prices.")


def _lines(report: Report, closed: str, opened: str) -> Iterator[str]:
    """Say what was found, and what has become of it."""
    yield from map(str, report.drifts)
    yield from (f"Only a remark: {remark}" for remark in report.remarks)
    yield from (f"{closed} for new jobs: {closing}. {closing.reason}" for closing in report.closings)
    yield from (f"{opened} again: {_what(switch)}." for switch in report.openings)
    yield from (f"Left open, as {switch.opened_by} wishes: {_what(switch)}." for switch in report.left_open)
    for switch in report.left_closed:
        yield f"Closed by an earlier check and fine again; open it in the admin, under Switches: {_what(switch)}."


def _what(switch: Switch) -> str:
    return " ".join(part for part in (switch.model, switch.parameter, switch.value) if part)
