"""The commerce context: inventory, purchases, subscriptions, the ledger."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import AppConfig


class CommerceConfig(AppConfig):
    """Offers items, series and plans to the other contexts, and tells them what is bought."""

    name = "apps.commerce"
    label = "commerce"

    def ready(self) -> None:
        """Declare the messages, and offer what others may refer to."""
        from apps.commerce import contracts, interface, subscribers
        from apps.kernel import demo, flags, messages, references
        from apps.tenancy import caching, erasure

        messages.declare("commerce", *contracts.MESSAGES)
        caching.depend("commerce.item", on=["commerce.ItemChanged"])
        references.offer(
            "commerce.InventoryItem",
            existing=lambda ids: interface.existing_item_ids(ids=ids),
            fetch=lambda ids: interface.get_items(ids=ids),
            contract=contracts.ItemSummary,
        )
        references.offer(
            "commerce.ContentSeries",
            existing=lambda ids: interface.existing_series_ids(ids=ids),
            fetch=lambda ids: interface.get_series(ids=ids),
            contract=contracts.SeriesSummary,
        )
        references.offer(
            "commerce.SubscriptionPlan",
            existing=lambda ids: interface.existing_plan_ids(ids=ids),
            fetch=lambda ids: interface.get_plans(ids=ids),
            contract=contracts.PlanSummary,
        )
        flags.register(
            flags.Flag(
                key="commerce.test_clock",
                description="Admins may give commerce a clock of its own: for trying things out.",
                default=False,
            )
        )
        subscribers.subscribe()
        # After the people and the boards, who buy and are given to.
        demo.register(context="commerce", order=40, load=_load_demo)
        erasure.register(context="commerce", order=20, erase=_erase_person)


def _load_demo(*, tenant: Any, size: int) -> None:
    from apps.commerce.demo.load import load_demo

    load_demo(tenant=tenant, size=size)


def _erase_person(*, person_id: UUID, erased_at: datetime) -> dict[str, int]:
    from apps.commerce.operations import people

    return people.erase_person(keycloak_id=person_id, erased_at=erased_at)
