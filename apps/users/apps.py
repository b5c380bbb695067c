"""The users context: profiles, follows, groups, referrals."""

from typing import Any

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """Offers profiles to the other contexts, and the story that all demo data tell."""

    name = "apps.users"
    label = "users"

    def ready(self) -> None:
        """Offer what others may refer to."""
        from apps.kernel import demo, references
        from apps.users import contracts, interface

        references.offer(
            "users.Profile",
            existing=lambda ids: interface.existing_profile_ids(ids=ids),
            fetch=lambda ids: interface.get_profiles(ids=ids),
            contract=contracts.ProfileSummary,
        )
        demo.offer_content(_demo_content)
        demo.register(context="users", order=20, load=_load_demo)


def _demo_content() -> Any:
    from apps.users.demo import content

    return content


def _load_demo(*, tenant: Any, size: int) -> None:
    from apps.users.demo.load import load_demo

    load_demo(tenant=tenant, fans=size)
