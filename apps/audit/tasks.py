"""What the audit app does by the clock: sealing."""

from celery import shared_task
from django.utils import timezone

from apps.audit import operations
from apps.audit.logs import logs_of
from apps.tenancy.models import Tenant
from apps.tenancy.platform import Platform
from apps.tenancy.tasks import TenantTask, scheduled

EVERY_SECONDS = 300


@scheduled(every=EVERY_SECONDS)
@shared_task(
    name="audit.seal_tenant",
    base=TenantTask,
    binds_itself="Each seal is a unit of work of its own, and so is its anchor in another database.",
)
def seal_tenant(tenant: Tenant) -> None:
    """Seal the logs of a tenant in every database."""
    operations.seal_logs(logs=logs_of(tenant), sealed_at=timezone.now())


@scheduled(every=EVERY_SECONDS)
@shared_task(
    name="audit.seal_platform",
    base=TenantTask,
    tenantless="It seals what the control plane logs of no tenant.",
)
def seal_platform() -> None:
    """Seal the platform's own log."""
    operations.seal_logs(logs=logs_of(Platform()), sealed_at=timezone.now())
