from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing.ledger import differences
from billing.models import Hold, Period
from billing.services import Actor, CantRepair, repair_key, repair_period
from billing.triggers import missing_triggers

_LONGEST = 100  # characters that a line has for its actor


class Command(BaseCommand):
    help = (
        "Rebuild the counters of periods and API keys and every hold's state from the ledger, and compare. "
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
            self.stdout.write(f"trigger {name} is missing: `manage.py migrate --skip-checks` makes it")
        if options["repair"]:
            self._repair(options["by"].strip(), missing)
        number = len(missing)
        for difference in differences():
            self.stdout.write(str(difference))
            if options["repair"] and isinstance(difference.row, Hold):
                self.stdout.write("  Nothing here can repair that: look at the hold and its lines.")
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
                repaired = repair_period(row, now=now, by=by) if model is Period else repair_key(row, now=now, by=by)
            except CantRepair as error:
                self.stdout.write(str(error))
            else:
                self.stdout.write(f"{model.__name__.lower()} {key}: {'repaired' if repaired else 'right by now'}")


def _wrong_counters() -> Iterator[tuple[Any, Any]]:
    """Yield model and key of each row whose counters are wrong, once."""
    rows = (difference.row for difference in differences())
    wrong = ((type(row), row.pk) for row in rows if not isinstance(row, Hold))
    return (of_one for of_one, _ in groupby(wrong))
