"""Inviting people to a tenant's staff by email, and what they answer."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from smtplib import SMTPException
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction

from apps.kernel.errors import Conflict, NotFound, Problem, Unavailable
from apps.tenancy.identity.people import Person
from apps.tenancy.models import Account, Domain, Invitation, Membership, Role
from apps.tenancy.operations import members

TOKEN_BYTES = 32


class AlreadyInvited(Conflict):
    """There is an invitation for this address that still can be accepted."""

    slug = "already-invited"
    title = "There is an open invitation for this address."


class AlreadyMember(Conflict):
    """Whoever signs in with the address is a member."""

    slug = "already-member"
    title = "This person is a member already."


class NoSuchInvitation(Problem):
    """The token is none of this tenant's invitations, or the invitation was withdrawn."""

    status = 404
    slug = "no-such-invitation"
    title = "There is no such invitation."


class InvitationExpired(Problem):
    """The invitation is too old."""

    status = 410
    slug = "invitation-expired"
    title = "The invitation has expired."


class InvitationClosed(Conflict):
    """The invitation was answered, or withdrawn, before."""

    slug = "invitation-closed"
    title = "The invitation is not open any more."


class InvitationForSomebodyElse(Problem):
    """The caller has not confirmed the address that the invitation was sent to."""

    status = 403
    slug = "invitation-for-somebody-else"
    title = "The invitation is for another address."


class EmailNotSent(Unavailable):
    """The mail server did not take the invitation."""

    slug = "email-not-sent"
    title = "The email could not be sent."


@dataclass(frozen=True)
class _Letter:
    tenant_name: str
    domain: str
    token: str


def invite(
    *, tenant_id: UUID, email: str, role: Role, by: UUID, invited_at: datetime
) -> Invitation:
    """Offer a role to whoever reads an email address, and send the offer there.

    :param by: the account that invites, an admin or owner.
    :raises RoleTooHigh: the role is above that of who invites.
    :raises AlreadyInvited, AlreadyMember: as they say.
    :raises EmailNotSent: nobody was invited.
    """
    email = email.strip().lower()
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction.atomic():
        members.lock_staff(tenant_id=tenant_id)
        members.check_may_give(tenant_id=tenant_id, account_id=by, role=role)
        if Membership.objects.filter(tenant_id=tenant_id, account__email=email).exists():
            raise AlreadyMember("Change their role instead.")
        _close_expired(tenant_id=tenant_id, email=email, at=invited_at)
        invitation = Invitation.objects.create(
            tenant_id=tenant_id,
            email=email,
            role=role,
            token_hash=_hash(token),
            invited_by_id=by,
            expires_at=invited_at + timedelta(seconds=settings.INVITATION_SECONDS),
        )
        domain = Domain.objects.select_related("tenant").get(tenant_id=tenant_id, is_primary=True)
    try:
        _send(invitation, _Letter(domain.tenant.name, domain.domain, token))
    except (OSError, SMTPException) as error:
        invitation.delete()
        raise EmailNotSent("Nobody was invited. Try again later.") from error
    return invitation


def accept(*, tenant_id: UUID, token: str, person: Person, accepted_at: datetime) -> Membership:
    """Make the person a member in the role they were offered. Doing it twice changes nothing.

    :raises NoSuchInvitation, InvitationExpired, InvitationClosed: as they say.
    :raises InvitationForSomebodyElse: they have not confirmed the address it was sent to.
    """
    with transaction.atomic():
        members.lock_staff(tenant_id=tenant_id)
        invitation = _invitation(tenant_id=tenant_id, token=token)
        if invitation.email not in _confirmed_addresses(person):
            raise InvitationForSomebodyElse(
                "Sign in with the address that it was sent to, and confirm that address first."
            )
        if invitation.status == Invitation.Status.ACCEPTED:
            return _membership_again(invitation, person)
        _check_open(invitation, at=accepted_at)

        _ensure_account(person)
        membership = members.add_member(
            tenant_id=tenant_id, account_id=person.account_id, role=Role(invitation.role)
        )
        invitation.accepted_by_id = person.account_id
        invitation.decide(Invitation.Status.ACCEPTED, at=accepted_at)
        invitation.save(update_fields=["accepted_by", "status", "decided_at"])
    return membership


def decline(*, tenant_id: UUID, token: str, declined_at: datetime) -> Invitation:
    """Refuse an invitation; whoever has the token may, with or without an account.

    :raises NoSuchInvitation, InvitationExpired, InvitationClosed: as they say.
    """
    with transaction.atomic():
        members.lock_staff(tenant_id=tenant_id)
        invitation = _invitation(tenant_id=tenant_id, token=token)
        if invitation.status == Invitation.Status.DECLINED:
            return invitation
        _check_open(invitation, at=declined_at)
        invitation.decide(Invitation.Status.DECLINED, at=declined_at)
        invitation.save(update_fields=["status", "decided_at"])
    return invitation


