"""The staff of a tenant: roles, removal, ownership; never without an owner."""

import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import IntegrityError, connections, transaction

from apps.kernel.errors import Forbidden, Invalid, NotFound, Problem
from apps.tenancy.models import Account, Membership, Role, Tenant
from apps.tenancy.operations import members
from tests.tenancy.people import PASSWORD, new_account, new_email, new_member


def roles_of(tenant: Tenant) -> list[str]:
    return sorted(Membership.objects.filter(tenant=tenant).values_list("role", flat=True))


def change(actor: Membership, member: Membership, role: Role) -> Membership:
    return members.change_role(
        tenant_id=actor.tenant_id, membership_id=member.id, role=role, by=actor.account_id
    )


def remove(actor: Membership, member: Membership) -> None:
    members.remove_member(tenant_id=actor.tenant_id, membership_id=member.id, by=actor.account_id)


def transfer(actor: Membership, member: Membership) -> members.Transfer:
    return members.transfer_ownership(
        tenant_id=actor.tenant_id, membership_id=member.id, by=actor.account_id
    )


def together(*actions: Callable[[], object]) -> list[BaseException | None]:
    """Run actions at the same moment, each on a connection of its own; return what each raised."""
    barrier = threading.Barrier(len(actions))
    outcomes: list[BaseException | None] = [None] * len(actions)

    def run(index: int, action: Callable[[], object]) -> None:
        try:
            barrier.wait(timeout=60)
            action()
        except Problem as problem:
            outcomes[index] = problem
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive()
    return outcomes


@pytest.fixture
def owner(tenant: Tenant) -> Membership:
    return new_member(tenant, Role.OWNER)


@pytest.fixture
def admin(tenant: Tenant) -> Membership:
    return new_member(tenant, Role.ADMIN)


@pytest.fixture
def viewer(tenant: Tenant) -> Membership:
    return new_member(tenant, Role.VIEWER)


class TestChangeRole:
    @pytest.mark.parametrize("role", list(Role))
    def test_an_owner_gives_every_role(
        self, owner: Membership, viewer: Membership, role: Role
    ) -> None:
        assert change(owner, viewer, role).role == role

    @pytest.mark.parametrize("role", [Role.SUPPORT, Role.EDITOR, Role.ADMIN])
    def test_an_admin_gives_roles_up_to_their_own(
        self, owner: Membership, admin: Membership, viewer: Membership, role: Role
    ) -> None:
        assert change(admin, viewer, role).role == role

    def test_an_admin_makes_nobody_an_owner_not_even_themselves(
        self, owner: Membership, admin: Membership, viewer: Membership
    ) -> None:
        for member in (viewer, admin):
            with pytest.raises(members.RoleTooHigh):
                change(admin, member, Role.OWNER)

    def test_an_admin_does_not_touch_an_owner(self, owner: Membership, admin: Membership) -> None:
        with pytest.raises(members.RoleTooHigh):
            change(admin, owner, Role.VIEWER)

    @pytest.mark.parametrize("role", [Role.VIEWER, Role.SUPPORT, Role.EDITOR])
    def test_nobody_below_an_admin_changes_roles(
        self, tenant: Tenant, owner: Membership, viewer: Membership, role: Role
    ) -> None:
        with pytest.raises(Forbidden):
            change(new_member(tenant, role), viewer, Role.VIEWER)

    def test_the_last_owner_stays_one(self, owner: Membership, admin: Membership) -> None:
        with pytest.raises(members.LastOwner):
            change(owner, owner, Role.ADMIN)

    def test_one_of_two_owners_may_step_down(self, tenant: Tenant, owner: Membership) -> None:
        new_member(tenant, Role.OWNER)

        assert change(owner, owner, Role.VIEWER).role == Role.VIEWER

    def test_a_member_of_another_tenant_is_not_found(
        self, owner: Membership, rival: Tenant
    ) -> None:
        other = new_member(rival, Role.VIEWER)

        for member_id in (other.id, uuid4()):
            with pytest.raises(NotFound):
                members.change_role(
                    tenant_id=owner.tenant_id,
                    membership_id=member_id,
                    role=Role.ADMIN,
                    by=owner.account_id,
                )

    def test_an_owner_of_another_tenant_has_no_say(
        self, owner: Membership, viewer: Membership, rival: Tenant
    ) -> None:
        stranger = new_member(rival, Role.OWNER)

        with pytest.raises(Forbidden):
            members.change_role(
                tenant_id=owner.tenant_id,
                membership_id=viewer.id,
                role=Role.ADMIN,
                by=stranger.account_id,
            )


