"""Payments: what a provider was asked for, what it said, and what it told by itself."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.commerce.models.purchase import Purchase, Refund
from apps.kernel.money import MAX_AMOUNT
from apps.kernel.references import ReferenceField
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited


class Provider(models.TextChoices):
    """Who moves the money."""

    WALLET = "wallet", "wallet"
    STRIPE = "stripe", "Stripe"
    LOCAL = "local", "local, for development"


class PaymentPurpose(models.TextChoices):
    """What is paid for."""

    PURCHASE = "PURCHASE", "a purchase"
    TOP_UP = "TOP_UP", "money into a wallet"
    SUBSCRIPTION = "SUBSCRIPTION", "a period of a subscription"


class PaymentState(models.TextChoices):
    """Where a payment stands, as the provider last said. What is settled stays so."""

    CREATED = "CREATED", "not yet known to the provider"
    PENDING = "PENDING", "waiting"
    SUCCEEDED = "SUCCEEDED", "succeeded"
    FAILED = "FAILED", "failed"
    CANCELLED = "CANCELLED", "cancelled"


class DisputeState(models.TextChoices):
    """What a buyer's bank has said against a payment."""

    NONE = "", "not disputed"
    OPEN = "OPEN", "disputed"
    WON = "WON", "won"
    LOST = "LOST", "lost"


class ProviderAccount(TenantModel):
    """A tenant's own account with a provider. Its keys are encrypted."""

    provider = models.CharField(max_length=50, choices=Provider.choices)
    publishable_key = models.CharField(max_length=255, blank=True, default="")
    sealed_keys = models.JSONField(default=dict)
    """`secret_key`, encrypted, and `webhook_secrets`: {"sealed", "valid_until"}, the newest first."""
    is_enabled = models.BooleanField(default=True)
    created_on = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "provider_accounts"
        constraints = [
            models.UniqueConstraint(fields=["provider"], name="provider_accounts_once"),
            models.CheckConstraint(
                condition=Q(provider__in=Provider.values), name="provider_accounts_provider"
            ),
            Audited(name="provider_accounts_audit", personal=["sealed_keys"]),
        ]

    def __str__(self) -> str:
        return self.provider


