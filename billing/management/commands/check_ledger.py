from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Model
from django.utils import timezone

from billing.ledger import Difference, differences
from billing.models import ApiKey, FreeDay, Period
from billing.services import Actor, CantRepair, repair_free_day, repair_key, repair_period
from billing.triggers import missing_triggers

_LONGEST = 100  # characters that a line has for its actor


class Command(BaseCommand):
    help = (
        "Rebuild the counters and limits of periods, the counters of API keys and of days of Free, every grant and "
        "every hold's state from the ledger, and compare. "
        "Exit 1 on a difference, or where the database does not guard the ledger."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do about differences, and who does it."""
        parser.add_argument("--repair", action="store_true", help="set wrong counters to the ledger's sums")
        parser.add_argument("--by", metavar="NAME", default="", help="who repairs: stands in the ledger")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each difference, repair where that was asked for, and say how many remain."""
        missing = missing_triggers()
        for name in missing:
            self.stdout.write(f"trigger {name} is missing or not ours: `manage.py migrate` makes it")
        if options["repair"]:
            self._repair(options["by"].strip(), missing)
        number = len(missing)
        for difference in differences():
            self.stdout.write(str(difference))
            if options["repair"] and not _can_repair(difference):
                self.stdout.write(f"  Nothing here can repair that: look at the {_kind(difference.row)} and its lines.")
            number += 1
        if number:
            raise CommandError(f"{number} difference{'' if number == 1 else 's'}", returncode=1)
        self.stdout.write("0 differences")

    def _repair(self, name: str, missing: list[str]) -> None:
        """Set wrong counters to what the ledger says."""
        if not 0 < len(name) <= _LONGEST:
            raise CommandError(f"--repair needs --by NAME, of at most {_LONGEST} characters.", returncode=2)
        if missing:
            raise CommandError("Nothing is repaired from a ledger that anybody could have changed.", returncode=1)
        by, now = Actor(name=name), timezone.now()
        # All are found first: who reads everything as of one moment can't write meanwhile.
        for model, key in list(_wrong_counters()):
            row = model.objects.get(pk=key)
            try:
                repaired = _repair(row, now=now, by=by)
            except CantRepair as error:
                self.stdout.write(str(error))
            else:
                self.stdout.write(f"{_kind(row)} {key}: {'repaired' if repaired else 'right by now'}")


def _repair(row: Period | ApiKey | FreeDay, *, now: datetime, by: Actor) -> bool:
    match row:
        case Period():
            return repair_period(row, now=now, by=by)
        case ApiKey():
            return repair_key(row, now=now, by=by)
    return repair_free_day(row)


def _wrong_counters() -> Iterator[tuple[Any, Any]]:
    """Yield model and key of each row whose counters are wrong, once."""
    rows = (difference.row for difference in differences())
    wrong = ((type(row), row.pk) for row in rows if isinstance(row, Period | ApiKey | FreeDay))
    return (of_one for of_one, _ in groupby(wrong))


def _can_repair(difference: Difference) -> bool:
    """Say whether the ledger tells what is right: not where no line says what a period's limits are."""
    return isinstance(difference.row, Period | ApiKey | FreeDay) and difference.field != "limits"


def _kind(row: Model) -> str:
    return type(row).__name__.lower()
