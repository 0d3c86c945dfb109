from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Who may spend how much."""

    name = "billing"
    verbose_name = "Money and people"