def revoke(*, tenant_id: UUID, invitation_id: UUID, by: UUID, revoked_at: datetime) -> None:
    """Withdraw an invitation that nobody has answered.

    :raises NotFound: no such invitation in this tenant.
    :raises RoleTooHigh: it offers a role above that of who withdraws.
    :raises InvitationClosed: it was answered.
    """
    with transaction.atomic():
        members.lock_staff(tenant_id=tenant_id)
        invitation = Invitation.objects.filter(tenant_id=tenant_id, id=invitation_id).first()
        if invitation is None:
            raise NotFound
        members.check_may_give(tenant_id=tenant_id, account_id=by, role=Role(invitation.role))
        if invitation.status == Invitation.Status.REVOKED:
            return
        if invitation.status != Invitation.Status.PENDING:
            raise InvitationClosed("It was answered. Remove the member instead.")
        invitation.decide(Invitation.Status.REVOKED, at=revoked_at)
        invitation.save(update_fields=["status", "decided_at"])


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _invitation(*, tenant_id: UUID, token: str) -> Invitation:
    invitation = Invitation.objects.filter(tenant_id=tenant_id, token_hash=_hash(token)).first()
    if invitation is None:
        raise NoSuchInvitation("Take the token whole from the email, on the host it came from.")
    return invitation


def _check_open(invitation: Invitation, *, at: datetime) -> None:
    if invitation.status == Invitation.Status.REVOKED:
        raise NoSuchInvitation("It was withdrawn. Ask for a new one.")
    if invitation.status == Invitation.Status.EXPIRED or (
        invitation.status == Invitation.Status.PENDING and invitation.is_expired(at=at)
    ):
        raise InvitationExpired("Ask for a new one.")
    if invitation.status != Invitation.Status.PENDING:
        raise InvitationClosed("It was answered before. Ask for a new one.")


def _membership_again(invitation: Invitation, person: Person) -> Membership:
    membership = (
        Membership.objects.select_related("account")
        .filter(tenant_id=invitation.tenant_id, account_id=person.account_id)
        .first()
    )
    if invitation.accepted_by_id != person.account_id or membership is None:
        raise InvitationClosed("It was accepted before. Ask for a new one.")
    return membership


def _close_expired(*, tenant_id: UUID, email: str, at: datetime) -> None:
    pending = Invitation.objects.pending().filter(tenant_id=tenant_id, email=email).first()
    if pending is None:
        return
    if not pending.is_expired(at=at):
        raise AlreadyInvited(
            f"It is good until {pending.expires_at:%Y-%m-%d %H:%M} UTC. Withdraw it to send another."
        )
    pending.decide(Invitation.Status.EXPIRED, at=at)
    pending.save(update_fields=["status", "decided_at"])


def _confirmed_addresses(person: Person) -> set[str]:
    if person.issuer != settings.ISSUER_URL:
        return {person.email} if person.email and person.email_verified else set()
    addresses = EmailAddress.objects.filter(user_id=person.account_id, verified=True)
    return {address.lower() for address in addresses.values_list("email", flat=True)}


def _ensure_account(person: Person) -> None:
    """Have an account for the membership of somebody who signs in elsewhere."""
    if person.issuer == settings.ISSUER_URL:
        return
    account, is_new = Account.objects.get_or_create(
        id=person.account_id,
        defaults={
            "email": None,
            "issuer": person.issuer,
            "asserted_email": person.email or "",
            "password": "!",
        },
    )
    if not is_new and account.asserted_email != (person.email or ""):
        account.asserted_email = person.email or ""
        account.save(update_fields=["asserted_email"])


def _send(invitation: Invitation, letter: _Letter) -> None:
    url = settings.INVITATION_URL.format(domain=letter.domain, token=letter.token)
    send_mail(
        subject=f"{letter.tenant_name} invites you",
        message=(
            f"{letter.tenant_name} invites you to work with them, as {invitation.role}.\n\n"
            f"Accept here:\n{url}\n\n"
            f"Or send this token to https://{letter.domain}/api/v1/invitations/accept, signed in "
            f"with {invitation.email}:\n{letter.token}\n\n"
            f"It is good until {invitation.expires_at:%Y-%m-%d %H:%M} UTC. If you did not expect "
            "this, there is nothing you need to do.\n"
        ),
        from_email=None,
        recipient_list=[invitation.email],
    )
