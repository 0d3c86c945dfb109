"""Measures check_ledger on the database of DATABASE_URL, in a process of its own; prints JSON."""

import json
import sys
import time
from pathlib import Path

import django

django.setup()

from billing.ledger import differences  # noqa: E402
from billing.models import LedgerEntry  # noqa: E402


def main() -> None:
    """Measure and print."""
    lines, before = LedgerEntry.objects.count(), _peak()
    start = time.monotonic()
    number = sum(1 for _ in differences())
    seconds = time.monotonic() - start
    found = {"lines": lines, "differences": number, "seconds": seconds, "before": before, "peak": _peak()}
    json.dump(found, sys.stdout)


def _peak() -> float:
    """Return the most megabytes that this process has had; not getrusage, which knows of its parent's too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
