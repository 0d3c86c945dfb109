from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from generation.sandbox import SandboxOptions, serve
from generation.sandbox.drift import UnknownDriftError, add_arguments, chosen, offered


class Command(BaseCommand):
    help = "Run the sandbox: a local WaveSpeed that renders real MP4 files. See generation/sandbox for its faults."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the options that people change; tests use `python -m generation.sandbox`, which has them all."""
        parser.add_argument("--port", type=int, default=settings.SANDBOX_PORT)
        parser.add_argument(
            "--seconds", type=float, default=settings.SANDBOX_SECONDS, help="how long a prediction takes"
        )
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until it is stopped."""
        files = Path(settings.DATA_DIR) / "sandbox"
        wanted = SandboxOptions(port=options["port"], seconds=options["seconds"], files=files, **chosen(options))
        try:
            offered(wanted)
        except UnknownDriftError as error:
            raise CommandError(str(error)) from None
        serve(wanted)
