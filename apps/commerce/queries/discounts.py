"""Reading codes."""

from collections.abc import Collection
from uuid import UUID

from apps.commerce.models import CodeItem


def item_ids(code_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return the items that codes name, in a stable order. One query."""
    rows = CodeItem.objects.filter(code_id__in=code_ids).order_by("id")
    found: dict[UUID, list[UUID]] = {}
    for code_id, item_id in rows.values_list("code_id", "item_id"):
        found.setdefault(code_id, []).append(item_id)
    return found
