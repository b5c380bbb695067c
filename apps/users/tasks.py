"""What the users context does by the clock."""

from celery import shared_task
from django.utils import timezone

from apps.kernel import idempotency
from apps.tenancy.tasks import TenantTask, scheduled
from apps.users.models import IdempotencyKey


@scheduled(every=3_600)
@shared_task(name="users.forget_old_replies", base=TenantTask, writes="users")
def forget_old_replies() -> None:
    """Delete stored replies that nobody may ask for any more."""
    idempotency.forget_old(IdempotencyKey, now=timezone.now())
