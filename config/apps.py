from django.apps import AppConfig

from config import checks


class ConfigConfig(AppConfig):
    """Settings, and the checks on them."""

    name = "config"
    checks = checks
