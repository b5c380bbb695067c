"""Series: what plans and items open."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.commerce.models import ContentSeries
from apps.kernel.errors import NotFound


def create_series(
    *, values: Mapping[str, Any], created_by_id: UUID, created_on: datetime
) -> ContentSeries:
    """Make a series.

    :param values: by field name: name, and description.
    :param created_by_id: a profile.
    """
    series = ContentSeries(
        **values, created_by_id=created_by_id, created_on=created_on, updated_at=created_on
    )
    series.save(force_insert=True)
    return series


def update_series(
    *, series_id: UUID, changes: Mapping[str, Any], updated_at: datetime
) -> ContentSeries:
    """Change what `changes` names.

    :raises NotFound: there is no such series.
    """
    series = _hold(series_id)
    for name, value in changes.items():
        setattr(series, name, value)
    series.updated_at = updated_at
    series.save(update_fields=[*changes, "updated_at"])
    return series


def delete_series(*, series_id: UUID, deleted_at: datetime) -> None:
    """Delete a series softly: it can't be added to anything; who may use it still may.

    :raises NotFound: there is no such series.
    """
    series = _hold(series_id)
    series.deleted_at = series.updated_at = deleted_at
    series.save(update_fields=["deleted_at", "updated_at"])


def _hold(series_id: UUID) -> ContentSeries:
    series = ContentSeries.objects.select_for_update().filter(id=series_id, deleted_at=None).first()
    if series is None:
        raise NotFound
    return series
