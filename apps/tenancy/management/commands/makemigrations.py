"""`manage.py makemigrations`: Django's, kept linear, and without a look at any database.

Django compares the migrations applied in every database first. Ours are applied home by home, and
`migrate` compares them there; making a migration needs no server.
"""

from typing import Any
from unittest.mock import patch

from django.db.migrations.loader import MigrationLoader
from django_linear_migrations.management.commands import makemigrations


class Command(makemigrations.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        """Make migrations from the models alone."""
        with patch.object(MigrationLoader, "check_consistent_history"):
            super().handle(*args, **options)
