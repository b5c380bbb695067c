"""Called in a worker with Quintet's settings: setting up, and what is measured in-process."""

import io
from time import perf_counter
from typing import Any
from uuid import UUID

from django.core.management import call_command
from django.db import connections, transaction

from apps.kernel.ids import uuid7
from apps.tenancy import provisioning
from apps.tenancy.binding import bind
from apps.tenancy.identity import issuing
from apps.tenancy.models import Account, Domain, Home, Membership, Tenant
from apps.tenancy.operations import tenants
from apps.tenancy.roles import as_owner
from benchmarks import content

POOL = "pool_1"
SLUG = "bench"
# The page that is measured is the first of several; with the larger size it is the only one.
CELEBRITIES, FANS = 180, 220
SMALL_CELEBRITIES, SMALL_FANS = 6, 4
TAGS = 30


def bootstrap() -> None:
    """Make databases, roles, tables and the pool."""
    call_command("bootstrap", quiet=True)


def prepare_clone() -> None:
    """Give the databases of a clone their privileges, which a template does not pass on."""
    from django.conf import settings

    provisioning.provision(prefix=settings.DATABASE_PREFIX)


def fill(*, tenants_in_all: int) -> dict[str, Any]:
    """Provision tenants full of people; return the first one's id, tags and the rows themselves."""
    made = [
        _provision(SLUG if number == 0 else f"full-{number}") for number in range(tenants_in_all)
    ]
    first: dict[str, Any] = {}
    for number, tenant in enumerate(made):
        tag_ids = _make_tags(tenant)
        rows = content.rows(celebrities=CELEBRITIES, fans=FANS, tag_ids=tag_ids, seed=number)
        _write([(tenant.id, rows)])
        if number == 0:
            first = {"tenant_id": str(tenant.id), "rows": _as_json(rows)}
    _analyze()
    return first


def fill_small(*, count: int) -> None:
    """Add tenants with a few rows each, as a script of an operator would: many in one statement."""
    home = Home.objects.get(name=POOL)
    made = [
        Tenant(slug=f"small-{number}", name=f"Small {number}", home=home, status="ACTIVE")
        for number in range(count)
    ]
    Tenant.objects.bulk_create(made, batch_size=1000)
    domains = [
        Domain(tenant=tenant, domain=f"{tenant.slug}.example.com", is_primary=True)
        for tenant in made
    ]
    Domain.objects.bulk_create(domains, batch_size=1000)
    tag_ids = [uuid7() for _ in range(TAGS)]
    _write(
        [
            (
                tenant.id,
                content.rows(
                    celebrities=SMALL_CELEBRITIES, fans=SMALL_FANS, tag_ids=tag_ids, seed=number
                ),
            )
            for number, tenant in enumerate(made)
        ]
    )
    _analyze()


def _provision(slug: str) -> Tenant:
    return tenants.create_tenant(tenants.check_order(slug=slug, pool=POOL))


def _make_tags(tenant: Tenant) -> list[UUID]:
    from apps.platform.models import Tag

    with bind(tenant, writes="platform"):
        made = Tag.objects.bulk_create(
            [Tag(name=f"Tag {number}", tag_type="TOPIC") for number in range(TAGS)]
        )
    return [tag.id for tag in made]


def _write(batches: list[tuple[UUID, content.Rows]]) -> None:
    """COPY rows as the owner; the triggers of the tables run as they would for anybody."""
    with (
        as_owner(aliases=["users"], home=POOL),
        transaction.atomic(using="users"),
        connections["users"].cursor() as cursor,
    ):
        tables: dict[str, tuple[tuple[str, ...], list[Any]]] = {}
        for tenant_id, rows in batches:
            for table, columns, of_table in content.tenant_rows(rows, tenant_id):
                tables.setdefault(table, (columns, []))[1].extend(of_table)
        for table, (columns, of_table) in tables.items():
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in of_table:
                    copy.write_row(row)
        cursor.execute(
            "CREATE TEMPORARY TABLE counted (tenant_id uuid, profile_id uuid, follower_count int, "
            "following_count int) ON COMMIT DROP"
        )
        with cursor.copy("COPY counted FROM STDIN") as copy:
            for tenant_id, rows in batches:
                for counter in rows.counters:
                    copy.write_row((tenant_id, *counter))
        cursor.execute(
            "UPDATE profile_counters c SET follower_count = n.follower_count, "
            "following_count = n.following_count FROM counted n "
            "WHERE c.tenant_id = n.tenant_id AND c.profile_id = n.profile_id"
        )


def _analyze() -> None:
    with as_owner(), connections["default"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    with as_owner(aliases=["users"], home=POOL), connections["users"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _as_json(rows: content.Rows) -> dict[str, list[list[Any]]]:
    def plain(value: Any) -> Any:
        return value if value is None or isinstance(value, bool | int) else str(value)

    return {
        name: [[plain(value) for value in row] for row in getattr(rows, name)]
        for name in ("profiles", "tags", "images", "counters")
    }


def token() -> str:
    """Return a token of somebody on the staff of the first tenant."""
    tenant = Tenant.objects.get(slug=SLUG)
    email = "staff@bench.example"
    account = Account.objects.create_user(email, name="Staff")
    Membership.objects.create(tenant=tenant, account=account, role="editor")
    return issuing.token_for(email=email, tenant=tenant, ttl=3600)


def create_tenants(*, start: int, count: int) -> float:
    """Provision tenants wherever there is room, which is in the pool; return seconds per tenant."""
    begun = perf_counter()
    for number in range(start, start + count):
        tenants.create_tenant(tenants.check_order(slug=f"made-{number}"))
    return (perf_counter() - begun) / count


def migrate_nothing() -> float:
    """Run `migrate` where there is nothing to do; return seconds.

    :raises AssertionError: there was something to do.
    """
    said = io.StringIO()
    begun = perf_counter()
    call_command("migrate", stdout=said)
    taken = perf_counter() - begun
    assert "Nothing to migrate" in said.getvalue(), said.getvalue()
    return taken


def count_tenants() -> int:
    """Return how many tenants there are."""
    return Tenant.objects.count()


def disconnect() -> None:
    """Close every connection, so that the databases can be cloned."""
    connections.close_all()
