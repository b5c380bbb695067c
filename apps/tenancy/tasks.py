"""Celery tasks: each belongs to one tenant, whose id travels in a header, and runs bound to it."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from celery import Task, shared_task
from celery.signals import worker_process_init
from django.core.cache import cache

from apps.tenancy import binding
from apps.tenancy.models import Tenant
from apps.tenancy.roles import check_serving_roles
from config.celery import app

logger = logging.getLogger(__name__)

# Whoever sends a task does it through this application, whichever process that is.
app.set_default()

HEADER = "quintet_tenant"
# A suspended tenant's work waits: every five minutes for a day, and is then given up.
SUSPENDED_RETRY_SECONDS = 300
SUSPENDED_RETRIES = 288


class TaskWithoutTenant(RuntimeError):
    """A task was sent that says neither whose it is nor why it is nobody's."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The task {name!r} was sent without a tenant. Send it from inside `bind(…)`, "
            f"or name one: send(tenant=…)."
        )


class TenantTask(Task):
    """The base of every task.

    `writes` is the context the task writes in, None for reading. A task of the platform itself says
    in `tenantless` why it has no tenant, and runs unbound.
    """

    abstract = True
    writes: ClassVar[str | None] = None
    tenantless: ClassVar[str] = ""

    def send(self, *, tenant: binding.Placed | None = None, **kwargs: Any) -> None:
        """Send the task with `kwargs`: after the commit inside a block that writes, else at once.

        :raises TaskWithoutTenant: no tenant is named and none is bound.
        """
        bound = binding.current()
        if not self.tenantless and tenant is None and (bound is None or not bound.is_open):
            raise TaskWithoutTenant(self.name)
        tenant_id = tenant.id if tenant else bound.tenant_id if bound else None
        headers = {} if self.tenantless else {HEADER: str(tenant_id)}

        def hand_over() -> None:
            self.apply_async(kwargs=kwargs, headers=headers)

        if bound is not None and bound.is_open and bound.writes is not None:
            binding.on_commit(hand_over)
        else:
            hand_over()

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Hand the task to the broker.

        :raises TaskWithoutTenant: the header is missing, as it is with `delay`.
        """
        if not self.tenantless and not (options.get("headers") or {}).get(HEADER):
            raise TaskWithoutTenant(self.name)
        return super().apply_async(*args, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run: bound to the tenant in the header, in one unit of work."""
        if self.tenantless:
            return self.run(*args, **kwargs)
        tenant = Tenant.objects.filter(id=self._tenant_id()).first()
        if tenant is None:
            logger.warning("task %s dropped: its tenant is gone", self.name)
            return None
        if tenant.status != Tenant.Status.ACTIVE:
            raise self.retry(countdown=SUSPENDED_RETRY_SECONDS, max_retries=SUSPENDED_RETRIES)
        with binding.bind(
            tenant, writes=self.writes, actor=binding.Actor("task"), source=self.name
        ):
            return self.run(*args, **kwargs)

    def _tenant_id(self) -> UUID:
        given = self.request.get(HEADER) or (self.request.headers or {}).get(HEADER)
        if not given:
            raise TaskWithoutTenant(self.name)
        return UUID(given)


_scheduled: dict[str, tuple[TenantTask, int]] = {}


def scheduled(*, every: int) -> Callable[[TenantTask], TenantTask]:
    """Have a task run for every active tenant, every so many seconds (at least 60)."""

    def register(task: TenantTask) -> TenantTask:
        _scheduled[task.name] = (task, every)
        return task

    return register


def schedule() -> Mapping[str, tuple[TenantTask, int]]:
    """Return what is scheduled: task and seconds, by name."""
    return dict(_scheduled)


@shared_task(
    name="tenancy.dispatch_scheduled",
    base=TenantTask,
    tenantless="It is the one task of the scheduler; it fans out to the tenants.",
)
def dispatch_scheduled() -> int:
    """Send what is due to every active tenant; return how many tasks that were."""
    sent = 0
    for name, (task, every) in _scheduled.items():
        # Whoever sets the mark first has the turn: several schedulers don't send twice.
        if not cache.add(f"platform:turn:{name}", 1, timeout=every - 1):
            continue
        for tenant in Tenant.objects.active().select_related("home").iterator():
            task.send(tenant=tenant)
            sent += 1
    return sent


@worker_process_init.connect
def refuse_unsafe_roles(**kwargs: Any) -> None:
    """Do no work as a role that row-level security would not bind."""
    check_serving_roles()
