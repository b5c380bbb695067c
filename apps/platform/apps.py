"""The platform context: tags, live groups, notifications, webhooks."""

from typing import Any

from django.apps import AppConfig


class PlatformConfig(AppConfig):
    """Offers tags to the other contexts."""

    name = "apps.platform"
    label = "platform"

    def ready(self) -> None:
        """Offer what others may refer to."""
        from apps.kernel import demo, references
        from apps.platform import contracts, interface

        references.offer(
            "platform.Tag",
            existing=lambda ids: interface.existing_tag_ids(ids=ids),
            fetch=lambda ids: interface.get_tags(ids=ids),
            contract=contracts.TagSummary,
        )
        demo.register(context="platform", order=10, load=_load_demo)


def _load_demo(*, tenant: Any, size: int) -> None:
    from apps.platform.demo.load import load_demo

    load_demo(tenant=tenant)
