"""Celery tasks: each belongs to one tenant, whose id travels in a header, and runs bound to it."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from celery import Task, shared_task
from celery.signals import worker_process_init
from django.core.cache import cache
from django.utils import timezone

from apps.tenancy import binding, inbox, kicks, origin, waiting
from apps.tenancy.models import Tenant
from apps.tenancy.relay import Relay
from apps.tenancy.roles import check_serving_roles
from config.celery import app
from config.databases import CONTEXTS

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
    in `tenantless` why it has no tenant, and runs unbound. One whose work is several units of work says
    in `binds_itself` why, and is given the tenant as its first argument.
    """

    abstract = True
    writes: ClassVar[str | None] = None
    tenantless: ClassVar[str] = ""
    binds_itself: ClassVar[str] = ""

    @property
    def typing(self) -> bool:
        """Whether Celery holds the arguments against the signature, which the tenant is not among."""
        return not self.binds_itself

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
        with origin.acting(origin.Origin(actor=origin.Actor("task", self.name), source="task")):
            return self._run_for_tenant(*args, **kwargs)

    def _run_for_tenant(self, *args: Any, **kwargs: Any) -> Any:
        if self.tenantless:
            return self.run(*args, **kwargs)
        tenant = Tenant.objects.filter(id=self._tenant_id()).first()
        if tenant is None:
            logger.warning("task %s dropped: its tenant is gone", self.name)
            return None
        if tenant.status != Tenant.Status.ACTIVE:
            raise self.retry(countdown=SUSPENDED_RETRY_SECONDS, max_retries=SUSPENDED_RETRIES)
        if self.binds_itself:
            return self.run(tenant, *args, **kwargs)
        with binding.bind(tenant, writes=self.writes):
            return self.run(*args, **kwargs)

    def _tenant_id(self) -> UUID:
        given = self.request.get(HEADER) or (self.request.headers or {}).get(HEADER)
        if not given:
            raise TaskWithoutTenant(self.name)
        return UUID(given)


_scheduled: dict[str, tuple[TenantTask, int]] = {}


def scheduled(*, every: int) -> Callable[[TenantTask], TenantTask]:
    """Have a task run for every active tenant, every so many seconds (at least 60).

    A task without a tenant is run once.
    """

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
    """Send what is due, to every active tenant; return how many tasks that were."""
    sent = 0
    for name, (task, every) in _scheduled.items():
        # Whoever sets the mark first has the turn: several schedulers don't send twice.
        if not cache.add(f"platform:turn:{name}", 1, timeout=every - 1):
            continue
        if task.tenantless:
            task.send()
            sent += 1
            continue
        for tenant in Tenant.objects.active().select_related("home").iterator():
            task.send(tenant=tenant)
            sent += 1
    return sent


@shared_task(
    name="tenancy.relay_messages",
    base=TenantTask,
    binds_itself="Each handler's work is a unit of work of its own, in another context.",
)
def relay_messages(tenant: binding.Placed, context: str) -> int:
    """Deliver what is due of the tenant's messages; return how many that were."""
    work = Relay(tenant, context)
    work.run()
    if work.is_more:
        kicks.kick(tenant=tenant, context=context)
    return work.delivered


@shared_task(
    name="tenancy.sweep_messages",
    base=TenantTask,
    tenantless="It looks for what was left behind, whoever's it is.",
)
def sweep_messages() -> int:
    """Have everything that is due relayed that nobody works on; return how many tenants that were."""
    found = {(each.tenant_id, each.context) for each in waiting.everything_waiting() if each.is_due}
    tenants = Tenant.objects.active().in_bulk({tenant_id for tenant_id, _ in found})
    for tenant_id, context in sorted(found):
        if tenant_id in tenants:
            kicks.kick(tenant=tenants[tenant_id], context=context)
    return len(found)


@scheduled(every=86_400)
@shared_task(
    name="tenancy.forget_taken_messages",
    base=TenantTask,
    binds_itself="The inbox of each context is a unit of work of its own.",
)
def forget_taken_messages(tenant: binding.Placed) -> int:
    """Forget what handlers took longer ago than is kept; return how much that was."""
    forgotten = 0
    for context in CONTEXTS:
        with binding.bind(tenant, writes=context):
            forgotten += inbox.forget_old(context=context, now=timezone.now())
    return forgotten


@worker_process_init.connect
def refuse_unsafe_roles(**kwargs: Any) -> None:
    """Do no work as a role that row-level security would not bind."""
    check_serving_roles()
