"""What a process of a race knows when it begins: Django, and everything that it may be told to do."""

import django

django.setup()

from tests.concurrency import racing  # noqa: E402, F401
