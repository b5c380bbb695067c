"""Accounts: the people whom the control plane knows by name."""

from typing import Any, ClassVar
from uuid import NAMESPACE_URL, UUID, uuid5

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from apps.kernel.ids import uuid7
from apps.tenancy.models.audited import Audited


class AccountManager(BaseUserManager["Account"]):
    """Makes accounts of the embedded issuer, as allauth and `createsuperuser` expect."""

    def create_user(self, email: str, password: str | None = None, **values: Any) -> "Account":
        """Make an account that signs in with email and password; without one it can't yet."""
        account = self.model(email=email.strip().lower(), **values)
        account.set_password(password)
        account.save(using=self._db)
        return account

    def create_superuser(self, email: str, password: str | None = None, **values: Any) -> "Account":
        """Make an operator of the platform."""
        return self.create_user(email, password, is_superuser=True, **values)

    def get_by_natural_key(self, username: str | None) -> "Account":
        """Return the account that signs in with an email address, however it is typed."""
        return self.get(email=(username or "").strip().lower())


class Account(AbstractBaseUser, PermissionsMixin):
    """A person who signs in here, or a member of a tenant's staff who signs in elsewhere.

    With `issuer` empty it belongs to the embedded issuer: `id` is the `sub` of its tokens, and so the
    `keycloak_id` of its profiles; it has an email address and signs in with it.

    With an `issuer` it stands for one subject of that external issuer in one tenant, and exists only
    so that a membership can point at it: it has no password, its email is what the issuer said, and
    its `id` is derived (`external_account_id`), so that no issuer can choose it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True, null=True)
    name = models.CharField(max_length=200, blank=True, default="")
    issuer = models.CharField(max_length=500, blank=True, default="")
    asserted_email = models.EmailField(blank=True, default="")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[AccountManager] = AccountManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="account_signs_in_with_email_or_elsewhere",
                condition=Q(issuer="", email__isnull=False) | (~Q(issuer="") & Q(email=None)),
            ),
            models.CheckConstraint(
                name="account_email_is_lower_case", condition=Q(email=Lower("email"))
            ),
            Audited(
                name="tenancy_account_audit",
                subject="id",
                personal=["email", "asserted_email", "name", "password"],
                tenant=None,
            ),
        ]

    def __str__(self) -> str:
        return self.address

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the account, its email in lower case whoever made it."""
        self.email = self.email and self.email.lower()
        super().save(*args, **kwargs)

    @property
    def address(self) -> str:
        """The email address, whoever vouches for it; empty if the issuer named none."""
        return self.email or self.asserted_email

    @property
    def is_staff(self) -> bool:
        """Whether the control plane's admin lets the account in; the name is Django's."""
        return self.is_superuser

    def get_full_name(self) -> str:
        """Return the name, for the issuer's `profile` scope."""
        return self.name


def external_account_id(*, tenant_id: UUID, issuer: str, subject: str) -> UUID:
    """Return the id of the account that stands for an external issuer's subject in one tenant.

    Per tenant, because each tenant's admins decide whom they trust to speak for an issuer's URL.
    """
    return uuid5(NAMESPACE_URL, f"{tenant_id}\n{issuer}\n{subject}")
