"""Reading donations, and the boards that they are made on."""

from uuid import UUID

from django.db.models import QuerySet

from apps.commerce.models import Donation
from apps.commerce.queries.viewers import Viewer
from apps.kernel.errors import Invalid
from apps.platform import interface as platform


def donations(*, viewer: Viewer) -> QuerySet[Donation]:
    """Return the donations that a viewer sees: their own; to those who support buyers all of them."""
    rows = Donation.objects.all()
    return rows if viewer.is_support else rows.filter(user_id__in=viewer.profile_ids)


def check_board(*, board_id: UUID, viewer: Viewer) -> None:
    """Refuse what is not a message board that the viewer can see.

    :raises Invalid: names the board.
    """
    if board_id not in platform.boards_open_to(ids=[board_id], profile_ids=viewer.profile_ids):
        raise Invalid(
            fields={"board_id": [f"There is no message board with the id {board_id} that you see."]}
        )
