"""Filters of the audit API."""

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from apps.audit import exporting, queries
from apps.audit.models import AuditEntry
from apps.audit.models.log import Action
from apps.kernel.errors import Invalid

NAME_LENGTH = 200


def _choices(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(word, word) for word in words]


class EntryFilter(filters.FilterSet):
    """Which entries; every parameter narrows further."""

    actor_id = filters.CharFilter(
        max_length=NAME_LENGTH, help_text="A person's id, or the name of a command or a task."
    )
    actor_type = filters.ChoiceFilter(choices=_choices(queries.ACTOR_TYPES))
    action = filters.ChoiceFilter(choices=Action.choices)
    entity_type = filters.CharFilter(max_length=NAME_LENGTH, help_text="A table.")
    entity_id = filters.CharFilter(max_length=NAME_LENGTH, help_text="The key of a row of it.")
    source = filters.ChoiceFilter(choices=_choices(queries.SOURCES))
    request_id = filters.UUIDFilter(help_text="What one request did.")
    occurred_from = filters.IsoDateTimeFilter(
        field_name="occurred_at", lookup_expr="gte", help_text="From then on, inclusive."
    )
    occurred_before = filters.IsoDateTimeFilter(
        field_name="occurred_at", lookup_expr="lt", help_text="Until then, exclusive."
    )

    class Meta:
        model = AuditEntry
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        """Return the rows that match.

        :raises Invalid: the range ends before it begins.
        """
        start = self.form.cleaned_data.get("occurred_from")
        end = self.form.cleaned_data.get("occurred_before")
        if start and end and end < start:
            raise Invalid(fields={"occurred_before": ["Give a time after occurred_from."]})
        return super().filter_queryset(queryset)


class ExportFilter(EntryFilter):
    """Which entries, and as what."""

    format = filters.ChoiceFilter(
        choices=_choices(tuple(exporting.MEDIA_TYPES)),
        method="any_format",
        help_text="jsonl, a JSON object on each line, or csv.",
    )

    def any_format(self, rows: QuerySet, name: str, value: Any) -> QuerySet:
        """Keep all rows: the format says nothing of them."""
        return rows
