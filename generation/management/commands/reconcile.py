from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation import clock, services
from generation.models import Difference, Job, Status
from generation.services.provider import ProviderError


class Command(BaseCommand):
    help = (
        "Look for unknown jobs in WaveSpeed's list, and compare what ended with its list and bills. "
        "Exit 1 when anything new was found, 2 when WaveSpeed did not say."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each new difference, and how many jobs are still unknown."""
        now, not_said = clock.now(), ""
        try:
            services.reconcile(now)
        except ProviderError as error:
            not_said = f"WaveSpeed did not say: {error}"
        found = Difference.objects.filter(noted_at=now)
        for difference in found:
            self.stdout.write(f"{difference}; ours: {difference.ours}; theirs: {difference.theirs}")
        unknown = Job.objects.filter(status=Status.UNKNOWN).count()
        self.stdout.write(f"{len(found)} new differences, {unknown} jobs unknown")
        if not_said:
            raise CommandError(not_said, returncode=2)
        if found:
            raise CommandError("Operators resolve them in the admin, under Differences.", returncode=1)
