"""Is run as a process of its own: keeps one output and says how many bytes of memory that took at most."""

import re
import sys
from pathlib import Path
from uuid import UUID

import django

django.setup()

from generation import storage  # noqa: E402 - it needs the settings


def main() -> None:
    """Keep the output of a job: its id and the address come as arguments."""
    stored = storage.keep(UUID(sys.argv[1]), sys.argv[2])
    # Not ru_maxrss: a process inherits in it what its parent had, and this parent is a large one.
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(stored.size_bytes, int(kilobytes) * 1024)  # noqa: T201


if __name__ == "__main__":
    main()
