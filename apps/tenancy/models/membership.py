"""Who is of a tenant's staff, in which role, and who has been asked to be."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from apps.kernel.ids import uuid7
from apps.tenancy.models.account import Account
from apps.tenancy.models.audited import Audited
from apps.tenancy.models.tenant import Tenant


class Role(models.TextChoices):
    """What a member may do; each role may do all that the ones before it may."""

    VIEWER = "viewer", "Viewer"
    SUPPORT = "support", "Support"
    EDITOR = "editor", "Editor"
    ADMIN = "admin", "Admin"
    OWNER = "owner", "Owner"

    @property
    def rank(self) -> int:
        """How far the role reaches: 0 for the viewer."""
        return list(Role).index(self)


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Named filters over memberships."""

    def owners(self) -> "MembershipQuerySet":
        """Those who answer for a tenant."""
        return self.filter(role=Role.OWNER)


class Membership(models.Model):
    """An account's role in a tenant. A tenant that has members has an owner among them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=7, choices=Role.choices)
    joined_at = models.DateTimeField(auto_now_add=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="membership_once", fields=["tenant", "account"]),
            models.CheckConstraint(name="membership_role", condition=Q(role__in=Role.values)),
            Audited(name="tenancy_membership_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} is {self.role} of {self.tenant_id}"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Named filters over invitations."""

    def pending(self) -> "InvitationQuerySet":
        """Those that nobody has answered or taken back, expired or not."""
        return self.filter(status=Invitation.Status.PENDING)


class Invitation(models.Model):
    """An offer of a role to whoever reads an email address, good until it expires.

    The token is in the email and nowhere else; here is its SHA-256.
    """

    class Status(models.TextChoices):
        PENDING = "PENDING", "Waiting for an answer"
        ACCEPTED = "ACCEPTED", "Accepted"
        DECLINED = "DECLINED", "Declined by whom it was sent to"
        REVOKED = "REVOKED", "Taken back"
        EXPIRED = "EXPIRED", "Too old when somebody was invited again"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=7, choices=Role.choices)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(Account, on_delete=models.SET_NULL, null=True, related_name="+")
    accepted_by = models.ForeignKey(Account, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="invitation_one_pending",
                fields=["tenant", "email"],
                condition=Q(status="PENDING"),
            ),
            models.CheckConstraint(name="invitation_role", condition=Q(role__in=Role.values)),
            models.CheckConstraint(
                name="invitation_status",
                condition=Q(status__in=["PENDING", "ACCEPTED", "DECLINED", "REVOKED", "EXPIRED"]),
            ),
            models.CheckConstraint(
                name="invitation_decided_at",
                condition=Q(status="PENDING", decided_at=None)
                | (~Q(status="PENDING") & Q(decided_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="invitation_email_is_lower_case", condition=Q(email=Lower("email"))
            ),
            Audited(
                name="tenancy_invitation_audit", subject="id", personal=["email", "token_hash"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status.lower()} invitation to {self.tenant_id}"

    def is_expired(self, *, at: datetime) -> bool:
        """Whether it can't be accepted any more at a point in time."""
        return self.expires_at <= at

    def decide(self, status: "Invitation.Status", *, at: datetime) -> None:
        """End its waiting for an answer; the caller saves."""
        self.status = status
        self.decided_at = at
