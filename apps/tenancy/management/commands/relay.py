"""`manage.py relay`: deliver messages in the foreground, where no worker runs."""

import signal
from collections.abc import Iterator
from threading import Event
from typing import Annotated, Any

import typer
from django.db import Error as DatabaseFault
from django.db import connections

from apps.kernel.errors import Invalid
from apps.tenancy import waiting
from apps.tenancy.management.base import OperatorCommand
from apps.tenancy.models import Tenant
from apps.tenancy.operations import tenants
from apps.tenancy.relay import Relay
from config.databases import CONTEXTS

PAUSE_SECONDS = 1.0


class Command(OperatorCommand):
    help = (
        "Deliver messages until SIGTERM or Ctrl-C, looking for new ones every second. "
        "Any number may run beside each other, and beside workers."
    )

    def handle(
        self,
        tenant: Annotated[str, typer.Option("--tenant", help="Of this tenant only.")] = "",
        context: Annotated[str, typer.Option("--context", help="Of this context only.")] = "",
        once: Annotated[bool, typer.Option("--once", help="End when nothing is due.")] = False,
    ) -> None:
        """Deliver in turns; say after each what it brought."""
        if context and context not in CONTEXTS:
            raise Invalid(fields={"context": [f"There are {', '.join(CONTEXTS)}."]})
        place = tenants.get_tenant(slug=tenant) if tenant else None
        contexts = [context] if context else list(CONTEXTS)
        stopping = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        while not stopping.is_set():
            try:
                has_more = self._turn(place, contexts, stopping)
            except DatabaseFault as error:
                if once:
                    raise
                self.stderr.write(f"The database refused: {' '.join(str(error).split())}")
                connections.close_all()
                has_more = False
            if once and not has_more:
                return
            if not has_more:
                stopping.wait(PAUSE_SECONDS)

    def _turn(self, place: Tenant | None, contexts: list[str], stopping: Event) -> bool:
        """Deliver what is due; return whether anything was, so that another turn may bring more."""
        delivered = 0
        for tenant, context in _due(place, contexts):
            work = Relay(tenant, context, is_stopping=stopping.is_set)
            work.run()
            delivered += work.delivered
            if work.delivered or work.failed:
                self._tell(work, tenant)
        return bool(delivered)

    def _tell(self, work: Relay, tenant: Any) -> None:
        line = f"{tenant.slug} {work.context}: {work.delivered} delivered"
        if work.failed:
            line += f", {work.failed} failed, {work.dead} of them given up"
        self.say(line)
        self.stdout.flush()


def _due(place: Tenant | None, contexts: list[str]) -> Iterator[tuple[Tenant, str]]:
    if place is not None:
        yield from ((place, context) for context in contexts)
        return
    found = {
        (each.tenant_id, each.context)
        for each in waiting.everything_waiting()
        if each.is_due and each.context in contexts
    }
    active = Tenant.objects.active().select_related("home").in_bulk({id_ for id_, _ in found})
    yield from ((active[id_], context) for id_, context in sorted(found) if id_ in active)
