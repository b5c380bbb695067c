"""Which database a model lives in: read off the one mapping, and nothing is guessed."""

from typing import Any

from django.db.models import Model

from apps.tenancy import binding
from config.databases import ALIAS_OF_LABEL, REPLICA_SUFFIX, SHARED_LABELS


class UnplacedApp(LookupError):
    """An app whose models have no database in config/databases.py."""

    def __init__(self, label: str) -> None:
        super().__init__(
            f"The app {label!r} has no database: name it in PLAN of config/databases.py."
        )


class EverywhereApp(LookupError):
    """Rows of an app that is in every database were reached for without saying in which."""

    def __init__(self, label: str) -> None:
        super().__init__(f"The tables of {label!r} are in every database: say which with using().")


def alias_of(label: str) -> str:
    """Return the database alias of an app.

    :raises UnplacedApp: the mapping does not name it.
    :raises EverywhereApp: the mapping names it for every database.
    """
    if label in SHARED_LABELS:
        raise EverywhereApp(label)
    try:
        return ALIAS_OF_LABEL[label]
    except KeyError:
        raise UnplacedApp(label) from None


class Router:
    """Reads of a block that only reads may go to a replica; everything else to the primary."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        """Return the alias to read a model from."""
        alias = alias_of(model._meta.app_label)
        bound = binding.current()
        if bound is not None and bound.reads_replica:
            return binding.replica_of(alias)
        return alias

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        """Return the alias to write a model to."""
        return alias_of(model._meta.app_label)

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool:
        """A relation stays inside one database; between contexts there are references."""
        if one._meta.app_label in SHARED_LABELS:
            return one._meta.app_label == other._meta.app_label and one._state.db == other._state.db
        return alias_of(one._meta.app_label) == alias_of(other._meta.app_label)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """An app is migrated in its own database and nowhere else, never on a replica."""
        if db.endswith(REPLICA_SUFFIX):
            return False
        return app_label in SHARED_LABELS or alias_of(app_label) == db