class TestRemoveMember:
    def test_an_admin_removes_those_up_to_their_role(
        self, tenant: Tenant, owner: Membership, admin: Membership, viewer: Membership
    ) -> None:
        remove(admin, viewer)

        assert roles_of(tenant) == ["admin", "owner"]
        with pytest.raises(members.RoleTooHigh):
            remove(admin, owner)

    def test_everybody_may_leave(
        self, tenant: Tenant, owner: Membership, viewer: Membership
    ) -> None:
        remove(viewer, viewer)

        assert roles_of(tenant) == ["owner"]

    def test_a_viewer_removes_nobody_else(self, owner: Membership, viewer: Membership) -> None:
        with pytest.raises(Forbidden):
            remove(viewer, owner)

    def test_the_last_owner_does_not_leave(
        self, tenant: Tenant, owner: Membership, admin: Membership
    ) -> None:
        with pytest.raises(members.LastOwner):
            remove(owner, owner)
        assert roles_of(tenant) == ["admin", "owner"]


class TestTransferOwnership:
    def test_makes_the_other_an_owner_and_oneself_an_admin(
        self, owner: Membership, viewer: Membership
    ) -> None:
        transfer(owner, viewer)

        owner.refresh_from_db()
        viewer.refresh_from_db()
        assert (owner.role, viewer.role) == (Role.ADMIN, Role.OWNER)

    def test_is_for_owners_only(
        self, owner: Membership, admin: Membership, viewer: Membership
    ) -> None:
        with pytest.raises(members.NotAnOwner):
            transfer(admin, viewer)

    def test_goes_to_somebody_else(self, owner: Membership) -> None:
        with pytest.raises(Invalid):
            transfer(owner, owner)

    def test_goes_to_nobody_outside(self, owner: Membership, rival: Tenant) -> None:
        with pytest.raises(NotFound):
            transfer(owner, new_member(rival, Role.OWNER))


class TestRaces:
    """Ten rounds each: without the lock on the tenant, some round leaves no owner."""

    ROUNDS = 10

    def test_two_owners_who_demote_each_other_leave_one(
        self, make_tenant: Callable[..., Tenant]
    ) -> None:
        for _ in range(self.ROUNDS):
            tenant = make_tenant()
            one, two = new_member(tenant, Role.OWNER), new_member(tenant, Role.OWNER)

            outcomes = together(
                lambda one=one, two=two: change(one, two, Role.VIEWER),
                lambda one=one, two=two: change(two, one, Role.VIEWER),
            )

            assert roles_of(tenant) == ["owner", "viewer"]
            assert [isinstance(outcome, Forbidden) for outcome in outcomes].count(True) == 1

    def test_two_owners_who_leave_at_once_leave_one(
        self, make_tenant: Callable[..., Tenant]
    ) -> None:
        for _ in range(self.ROUNDS):
            tenant = make_tenant()
            one, two = new_member(tenant, Role.OWNER), new_member(tenant, Role.OWNER)

            outcomes = together(lambda one=one: remove(one, one), lambda two=two: remove(two, two))

            assert roles_of(tenant) == ["owner"]
            assert [isinstance(o, members.LastOwner) for o in outcomes].count(True) == 1

    def test_two_admins_who_invite_one_person_make_one_membership(self, tenant: Tenant) -> None:
        account = new_account("newcomer")

        together(
            *(
                lambda role=role: members.add_member(
                    tenant_id=tenant.id, account_id=account.id, role=role
                )
                for role in (Role.EDITOR, Role.VIEWER)
            )
        )

        assert roles_of(tenant) == ["editor"]


class TestTheDatabase:
    def test_keeps_one_membership_per_account(self, viewer: Membership) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Membership.objects.create(
                tenant_id=viewer.tenant_id, account_id=viewer.account_id, role=Role.EDITOR
            )

    def test_knows_the_roles(self, viewer: Membership) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Membership.objects.filter(id=viewer.id).update(role="emperor")

    def test_keeps_addresses_in_lower_case(self) -> None:
        account = new_account("fan")

        with pytest.raises(IntegrityError), transaction.atomic():
            Account.objects.filter(id=account.id).update(email="Loud@People.Example")


class TestFirstOwner:
    def test_is_given_an_account_without_a_password(self, tenant: Tenant) -> None:
        email = new_email("founder")

        member = members.appoint_first_owner(tenant=tenant, email=email.upper())

        assert member.role == Role.OWNER
        account = Account.objects.get(email=email)
        assert not account.has_usable_password()
        assert members.appoint_first_owner(tenant=tenant, email=email).id == member.id

    def test_is_not_somebody_who_only_claims_the_address(self, tenant: Tenant) -> None:
        squatter = new_account("founder", is_confirmed=False, password=PASSWORD)

        with pytest.raises(members.EmailNotConfirmed):
            members.appoint_first_owner(tenant=tenant, email=squatter.address)
        assert roles_of(tenant) == []

    def test_must_have_an_address(self, tenant: Tenant) -> None:
        with pytest.raises(Invalid):
            members.appoint_first_owner(tenant=tenant, email="nobody")


class TestDemoPeople:
    def test_are_made_once(self, tenant: Tenant) -> None:
        email, operator = new_email("owner"), new_email("operator")

        for _ in range(2):
            members.ensure_owner(tenant=tenant, email=email, password="a-long-enough-phrase")
            account = members.ensure_operator(email=operator, password="a-long-enough-phrase")

        assert roles_of(tenant) == ["owner"]
        assert account.is_staff
