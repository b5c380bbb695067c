"""`manage.py replay_messages`: have a handler be given recorded messages again."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from django.utils import timezone

from apps.tenancy.management.base import DryRun, Format, FormatOption, OperatorCommand
from apps.tenancy.models import Tenant
from apps.tenancy.operations import replays, tenants


class Command(OperatorCommand):
    help = (
        "Empty what a handler keeps and give it every recorded message again, in order. "
        "Relays deliver them; nothing else is delivered to the handler while they are queued."
    )

    def handle(
        self,
        handler: Annotated[str, typer.Option("--handler", help="Its name, <context>.<what>.")],
        tenant: Annotated[str, typer.Option("--tenant", help="Of this tenant only.")] = "",
        dead: Annotated[
            bool, typer.Option("--dead", help="Only bring back messages that were given up.")
        ] = False,
        since: Annotated[
            datetime | None,
            typer.Option("--from", help="Only what was recorded then (UTC) or later."),
        ] = None,
        no_reset: Annotated[
            bool,
            typer.Option(
                "--no-reset", help="Keep what the handler has done, and have it done again."
            ),
        ] = False,
        dry_run: DryRun = False,
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Queue the messages, tenant by tenant, and say how many."""
        if since is not None and since.tzinfo is None:
            since = since.replace(tzinfo=UTC)
        wanted = replays.check_replay(
            handler=handler, since=since, is_reset=not no_reset, dead_only=dead
        )
        places = Tenant.objects.active().select_related("home").order_by("slug")
        chosen = [tenants.get_tenant(slug=tenant)] if tenant else list(places)
        queued = [
            each
            for place in chosen
            for each in replays.replay(of=wanted, tenant=place, now=timezone.now(), dry_run=dry_run)
        ]
        total = sum(each.messages for each in queued)
        if format is Format.TEXT:
            self.answer([asdict(each) for each in queued if each.messages], as_format=format)
        self.say(
            f"{total} messages {'would be' if dry_run else 'were'} queued for {handler}.",
            as_format=format,
            handler=handler,
            is_dry_run=dry_run,
            messages=total,
            queued=[asdict(each) for each in queued],
        )
