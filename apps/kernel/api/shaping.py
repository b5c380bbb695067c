"""Shaping rows for a reply: `?fields=`, `?expand=`, and columns instead of objects.

A row serializer is an ordinary ModelSerializer whose declaration is read, not run: list and detail
fetch the declared columns with `values()`, stitch in what lives in other tables or contexts with one
query each, and hand dicts to the renderer.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Model
from rest_framework import serializers
from rest_framework.request import Request

from apps.kernel import references
from apps.kernel.errors import Invalid

Row = dict[str, Any]


@dataclass(frozen=True)
class Stitch:
    """A field of the reply that is fetched for the whole page at once.

    :param load: ids of the page's rows -> value by id; called inside the binding.
    :param empty: makes the value of a row that has none.
    """

    load: Callable[[Collection[UUID]], Mapping[UUID, Any]]
    empty: Callable[[], Any] = list


@dataclass(frozen=True)
class Expansion:
    """What `?expand=<name>` adds: the contracts behind the ids in `source`."""

    target: str
    source: str
    many: bool = False


@dataclass(frozen=True)
class Shape:
    """What one request wants of each row."""

    columns: tuple[str, ...]
    stitches: tuple[str, ...]
    expansions: tuple[str, ...]
    order: tuple[str, ...] = field(default=())
    hidden: frozenset[str] = frozenset()


class ExpansionField(serializers.Field):
    """Stands for an expansion in the OpenAPI document; replies are made of rows, not of fields."""

    def __init__(self, expansion: Expansion) -> None:
        self.expansion = expansion
        super().__init__(read_only=True, required=False)

    def to_representation(self, value: Any) -> Any:
        """Return it as it is."""
        return value


class RowSerializer(serializers.ModelSerializer):
    """Declares the fields of a reply; its `stitches` and `expansions` say what is not a column."""

    stitches: ClassVar[Mapping[str, Stitch]] = {}
    expansions: ClassVar[Mapping[str, Expansion]] = {}
    # Columns that are fetched for the post-processing of a row, and not shown.
    needed: ClassVar[Sequence[str]] = ()

    def get_fields(self) -> dict[str, serializers.Field]:
        """Return the declared fields, and those that `?expand=` adds."""
        added = {name: ExpansionField(each) for name, each in self.expansions.items()}
        return {**super().get_fields(), **added}

    @classmethod
    def finish(cls, rows: list[Row], *, request: Request) -> None:
        """Change rows in place before they are shown; overridden where the viewer matters."""

    class Meta:
        model: type[Model]
        fields: Sequence[str]


@cache
def _declared(serializer: type[RowSerializer]) -> tuple[str, ...]:
    return tuple(serializer.Meta.fields)


def shape_of(*, serializer: type[RowSerializer], request: Request) -> Shape:
    """Return what the request asks of this serializer.

    :raises Invalid: `fields` or `expand` names something that is not there; says what is.
    """
    declared = _declared(serializer)
    wanted = _listed(request, "fields", allowed=declared) or declared
    expansions = _listed(request, "expand", allowed=tuple(serializer.expansions))
    sources = {serializer.expansions[name].source for name in expansions}
    fetched = [name for name in declared if name in wanted or name in sources]
    columns = [name for name in fetched if name not in serializer.stitches]
    # The key is what stitches are joined by.
    extra = [name for name in ("id", *serializer.needed) if name not in columns]
    hidden = frozenset(extra) | (sources - set(wanted))
    return Shape(
        columns=(*columns, *extra),
        stitches=tuple(name for name in fetched if name in serializer.stitches),
        expansions=expansions,
        order=tuple(name for name in declared if name in wanted),
        hidden=hidden,
    )


def _listed(request: Request, parameter: str, *, allowed: Sequence[str]) -> tuple[str, ...]:
    given = request.query_params.get(parameter, "")
    names = tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
    unknown = [name for name in names if name not in allowed]
    if unknown:
        choice = ", ".join(allowed) or "nothing"
        raise Invalid(
            fields={parameter: [f"{', '.join(unknown)} can't be asked for; {choice} can."]}
        )
    return names


def finish(
    *, serializer: type[RowSerializer], shape: Shape, rows: list[Row], request: Request
) -> list[Row]:
    """Stitch, expand and order a page of rows: one query per stitch and per expansion."""
    ids = [row["id"] for row in rows]
    for name in shape.stitches:
        stitch = serializer.stitches[name]
        found = stitch.load(ids) if ids else {}
        for row in rows:
            row[name] = found[row["id"]] if row["id"] in found else stitch.empty()
    serializer.finish(rows, request=request)
    for name in shape.expansions:
        _expand(serializer.expansions[name], name, rows)
    if not shape.hidden and not shape.stitches:
        return rows
    order = (*shape.order, *shape.expansions)
    return [{name: row[name] for name in order} for row in rows]


def _expand(expansion: Expansion, name: str, rows: list[Row]) -> None:
    fetch = references.offer_of(expansion.target).fetch
    if expansion.many:
        wanted = {id_ for row in rows for id_ in row[expansion.source]}
        found = fetch(wanted) if wanted else {}
        for row in rows:
            row[name] = [found[id_] for id_ in row[expansion.source] if id_ in found]
    else:
        wanted = {row[expansion.source] for row in rows} - {None}
        found = fetch(wanted) if wanted else {}
        for row in rows:
            row[name] = found.get(row[expansion.source])


class StrictSerializer(serializers.Serializer):
    """A body: fields it does not declare are refused by name instead of being dropped."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated values.

        :raises ValidationError: a field is unknown, or has the wrong type or value.
        """
        if isinstance(data, Mapping):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            unknown = sorted(str(name) for name in data if name not in writable)
            if unknown:
                raise serializers.ValidationError(
                    {name: ["There is no such field here."] for name in unknown}
                )
        return super().to_internal_value(data)
