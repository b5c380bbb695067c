"""Reading how the members of a board rank."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.platform.models import BoardScore

# A total order: of equal points, those that were reached first are ahead.
LEADERS_FIRST = ("-points", "updated_at", "id")


def scores(*, group_id: UUID) -> QuerySet[BoardScore]:
    """Return the scores of a board."""
    return BoardScore.objects.filter(group_id=group_id)


def ranks(ids: Collection[UUID]) -> dict[UUID, int]:
    """Return the ranks, from 1, of scores that follow one another on one board, in any order.

    Those ahead of the first are counted, and the rest are numbered on from there. Two queries.
    """
    page = list(BoardScore.objects.filter(id__in=ids).order_by(*LEADERS_FIRST))
    if not page:
        return {}
    first = page[0]
    earlier = Q(updated_at__lt=first.updated_at) | Q(updated_at=first.updated_at, id__lt=first.id)
    ahead = scores(group_id=first.group_id).filter(
        Q(points__gt=first.points) | (Q(points=first.points) & earlier)
    )
    return {score.id: rank for rank, score in enumerate(page, start=ahead.count() + 1)}
