"""The users context: profiles, follows, groups, referrals."""

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """Offers profiles to the other contexts."""

    name = "apps.users"
    label = "users"

    def ready(self) -> None:
        """Offer what others may refer to."""
        from apps.kernel import references  # noqa: PLC0415 - models are loaded only now
        from apps.users import contracts, interface  # noqa: PLC0415 - the same

        references.offer(
            "users.Profile",
            existing=lambda ids: interface.existing_profile_ids(ids=ids),
            fetch=lambda ids: interface.get_profiles(ids=ids),
            contract=contracts.ProfileSummary,
        )
