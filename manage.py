#!/usr/bin/env python3
"""Run a command of the project."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        settings.configured or settings.DEBUG  # noqa: B018 - the first look loads them
    except ImproperlyConfigured as error:
        sys.exit(str(error))  # what to set, without a traceback around it
    execute_from_command_line(sys.argv)
