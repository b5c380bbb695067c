"""People: what this context keeps of one that is erased."""

from datetime import datetime
from uuid import UUID

from apps.kernel import idempotency
from apps.kernel.messages import Envelope
from apps.platform.operations import notifications, social
from apps.tenancy import salts
from apps.users import interface as users
from apps.users.contracts import PersonErased


def erase_person(*, keycloak_id: UUID, erased_at: datetime) -> dict[str, int]:
    """Erase what a person said, set and was told here, and the kept replies they asked for or are in.

    What is left refers to their profiles by id. The salts of their profiles go last: what the audit
    log says of them can be opened by nobody from then on. Erasing again changes nothing.

    :returns: how many rows of which table changed or went.
    """
    ids = users.every_profile_id_of(keycloak_id=keycloak_id)
    return _forget(ids, keycloak_id=keycloak_id, erased_at=erased_at)


def forget_erased(message: PersonErased, envelope: Envelope) -> None:
    """Do the same for somebody who was erased in the users context, as who erases themselves is."""
    _forget(set(message.profile_ids), keycloak_id=None, erased_at=envelope.occurred_at)


def _forget(ids: set[UUID], *, keycloak_id: UUID | None, erased_at: datetime) -> dict[str, int]:
    removed = notifications.forget_people(ids=ids)
    removed |= social.forget_people(ids=ids, erased_at=erased_at)
    removed["idempotency_keys"] = idempotency.forget_replies(
        alias="platform", actor_id=keycloak_id, showing=ids
    )
    removed["audit_salts"] = salts.forget_subjects(alias="platform", ids=ids)
    return removed
