"""Which logs an operator means."""

from typing import Annotated

import typer
from django.core.management import CommandError

from apps.audit.logs import Log, logs_of, owners
from apps.tenancy.binding import Placed
from apps.tenancy.operations import tenants
from apps.tenancy.platform import Platform
from config.databases import PLAN

TenantOption = Annotated[
    str, typer.Option(help="Only this tenant's; `platform` for what belongs to none.")
]
DatabaseOption = Annotated[str, typer.Option(help=f"Only in this database: {', '.join(PLAN)}.")]


def chosen_logs(*, tenant: str, database: str) -> list[Log]:
    """Return the logs of one tenant or of everybody, in one database or in all.

    :raises NoSuchTenant: there is none of this slug.
    :raises CommandError: there is no such database.
    """
    if database and database not in PLAN:
        raise CommandError(f"{database!r} is no database; these are: {', '.join(PLAN)}.")
    chosen = [_owner(tenant)] if tenant else owners()
    logs = [log for owner in chosen for log in logs_of(owner)]
    return [log for log in logs if database in {"", log.database}]


def _owner(slug: str) -> Placed:
    return Platform() if slug == Platform().slug else tenants.get_tenant(slug=slug)
