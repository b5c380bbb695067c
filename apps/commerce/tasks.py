"""What the commerce context does by the clock."""

from celery import shared_task
from django.utils import timezone

from apps.commerce import queries
from apps.commerce.models import IdempotencyKey
from apps.commerce.operations import clock, ledger, purchases, subscriptions
from apps.commerce.operations.payments import events, refunding, sweeping
from apps.kernel import idempotency
from apps.tenancy import binding
from apps.tenancy.tasks import TenantTask, scheduled


@scheduled(every=3_600)
@shared_task(name="commerce.forget_old_replies", base=TenantTask, writes="commerce")
def forget_old_replies() -> None:
    """Delete stored replies that nobody may ask for any more."""
    idempotency.forget_old(IdempotencyKey, now=timezone.now())


@scheduled(every=60)
@shared_task(name="commerce.roll_up_accounts", base=TenantTask, writes="commerce")
def roll_up_accounts() -> int:
    """Add to balances what was not added yet; return of how many accounts."""
    return ledger.roll_up_accounts()


@scheduled(every=60)
@shared_task(
    name="commerce.work_off_subscriptions",
    base=TenantTask,
    binds_itself="Each subscription is a unit of work of its own, and providers are asked in none.",
)
def work_off_subscriptions(tenant: binding.Placed) -> int:
    """Renew, charge again and end what is due by the tenant's clock; return how much that was."""
    return subscriptions.work_off_due(tenant=tenant)


@scheduled(every=300)
@shared_task(
    name="commerce.resume_clock",
    base=TenantTask,
    binds_itself="A clock moves by steps, each a unit of work of its own.",
)
def resume_clock(tenant: binding.Placed) -> None:
    """Bring a test clock that was stopped on its way to where it was going."""
    clock.resume_clock(tenant=tenant)


@scheduled(every=60)
@shared_task(
    name="commerce.expire_purchases",
    base=TenantTask,
    binds_itself="Each purchase is a unit of work of its own: together they would hold all their stock.",
)
def expire_purchases(tenant: binding.Placed) -> int:
    """Expire purchases that have waited long enough for their payment; return how many these were."""
    return purchases.expire_each_due(tenant=tenant)


@scheduled(every=3_600)
@shared_task(name="commerce.expire_carts", base=TenantTask, writes="commerce")
def expire_carts() -> int:
    """Drop old carts that nobody has signed in for; return how many these were."""
    return purchases.carts.expire_carts(now=queries.clock.now())


@scheduled(every=60)
@shared_task(
    name="commerce.sweep_payments",
    base=TenantTask,
    binds_itself="It asks providers, and no unit of work may wait for those.",
)
def sweep_payments(tenant: binding.Placed) -> int:
    """Look after payments that are due; return how many these were."""
    return sweeping.sweep_payments(tenant=tenant)


@scheduled(every=60)
@shared_task(
    name="commerce.send_refunds",
    base=TenantTask,
    binds_itself="It asks providers, and no unit of work may wait for those.",
)
def send_refunds(tenant: binding.Placed) -> int:
    """Have providers give back what is due; return how many refunds these were."""
    return refunding.send_refunds(tenant=tenant)


@scheduled(every=60)
@shared_task(
    name="commerce.work_off_events",
    base=TenantTask,
    binds_itself="It asks providers, and no unit of work may wait for those.",
)
def work_off_events(tenant: binding.Placed) -> int:
    """Work off what providers have told; return how many events these were."""
    return events.work_off_events(tenant=tenant)
