"""What the platform context does by the clock."""

from celery import shared_task
from django.utils import timezone

from apps.kernel import idempotency
from apps.platform.models import IdempotencyKey
from apps.platform.operations import notifications, stream, webhooks
from apps.tenancy import binding
from apps.tenancy.tasks import TenantTask, scheduled


@scheduled(every=3_600)
@shared_task(name="platform.forget_old_replies", base=TenantTask, writes="platform")
def forget_old_replies() -> None:
    """Delete stored replies that nobody may ask for any more."""
    idempotency.forget_old(IdempotencyKey, now=timezone.now())


@scheduled(every=60)
@shared_task(
    name="platform.send_webhooks",
    base=TenantTask,
    binds_itself="It calls other servers, and no unit of work may wait for those.",
)
def send_webhooks(tenant: binding.Placed) -> int:
    """Send what is due to the tenant's webhooks; return how many attempts that were."""
    return webhooks.send_due(tenant=tenant)


@scheduled(every=3_600)
@shared_task(name="platform.give_up_webhooks", base=TenantTask, writes="platform")
def give_up_webhooks() -> int:
    """Give up what has waited too long for paused webhooks; return how many that were."""
    return webhooks.give_up_old_deliveries(now=timezone.now())


@scheduled(every=3_600)
@shared_task(name="platform.forget_old_stream_events", base=TenantTask, writes="platform")
def forget_old_stream_events() -> int:
    """Delete what the live stream tells nobody any more; return how many events that were."""
    return stream.forget_old_events(now=timezone.now())


@scheduled(every=60)
@shared_task(
    name="platform.send_notifications",
    base=TenantTask,
    binds_itself="It calls mail servers and others, and no unit of work may wait for those.",
)
def send_notifications(tenant: binding.Placed) -> int:
    """Send what is due of the tenant's notifications; return how many attempts that were."""
    return notifications.send_due(tenant=tenant)


@scheduled(every=300)
@shared_task(name="platform.make_digests", base=TenantTask, writes="platform")
def make_digests() -> int:
    """Put what is due into digests; return how many those are."""
    return notifications.make_digests(now=timezone.now())


@scheduled(every=3_600)
@shared_task(name="platform.forget_old_notifications", base=TenantTask, writes="platform")
def forget_old_notifications() -> int:
    """Delete notifications that are older than is kept; return how many those were."""
    return notifications.forget_old(now=timezone.now())