class ProviderCustomer(TenantModel):
    """What a provider calls somebody: `stripe_customers` of the source databases."""

    provider = models.CharField(max_length=50, choices=Provider.choices)
    user_id = ReferenceField("users.Profile")
    provider_customer_id = models.CharField(max_length=255)
    provider_method_id = models.CharField(max_length=255, blank=True, default="")
    """What renewals are paid with."""
    created_on = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "provider_customers"
        constraints = [
            models.UniqueConstraint(fields=["provider", "user_id"], name="provider_customers_once"),
            models.UniqueConstraint(
                fields=["provider", "provider_customer_id"], name="provider_customers_id"
            ),
            models.CheckConstraint(
                condition=Q(provider__in=Provider.values), name="provider_customers_provider"
            ),
            Audited(
                name="provider_customers_audit",
                subject="user_id",
                personal=["provider_customer_id", "provider_method_id"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} customer {self.user_id}"


# By purpose, what a payment of it names; of all else that it could, it names none.
TARGETS = {
    PaymentPurpose.PURCHASE: ("purchase",),
    PaymentPurpose.TOP_UP: ("wallet_id",),
    PaymentPurpose.SUBSCRIPTION: ("subscription_id", "period_id"),
}


def _purposes() -> Q:
    every = [name for names in TARGETS.values() for name in names]
    allowed = Q()
    for purpose, names in TARGETS.items():
        given = {f"{name}__isnull": name not in names for name in every}
        allowed |= Q(purpose=purpose.value, **given)
    return allowed


class Payment(TenantModel):
    """An amount that a provider was asked to take. Its id is the provider's idempotency key.

    `due_at` is when it is looked after next, by the clock there is for everybody: a provider knows no
    test clock. None where nothing is left to do.
    """

    purpose = models.CharField(max_length=50, choices=PaymentPurpose.choices)
    purchase = models.ForeignKey(Purchase, models.PROTECT, null=True, related_name="payments")
    wallet_id = models.UUIDField(null=True)
    subscription_id = models.UUIDField(null=True)
    period_id = models.UUIDField(null=True)
    user_id = ReferenceField("users.Profile")
    provider = models.CharField(max_length=50, choices=Provider.choices)
    provider_payment_id = models.CharField(max_length=255, blank=True, default="")
    provider_dispute_id = models.CharField(max_length=255, blank=True, default="")
    dispute_state = models.CharField(
        max_length=50, choices=DisputeState.choices, blank=True, default=DisputeState.NONE
    )
    is_off_session = models.BooleanField(default=False)
    """Whether it is taken without its buyer: from the method of payment that is kept for renewals."""
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(
        max_length=50, choices=PaymentState.choices, default=PaymentState.CREATED
    )
    failure = models.CharField(max_length=255, blank=True, default="")
    """The provider's code of why it failed, or of why its latest attempt did."""
    transaction_id = models.UUIDField(null=True)
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField(null=True, default=timezone.now)
    created_on = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "payments"
        indexes = [
            models.Index(
                fields=["tenant_id", "due_at", "id"],
                condition=Q(due_at__isnull=False),
                name="payments_due",
            ),
            models.Index(fields=["tenant_id", "user_id", "-id"], name="payments_by_user"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "provider_payment_id"],
                condition=~Q(provider_payment_id=""),
                name="payments_provider_id",
            ),
            models.UniqueConstraint(
                fields=["purchase"],
                condition=Q(state__in=["CREATED", "PENDING", "SUCCEEDED"]),
                name="payments_one_at_a_time",
            ),
            # Of a provider: who tries another leaves the first one's to be given up.
            models.UniqueConstraint(
                fields=["period_id", "provider"],
                condition=Q(period_id__isnull=False, state__in=["CREATED", "PENDING"]),
                name="payments_one_of_period",
            ),
            models.CheckConstraint(
                condition=Q(state__in=PaymentState.values), name="payments_state"
            ),
            models.CheckConstraint(condition=_purposes(), name="payments_purpose"),
            models.CheckConstraint(
                condition=Q(provider__in=Provider.values), name="payments_provider"
            ),
            models.CheckConstraint(
                condition=Q(dispute_state__in=DisputeState.values), name="payments_dispute_state"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount__lte=MAX_AMOUNT), name="payments_amount"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="payments_currency"
            ),
            models.CheckConstraint(condition=Q(attempts__gte=0), name="payments_attempts"),
            Audited(name="payments_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.amount} {self.currency}"


class ProviderRefund(TenantModel):
    """A refund as the provider carries it out. Its id is the provider's idempotency key."""

    refund = models.OneToOneField(Refund, models.PROTECT, related_name="by_provider")
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    provider_refund_id = models.CharField(max_length=255, blank=True, default="")
    state = models.CharField(
        max_length=50, choices=PaymentState.choices, default=PaymentState.CREATED
    )
    failure = models.CharField(max_length=255, blank=True, default="")
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField(null=True, default=timezone.now)
    created_on = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "provider_refunds"
        indexes = [
            models.Index(
                fields=["tenant_id", "due_at", "id"],
                condition=Q(due_at__isnull=False),
                name="provider_refunds_due",
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=PaymentState.values), name="provider_refunds_state"
            ),
            models.CheckConstraint(condition=Q(attempts__gte=0), name="provider_refunds_attempts"),
            Audited(name="provider_refunds_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.refund_id}"


class ProviderEvent(TenantModel):
    """Something a provider told by itself: kept once, however often it comes, then worked off.

    `object_id` is what it is about; what has become of that, the provider is asked.
    """

    provider = models.CharField(max_length=50, choices=Provider.choices)
    event_id = models.CharField(max_length=255)
    kind = models.CharField(max_length=255)
    object_id = models.CharField(max_length=255)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now)
    processed_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField(null=True, default=timezone.now)
    """When it is worked off, or tried again; None once it was worked off."""
    outcome = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        db_table = "provider_events"
        indexes = [
            models.Index(
                fields=["tenant_id", "due_at", "id"],
                condition=Q(due_at__isnull=False),
                name="provider_events_due",
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="provider_events_once"),
            models.CheckConstraint(
                condition=Q(provider__in=Provider.values), name="provider_events_provider"
            ),
            models.CheckConstraint(condition=Q(attempts__gte=0), name="provider_events_attempts"),
            Audited(name="provider_events_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"
