"""The platform context: tags, live groups, notifications, webhooks."""

from django.apps import AppConfig


class PlatformConfig(AppConfig):
    """Offers tags to the other contexts."""

    name = "apps.platform"
    label = "platform"

    def ready(self) -> None:
        """Offer what others may refer to."""
        from apps.kernel import references  # noqa: PLC0415 - models are loaded only now
        from apps.platform import contracts, interface  # noqa: PLC0415 - the same

        references.offer(
            "platform.Tag",
            existing=lambda ids: interface.existing_tag_ids(ids=ids),
            fetch=lambda ids: interface.get_tags(ids=ids),
            contract=contracts.TagSummary,
        )
