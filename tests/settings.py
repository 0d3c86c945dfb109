"""The settings of the tests: the project's own, with an environment that no file of this machine can change."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

# A folder a process: workers of xdist, and runs of several people at once, never share files or a database.
# What is no test, such as mypy, which ends without tidying up, writes nothing and gets the same folder each time.
_temporary = Path(tempfile.gettempdir())
_testing = "pytest" in sys.modules
_data = Path(tempfile.mkdtemp(prefix="clapboard-tests-")) if _testing else _temporary / f"clapboard-tests-{os.getuid()}"
_owner = os.getpid()


def _remove() -> None:
    if _testing and os.getpid() == _owner:  # not in what we forked
        shutil.rmtree(_data, ignore_errors=True)


atexit.register(_remove)

os.environ["READ_ENV_FILES"] = "0"
os.environ["DEBUG"] = "1"
os.environ["SECRET_KEY"] = "tests-" + "x" * 50
os.environ["CLAPBOARD_DATA"] = str(_data)
os.environ["LOG_LEVEL"] = "WARNING"
os.environ["SANDBOX_SECONDS"] = "0.2"  # as long as a prediction takes in the tests' sandbox
for _name in (
    "WAVESPEED_API_KEY",
    "WAVESPEED_URL",
    "WAVESPEED_WEBHOOK_SECRET",
    "SANDBOX",
    "S3_BUCKET",
    "PUBLIC_URL",
    "EMAIL_URL",
    "CACHE_URL",
):
    os.environ.pop(_name, None)
if "TEST_DATABASE_URL" in os.environ:
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
else:
    os.environ.pop("DATABASE_URL", None)

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES  # noqa: E402

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file: in memory, concurrent writers fail.
    DATABASES["default"]["TEST"] = {"NAME": str(_data / "test.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
