"""The kernel: what every context stands on."""

from django.apps import AppConfig


class KernelConfig(AppConfig):
    """Abstract models and API ground rules; no tables of its own."""

    name = "apps.kernel"
    label = "kernel"
