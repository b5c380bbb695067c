"""What the tests of wallets ask for, as somebody."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.api import Caller, client_of
from tests.factories import FanFactory

WALLETS = "/api/v1/wallets"
TRANSACTIONS = "/api/v1/transactions"
RATES = "/api/v1/exchange-rates"


@dataclass(frozen=True)
class Person:
    """Somebody with a profile, and a client that speaks for them."""

    id: UUID
    keycloak_id: UUID
    client: Any

    def move(self, wallet: Any, what: str, key: str = "", **body: Any) -> Any:
        """Post to transfers, exchanges, credits or debits of a wallet."""
        headers = {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
        return self.client.post(f"{WALLETS}/{wallet.id}/{what}", body, **headers)

    def read(self, wallet: Any, what: str = "", **query: Any) -> Any:
        """Return what a wallet, or a part of it, is answered with."""
        address = f"{WALLETS}/{wallet.id}/{what}".rstrip("/")
        reply = self.client.get(address, query)
        assert reply.status_code == 200, reply.content
        return reply.json()


def person(tenant: Any, *, role: str | None = None, **values: Any) -> Person:
    """Make somebody with a fan's profile."""
    caller = Caller(role=role, id=uuid7())
    with binding.bind(tenant, writes="users"):
        fan = FanFactory(keycloak_id=caller.id, **values)
    return Person(id=fan.id, keycloak_id=caller.id, client=client_of(tenant, caller))
