"""Setting feature flags."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from apps.kernel import messages
from apps.kernel.errors import Invalid
from apps.platform import queries
from apps.platform.contracts import FlagChanged
from apps.platform.models import FeatureFlag
from apps.users import interface as users


def set_flag(
    *,
    key: str,
    is_on: bool,
    percent: int = 100,
    user_ids: Collection[UUID] = (),
    updated_at: datetime,
) -> FeatureFlag:
    """Switch a flag in the bound tenant.

    :param percent: of all profiles, 0 to 100; it is on for those in `user_ids` besides.
    :raises NoSuchFlag: the code does not know it.
    :raises Invalid: one of `user_ids` is nobody's profile.
    """
    queries.known_flag(key)
    if missing := set(user_ids) - users.existing_profile_ids(ids=set(user_ids)):
        listed = ", ".join(sorted(map(str, missing)))
        raise Invalid(fields={"user_ids": [f"There is no profile with the id {listed}."]})
    FeatureFlag.objects.bulk_create([FeatureFlag(key=key)], ignore_conflicts=True)
    flag: FeatureFlag = FeatureFlag.objects.select_for_update().get(key=key)
    flag.is_on, flag.percent, flag.user_ids = is_on, percent, sorted(set(user_ids))
    flag.updated_at = updated_at
    flag.save(update_fields=["is_on", "percent", "user_ids", "updated_at"])
    messages.record(FlagChanged(flag_id=flag.id, key=key))
    return flag


def reset_flag(*, key: str) -> None:
    """Go back to a flag's default; where nothing is set, nothing changes.

    :raises NoSuchFlag: the code does not know it, and the tenant has set none of the kind.
    """
    flag = FeatureFlag.objects.select_for_update().filter(key=key).first()
    if flag is None:
        queries.known_flag(key)
        return
    message = FlagChanged(flag_id=flag.id, key=key)
    flag.delete()
    messages.record(message)
