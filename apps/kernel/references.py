"""References: UUID columns that point into another context, declared once and never foreign keys.

A context *offers* its entities at start-up; a model of another context declares
`ReferenceField("users.Profile")`. From that come validation on write, `?expand=`, the OpenAPI text
and `manage.py check_references`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import models

from apps.kernel.errors import Invalid


@dataclass(frozen=True)
class Offer:
    """What a context lets others know of one of its entities.

    `existing` returns those of the ids that exist for the bound tenant; `fetch` returns the
    contracts by id, leaving out what is gone or not yours; `contract` is the class it returns.
    """

    existing: Callable[[Collection[UUID]], set[UUID]]
    fetch: Callable[[Collection[UUID]], Mapping[UUID, Any]]
    contract: type


_offers: dict[str, Offer] = {}


class NothingOffered(LookupError):
    """A reference points at something that no context offers."""

    def __init__(self, target: str) -> None:
        super().__init__(
            f"No context offers {target!r}. Offers are made in the `ready()` of the owning app; "
            f"known are: {', '.join(sorted(_offers)) or 'none'}."
        )


def offer(
    target: str,
    *,
    existing: Callable[[Collection[UUID]], set[UUID]],
    fetch: Callable[[Collection[UUID]], Mapping[UUID, Any]],
    contract: type,
) -> None:
    """Offer an entity, named "<app label>.<Model>", to the other contexts."""
    _offers[target] = Offer(existing=existing, fetch=fetch, contract=contract)


def offer_of(target: str) -> Offer:
    """Return the offer behind a target.

    :raises NothingOffered: no context offers it.
    """
    try:
        return _offers[target]
    except KeyError:
        raise NothingOffered(target) from None


class ReferenceField(models.UUIDField):
    """A UUID that names a row of another context.

    :param to: the target, "<app label>.<Model>".
    """

    def __init__(self, to: str, **kwargs: Any) -> None:
        self.to = to
        super().__init__(**kwargs)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, [self.to, *args], kwargs


def references_of(model: type[models.Model]) -> list[ReferenceField]:
    """Return the references a model declares."""
    return [field for field in model._meta.local_fields if isinstance(field, ReferenceField)]


def check(
    model: type[models.Model],
    rows: Iterable[models.Model],
    *,
    only: Collection[str] | None = None,
) -> None:
    """Refuse rows that refer to what does not exist: one query per target, however many rows.

    Advisory: the target may vanish right afterwards, which `check_references` finds.

    :param only: names of the fields that change; all of them when None.
    :raises Invalid: names the field and the ids.
    """
    rows = list(rows)
    wanted: dict[str, set[UUID]] = {}
    fields = [field for field in references_of(model) if only is None or field.name in only]
    for field in fields:
        ids = {getattr(row, field.attname) for row in rows} - {None}
        if ids:
            wanted.setdefault(field.to, set()).update(ids)
    missing: dict[str, set[UUID]] = {
        target: ids - offer_of(target).existing(ids) for target, ids in wanted.items()
    }
    faults = {}
    for field in fields:
        gone = {getattr(row, field.attname) for row in rows} & missing.get(field.to, set())
        if gone:
            listed = ", ".join(sorted(str(id_) for id_ in gone))
            faults[field.name] = [
                f"There is no {field.to.split('.')[1].lower()} with the id {listed}."
            ]
    if faults:
        raise Invalid(fields=faults)
