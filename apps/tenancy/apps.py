"""Tenancy: the control plane, and the wall around every tenant."""

from django.apps import AppConfig


class TenancyConfig(AppConfig):
    """Registers the checks that keep every model behind its wall."""

    name = "apps.tenancy"
    label = "tenancy"

    def ready(self) -> None:
        """Register system checks, and who writes messages down."""
        from apps.kernel import messages
        from apps.tenancy import (
            checks,  # noqa: F401 - registers on import
            recording,
        )

        messages.record_with(recording.record)
