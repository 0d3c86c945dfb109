from django.apps import AppConfig


class GenerationConfig(AppConfig):
    """Turn a prompt into a stored video."""

    name = "generation"
    verbose_name = "Videos"
