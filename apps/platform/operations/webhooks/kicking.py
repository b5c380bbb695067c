"""Having a worker send what is due: after the commit, at once."""

from apps.tenancy import binding, kicks

# By its name: tasks are above operations.
TASK = "platform.send_webhooks"


def kick_after_commit() -> None:
    """Have what the bound transaction queues sent when it has ended."""
    bound = binding.require()
    tenant = bound.tenant
    bound.add_hook(lambda: kick(tenant), once="webhooks")


def kick(tenant: binding.Placed) -> None:
    """Have a worker send what is due of a tenant; what no worker is told of, the sweep finds."""
    kicks.kick_task(TASK, tenant=tenant)
