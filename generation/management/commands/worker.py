import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from generation.cluster import run_cluster
from generation.heart import CLUSTERS
from generation.supervisor import Group, supervise


class Command(BaseCommand):
    help = "Run the workers: they submit jobs and collect videos. SIGTERM lets them finish what they have in hand."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what only this command's own children are given."""
        parser.add_argument("--group", action="store_true", help="Run one group itself; for the parent's use.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Be the parent, or one of its groups."""
        if options["group"]:
            run_cluster()
            return
        # The checks are done, and load all pages and their libraries.
        command = [sys.executable, sys.argv[0], "worker", "--group", "--skip-checks"]
        supervise([Group(command, {"Q_CLUSTER_NAME": name}) for name in CLUSTERS])
