"""Who buys what in the demo tenants, and how that ends: drawn from a seed, and not yet written."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from apps.commerce.demo.catalogue import Catalogue
from apps.commerce.models import CodeKind, DiscountCode, InventoryItem, ItemType, Provider
from apps.kernel.ids import uuid7

# Half a year, with more of it lately.
DAYS = 182
CLIMB = 1.35
EXPIRES_AFTER = timedelta(minutes=30)
# Of all fans, how many ever buy; and of all purchases, how many are paid from wallets.
BUYERS = 0.5
FROM_WALLET = 0.6
WITH_CODE = 0.12


class Fate(Enum):
    """How a purchase ends."""

    PAID = "paid"
    HELD = "held in the wallet first, then paid"
    REFUNDED = "refunded in full"
    PARTLY = "refunded in part"
    EXPIRED = "never paid"
    CANCELLED = "cancelled"
    FAILED = "refused by the bank"
    DISPUTED = "disputed"
    WON = "disputed, and won"
    LOST = "disputed, and lost"
    CART = "still a cart"


# In 200 purchases; of those that a provider is paid for, disputes come on top.
_FATES = (
    (Fate.PAID, 158),
    (Fate.HELD, 8),
    (Fate.REFUNDED, 6),
    (Fate.PARTLY, 5),
    (Fate.EXPIRED, 8),
    (Fate.CANCELLED, 6),
    (Fate.FAILED, 5),
    (Fate.CART, 4),
)
NOT_PAID = frozenset({Fate.EXPIRED, Fate.CANCELLED, Fate.FAILED, Fate.CART})
BY_PROVIDER_ALONE = frozenset({Fate.FAILED, Fate.CANCELLED})
DISPUTES = (Fate.WON, Fate.LOST, Fate.DISPUTED)
# What people ask for most.
_APPEAL = {
    ItemType.SHOUTOUT: 5,
    ItemType.PRODUCT: 4,
    ItemType.EVENT: 4,
    ItemType.CLASS: 3,
    ItemType.CONTENT: 3,
    ItemType.SUBSCRIPTION: 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """A fan who buys: their profile, who they are, and since when they are here."""

    user_id: UUID
    person_id: UUID | None
    since: datetime


@dataclass(slots=True, kw_only=True)
class Sale:
    """A purchase to be. Amounts are in minor units."""

    buyer: Buyer
    lines: list[tuple[UUID, InventoryItem, int]]
    """The line's id, what it is of, and how many."""
    fate: Fate
    provider: str
    begun_at: datetime
    checked_out_at: datetime
    done_at: datetime
    """When it was paid, or ended."""
    later_at: datetime
    """When it was refunded, disputed or decided."""
    code: DiscountCode | None = None
    discount: int = 0
    id: UUID = field(default_factory=uuid7)
    payment_id: UUID = field(default_factory=uuid7)

    @property
    def subtotal(self) -> int:
        """What its lines cost."""
        return sum(item.price * quantity for _, item, quantity in self.lines)

    @property
    def total(self) -> int:
        """What is to be paid."""
        return self.subtotal - self.discount

    @property
    def is_paid(self) -> bool:
        """Whether it ever was."""
        return self.fate not in NOT_PAID

    @property
    def refunded(self) -> int:
        """What of it was given back."""
        if self.fate == Fate.REFUNDED:
            return self.total
        return self.total // 4 if self.fate == Fate.PARTLY else 0

    @property
    def keeps_stock(self) -> bool:
        """Whether what was set aside for it stays with the buyer."""
        return self.is_paid and self.fate != Fate.REFUNDED


