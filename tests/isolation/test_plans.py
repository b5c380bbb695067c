"""Under row-level security, every list and every look-up still goes by an index."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from apps.kernel.ids import uuid7
from apps.platform.models import Tag
from apps.tenancy import homes
from apps.tenancy.binding import bind
from apps.tenancy.models import Home, Role, Tenant
from apps.tenancy.operations import members
from apps.tenancy.roles import as_owner
from tests.conftest import admin
from tests.isolation import world as worlds
from tests.isolation.world import models_of_homes
from tests.tenancy.people import client_of, forget_everything

HOME = "t_plans"
ROWS = 200_000
TENANTS = 20
TAG = UUID("0190aaaa-0000-7000-8000-000000000000")

PROFILES = """
INSERT INTO profiles (tenant_id, id, profile_type, keycloak_id, display_name, first_name, last_name,
    bio, company_name, title, status, display_weight, store_code, meta_data, field_privacy,
    created_on, updated_at, is_deleted)
SELECT (%(tenants)s::uuid[])[1 + n * %(count)s / (%(rows)s + 1)], extensions.uuid7(), 'CELEBRITY',
    extensions.uuid7(),
    'Person ' || n, '', '', '', '', '', 'ACTIVE', n %% 1000, '', '{}', '{}', now(), now(), false
FROM generate_series(1, %(rows)s) AS n
"""
# One row for each profile, so that what is joined is as large.
BESIDE = """
INSERT INTO profile_counters (tenant_id, id, profile_id, follower_count, following_count)
    SELECT tenant_id, extensions.uuid7(), id, 0, 0 FROM profiles;
INSERT INTO profile_tags (tenant_id, id, profile_id, tag_id)
    SELECT tenant_id, extensions.uuid7(), id, extensions.uuid7() FROM profiles;
"""
SEARCH_INDEXES = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_am ON pg_am.oid = c.relam
WHERE c.relkind = 'i' AND amname <> 'btree' AND relnamespace = to_regnamespace('t_plans')
"""
LARGE = ("profiles", "profile_counters", "profile_tags")


class Plans:
    """Explains every statement on a database before it runs, and keeps the sequential scans."""

    def __init__(self, *, tables: tuple[str, ...]) -> None:
        self.tables = tables
        self.statements = 0
        self.scans: list[str] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip("( ").upper().startswith(("SELECT", "WITH")):
            self.statements += 1
            with context["connection"].connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
                plan = cursor.fetchone()[0]
            for node in nodes(plan if isinstance(plan, list) else json.loads(plan)):
                if node.get("Node Type") == "Seq Scan" and node["Relation Name"] in self.tables:
                    self.scans.append(f"{node['Relation Name']}: {sql}")
        return execute(sql, params, many, context)


def nodes(plan: Any) -> Iterator[dict[str, Any]]:
    """Every node of a plan."""
    for each in plan:
        node = each.get("Plan", each)
        yield node
        yield from nodes(node.get("Plans", ()))


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[Tenant, UUID]]:
    """A tenant among twenty in a home with 200,000 profiles, and one of its profiles."""
    with django_db_blocker.unblock():
        homes.run_step(homes.HomeStep("users", HOME))
        homes.run_step(homes.HomeStep("platform", HOME))
        home = Home.objects.create(name=HOME, kind=Home.Kind.OWN, state=Home.State.PREPARING)
        tenant = Tenant.objects.create(
            slug="t-plans", name="Plans", home=home, status=Tenant.Status.ACTIVE
        )
        tenant.domains.create(domain="t-plans.quintet.test", is_primary=True)
        try:
            yield tenant, fill(tenant)
        finally:
            tenant.delete()
            home.delete()
            homes.drop_schemas(HOME)


