"""The users context: profiles, follows, groups, referrals."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """Offers profiles to the other contexts, and the story that all demo data tell."""

    name = "apps.users"
    label = "users"

    def ready(self) -> None:
        """Declare the messages, and offer what others may refer to."""
        from apps.kernel import demo, messages, references
        from apps.tenancy import caching, erasure
        from apps.users import contracts, interface

        messages.declare("users", *contracts.MESSAGES)
        # All of them: replies show counts of followers, too.
        changes = contracts.MESSAGES
        caching.depend("users.profile", on=[f"users.{each.__name__}" for each in changes])
        messages.subscribe(
            name="users.forget_cached",
            context="users",
            to=changes,
            handle=caching.forget_what_changed,
        )
        references.offer(
            "users.Profile",
            existing=lambda ids: interface.existing_profile_ids(ids=ids),
            fetch=lambda ids: interface.get_profiles(ids=ids),
            contract=contracts.ProfileSummary,
        )
        demo.offer_content(_demo_content)
        demo.register(context="users", order=20, load=_load_demo)
        # Last, since the others ask it which profiles are the person's.
        erasure.register(context="users", order=90, erase=_erase_person)


def _demo_content() -> Any:
    from apps.users.demo import content

    return content


def _load_demo(*, tenant: Any, size: int) -> None:
    from apps.users.demo.load import load_demo

    load_demo(tenant=tenant, fans=size)


def _erase_person(*, person_id: UUID, erased_at: datetime) -> dict[str, int]:
    from apps.users import operations

    return operations.erase_person(keycloak_id=person_id, erased_at=erased_at)