class Draw:
    """Draws purchases: no more of an item than there is, nor than one person may have."""

    def __init__(self, *, catalogue: Catalogue, rng: random.Random, now: datetime) -> None:
        self._catalogue, self._rng, self._now = catalogue, rng, now
        self._left = dict(catalogue.stock)
        self._had: dict[tuple[UUID, UUID], int] = defaultdict(int)
        self._with_code: set[tuple[UUID, UUID]] = set()
        self._used: dict[UUID, int] = defaultdict(int)
        self._carts: set[UUID] = set()
        self._weights = [_APPEAL[ItemType(item.item_type)] for item in catalogue.items]

    def sales(self, buyers: Sequence[Buyer]) -> list[Sale]:
        """Return the purchases of all of them, the oldest first."""
        drawn = [
            sale
            for buyer in buyers
            for moment in self._moments(buyer)
            if (sale := self._sale(buyer, moment))
        ]
        drawn.sort(key=lambda sale: sale.begun_at)
        self._dispute(drawn)
        # Ids are of the order of making, and lists go by them.
        for sale in drawn:
            sale.id, sale.payment_id = uuid7(), uuid7()
        return drawn

    def moment(self, *, since: datetime, until: datetime | None = None) -> datetime:
        """Return some time after `since`, rather late than early."""
        end = until or self._now - timedelta(hours=1)
        first = max(since, self._now - timedelta(days=DAYS))
        return end - (end - first) * self._rng.random() ** CLIMB

    def _moments(self, buyer: Buyer) -> list[datetime]:
        many = self._rng.choices((1, 2, 3, 5), weights=(46, 30, 17, 7))[0]
        return sorted(self.moment(since=buyer.since) for _ in range(many))

    def _sale(self, buyer: Buyer, moment: datetime) -> Sale | None:
        provider = Provider.WALLET if self._rng.random() < FROM_WALLET else Provider.LOCAL
        fate = self._fate(buyer, provider, moment)
        lines = self._lines(buyer)
        if not lines:
            return None
        checked_out = moment + timedelta(minutes=self._rng.randint(1, 35))
        wait = timedelta(seconds=self._rng.randint(2, 90))
        done = checked_out + (EXPIRES_AFTER if fate == Fate.EXPIRED else wait)
        latest = min(done + timedelta(days=20), self._now - timedelta(days=1))
        later = self.moment(since=done, until=max(latest, done + timedelta(seconds=1)))
        sale = Sale(
            buyer=buyer,
            lines=lines,
            fate=fate,
            provider=provider,
            begun_at=moment,
            checked_out_at=checked_out,
            done_at=done,
            later_at=later,
        )
        if fate not in NOT_PAID and self._rng.random() < WITH_CODE:
            self._discount(sale)
        return sale

    def _fate(self, buyer: Buyer, provider: str, moment: datetime) -> Fate:
        fates, weights = zip(*_FATES, strict=True)
        fate: Fate = self._rng.choices(fates, weights=weights)[0]
        is_recent = self._now - moment < timedelta(days=14)
        if fate == Fate.CART and (not is_recent or buyer.user_id in self._carts):
            return Fate.PAID
        if fate == Fate.CART:
            self._carts.add(buyer.user_id)
        if provider == Provider.WALLET and fate in BY_PROVIDER_ALONE:
            return Fate.PAID
        return Fate.PAID if provider == Provider.LOCAL and fate == Fate.HELD else fate

    def _lines(self, buyer: Buyer) -> list[tuple[UUID, InventoryItem, int]]:
        many = self._rng.choices((1, 2, 3), weights=(78, 17, 5))[0]
        lines = []
        for item in self._rng.choices(self._catalogue.items, weights=self._weights, k=many):
            quantity = self._rng.choices((1, 2, 4), weights=(84, 13, 3))[0]
            key = (item.id, buyer.user_id)
            fits = item.limit_per_fan is None or self._had[key] + quantity <= item.limit_per_fan
            if not fits or self._left.get(item.id, quantity) < quantity:
                continue
            # What is given back is counted too: there was enough of it at any time.
            self._had[key] += quantity
            if item.id in self._left:
                self._left[item.id] -= quantity
            lines.append((uuid7(), item, quantity))
        return lines

    def _discount(self, sale: Sale) -> None:
        codes = [code for code in self._catalogue.codes.values() if _is_for(code, sale)]
        code = self._rng.choice(codes)
        key = (code.id, sale.buyer.user_id)
        if key in self._with_code or self._used[code.id] == (code.max_uses or DAYS * 100):
            return
        off = sale.subtotal * (code.percent or 0) // 10_000 if code.percent else code.amount or 0
        if 0 < off < sale.subtotal:
            self._with_code.add(key)
            self._used[code.id] += 1
            sale.code, sale.discount = code, off

    def _dispute(self, drawn: Sequence[Sale]) -> None:
        """Have banks dispute three purchases that a provider was paid for, the oldest won."""
        paid = [
            sale for sale in drawn if sale.fate == Fate.PAID and sale.provider == Provider.LOCAL
        ]
        step = max(len(paid) // (len(DISPUTES) + 1), 1)
        for number, fate in enumerate(DISPUTES, 1):
            if number * step < len(paid):
                paid[number * step].fate = fate


def _is_for(code: DiscountCode, sale: Sale) -> bool:
    is_over = code.ends_at is not None and sale.checked_out_at >= code.ends_at
    return code.kind != CodeKind.CREDIT and not is_over and sale.subtotal >= code.minimum
