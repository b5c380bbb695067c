"""What a demo tenant sells, written down: items with their stock, series, plans, codes and rates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apps.commerce.contracts import ItemChanged
from apps.commerce.demo import wares
from apps.commerce.models import (
    CodeKind,
    ContentSeries,
    DiscountCode,
    ExchangeRate,
    InventoryItem,
    ItemPlan,
    ItemSeries,
    ItemState,
    ItemTag,
    ItemType,
    PlanSeries,
    StockLevel,
    SubscriptionPlan,
    VirtualCurrency,
)
from apps.kernel import messages
from apps.kernel.ids import uuid7

OPENED = timedelta(days=190)
# How many shoutouts somebody may give away at once.
SHOUTOUTS_PER_FAN = 3


@dataclass(slots=True)
class Catalogue:
    """What there is to buy, by a tenant's own currency."""

    currency: str
    items: list[InventoryItem] = field(default_factory=list)
    """Those that can be bought."""
    stock: dict[UUID, int] = field(default_factory=dict)
    series_of_item: dict[UUID, list[UUID]] = field(default_factory=dict)
    series_of_plan: dict[UUID, list[UUID]] = field(default_factory=dict)
    plans: list[SubscriptionPlan] = field(default_factory=list)
    codes: dict[str, DiscountCode] = field(default_factory=dict)
    rate: ExchangeRate | None = None


def write_catalogue(
    *,
    people: Sequence[Any],
    profile_ids: Mapping[str, UUID],
    tag_ids: Mapping[str, UUID],
    currency: str,
    now: datetime,
) -> Catalogue:
    """Write what the celebrities of a brand sell.

    :param people: those of the story, heaviest first.
    :param profile_ids: their profiles, by key.
    """
    opened = now - OPENED
    made = Catalogue(currency=currency)
    chosen = [person for person in people if person.key in profile_ids]
    series = _series(profile_ids[chosen[0].key], opened)
    made.plans, made.series_of_plan = _plans(profile_ids[chosen[0].key], series, currency, opened)
    drawn = _drawn(chosen, profile_ids, currency, opened)
    items = _items(drawn, made, series=series[0], at=opened)
    _associate(items, made, people=chosen, profile_ids=profile_ids, tag_ids=tag_ids)
    _take_off_sale(drawn, now=now)
    made.items = [
        item for item in items if item.state == ItemState.ACTIVE and item.currency == currency
    ]
    made.codes = _codes(currency, opened)
    made.rate = _currencies(currency, opened, now)
    return made


def _series(maker: UUID, at: datetime) -> list[ContentSeries]:
    return ContentSeries.objects.bulk_create(
        ContentSeries(
            name=name, description=text, created_by_id=maker, created_on=at, updated_at=at
        )
        for name, text in wares.SERIES
    )


def _plans(
    maker: UUID, series: Sequence[ContentSeries], currency: str, at: datetime
) -> tuple[list[SubscriptionPlan], dict[UUID, list[UUID]]]:
    plans = SubscriptionPlan.objects.bulk_create(
        SubscriptionPlan(
            name=plan.name,
            description=plan.description,
            recurring_payment=plan.recurrence,
            auto_expires=plan.periods,
            price=plan.price,
            currency=currency,
            trial_days=plan.trial_days,
            created_by_id=maker,
            created_on=at,
            updated_at=at,
        )
        for plan in wares.PLANS
    )
    opened = {
        plan.id: [each.id for each in series[: told.opens]]
        for plan, told in zip(plans, wares.PLANS, strict=True)
    }
    PlanSeries.objects.bulk_create(
        PlanSeries(plan_id=plan_id, series_id=series_id)
        for plan_id, ids in opened.items()
        for series_id in ids
    )
    return plans, opened


def _drawn(
    people: Sequence[Any], profile_ids: Mapping[str, UUID], currency: str, at: datetime
) -> list[tuple[InventoryItem, wares.Ware | None]]:
    """Return items, not yet written, and what they are of where it is not an offer of a person's own."""
    drawn: list[tuple[InventoryItem, wares.Ware | None]] = []
    for rank, person in enumerate(people):
        maker = profile_ids[person.key]
        drawn += [(_offer(offer, person, maker, at), None) for offer in person.offers()]
        for number, ware in enumerate(wares.WARES):
            if rank in ware.ranks:
                item = _item(ware, person.display_name, maker, currency, at)
                item.item_id = f"{person.key}:{number}"
                drawn.append((item, ware))
    return drawn


def _items(
    drawn: Sequence[tuple[InventoryItem, wares.Ware | None]],
    made: Catalogue,
    *,
    series: ContentSeries,
    at: datetime,
) -> list[InventoryItem]:
    items = InventoryItem.objects.bulk_create(item for item, _ in drawn)
    made.stock = {item.id: ware.stock for item, ware in drawn if ware and ware.stock}
    StockLevel.objects.bulk_create(
        StockLevel(item_id=id_, quantity=quantity, updated_at=at)
        for id_, quantity in made.stock.items()
    )
    made.series_of_item = {
        item.id: [series.id] for item, ware in drawn if ware and ware.opens_series
    }
    return items


