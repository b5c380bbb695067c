"""The staff of a tenant: who is a member, in which role. A tenant is never left without an owner."""

from dataclasses import dataclass
from uuid import UUID

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from apps.kernel.errors import Forbidden, Invalid, NotFound, Problem
from apps.tenancy.identity import people
from apps.tenancy.models import Account, Membership, Role, Tenant


class LastOwner(Problem):
    """The tenant would be left with nobody who answers for it."""

    status = 409
    slug = "last-owner"
    title = "A tenant can't be without an owner."

    def __init__(self) -> None:
        super().__init__("Make somebody else an owner first, or transfer the ownership to them.")


class RoleTooHigh(Problem):
    """Somebody tried to give, take or change a role above their own."""

    status = 403
    slug = "role-too-high"
    title = "This role is above yours."

    def __init__(self) -> None:
        super().__init__("You can give and change the roles up to your own. Ask an owner.")


class NotAnOwner(Problem):
    """Somebody who is not an owner tried to hand the ownership on."""

    status = 403
    slug = "not-an-owner"
    title = "Only an owner can transfer the ownership."


class EmailNotConfirmed(Problem):
    """An account claims an email address that nobody has shown to be theirs."""

    status = 409
    slug = "email-not-confirmed"
    title = "The account has not confirmed its email address."


class AccountExists(Problem):
    """Somebody signs in with the email address already."""

    status = 409
    slug = "account-exists"
    title = "There is an account with this email address."


@dataclass(frozen=True)
class Transfer:
    """The two memberships after a transfer of ownership."""

    owner: Membership
    former_owner: Membership


def lock_staff(*, tenant_id: UUID) -> None:
    """Hold the staff of a tenant for this transaction: changes to it happen one after another."""
    locked = Tenant.objects.select_for_update(no_key=True).filter(id=tenant_id).values("id").first()
    if locked is None:
        raise NotFound


def rank_of(*, tenant_id: UUID, account_id: UUID) -> Role:
    """Return the role that an account has right now, whatever its token's request was told.

    :raises Forbidden: none.
    """
    role = (
        Membership.objects.filter(tenant_id=tenant_id, account_id=account_id)
        .values_list("role", flat=True)
        .first()
    )
    if role is None:
        raise Forbidden("You are not of this tenant's staff any more.")
    return Role(role)


def check_may_give(*, tenant_id: UUID, account_id: UUID, role: Role) -> None:
    """Refuse unless an account may give a role to others, or take it from them.

    :raises Forbidden: it is no admin or owner.
    :raises RoleTooHigh: the role is above its own.
    """
    if role.rank > _manager(tenant_id=tenant_id, account_id=account_id).rank:
        raise RoleTooHigh


def change_role(*, tenant_id: UUID, membership_id: UUID, role: Role, by: UUID) -> Membership:
    """Give a member another role.

    :param by: the account that asks for it, an admin or owner.
    :raises NotFound: no such member in this tenant.
    :raises RoleTooHigh: the member's role, or the new one, is above that of who asks.
    :raises LastOwner: the only owner would cease to be one.
    """
    with transaction.atomic():
        lock_staff(tenant_id=tenant_id)
        acting = _manager(tenant_id=tenant_id, account_id=by)
        member = _member(tenant_id=tenant_id, membership_id=membership_id)
        if max(Role(member.role).rank, role.rank) > acting.rank:
            raise RoleTooHigh
        if member.role == Role.OWNER and role != Role.OWNER:
            _check_other_owner(member)

        member.role = role
        member.save(update_fields=["role"])
    people.forget()
    return member


def remove_member(*, tenant_id: UUID, membership_id: UUID, by: UUID) -> None:
    """Remove a member. Everybody may remove themselves.

    :param by: the account that asks for it.
    :raises NotFound: no such member in this tenant.
    :raises RoleTooHigh: the member's role is above that of who asks.
    :raises Forbidden: who asks is neither the member nor an admin.
    :raises LastOwner: it is the only owner.
    """
    with transaction.atomic():
        lock_staff(tenant_id=tenant_id)
        member = _member(tenant_id=tenant_id, membership_id=membership_id)
        if member.account_id != by:
            acting = _manager(tenant_id=tenant_id, account_id=by)
            if Role(member.role).rank > acting.rank:
                raise RoleTooHigh
        if member.role == Role.OWNER:
            _check_other_owner(member)

        member.delete()
    people.forget()


