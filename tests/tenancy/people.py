"""People of the embedded issuer in tests, and their tokens."""

from itertools import count
from typing import Any

from allauth.account.models import EmailAddress
from rest_framework.test import APIClient

from apps.tenancy.identity import issuing, keysets, people, trust, verification
from apps.tenancy.models import Account, Membership, Role, Tenant
from apps.tenancy.operations import members

PASSWORD = "a-long-enough-phrase"
_numbers = count(1)


def forget_everything() -> None:
    """Forget what the process remembers of tokens, keys, roles and trust."""
    for module in (trust, people, verification, keysets):
        module.forget()


def new_email(name: str) -> str:
    """Return an address nobody has used."""
    return f"{name}-{next(_numbers)}@people.example"


def new_account(name: str, *, is_confirmed: bool = True, password: str | None = None) -> Account:
    """Make an account. Hashing a password is slow on purpose, so it has one only if given."""
    return members.create_account(
        email=new_email(name), password=password, is_confirmed=is_confirmed
    )


def new_member(tenant: Tenant, role: Role) -> Membership:
    """Make an account of the tenant's staff."""
    return members.add_member(tenant_id=tenant.id, account_id=new_account(role).id, role=role)


def host_of(tenant: Tenant) -> str:
    """Return the tenant's host."""
    return str(tenant.domains.get(is_primary=True).domain)


def token_of(account: Account, tenant: Tenant | None = None, **values: Any) -> str:
    """Return an access token of an account."""
    values = {"seconds": 300, **values}
    return issuing.access_token(account=account, tenant_id=tenant.id if tenant else None, **values)


def client_with(tenant: Tenant, token: str) -> APIClient:
    """Return a client of the tenant's host that sends a token."""
    return APIClient(HTTP_HOST=host_of(tenant), HTTP_AUTHORIZATION=f"Bearer {token}")


def client_of(tenant: Tenant, account: Account) -> APIClient:
    """Return a client of the tenant's host for an account."""
    return client_with(tenant, token_of(account, tenant))


def confirm(account: Account) -> None:
    """Have an account's address confirmed."""
    EmailAddress.objects.filter(user=account).update(verified=True)
