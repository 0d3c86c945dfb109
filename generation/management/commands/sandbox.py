from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from generation.sandbox import SandboxOptions, serve


class Command(BaseCommand):
    help = "Run the sandbox: a local WaveSpeed that renders real MP4 files. See generation/sandbox for its faults."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the options that people change; tests use `python -m generation.sandbox`, which has them all."""
        parser.add_argument("--port", type=int, default=settings.SANDBOX_PORT)
        parser.add_argument(
            "--seconds", type=float, default=settings.SANDBOX_SECONDS, help="how long a prediction takes"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until it is stopped."""
        files = Path(settings.DATA_DIR) / "sandbox"
        serve(SandboxOptions(port=options["port"], seconds=options["seconds"], files=files))
