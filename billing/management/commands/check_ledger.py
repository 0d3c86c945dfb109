from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.ledger import differences


class Command(BaseCommand):
    help = "Rebuild every period's counters and every hold's state from the ledger and compare. Exit 1 on a difference."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each difference and how many there are."""
        number = 0
        for difference in differences():
            self.stdout.write(str(difference))
            number += 1
        if number:
            raise CommandError(f"{number} difference{'' if number == 1 else 's'}", returncode=1)
        self.stdout.write("0 differences")
