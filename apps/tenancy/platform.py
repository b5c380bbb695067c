"""The platform itself, where code asks for a tenant."""

from dataclasses import dataclass
from uuid import UUID

from apps.tenancy.models.audited import PLATFORM_ID

PLATFORM = UUID(PLATFORM_ID)


@dataclass(frozen=True, slots=True)
class Platform:
    """Stands where a tenant would, for rows that belong to none. Bound in a home, it sees nobody's."""

    id: UUID = PLATFORM
    schema_name: str = "public"
    slug: str = "platform"
