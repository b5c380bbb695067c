"""Called in a worker with Quintet's settings: buyers with money, and things for sale."""

from typing import Any

from django.utils import timezone

from apps.commerce.models import InventoryItem, ItemState, ItemType, StockLevel, TransactionType
from apps.commerce.operations import ledger, wallets
from apps.commerce.operations.ledger import accounts
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from apps.tenancy.identity import issuing
from apps.tenancy.models import Account, Tenant
from apps.users.models import Profile, ProfileStatus, ProfileType
from benchmarks import quintet

MONEY = 10**11


def prepare(*, buyers: int, items: int) -> dict[str, Any]:
    """Make buyers and items; return the buyers' tokens and the items' ids."""
    tenant = Tenant.objects.select_related("home").get(slug=quintet.SLUG)
    people = []
    with binding.bind(tenant, writes="users"):
        for number in range(buyers):
            account = Account(id=uuid7(), email=f"buyer-{number}@bench.example", password="!")
            profile = Profile.objects.create(
                profile_type=ProfileType.FAN,
                keycloak_id=account.id,
                display_name="Buyer",
                status=ProfileStatus.ACTIVE,
            )
            people.append((account, profile))
    Account.objects.bulk_create([account for account, _ in people])
    with binding.bind(tenant, writes="commerce"):
        source = accounts.open_account(accounts.promotions("USD"))
        for _, profile in people:
            _fund(profile, source)
        made = [_item(people[0][1], number) for number in range(items)]
    tokens = [
        issuing.access_token(account=account, tenant_id=tenant.id, seconds=3600)
        for account, _ in people
    ]
    return {"tokens": tokens, "items": [str(item.id) for item in made]}


def _fund(profile: Profile, source: Any) -> None:
    wallet = wallets.open_wallet(user_id=profile.id, currency="USD", opened_at=timezone.now())
    ledger.post_one(
        ledger.Posting(
            cause=ledger.Cause(key=f"fund:{wallet.id}", at=timezone.now()),
            transaction_type=TransactionType.CREDIT,
            amount=MONEY,
            currency="USD",
            legs=[
                ledger.Leg(account_id=source, amount=-MONEY),
                ledger.Leg(account_id=wallet.account_id, amount=MONEY),
            ],
            user_id=profile.id,
        )
    )


def _item(seller: Profile, number: int) -> InventoryItem:
    item = InventoryItem.objects.create(
        item_id=f"bench-{number}",
        item_type=ItemType.PRODUCT,
        name=f"Poster {number}",
        created_by_id=seller.id,
        state=ItemState.ACTIVE,
        price=100,
        currency="USD",
    )
    StockLevel.objects.create(item=item, quantity=10_000_000)
    return item
