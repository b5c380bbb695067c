"""Erasing a person in a tenant: each context registers how it does its part, and they run in order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from apps.tenancy import binding


@dataclass(frozen=True)
class Eraser:
    """One context's part. The context that knows which profiles are whose has the last `order`."""

    context: str
    order: int
    erase: Callable[..., Mapping[str, int]]


@dataclass(frozen=True)
class Removed:
    """One line of a certificate: rows of a table that were deleted, or emptied of what is personal.

    `tenant` is a slug; empty for what belongs to the platform.
    """

    tenant: str
    database: str
    table: str
    rows: int


class Named(binding.Placed, Protocol):
    """A tenant that can be bound, and named to people."""

    @property
    def slug(self) -> str: ...


# By context: an app that is set up twice has one part all the same.
_erasers: dict[str, Eraser] = {}


def register(*, context: str, order: int, erase: Callable[..., Mapping[str, int]]) -> None:
    """Register `erase(person_id=…, erased_at=…)`, which returns how many rows of which table it took.

    It runs bound, writes in `context` alone, and changes nothing when it runs again.
    """
    _erasers[context] = Eraser(context=context, order=order, erase=erase)


def erase_in_tenant(
    *, tenant: Named, person_id: UUID, erased_at: datetime, dry_run: bool = False
) -> list[Removed]:
    """Erase a person in every context of a tenant, one unit of work after the other.

    After a crash between two of them, the same call finishes what is left.

    :param person_id: the identity provider's id of them.
    :param dry_run: do it, count it, and take it back.
    """
    removed = []
    for eraser in sorted(_erasers.values(), key=lambda eraser: eraser.order):
        with binding.bind(tenant, writes=eraser.context) as bound:
            counts = eraser.erase(person_id=person_id, erased_at=erased_at)
            if dry_run:
                bound.rollback()
        removed += [
            Removed(tenant.slug, eraser.context, table, rows)
            for table, rows in counts.items()
            if rows
        ]
    return removed
