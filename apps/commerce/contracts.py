"""What the commerce context shows the others. Standard library only.

Amounts are in minor units of a currency, which is an ISO 4217 code or one of the tenant's own.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSummary:
    """Something for sale, as others show it."""

    id: UUID
    name: str
    item_type: str
    """SHOUTOUT, CLASS, EVENT, SUBSCRIPTION, CONTENT or PRODUCT."""
    state: str
    """DRAFT, ACTIVE, PAUSED or ARCHIVED."""
    price: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDocument:
    """What an item can be found by."""

    id: UUID
    title: str
    keywords: str
    body: str
    tag_ids: tuple[UUID, ...]
    is_public: bool
    """Whether it is for sale; the tenant's staff finds it in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSummary:
    """A series of contents, as others show it."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """A plan that can be subscribed to, as others show it."""

    id: UUID
    name: str
    price: int
    """Of a period."""
    currency: str
    recurring_payment: str
    """WEEKLY, MONTHLY or YEARLY."""


# Messages -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChanged:
    """Something for sale was made, changed or deleted."""

    AGGREGATE: ClassVar[str] = "inventory_item"

    item_id: UUID
    change: str
    """CREATED, CHANGED or DELETED."""
    state: str

    @property
    def aggregate_id(self) -> UUID:
        """The item."""
        return self.item_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseCompleted:
    """A purchase was paid. Lists go together: the n-th quantity is of the n-th item."""

    AGGREGATE: ClassVar[str] = "purchase"

    purchase_id: UUID
    user_id: UUID
    total: int
    currency: str
    line_ids: tuple[UUID, ...]
    item_ids: tuple[UUID, ...]
    item_types: tuple[str, ...]
    quantities: tuple[int, ...]
    completed_at: datetime

    @property
    def aggregate_id(self) -> UUID:
        """The purchase."""
        return self.purchase_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseEnded:
    """A purchase came to nothing: it was cancelled, has expired, or its payment failed."""

    AGGREGATE: ClassVar[str] = "purchase"

    purchase_id: UUID
    user_id: UUID
    state: str
    """CANCELLED, EXPIRED or FAILED."""

    @property
    def aggregate_id(self) -> UUID:
        """The purchase."""
        return self.purchase_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseRefunded:
    """Something of what was paid was given back."""

    AGGREGATE: ClassVar[str] = "purchase"

    purchase_id: UUID
    refund_id: UUID | None
    """None where nothing had been paid: what was free was taken back."""
    user_id: UUID
    amount: int
    refunded: int
    """In all, so far."""
    currency: str
    is_full: bool

    @property
    def aggregate_id(self) -> UUID:
        """The purchase."""
        return self.purchase_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseDisputed:
    """A buyer's bank disputes a payment, or the dispute was decided."""

    AGGREGATE: ClassVar[str] = "purchase"

    purchase_id: UUID
    user_id: UUID
    state: str
    """DISPUTED, COMPLETED (won) or CHARGED_BACK (lost)."""

    @property
    def aggregate_id(self) -> UUID:
        """The purchase."""
        return self.purchase_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionChanged:
    """A subscription began, was renewed, failed to be paid, was cancelled or has ended."""

    AGGREGATE: ClassVar[str] = "subscription"

    subscription_id: UUID
    user_id: UUID
    plan_id: UUID
    change: str
    """STARTED, RENEWED, PAST_DUE, RECOVERED, PLAN_CHANGED, TO_BE_CANCELLED, RESUMED, CANCELLED, EXPIRED."""
    state: str
    current_period_end: datetime

    @property
    def aggregate_id(self) -> UUID:
        """The subscription."""
        return self.subscription_id


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletChanged:
    """Money came into a wallet or went out of it."""

    AGGREGATE: ClassVar[str] = "wallet"

    wallet_id: UUID
    user_id: UUID
    transaction_id: UUID
    amount: int
    """What came; negative what went."""
    currency: str

    @property
    def aggregate_id(self) -> UUID:
        """The wallet."""
        return self.wallet_id


@dataclass(frozen=True, slots=True, kw_only=True)
class DonationMade:
    """Somebody gave money on a board."""

    AGGREGATE: ClassVar[str] = "donation"

    donation_id: UUID
    board_id: UUID
    user_id: UUID
    amount: int
    currency: str
    decimals: int
    """Of the currency: how many minor units make one unit, as a power of ten."""
    is_anonymous: bool = False
    """Whether the others on the board are not to know who it was."""

    @property
    def aggregate_id(self) -> UUID:
        """The donation."""
        return self.donation_id


MESSAGES = (
    ItemChanged,
    PurchaseCompleted,
    PurchaseEnded,
    PurchaseRefunded,
    PurchaseDisputed,
    SubscriptionChanged,
    WalletChanged,
    DonationMade,
)
