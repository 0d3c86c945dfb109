"""What a process of a race through doors knows when it begins: sixteen would each find it out for themselves."""

from tests.concurrency import child, doors  # isort: split

import pytest
from django.template.loader import get_template
from django.test import Client
from django.urls import reverse

from config import urls

__all__ = ["child", "doors", "pytest", "urls"]

reverse("studio")
Client().handler.load_middleware()
for name in ("studio/studio.html", "studio/retake.html", "jobs/job.html"):
    get_template(name)
