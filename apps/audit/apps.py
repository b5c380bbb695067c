"""The audit log of every database, its seals and its verification."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The audit log of every database, its seals and its verification."""

    name = "apps.audit"
    label = "audit"

    def ready(self) -> None:
        """Register system checks."""
        from apps.audit import checks  # noqa: F401 - registers on import
