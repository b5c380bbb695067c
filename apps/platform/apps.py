"""The platform context: tags, live groups, notifications, webhooks."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import AppConfig


class PlatformConfig(AppConfig):
    """Offers tags to the other contexts."""

    name = "apps.platform"
    label = "platform"

    def ready(self) -> None:
        """Offer what others may refer to."""
        from apps.kernel import demo, flags, messages, references
        from apps.platform import contracts, interface, subscribers
        from apps.platform.stream import problems  # noqa: F401 - has a page for each of them
        from apps.tenancy import caching, erasure

        references.offer(
            "platform.Tag",
            existing=lambda ids: interface.existing_tag_ids(ids=ids),
            fetch=lambda ids: interface.get_tags(ids=ids),
            contract=contracts.TagSummary,
        )
        references.offer(
            "platform.RealtimeGroup",
            existing=lambda ids: interface.existing_group_ids(ids=ids),
            fetch=lambda ids: interface.get_groups(ids=ids),
            contract=contracts.GroupSummary,
        )
        messages.declare(
            "platform",
            contracts.TagChanged,
            contracts.FlagChanged,
            contracts.GroupChanged,
            contracts.GroupMemberChanged,
            contracts.GroupMessagePosted,
            contracts.GroupMessageEdited,
            contracts.GroupMessageDeleted,
            contracts.CommentChanged,
            contracts.LikeChanged,
            contracts.WebhookPaused,
        )
        flags.register(
            flags.Flag(
                key="platform.similar_search",
                description="Search finds words that are spelled alike, too.",
                default=True,
            )
        )
        caching.depend("platform.tag", on=["platform.TagChanged"])
        caching.depend("platform.flag", on=["platform.FlagChanged"])
        subscribers.subscribe()
        demo.register(context="platform", order=10, load=_load_demo)
        # After users, whose people speak in it.
        demo.register(context="platform", order=30, load=_load_social_demo)
        erasure.register(context="platform", order=10, erase=_erase_person)


def _load_demo(*, tenant: Any, size: int) -> None:
    from apps.platform.demo.load import load_demo

    load_demo(tenant=tenant)


def _load_social_demo(*, tenant: Any, size: int) -> None:
    from apps.platform.demo.social import load_social_demo

    load_social_demo(tenant=tenant)


def _erase_person(*, person_id: UUID, erased_at: datetime) -> dict[str, int]:
    from apps.platform import operations

    return operations.erase_person(keycloak_id=person_id, erased_at=erased_at)
