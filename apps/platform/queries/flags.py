"""Reading feature flags: what is on, for whom."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from apps.kernel import flags
from apps.kernel.errors import NotFound
from apps.platform.models import FeatureFlag
from apps.tenancy import binding, caching
from apps.tenancy.caching import Keep

KEEP = Keep(seconds=caching.LIST_SECONDS, kinds=("platform.flag",))
COLUMNS = ("key", "is_on", "percent", "user_ids")


class NoSuchFlag(NotFound):
    """No code asks for a flag of this key."""

    slug = "no-such-flag"
    title = "There is no such feature flag."


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a tenant has set of a flag."""

    is_on: bool
    percent: int
    user_ids: frozenset[UUID]


def known_flag(key: str) -> flags.Flag:
    """Return a flag that the code knows.

    :raises NoSuchFlag: names those there are.
    """
    try:
        return flags.get(key)
    except flags.UnknownFlag as error:
        raise NoSuchFlag(str(error)) from error


def settings_of_tenant() -> dict[str, Setting]:
    """Return what the bound tenant has set, by key; kept for a while, and never after a change."""
    bound = binding.require()
    if bound.writes == "platform":
        # What this very block has changed is known to the database alone.
        return _to_settings(_rows())
    kept = caching.cached(
        tenant_id=bound.tenant_id,
        key="flags",
        keep=KEEP,
        make=lambda: caching.to_bytes(_rows()),
    )
    return _to_settings(caching.from_bytes(kept or b"[]"))


def is_on(*, key: str, user_id: UUID | None = None) -> bool:
    """Return whether a flag is on in the bound tenant, for a profile or for everybody.

    :param user_id: a profile: for one and the same the answer is always the same, and a growing
        percentage takes nobody away. Without one, a flag that is on for some only is off.
    :raises UnknownFlag: the code does not know it.
    """
    flag = flags.get(key)
    setting = settings_of_tenant().get(key)
    if setting is None:
        return flag.default
    return _holds(key, setting, user_id)


def flags_for(*, user_id: UUID | None) -> dict[str, bool]:
    """Return, by key, whether each flag is on for a profile."""
    settings = settings_of_tenant()
    return {
        key: _holds(key, settings[key], user_id) if key in settings else flag.default
        for key, flag in flags.known().items()
    }


def bucket_of(*, tenant_id: UUID, key: str, user_id: UUID) -> int:
    """Return where a profile stands for a flag: from 0 to 99."""
    digest = sha256(f"{tenant_id}:{key}:{user_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % 100


def _holds(key: str, setting: Setting, user_id: UUID | None) -> bool:
    if not setting.is_on:
        return False
    if user_id in setting.user_ids or setting.percent >= 100:
        return True
    if user_id is None:
        return False
    tenant_id = binding.require().tenant_id
    return bucket_of(tenant_id=tenant_id, key=key, user_id=user_id) < setting.percent


def _rows() -> list[list[Any]]:
    # Not a replica's, which can lag behind: it is to be kept.
    rows = FeatureFlag.objects.using("platform").order_by("key").values_list(*COLUMNS)
    return [[key, is_on, percent, [str(each) for each in ids]] for key, is_on, percent, ids in rows]


def _to_settings(rows: list[list[Any]]) -> dict[str, Setting]:
    return {
        key: Setting(is_on=is_on, percent=percent, user_ids=frozenset(map(UUID, ids)))
        for key, is_on, percent, ids in rows
    }
