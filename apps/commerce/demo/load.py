"""Fills a demo tenant's shop with half a year of sales, through the ledger."""

import random
from datetime import datetime
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from apps.commerce.contracts import ItemChanged
from apps.commerce.demo import books as accounts
from apps.commerce.demo import giving, members, orders, paying, wares
from apps.commerce.demo.catalogue import OPENED, Catalogue, write_catalogue
from apps.commerce.demo.sales import BUYERS, Buyer, Draw
from apps.commerce.models import InventoryItem
from apps.kernel import demo, messages
from apps.platform import interface as platform
from apps.tenancy import binding
from apps.users import interface as users

BOARD = "MESSAGE_BOARD"
# What became dearer after all the sales.
DEARER = 2


def load_demo(*, tenant: binding.Placed, size: int) -> None:
    """Write what a brand sells, and who has bought it, once.

    A tenant that sells something, that nobody is in yet, or that is no demo tenant, is left alone.

    :param tenant: with a `slug` that the demo content knows.
    :param size: how many fans there are.
    """
    content = demo.content()
    brand = {each.slug: each for each in content.BRANDS}.get(getattr(tenant, "slug", ""))
    if brand is None:
        return
    people = content.profiles(brand=brand)
    with binding.bind(tenant, writes="commerce"):
        profile_ids = users.profile_ids_by_slug(slugs=[each.short_link for each in people])
        if InventoryItem.objects.exists() or not profile_ids:
            return
        now = timezone.now()
        rng = random.Random(brand.seed)
        names = {name for person in people for name in person.tags}
        catalogue = write_catalogue(
            people=people,
            profile_ids=profile_ids,
            tag_ids=platform.tag_ids_by_exact_name(names=names),
            currency=brand.currency,
            now=now,
        )
        _write_half_a_year(catalogue, _buyers(rng, size=size, now=now), rng, now=now)
        _raise_prices(catalogue, now=now)


def _buyers(rng: random.Random, *, size: int, now: datetime) -> list[Buyer]:
    fans = [id_ for id_ in users.first_fan_ids(limit=size) if rng.random() < BUYERS]
    persons = users.people_of_profiles(ids=fans)
    since = users.joined_at(ids=fans)
    return [
        Buyer(user_id=id_, person_id=persons.get(id_), since=max(since[id_], now - OPENED))
        for id_ in fans
    ]


def _write_half_a_year(
    catalogue: Catalogue, buyers: list[Buyer], rng: random.Random, *, now: datetime
) -> None:
    """Draw who buys, subscribes and gives; move the money in the order of time; then write the rest."""
    assert catalogue.rate is not None
    draw = Draw(catalogue=catalogue, rng=rng, now=now)
    sales = draw.sales(buyers)
    memberships = members.draw_memberships(
        buyers, plans=catalogue.plans, draw=draw, rng=rng, now=now
    )
    kindness = giving.draw_kindness(
        buyers,
        boards=_boards(buyers),
        currency=catalogue.currency,
        rate=catalogue.rate,
        promo=catalogue.codes["TEAMONEY"],
        draw=draw,
        rng=rng,
    )
    own_currency = wares.VIRTUAL_CURRENCY[0]
    books = accounts.Books(currency=catalogue.currency, own_currency=own_currency)
    opened = now - OPENED
    wallets = accounts.open_wallets(
        user_ids=[buyer.user_id for buyer in buyers], currency=catalogue.currency, at=opened
    )
    own_wallets = accounts.open_wallets(
        user_ids=[swap.buyer.user_id for swap in kindness.swaps], currency=own_currency, at=opened
    )
    moves = [
        *paying.moves_of(sales, wallets=wallets, books=books),
        *members.moves_of(memberships, wallets=wallets, books=books),
        *giving.moves_of(kindness, wallets=wallets, own_wallets=own_wallets, books=books),
    ]
    by_account = {wallet.account_id: wallet for wallet in wallets.values()}
    moves, top_ups = accounts.top_up(moves, wallets=by_account, books=books)
    posted = accounts.post(moves)
    accounts.write_top_ups(top_ups, posted)
    orders.write_orders(
        sales,
        posted=posted,
        series_of_item=catalogue.series_of_item,
        currency=catalogue.currency,
    )
    members.write_memberships(memberships, posted=posted, series_of_plan=catalogue.series_of_plan)
    giving.write_kindness(kindness, posted)


def _boards(buyers: list[Buyer]) -> list[UUID]:
    """Return the message boards that the buyers are in."""
    joined = platform.group_ids_of(profile_ids=[buyer.user_id for buyer in buyers])
    groups = platform.get_groups(ids={id_ for ids in joined.values() for id_ in ids})
    return sorted(id_ for id_, group in groups.items() if group.group_type == BOARD)


def _raise_prices(catalogue: Catalogue, *, now: datetime) -> None:
    """Raise some prices by a tenth, which their history tells."""
    dearer = [item.id for item in catalogue.items if item.item_type == "PRODUCT"][:DEARER]
    items = InventoryItem.objects.filter(id__in=dearer)
    items.update(price=F("price") + F("price") / 10, updated_at=now)
    messages.record_all(
        ItemChanged(item_id=item.id, change="CHANGED", state=item.state) for item in items
    )
