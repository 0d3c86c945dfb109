import asyncio
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from generation.supervisor import Flag, Group, die_with_parent, supervise
from generation.watcher import watch

SILENT_AFTER = 120.0  # seconds: longer than a start on a busy machine, and than any lock that is waited for


class Command(BaseCommand):
    help = "Run the watcher: it dispatches jobs, asks the provider about them and repairs what a crash left behind."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what only this command's own child is given."""
        parser.add_argument("--group", action="store_true", help="Watch itself; for the parent's use.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Be the parent, or the watcher itself."""
        if options["group"]:
            die_with_parent()
            asyncio.run(watch(Flag()))
            return
        # The checks are done, and load all pages and their libraries.
        command = [sys.executable, sys.argv[0], "watch", "--group", "--skip-checks"]
        supervise([Group(command, silent_after=SILENT_AFTER)])
