"""The control plane's tables, and the base of every tenant table."""

from apps.tenancy.models.account import Account
from apps.tenancy.models.base import TenantModel
from apps.tenancy.models.issuer import Issuer, SigningKey
from apps.tenancy.models.membership import Invitation, Membership, Role
from apps.tenancy.models.tenant import Domain, Home, Tenant

__all__ = [
    "Account",
    "Domain",
    "Home",
    "Invitation",
    "Issuer",
    "Membership",
    "Role",
    "SigningKey",
    "Tenant",
    "TenantModel",
]