def transfer_ownership(*, tenant_id: UUID, membership_id: UUID, by: UUID) -> Transfer:
    """Make another member an owner, and the owner who asks an admin.

    :raises NotAnOwner: who asks is none.
    :raises NotFound: no such member in this tenant.
    :raises Invalid: the member is who asks.
    """
    with transaction.atomic():
        lock_staff(tenant_id=tenant_id)
        if rank_of(tenant_id=tenant_id, account_id=by) != Role.OWNER:
            raise NotAnOwner
        heir = _member(tenant_id=tenant_id, membership_id=membership_id)
        if heir.account_id == by:
            raise Invalid(fields={"member_id": ["You are an owner already."]})
        former = Membership.objects.select_related("account").get(
            tenant_id=tenant_id, account_id=by
        )

        heir.role, former.role = Role.OWNER, Role.ADMIN
        Membership.objects.bulk_update([heir, former], ["role"])
    people.forget()
    return Transfer(owner=heir, former_owner=former)


def add_member(*, tenant_id: UUID, account_id: UUID, role: Role) -> Membership:
    """Make an account a member, or raise the role of one who is. Never lowers a role."""
    with transaction.atomic():
        lock_staff(tenant_id=tenant_id)
        member, is_new = Membership.objects.select_related("account").get_or_create(
            tenant_id=tenant_id, account_id=account_id, defaults={"role": role}
        )
        if not is_new and Role(member.role).rank < role.rank:
            member.role = role
            member.save(update_fields=["role"])
    people.forget()
    return member


# For operators ------------------------------------------------------------------------------------


def create_account(
    *, email: str, password: str | None = None, is_confirmed: bool = False
) -> Account:
    """Make an account of the embedded issuer.

    :param password: None: its holder sets one by "forgot password", which an email confirms.
    :param is_confirmed: the caller vouches that the address is its holder's.
    :raises Invalid: the address or the password can't be one.
    :raises AccountExists: somebody signs in with it.
    """
    email = _checked_email(email)
    if password is not None:
        try:
            validate_password(password)
        except ValidationError as error:
            raise Invalid(fields={"password": error.messages}) from error
    with transaction.atomic():
        if Account.objects.filter(email=email).exists():
            raise AccountExists(f"Somebody signs in with {email!r} already.")
        account = Account.objects.create_user(email, password)
        EmailAddress.objects.create(user=account, email=email, primary=True, verified=is_confirmed)
    return account


def appoint_first_owner(*, tenant: Tenant, email: str) -> Membership:
    """Make the holder of an email address an owner of a tenant, with an account if they have none.

    :raises EmailNotConfirmed, Invalid: as for `check_first_owner`.
    """
    account = check_first_owner(email=email) or create_account(email=email)
    return add_member(tenant_id=tenant.id, account_id=account.id, role=Role.OWNER)


def check_first_owner(*, email: str) -> Account | None:
    """Return the account of who can own a tenant by their email address; None if they have none yet.

    :raises EmailNotConfirmed: somebody signed up with it who has not shown that it is theirs.
    :raises Invalid: it is no email address.
    """
    email = _checked_email(email)
    account = Account.objects.filter(email=email).first()
    if account is not None and account.has_usable_password() and not _is_confirmed(account):
        raise EmailNotConfirmed(
            f"Somebody signed up with {email!r} and has not confirmed it, so it may not be theirs. "
            "Have them confirm it first, then run this again."
        )
    return account


def ensure_owner(*, tenant: Tenant, email: str, password: str) -> Membership:
    """Make a confirmed account an owner of a tenant, with a password if it is new. For demo data."""
    account = Account.objects.filter(email=_checked_email(email)).first()
    if account is None:
        account = create_account(email=email, password=password, is_confirmed=True)
    return add_member(tenant_id=tenant.id, account_id=account.id, role=Role.OWNER)


def ensure_operator(*, email: str, password: str) -> Account:
    """Make an account an operator of the platform, with a password if it is new. For demo data."""
    account = Account.objects.filter(email=_checked_email(email)).first()
    if account is None:
        account = create_account(email=email, password=password, is_confirmed=True)
    if not account.is_superuser:
        account.is_superuser = True
        account.save(update_fields=["is_superuser"])
    return account


def _manager(*, tenant_id: UUID, account_id: UUID) -> Role:
    acting = rank_of(tenant_id=tenant_id, account_id=account_id)
    if acting.rank < Role.ADMIN.rank:
        raise Forbidden("Only admins and owners change the staff.")
    return acting


def _member(*, tenant_id: UUID, membership_id: UUID) -> Membership:
    member = (
        Membership.objects.select_related("account")
        .filter(tenant_id=tenant_id, id=membership_id)
        .first()
    )
    if member is None:
        raise NotFound
    return member


def _check_other_owner(member: Membership) -> None:
    others = Membership.objects.owners().filter(tenant_id=member.tenant_id).exclude(id=member.id)
    if not others.exists():
        raise LastOwner


def _checked_email(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid(f"{email!r} is not an email address.") from error
    return email


def _is_confirmed(account: Account) -> bool:
    return EmailAddress.objects.filter(
        user_id=account.id, email__iexact=account.email, verified=True
    ).exists()
