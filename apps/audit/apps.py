"""The audit log of every database, its seals and its verification."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The audit log of every database, its seals and its verification."""

    name = "apps.audit"
    label = "audit"
