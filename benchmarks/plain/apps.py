"""The plain reference's app."""

from django.apps import AppConfig


class PlainConfig(AppConfig):
    """Under the label that its tables begin with."""

    name = "benchmarks.plain"
    label = "plain"
    default_auto_field = "django.db.models.BigAutoField"
