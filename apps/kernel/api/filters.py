"""Filtering, searching and ordering; a query parameter nobody declared is refused by name."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework.request import Request

from apps.kernel.api.pagination import CURSOR_PARAM, SIZE_PARAM
from apps.kernel.errors import Invalid


class BooleanField(forms.Field):
    """`true` or `false`; Django's own takes anything else for no answer."""

    def to_python(self, value: Any) -> bool | None:
        """Return the value, or None where there is none.

        :raises ValidationError: it is neither.
        """
        if value in {None, ""}:
            return None
        try:
            return {"true": True, "false": False}[str(value).lower()]
        except KeyError:
            raise forms.ValidationError("Say true or false.") from None


class BooleanFilter(filters.BooleanFilter):
    """django-filter's, strict about values."""

    field_class = BooleanField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["widget"] = forms.TextInput
        super().__init__(*args, **kwargs)


COMMON = frozenset({CURSOR_PARAM, SIZE_PARAM, "fields", "expand", "ordering"})


class FilterBackend(filters.DjangoFilterBackend):
    """django-filter, strict about names and values."""

    def filter_queryset(self, request: Request, queryset: QuerySet, view: Any) -> QuerySet:
        """Return the filtered rows.

        :raises Invalid: a parameter is unknown or has a value of the wrong kind.
        """
        kind = self.get_filterset_class(view, queryset)
        declared = kind.base_filters if kind else {}
        check_parameters(request, set(declared))
        asked = frozenset(
            name
            for name, declaration in declared.items()
            if name in request.query_params or declaration.extra.get("required")
        )
        if not asked:
            return queryset
        filterset = _narrowed(kind, asked)(**self.get_filterset_kwargs(request, queryset, view))
        if not filterset.is_valid():
            raise Invalid(
                fields={
                    name: [str(text) for text in texts] for name, texts in filterset.errors.items()
                }
            )
        return filterset.qs


@lru_cache(maxsize=1024)
def _narrowed(kind: type[filters.FilterSet], names: frozenset[str]) -> type[filters.FilterSet]:
    """Return a filter set with only these of its filters.

    A filter set copies all of its filters, and builds a form of them, at every request: of a dozen,
    most requests use one.
    """
    narrow: type[filters.FilterSet] = type(kind.__name__, (kind,), {})
    narrow.base_filters = {name: kind.base_filters[name] for name in names}
    return narrow


def check_parameters(request: Request, known: set[str]) -> None:
    """Refuse query parameters that mean nothing here.

    :raises Invalid: names each one.
    """
    unknown = [name for name in request.query_params if name not in known and name not in COMMON]
    if unknown:
        choice = ", ".join(sorted(known | COMMON))
        raise Invalid(
            fields={
                name: [f"There is no such parameter here; there are {choice}."] for name in unknown
            }
        )
    for name, value in request.query_params.items():
        if "\x00" in value:
            raise Invalid(fields={name: ["A value can't hold the character NUL."]})


def ordering_of(
    request: Request, *, allowed: dict[str, Sequence[str]], default: str
) -> Sequence[str]:
    """Return the total order that `?ordering=` asks for.

    :param allowed: by the name in the API, the field names to order by; the last is unique.
    :raises Invalid: it names something else.
    """
    given = request.query_params.get("ordering") or default
    if given not in allowed:
        raise Invalid(
            fields={"ordering": [f"{given} is no ordering here; there are {', '.join(allowed)}."]}
        )
    return allowed[given]