def _offer(offer: Any, person: Any, maker: UUID, at: datetime) -> InventoryItem:
    what = "A shoutout from" if offer.offer_type == "SHOUTOUT" else "A cameo by"
    return InventoryItem(
        id=uuid7(),
        item_id=f"{person.key}:{offer.offer_type.lower()}",
        item_type=ItemType.SHOUTOUT,
        name=f"{what} {person.display_name}",
        description=offer.description,
        created_by_id=maker,
        state=ItemState.ACTIVE,
        price=offer.price,
        currency=offer.currency,
        limit_per_fan=SHOUTOUTS_PER_FAN,
        keywords=["shoutout", "greeting", "gift"],
        created_on=at,
        updated_at=at,
    )


def _item(ware: wares.Ware, name: str, maker: UUID, currency: str, at: datetime) -> InventoryItem:
    is_draft = ware.state == ItemState.DRAFT
    return InventoryItem(
        id=uuid7(),
        item_type=ware.item_type,
        name=ware.name.format(name=name),
        description=ware.description.format(name=name),
        created_by_id=maker,
        state=ItemState.DRAFT if is_draft else ItemState.ACTIVE,
        price=ware.price,
        currency=currency,
        limit_per_fan=ware.limit,
        auto_expires=ware.expires_after,
        is_refundable=ware.is_refundable,
        keywords=list(ware.keywords),
        created_on=at,
        updated_at=at,
    )


def _associate(
    items: Sequence[InventoryItem],
    made: Catalogue,
    *,
    people: Sequence[Any],
    profile_ids: Mapping[str, UUID],
    tag_ids: Mapping[str, UUID],
) -> None:
    """Tag items as their makers are, and say which series they open and which plans make them needless."""
    tags_of = {
        profile_ids[person.key]: [tag_ids[name] for name in person.tags if name in tag_ids]
        for person in people
    }
    ItemTag.objects.bulk_create(
        ItemTag(item=item, tag_id=tag_id)
        for item in items
        for tag_id in tags_of[item.created_by_id]
    )
    ItemSeries.objects.bulk_create(
        ItemSeries(item_id=item_id, series_id=series_id)
        for item_id, ids in made.series_of_item.items()
        for series_id in ids
    )
    ItemPlan.objects.bulk_create(
        ItemPlan(item=item, plan=made.plans[0])
        for item in items
        if item.item_type == ItemType.CONTENT
    )
    messages.record_all(
        ItemChanged(item_id=item.id, change="CREATED", state=item.state) for item in items
    )


def _take_off_sale(
    drawn: Sequence[tuple[InventoryItem, wares.Ware | None]], *, now: datetime
) -> None:
    """Pause and archive what is not for sale any more, which its history tells."""
    changed = [
        (item, ware)
        for item, ware in drawn
        if ware and ware.state in {ItemState.PAUSED, ItemState.ARCHIVED}
    ]
    for item, ware in changed:
        item.state, item.updated_at = ware.state, now
    items = [item for item, _ in changed]
    InventoryItem.objects.bulk_update(items, ["state", "updated_at"])
    messages.record_all(
        ItemChanged(item_id=item.id, change="CHANGED", state=item.state) for item in items
    )


def _codes(currency: str, opened: datetime) -> dict[str, DiscountCode]:
    codes = DiscountCode.objects.bulk_create(
        DiscountCode(
            code=code,
            kind=kind,
            percent=value if kind == CodeKind.PERCENT else None,
            amount=None if kind == CodeKind.PERCENT else value,
            currency="" if kind == CodeKind.PERCENT else currency,
            minimum=minimum,
            max_uses=most,
            starts_at=opened,
            ends_at=opened + timedelta(days=days) if days else None,
            created_on=opened,
            updated_at=opened,
        )
        for code, kind, value, minimum, most, days in wares.CODES
    )
    return {code.code: code for code in codes}


def _currencies(currency: str, opened: datetime, now: datetime) -> ExchangeRate:
    """Write the tenant's own currency, and what it has cost; return the rate that is valid now."""
    code, name, decimals = wares.VIRTUAL_CURRENCY
    VirtualCurrency.objects.create(code=code, name=name, decimals=decimals, created_on=opened)
    first, second = wares.VIRTUAL_PRICES
    turn = now - timedelta(days=90)
    ExchangeRate.objects.create(
        name="Opening price",
        from_currency=currency,
        to_currency=code,
        price=first,
        amount=1,
        valid_from=opened,
        valid_until=turn,
        created_on=opened,
    )
    rate: ExchangeRate = ExchangeRate.objects.create(
        name="Present price",
        from_currency=currency,
        to_currency=code,
        price=second,
        amount=1,
        valid_from=turn,
        created_on=turn,
    )
    return rate
