"""What the watcher does not need is not in its memory."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from generation.models import Heartbeat
from tests.processes import engine, wait_until

ROOT = Path(__file__).resolve().parents[2]
# Decoders, pictures, a bucket's client, keys for sign-ins, and whatever answers requests.
HEAVY = {"av", "PIL", "boto3", "botocore", "cryptography", "fido2", "config.urls"}
LOADED = """
import sys, django
django.setup()
import generation.management.commands.watch
print(*sys.modules)
"""


def test_watcher_imports_no_library_that_it_has_no_use_for(tmp_path):
    told = {
        "READ_ENV_FILES": "0",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DEBUG": "1",
        "SECRET_KEY": "x" * 50,
        "CLAPBOARD_DATA": str(tmp_path),
    }
    command = [sys.executable, "-c", LOADED]
    done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, check=True)

    loaded = set(done.stdout.split())
    assert "aiohttp" in loaded  # or this looks at the wrong thing
    assert not loaded & HEAVY


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the maps of a process")
def test_running_watcher_has_loaded_none_of_it_after_its_first_round(transactional_db, sandbox):
    with engine(sandbox.url) as rig:
        rig.start("watch")
        wait_until(lambda: Heartbeat.objects.filter(beat_at__isnull=False).exists(), "the watcher's beat")
        (watcher,) = psutil.Process(rig.processes["watch"].pid).children()
        libraries = {part for loaded in watcher.memory_maps() for part in Path(loaded.path).parts}

    assert "aiohttp" in libraries
    assert not libraries & HEAVY
