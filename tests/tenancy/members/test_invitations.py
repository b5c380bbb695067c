"""Invitations by email: who may invite, who may accept, and for how long."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.kernel.errors import Forbidden, NotFound
from apps.tenancy.identity.people import Person
from apps.tenancy.models import Account, Invitation, Membership, Role, Tenant
from apps.tenancy.models.account import external_account_id
from apps.tenancy.operations import invitations, members
from tests.tenancy.people import confirm, host_of, new_account, new_email, new_member

NOW = timezone.now()


def person_of(account: Account) -> Person:
    return Person(
        id=account.id,
        issuer="https://quintet.test",
        account_id=account.id,
        email=account.email,
        email_verified=False,
        name="",
        scopes=frozenset(),
        role=None,
    )


def stranger_from_elsewhere(tenant: Tenant, email: str, *, is_verified: bool) -> Person:
    issuer = "https://login.partner.example"
    return Person(
        id=uuid4(),
        issuer=issuer,
        email=email,
        email_verified=is_verified,
        name="",
        account_id=external_account_id(tenant_id=tenant.id, issuer=issuer, subject=email),
        scopes=frozenset(),
        role=None,
    )


@pytest.fixture
def admin(tenant: Tenant) -> Membership:
    new_member(tenant, Role.OWNER)
    return new_member(tenant, Role.ADMIN)


@pytest.fixture
def invite(tenant: Tenant, admin: Membership) -> Callable[..., tuple[Invitation, str]]:
    """Return a sender of invitations: gives the invitation, and the token out of the email."""

    def invite(email: str, role: Role = Role.EDITOR) -> tuple[Invitation, str]:
        invitation = invitations.invite(
            tenant_id=tenant.id, email=email, role=role, by=admin.account_id, invited_at=NOW
        )
        found = re.search(r"#token=(\S+)", str(mail.outbox[-1].body))
        assert found
        return invitation, found.group(1)

    return invite


def accept(tenant: Tenant, token: str, person: Person, **values: Any) -> Membership:
    return invitations.accept(
        tenant_id=tenant.id, token=token, person=person, **{"accepted_at": NOW, **values}
    )


class TestInvite:
    def test_sends_the_token_by_email_and_keeps_only_its_hash(
        self, tenant: Tenant, invite: Callable[..., Any]
    ) -> None:
        email = new_email("newcomer")

        invitation, token = invite(email.upper())

        assert mail.outbox[-1].to == [email]
        assert tenant.name in mail.outbox[-1].subject
        assert f"https://{host_of(tenant)}/" in str(mail.outbox[-1].body)
        row = Invitation.objects.filter(id=invitation.id).values().get()
        assert token not in str(row)

    def test_sends_one_at_a_time(self, invite: Callable[..., Any]) -> None:
        email = new_email("newcomer")
        invite(email)

        with pytest.raises(invitations.AlreadyInvited):
            invite(email)

    def test_sends_another_once_the_first_has_expired(
        self, tenant: Tenant, admin: Membership, invite: Callable[..., Any]
    ) -> None:
        email = new_email("newcomer")
        first, _ = invite(email)

        second = invitations.invite(
            tenant_id=tenant.id,
            email=email,
            role=Role.VIEWER,
            by=admin.account_id,
            invited_at=NOW + timedelta(days=8),
        )

        first.refresh_from_db()
        assert (first.status, second.status) == ("EXPIRED", "PENDING")

    def test_goes_to_no_member(self, tenant: Tenant, invite: Callable[..., Any]) -> None:
        member = new_member(tenant, Role.VIEWER)

        with pytest.raises(invitations.AlreadyMember):
            invite(member.account.address)

    def test_offers_no_role_above_the_inviters(self, invite: Callable[..., Any]) -> None:
        with pytest.raises(members.RoleTooHigh):
            invite(new_email("newcomer"), Role.OWNER)

    def test_is_not_for_editors(self, tenant: Tenant, admin: Membership) -> None:
        editor = new_member(tenant, Role.EDITOR)

        with pytest.raises(Forbidden):
            invitations.invite(
                tenant_id=tenant.id,
                email=new_email("newcomer"),
                role=Role.VIEWER,
                by=editor.account_id,
                invited_at=NOW,
            )

    def test_invites_nobody_when_the_email_can_not_be_sent(
        self, invite: Callable[..., Any], settings: Any
    ) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        email = new_email("newcomer")

        with pytest.raises(invitations.EmailNotSent):
            invite(email)

        assert not Invitation.objects.filter(email=email).exists()

    def test_the_same_address_can_be_invited_by_two_tenants(
        self, rival: Tenant, invite: Callable[..., Any]
    ) -> None:
        email = new_email("newcomer")
        invite(email)
        owner = new_member(rival, Role.OWNER)

        other = invitations.invite(
            tenant_id=rival.id, email=email, role=Role.VIEWER, by=owner.account_id, invited_at=NOW
        )

        assert other.status == "PENDING"


class TestAccept:
    def test_makes_a_member(self, tenant: Tenant, invite: Callable[..., Any]) -> None:
        newcomer = new_account("newcomer")
        invitation, token = invite(newcomer.address, Role.EDITOR)

        member = accept(tenant, token, person_of(newcomer))

        assert (member.account_id, member.role) == (newcomer.id, Role.EDITOR)
        invitation.refresh_from_db()
        assert (invitation.status, invitation.accepted_by_id) == ("ACCEPTED", newcomer.id)

    def test_twice_changes_nothing(self, tenant: Tenant, invite: Callable[..., Any]) -> None:
        newcomer = new_account("newcomer")
        _, token = invite(newcomer.address)

        first = accept(tenant, token, person_of(newcomer))
        again = accept(tenant, token, person_of(newcomer), accepted_at=NOW + timedelta(days=30))

        assert again.id == first.id

    def test_does_not_bring_back_who_was_removed(
        self, tenant: Tenant, admin: Membership, invite: Callable[..., Any]
    ) -> None:
        newcomer = new_account("newcomer")
        _, token = invite(newcomer.address)
        member = accept(tenant, token, person_of(newcomer))
        members.remove_member(tenant_id=tenant.id, membership_id=member.id, by=admin.account_id)

        with pytest.raises(invitations.InvitationClosed):
            accept(tenant, token, person_of(newcomer))

    def test_needs_the_address_to_be_confirmed(
        self, tenant: Tenant, invite: Callable[..., Any]
    ) -> None:
        newcomer = new_account("newcomer", is_confirmed=False)
        _, token = invite(newcomer.address)

        with pytest.raises(invitations.InvitationForSomebodyElse):
            accept(tenant, token, person_of(newcomer))

        confirm(newcomer)
        assert accept(tenant, token, person_of(newcomer)).account_id == newcomer.id

    def test_is_not_for_somebody_else(self, tenant: Tenant, invite: Callable[..., Any]) -> None:
        _, token = invite(new_email("newcomer"))

        with pytest.raises(invitations.InvitationForSomebodyElse):
            accept(tenant, token, person_of(new_account("stranger")))

    def test_ends_when_it_expires(self, tenant: Tenant, invite: Callable[..., Any]) -> None:
        newcomer = new_account("newcomer")
        _, token = invite(newcomer.address)

        with pytest.raises(invitations.InvitationExpired):
            accept(tenant, token, person_of(newcomer), accepted_at=NOW + timedelta(days=7))
        assert accept(
            tenant, token, person_of(newcomer), accepted_at=NOW + timedelta(days=6, hours=23)
        )

    def test_happens_in_the_tenant_it_is_from(
        self, tenant: Tenant, rival: Tenant, invite: Callable[..., Any]
    ) -> None:
        newcomer = new_account("newcomer")
        _, token = invite(newcomer.address)

        with pytest.raises(invitations.NoSuchInvitation):
            accept(rival, token, person_of(newcomer))

    def test_never_lowers_a_role(
        self, tenant: Tenant, admin: Membership, invite: Callable[..., Any]
    ) -> None:
        newcomer = new_account("newcomer")
        _, token = invite(newcomer.address, Role.VIEWER)
        members.add_member(tenant_id=tenant.id, account_id=newcomer.id, role=Role.ADMIN)

        assert accept(tenant, token, person_of(newcomer)).role == Role.ADMIN


class TestAcceptFromElsewhere:
    def test_makes_an_account_that_the_membership_points_at(
        self, tenant: Tenant, invite: Callable[..., Any]
    ) -> None:
        email = new_email("partner")
        person = stranger_from_elsewhere(tenant, email, is_verified=True)
        _, token = invite(email)

        member = accept(tenant, token, person)

        account = Account.objects.get(id=member.account_id)
        assert (account.email, account.asserted_email) == (None, email)
        assert account.issuer == person.issuer
        assert not account.has_usable_password()

    def test_leaves_an_account_with_the_same_address_alone(
        self, tenant: Tenant, invite: Callable[..., Any]
    ) -> None:
        here = new_account("partner")
        person = stranger_from_elsewhere(tenant, here.address, is_verified=True)
        _, token = invite(here.address)

        member = accept(tenant, token, person)

        assert member.account_id != here.id
        assert not here.memberships.exists()

    def test_needs_the_issuer_to_vouch_for_the_address(
        self, tenant: Tenant, invite: Callable[..., Any]
    ) -> None:
        email = new_email("partner")
        _, token = invite(email)

        with pytest.raises(invitations.InvitationForSomebodyElse):
            accept(tenant, token, stranger_from_elsewhere(tenant, email, is_verified=False))


class TestDeclineAndRevoke:
    def test_what_was_declined_can_not_be_accepted(
        self, tenant: Tenant, invite: Callable[..., Any]
    ) -> None:
        newcomer = new_account("newcomer")
        _, token = invite(newcomer.address)

        for _ in range(2):
            invitations.decline(tenant_id=tenant.id, token=token, declined_at=NOW)

        with pytest.raises(invitations.InvitationClosed):
            accept(tenant, token, person_of(newcomer))

    def test_what_was_revoked_is_not_there_any_more(
        self, tenant: Tenant, admin: Membership, invite: Callable[..., Any]
    ) -> None:
        newcomer = new_account("newcomer")
        invitation, token = invite(newcomer.address)

        invitations.revoke(
            tenant_id=tenant.id, invitation_id=invitation.id, by=admin.account_id, revoked_at=NOW
        )

        with pytest.raises(invitations.NoSuchInvitation):
            accept(tenant, token, person_of(newcomer))
        invite(newcomer.address)

    def test_what_was_accepted_can_not_be_revoked(
        self, tenant: Tenant, admin: Membership, invite: Callable[..., Any]
    ) -> None:
        newcomer = new_account("newcomer")
        invitation, token = invite(newcomer.address)
        accept(tenant, token, person_of(newcomer))

        with pytest.raises(invitations.InvitationClosed):
            invitations.revoke(
                tenant_id=tenant.id,
                invitation_id=invitation.id,
                by=admin.account_id,
                revoked_at=NOW,
            )

    def test_another_tenants_invitation_is_not_found(
        self, rival: Tenant, invite: Callable[..., Any]
    ) -> None:
        invitation, _ = invite(new_email("newcomer"))
        owner = new_member(rival, Role.OWNER)

        with pytest.raises(NotFound):
            invitations.revoke(
                tenant_id=rival.id,
                invitation_id=invitation.id,
                by=owner.account_id,
                revoked_at=NOW,
            )


class TestTheDatabase:
    def test_keeps_one_open_invitation_per_address(self, invite: Callable[..., Any]) -> None:
        invitation, _ = invite(new_email("newcomer"))

        with pytest.raises(IntegrityError), transaction.atomic():
            Invitation.objects.create(
                tenant_id=invitation.tenant_id,
                email=invitation.email,
                role=Role.VIEWER,
                token_hash=uuid4().hex,
                expires_at=NOW,
            )