def fill(tenant: Tenant) -> UUID:
    tenants = [tenant.id, *(uuid7() for _ in range(TENANTS - 1))]
    with bind(tenant, writes="platform"):
        Tag.objects.create(id=TAG, name="asked for", tag_type="TOPIC")
    with admin(database=connections["users"].settings_dict["NAME"]) as connection:
        # No foreign key is checked 400,000 times, and what serves the search is not asked here.
        connection.execute(f"SET search_path = {HOME}; SET session_replication_role = replica")
        for (index,) in connection.execute(SEARCH_INDEXES).fetchall():
            connection.execute(f"DROP INDEX {index}")
        for table in LARGE:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.execute(PROFILES, {"tenants": tenants, "count": TENANTS, "rows": ROWS})
        connection.execute(BESIDE)
        connection.execute(f"ANALYZE {', '.join(LARGE)}")
        row = connection.execute(
            "SELECT id FROM profiles WHERE tenant_id = %s LIMIT 1", [tenant.id]
        ).fetchone()
        connection.execute(
            "INSERT INTO profile_tags (tenant_id, id, profile_id, tag_id) VALUES (%s, %s, %s, %s)",
            [tenant.id, uuid7(), row[0], TAG],
        )
        return UUID(str(row[0]))


@pytest.mark.slow
class TestDirectory:
    @pytest.mark.parametrize(
        "path",
        [
            "/api/v1/profiles",
            "/api/v1/profiles?ordering=display_name",
            "/api/v1/profiles?ordering=-created_on",
            "/api/v1/profiles?profile_type=CELEBRITY",
            f"/api/v1/profiles?tag={TAG}",
            "/api/v1/profiles?expand=tags",
            "/api/v1/profiles/{profile}",
            "/api/v1/profiles/{profile}/followers",
            "/api/v1/me",
        ],
    )
    def test_scans_no_large_table(self, crowd: tuple[Tenant, UUID], path: str) -> None:
        tenant, profile = crowd
        forget_everything()
        reader = worlds.new_account("reader")
        members.add_member(tenant_id=tenant.id, account_id=reader.id, role=Role.VIEWER)
        client = client_of(tenant, reader)
        plans = Plans(tables=LARGE)

        with connections["users"].execute_wrapper(plans):
            reply = client.get(path.replace("{profile}", str(profile)))

        assert reply.status_code in {200, 404}, reply.content
        assert plans.statements > 0
        assert plans.scans == []

    def test_would_notice_a_scan(self, crowd: tuple[Tenant, UUID]) -> None:
        plans = Plans(tables=LARGE)

        with bind(crowd[0]), connections["users"].cursor() as cursor:
            with connections["users"].execute_wrapper(plans):
                cursor.execute("SELECT count(*) FROM profiles WHERE bio LIKE '%x'")

        # One tenant of twenty is few enough for an index; without the tenant there is none.
        with as_owner(aliases=["users"], home=HOME), connections["users"].cursor() as cursor:
            with connections["users"].execute_wrapper(plans):
                cursor.execute("SELECT count(*) FROM profiles WHERE bio LIKE '%x'")

        assert len(plans.scans) == 1


FOREIGN_KEYS = [
    (model, field)
    for model in sorted(
        {model for _, model in models_of_homes()}, key=lambda model: model._meta.label
    )
    for field in model._meta.local_fields
    if field.remote_field is not None
]


class TestForeignKeys:
    @pytest.mark.parametrize(
        ("model", "field"),
        FOREIGN_KEYS,
        ids=lambda value: getattr(value, "name", None) or value.__name__,
    )
    def test_has_an_index_that_leads_to_it(self, tenant: Tenant, model: Any, field: Any) -> None:
        plans = Plans(tables=(model._meta.db_table,))

        with bind(tenant):
            rows = model._base_manager.filter(**{field.attname: uuid7()})
            alias = rows.db
            with connections[alias].cursor() as cursor:
                # The tables are empty here: only where no index will do is it a scan all the same.
                cursor.execute("SET LOCAL enable_seqscan = off")
            with connections[alias].execute_wrapper(plans):
                rows.exists()

        assert plans.statements == 1
        assert plans.scans == []
