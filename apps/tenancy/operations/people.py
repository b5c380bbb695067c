"""Erasing a person: in one tenant, or in all of them and in the control plane."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.idp.oidc.models import Client
from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q, QuerySet

from apps.kernel.errors import Problem
from apps.tenancy import salts
from apps.tenancy.erasure import Removed, erase_in_tenant
from apps.tenancy.identity import people
from apps.tenancy.models import Account, Invitation, Membership, Tenant
from apps.tenancy.models.account import external_account_id
from apps.tenancy.operations import members


class NobodyKnown(Problem):
    """No account and no invitation has the address."""

    status = 404
    slug = "nobody-known"
    title = "Nobody is known by this address."


class SignsInElsewhere(Problem):
    """An address is only what other issuers say of somebody."""

    status = 409
    slug = "signs-in-elsewhere"
    title = "This person signs in with another issuer."


class OwnsATenant(Problem):
    """Tenants would be left with nobody who answers for them."""

    status = 409
    slug = "last-owner"
    title = "A tenant can't be without an owner."

    def __init__(self, slugs: Collection[str]) -> None:
        super().__init__(
            f"They are the last owner of {', '.join(sorted(slugs))}. Make somebody else an owner "
            "there first (manage.py appoint_owner), then run this again."
        )


@dataclass(frozen=True)
class Subject:
    """Who is to be erased, as far as the control plane knows them.

    `person_id` is what their profiles keep; None for somebody who was invited and never came.
    `account_ids` are their own account, and those that stand for them where they sign in elsewhere.
    """

    person_id: UUID | None
    account_ids: frozenset[UUID]
    addresses: frozenset[str]


@dataclass(frozen=True)
class Certificate:
    """What was removed where, with nothing in it that is personal."""

    person_id: UUID | None
    erased_at: datetime
    tenants: int
    removed: list[Removed]


def find_subject(who: str) -> Subject:
    """Return who an email address or a person's id means.

    An id that no account has may be that of somebody who signs in elsewhere: profiles know it.

    :raises NobodyKnown: no account and no invitation has the address.
    :raises SignsInElsewhere: other issuers name the address, so that it says nothing of profiles.
    """
    try:
        person_id = UUID(who)
    except ValueError:
        return _by_address(who.strip().lower())
    accounts = Account.objects.filter(id__in={person_id, *_ids_elsewhere(person_id)})
    return _subject(person_id, accounts)


def _by_address(address: str) -> Subject:
    confirmed = EmailAddress.objects.filter(email__iexact=address, verified=True)
    accounts = Account.objects.filter(Q(email=address) | Q(id__in=confirmed.values("user_id")))
    account = accounts.first()
    if account is not None:
        return _subject(account.id, accounts.filter(id=account.id), address)
    if Account.objects.filter(asserted_email=address).exists():
        raise SignsInElsewhere(
            "Their issuer vouches for this address. Give the id that their profiles have instead."
        )
    if not Invitation.objects.filter(email=address).exists():
        raise NobodyKnown(f"No account and no invitation has {address!r}. Check its spelling.")
    return Subject(None, frozenset(), frozenset({address}))


def _ids_elsewhere(person_id: UUID) -> set[UUID]:
    """Return the ids of the accounts that may stand for a person of another issuer, in each tenant."""
    urls = Account.objects.exclude(issuer="").values_list("issuer", flat=True).distinct()
    tenant_ids = list(Tenant.objects.values_list("id", flat=True)) if urls else []
    return {
        external_account_id(tenant_id=tenant_id, issuer=url, subject=str(person_id))
        for url in urls
        for tenant_id in tenant_ids
    }


def _subject(person_id: UUID, accounts: QuerySet[Account], *addresses: str) -> Subject:
    rows = list(accounts.values_list("id", "email", "asserted_email"))
    ids = {id_ for id_, *_ in rows}
    # An address that nobody has confirmed may be somebody else's, whose invitations are theirs.
    confirmed = EmailAddress.objects.filter(user_id__in=ids, verified=True)
    found = {*addresses, *confirmed.values_list("email", flat=True)}
    found.update(address for _, *pair in rows for address in pair)
    return Subject(person_id, frozenset(ids), frozenset(each.lower() for each in found if each))


def erase_in_one_tenant(
    *, subject: Subject, tenant: Tenant, erased_at: datetime, dry_run: bool = False
) -> Certificate:
    """Erase a person in a tenant: what its contexts know, their membership and invitations.

    Their account stays: it is the platform's, and other tenants know it too. What stands here for
    somebody who signs in elsewhere goes.

    :raises OwnsATenant: they are its last owner. Nothing was changed.
    """
    _check_owns_nothing_alone(subject, only=tenant)
    removed = _in_contexts(subject, tenant, erased_at, dry_run)
    removed += _in_control_plane(subject, only=tenant, dry_run=dry_run)
    return Certificate(subject.person_id, erased_at, 1, removed)


def erase_everywhere(
    *,
    subject: Subject,
    erased_at: datetime,
    dry_run: bool = False,
    advance: Callable[[], object] = lambda: None,
) -> Certificate:
    """Erase a person in every tenant, then their account and all that hangs on it.

    The account is switched off first, so that nobody comes back under it meanwhile, and goes last:
    after a crash half-way the same call finds it again and finishes. What refers to it by id stays.

    :param advance: called after each tenant.
    :raises OwnsATenant: they are some tenant's last owner. Nothing was changed.
    """
    _check_owns_nothing_alone(subject)
    if not dry_run:
        Account.objects.filter(id__in=subject.account_ids).update(is_active=False)
        people.forget()
    removed = []
    # What is still being set up has no rows, and may not have its tables.
    tenants = Tenant.objects.exclude(status=Tenant.Status.PROVISIONING).order_by("slug")
    for tenant in tenants:
        removed += _in_contexts(subject, tenant, erased_at, dry_run)
        advance()
    removed += _in_control_plane(subject, dry_run=dry_run)
    return Certificate(subject.person_id, erased_at, len(tenants), removed)


def _in_contexts(
    subject: Subject, tenant: Tenant, erased_at: datetime, dry_run: bool
) -> list[Removed]:
    if subject.person_id is None:
        return []
    return erase_in_tenant(
        tenant=tenant, person_id=subject.person_id, erased_at=erased_at, dry_run=dry_run
    )


def _in_control_plane(
    subject: Subject, *, only: Tenant | None = None, dry_run: bool
) -> list[Removed]:
    """Delete memberships and invitations; without `only`, sessions and accounts too."""
    counts: Counter[tuple[str, str]] = Counter()
    with transaction.atomic(using="default"):
        memberships = Membership.objects.filter(account_id__in=subject.account_ids)
        invitations = Invitation.objects.filter(
            Q(email__in=subject.addresses) | Q(accepted_by__in=subject.account_ids)
        )
        if only is not None:
            memberships, invitations = (
                memberships.filter(tenant=only),
                invitations.filter(tenant=only),
            )
        for tenant_id in sorted(memberships.values_list("tenant_id", flat=True)):
            members.lock_staff(tenant_id=tenant_id)
        _check_owns_nothing_alone(subject, only=only)
        counts.update(_by_tenant(memberships))
        counts.update(_by_tenant(invitations))
        gone = set(invitations.values_list("id", flat=True))
        memberships.delete()
        invitations.delete()
        accounts = Account.objects.filter(id__in=subject.account_ids)
        if only is not None:
            # One that stands for somebody who signs in elsewhere is there for its membership alone.
            accounts = accounts.exclude(issuer="").filter(memberships=None)
        account_ids = set(accounts.values_list("id", flat=True))
        gone |= account_ids
        if only is None:
            counts["", Session._meta.db_table] = _delete_sessions(subject)
        counts.update(_delete_accounts(account_ids))
        counts["", "audit_salts"] = salts.forget_subjects(alias="default", ids=gone)
        if dry_run:
            transaction.set_rollback(True, using="default")
    people.forget()
    return [Removed(slug, "default", table, rows) for (slug, table), rows in counts.items() if rows]


def _by_tenant(rows: QuerySet) -> Counter[tuple[str, str]]:
    table = rows.model._meta.db_table
    return Counter((slug, table) for slug in rows.values_list("tenant__slug", flat=True))


def _delete_accounts(ids: Collection[UUID]) -> Counter[tuple[str, str]]:
    """Delete accounts with addresses, authenticators and tokens; the apps that they own stay."""
    Client.objects.filter(owner_id__in=ids).update(owner=None)
    _, by_label = Account.objects.filter(id__in=ids).delete()
    return Counter(
        {("", apps.get_model(label)._meta.db_table): rows for label, rows in by_label.items()}
    )


def _delete_sessions(subject: Subject) -> int:
    """Delete the sessions that know the person: signed in, or half-way through signing in."""
    needles = {*map(str, subject.account_ids), *subject.addresses}
    keys = [
        session.session_key
        for session in Session.objects.iterator()
        if _names_any(session, needles)
    ]
    return Session.objects.filter(session_key__in=keys).delete()[0]


def _names_any(session: Session, needles: Iterable[str]) -> bool:
    text = json.dumps(session.get_decoded(), default=str, ensure_ascii=False).lower()
    return any(needle in text for needle in needles)


def _check_owns_nothing_alone(subject: Subject, *, only: Tenant | None = None) -> None:
    owners = Membership.objects.owners()
    own = owners.filter(account_id__in=subject.account_ids)
    others = owners.exclude(account_id__in=subject.account_ids)
    alone = own.exclude(tenant_id__in=others.values("tenant_id"))
    if only is not None:
        alone = alone.filter(tenant=only)
    if slugs := set(alone.values_list("tenant__slug", flat=True)):
        raise OwnsATenant(slugs)
