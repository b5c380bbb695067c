"""Every way of writing a row is logged, once, with what it changed."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connections, transaction

from apps.audit.models import AuditEntry
from apps.kernel.ids import uuid7
from apps.platform.models import Tag
from apps.tenancy import binding
from apps.tenancy.models import Tenant
from apps.tenancy.roles import as_owner
from apps.users.models import Profile
from config.databases import OWNER
from tests.audit.conftest import enter
from tests.factories import CelebrityFactory, TagFactory

LogOf = Callable[..., list[AuditEntry]]


@pytest.fixture
def tag(tenant_in_home: Tenant) -> Tag:
    with binding.bind(tenant_in_home, writes="platform"):
        return TagFactory(name="before", keywords=["a"], meta_data={"n": 1})


@pytest.fixture
def entries(log_of: LogOf, tenant_in_home: Tenant) -> Callable[..., list[tuple[Any, ...]]]:
    """Return a reader of what was logged of one table since the test's rows were made."""

    def read(table: str, *, alias: str = "users", after: int = 0) -> list[tuple[Any, ...]]:
        found = log_of(tenant_in_home, alias=alias, entity_type=table)[after:]
        return [(entry.action, entry.old_values, entry.new_values) for entry in found]

    return read


def renamed(old: str, new: str) -> tuple[Any, ...]:
    return ("UPDATE", {"name": old}, {"name": new})


class TestDjango:
    def test_logs_a_save_with_the_whole_row_and_then_with_what_changed(
        self, tenant_in_home: Tenant, tag: Tag, log_of: LogOf
    ) -> None:
        with binding.bind(tenant_in_home, writes="platform"):
            tag.name = "after"
            tag.save()

        added, changed = log_of(tenant_in_home, alias="platform")
        assert (added.action, added.old_values, added.changed_fields) == ("INSERT", None, None)
        assert set(added.new_values) == {field.column for field in Tag._meta.local_fields}
        assert added.new_values["keywords"] == ["a"]
        assert added.new_values["meta_data"] == {"n": 1}
        assert (changed.action, changed.changed_fields) == ("UPDATE", ["name"])
        assert (changed.old_values, changed.new_values) == ({"name": "before"}, {"name": "after"})
        assert {entry.entity_id for entry in (added, changed)} == {str(tag.id)}
        assert {entry.tenant_id for entry in (added, changed)} == {tenant_in_home.id}
        assert added.xid < changed.xid

    def test_logs_bulk_writes_row_by_row(self, tenant_in_home: Tenant, entries: Any) -> None:
        with binding.bind(tenant_in_home, writes="platform"):
            tags = Tag.objects.bulk_create(TagFactory.build_batch(3))
            for number, each in enumerate(tags):
                each.name = f"bulk {number}"
            Tag.objects.bulk_update(tags, ["name"])
            Tag.objects.filter(name__startswith="bulk").update(color="#000000")
            Tag.objects.all().delete()

        actions = [action for action, _, _ in entries("tags", alias="platform")]
        assert actions == ["INSERT"] * 3 + ["UPDATE"] * 6 + ["DELETE"] * 3
        updates = entries("tags", alias="platform")[3:9]
        assert sorted(new["name"] for _, _, new in updates[:3]) == ["bulk 0", "bulk 1", "bulk 2"]
        assert [row[1:] for row in updates[3:]] == [({"color": ""}, {"color": "#000000"})] * 3

    def test_logs_a_delete_with_the_whole_row(
        self, tenant_in_home: Tenant, tag: Tag, entries: Any
    ) -> None:
        with binding.bind(tenant_in_home, writes="platform"):
            Tag.objects.filter(id=tag.id).delete()

        added, deleted = entries("tags", alias="platform")
        assert deleted == ("DELETE", added[2], None)

    def test_logs_nothing_where_nothing_changes(
        self, tenant_in_home: Tenant, tag: Tag, entries: Any
    ) -> None:
        with binding.bind(tenant_in_home, writes="platform"):
            tag.save()
            Tag.objects.update(name="before", meta_data={"n": 1}, keywords=["a"])
            Tag.objects.filter(name="nobody").update(name="x")

        assert len(entries("tags", alias="platform")) == 1

    def test_logs_nothing_of_what_is_rolled_back(
        self, tenant_in_home: Tenant, tag: Tag, entries: Any
    ) -> None:
        with binding.bind(tenant_in_home, writes="platform") as bound:
            Tag.objects.update(name="gone with the transaction")
            bound.rollback()
        with binding.bind(tenant_in_home, writes="platform"):
            with pytest.raises(ZeroDivisionError), transaction.atomic(using="platform"):
                Tag.objects.update(name="gone with the savepoint")
                raise ZeroDivisionError
            Tag.objects.update(name="after")

        assert entries("tags", alias="platform", after=1) == [renamed("before", "after")]

    @pytest.mark.parametrize(
        ("column", "old", "new"),
        [
            ("last_modified_on", None, "2026-05-04T10:00:00+00:00"),
            ("keywords", ["a"], ["b", 'c"{,}', ""]),
            ("keywords", ["a"], []),
            ("meta_data", {"n": 1}, {"n": None, "deep": [{"é": '"'}]}),
            ("description", "", "x" * 1_000_000),
        ],
        ids=["null", "array", "empty array", "jsonb", "a megabyte"],
    )
    def test_logs_every_kind_of_value_there_and_back(
        self, tenant_in_home: Tenant, tag: Tag, entries: Any, column: str, old: Any, new: Any
    ) -> None:
        for value in (new, old):
            with binding.bind(tenant_in_home, writes="platform"):
                Tag.objects.update(**{column: value})

        assert entries("tags", alias="platform", after=1) == [
            ("UPDATE", {column: old}, {column: new}),
            ("UPDATE", {column: new}, {column: old}),
        ]


class TestRawSql:
    """As the run-time role, in a transaction that says its tenant and its path alone."""

    @pytest.fixture
    def star(self, tenant_in_home: Tenant) -> Profile:
        with binding.bind(tenant_in_home, writes="users"):
            return CelebrityFactory()

    def test_logs_insert_update_and_delete(
        self, raw: psycopg.Connection, star: Profile, entries: Any
    ) -> None:
        row = {"id": uuid7(), "profile": star.id, "tag": uuid7(), "other": uuid7()}
        raw.execute(
            "INSERT INTO profile_tags (id, profile_id, tag_id) "
            "VALUES (%(id)s, %(profile)s, %(tag)s)",
            row,
        )
        raw.execute("UPDATE profile_tags SET tag_id = %(other)s WHERE id = %(id)s", row)
        raw.execute("DELETE FROM profile_tags WHERE id = %(id)s", row)
        raw.commit()

        assert [action for action, _, _ in entries("profile_tags")] == [
            "INSERT",
            "UPDATE",
            "DELETE",
        ]

    def test_logs_on_conflict_as_what_became_of_each_row(
        self, raw: psycopg.Connection, star: Profile, entries: Any
    ) -> None:
        upsert = (
            "INSERT INTO profile_tags (id, profile_id, tag_id) "
            "SELECT extensions.uuid7(), %s, tag FROM unnest(%s::uuid[]) AS tag "
            "ON CONFLICT (tenant_id, profile_id, tag_id) DO UPDATE SET id = excluded.id"
        )
        first, second = uuid7(), uuid7()
        raw.execute(upsert, [star.id, [first]])
        raw.execute(upsert, [star.id, [first, second]])
        raw.commit()

        # The key itself was changed: one row went and another came.
        assert sorted(action for action, _, _ in entries("profile_tags")) == [
            *["DELETE"],
            *["INSERT"] * 3,
        ]

    def test_logs_merge(self, raw: psycopg.Connection, star: Profile, entries: Any) -> None:
        ids = [uuid7() for _ in range(3)]
        raw.execute(
            "INSERT INTO profile_tags (id, profile_id, tag_id) "
            "SELECT id, %s, id FROM unnest(%s::uuid[]) AS id",
            [star.id, ids[:2]],
        )
        raw.execute(
            "MERGE INTO profile_tags t USING unnest(%s::uuid[]) AS s(id) ON t.id = s.id "
            "WHEN MATCHED AND t.id = %s THEN DELETE "
            "WHEN MATCHED THEN UPDATE SET tag_id = extensions.uuid7() "
            "WHEN NOT MATCHED THEN INSERT (id, profile_id, tag_id) VALUES (s.id, %s, s.id)",
            [ids, ids[0], star.id],
        )
        raw.commit()

        merged = sorted(action for action, _, _ in entries("profile_tags", after=2))
        assert merged == ["DELETE", "INSERT", "UPDATE"]

    def test_logs_a_writable_cte(
        self, raw: psycopg.Connection, star: Profile, entries: Any
    ) -> None:
        raw.execute(
            "WITH made AS (INSERT INTO profile_tags (id, profile_id, tag_id) "
            "  VALUES (extensions.uuid7(), %s, extensions.uuid7()) RETURNING profile_id), "
            "raised AS (UPDATE profiles SET display_weight = 7 "
            "  WHERE id IN (SELECT profile_id FROM made) RETURNING id) SELECT * FROM raised",
            [star.id],
        )
        raw.commit()

        assert [action for action, _, _ in entries("profile_tags")] == ["INSERT"]
        assert entries("profiles", after=1) == [
            ("UPDATE", {"display_weight": 0}, {"display_weight": 7})
        ]

    @pytest.mark.parametrize("count", [1, 150], ids=["few", "many"])
    def test_logs_a_changed_key_as_a_row_that_went_and_one_that_came(
        self, raw: psycopg.Connection, star: Profile, entries: Any, count: int
    ) -> None:
        raw.execute(
            "INSERT INTO profile_tags (id, profile_id, tag_id) "
            "SELECT extensions.uuid7(), %s, extensions.uuid7() FROM generate_series(1, %s)",
            [star.id, count],
        )
        raw.execute("UPDATE profile_tags SET id = extensions.uuid7()")
        raw.commit()

        made, changed = entries("profile_tags")[:count], entries("profile_tags")[count:]
        went = [old for action, old, new in changed if action == "DELETE" and new is None]
        came = [new for action, old, new in changed if action == "INSERT" and old is None]
        assert len(changed) == 2 * count
        assert sorted(map(str, went)) == sorted(str(new) for _, _, new in made)
        assert sorted(row["tag_id"] for row in came) == sorted(row["tag_id"] for row in went)
        assert all(set(row) == {"tenant_id", "id", "profile_id", "tag_id"} for row in came)

    @pytest.mark.parametrize("statement", ["TRUNCATE profile_tags", "TRUNCATE profiles CASCADE"])
    def test_nobody_truncates(self, connect: Any, tenant_in_home: Tenant, statement: str) -> None:
        for role in (OWNER, None):
            connection = connect(role)
            enter(connection, tenant_in_home)
            if role is None:
                connection.execute("SET LOCAL session_replication_role = replica")
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="TRUNCATE refused"):
                connection.execute(statement)


class TestSettings:
    """How a session has values written is no way around the log."""

    @pytest.mark.parametrize("rows", [1, 150], ids=["few", "many"])
    def test_of_digits_hide_no_change(
        self, connect: Any, tenant_in_home: Tenant, rows: int
    ) -> None:
        with binding.bind(tenant_in_home, writes="platform"):
            TagFactory.create_batch(rows)
        connection = connect(None, alias="platform")
        enter(connection, tenant_in_home)
        connection.execute("ALTER TABLE tags ADD COLUMN heat float8 NOT NULL DEFAULT 0.123456")
        connection.execute(
            "SET LOCAL ROLE quintet_app; SET LOCAL extra_float_digits = -15; "
            "SET LOCAL timezone = 'Asia/Tokyo'; SET LOCAL bytea_output = 'escape'"
        )

        connection.execute(
            "UPDATE tags SET heat = 0.123457, last_modified_on = '2026-05-04T10:00Z'"
        )

        logged = connection.execute(
            "SELECT old_values ->> 'heat', new_values ->> 'heat', new_values ->> 'last_modified_on' "
            "FROM audit_log WHERE entity_type = 'tags' AND action = 'UPDATE'"
        ).fetchall()
        assert logged == [("0.123456", "0.123457", "2026-05-04T10:00:00+00:00")] * rows


class TestFewAndMany:
    """One row and hundreds take different ways through the trigger, and say the same."""

    MANY = 250

    def test_say_the_same_of_the_same_change(self, tenant_in_home: Tenant, log_of: LogOf) -> None:
        changes = {
            "name": "a \"quoted\" name, {with} 'everything' % \\ é",
            "keywords": ["x,y", '"', "{}"],
            "meta_data": {"k": [1, None, "\\"]},
            "last_modified_on": "2026-05-04T10:00:00.123456Z",
        }
        with binding.bind(tenant_in_home, writes="platform"):
            few = TagFactory(name="few", tag_type="SKILL")
            Tag.objects.filter(id=few.id).update(**changes)
            many = Tag.objects.bulk_create(
                Tag(name=f"many {number}", tag_type="TOPIC") for number in range(self.MANY)
            )
            # Of one type a name is there once.
            del changes["name"]
            Tag.objects.filter(tag_type="TOPIC").update(**changes)

        found = log_of(tenant_in_home, alias="platform", action="UPDATE")
        (single,) = [entry for entry in found if entry.entity_id == str(few.id)]
        others = [entry for entry in found if entry.entity_id != str(few.id)]
        assert {entry.entity_id for entry in others} == {str(tag.id) for tag in many}
        assert len(others) == self.MANY
        single.old_values.pop("name"), single.new_values.pop("name")
        for entry in others:
            assert sorted(entry.changed_fields) == sorted(changes)
            assert entry.old_values == single.old_values
            assert entry.new_values == single.new_values

    def test_bulk_logs_only_the_rows_that_changed(
        self, tenant_in_home: Tenant, log_of: LogOf
    ) -> None:
        with binding.bind(tenant_in_home, writes="platform"):
            Tag.objects.bulk_create(
                Tag(name=f"t{number}", tag_type="TOPIC", color="#000000" if number % 2 else "")
                for number in range(self.MANY)
            )
            Tag.objects.update(color="#000000")

        assert len(log_of(tenant_in_home, alias="platform", action="UPDATE")) == self.MANY // 2

    def test_no_plan_that_was_made_for_one_is_kept_for_many(
        self, raw: psycopg.Connection, tenant_in_home: Tenant, entries: Any
    ) -> None:
        rows = 5_000
        with binding.bind(tenant_in_home, writes="users"):
            ids = [
                star.id for star in Profile.objects.bulk_create(CelebrityFactory.build_batch(rows))
            ]
        raw.execute("SET LOCAL statement_timeout = '20s'")
        single = "UPDATE profiles SET bio = bio || 'x' WHERE id = %s"
        # A prepared statement's plan is kept after five runs.
        for profile_id in ids[:8]:
            raw.execute(single, [profile_id])

        raw.execute("UPDATE profiles SET bio = bio || 'y'")
        before = self.salts_scanned(raw)
        for profile_id in ids[-8:]:
            raw.execute(single, [profile_id])

        assert self.salts_scanned(raw) == before
        raw.commit()
        assert len(entries("profiles", after=rows)) == rows + 16

    def salts_scanned(self, connection: psycopg.Connection) -> tuple[Any, ...] | None:
        """Sequential scans of the salts by this session, in the open transaction."""
        return connection.execute(
            "SELECT seq_scan, seq_tup_read FROM pg_stat_xact_all_tables "
            "WHERE relid = 'audit_salts'::regclass"
        ).fetchone()


class TestOwner:
    def test_logs_copy_and_one_statement_over_tenants_under_each(
        self, tenant_in_home: Tenant, make_tenant: Any, log_of: LogOf
    ) -> None:
        home = tenant_in_home.schema_name
        both = [tenant_in_home, make_tenant(home=home)]
        rows = [(tenant.id, uuid7(), uuid7().hex) for tenant in both]
        with as_owner(aliases=["platform"], home=home), connections["platform"].cursor() as cursor:
            columns = "tenant_id, id, name, tag_type, description, color, thumbnail, keywords, "
            with cursor.copy(f"COPY tags ({columns} meta_data, created_on) FROM STDIN") as copy:
                for tenant_id, tag_id, name in rows:
                    copy.write_row(
                        (tenant_id, tag_id, name, "TOPIC", "", "", "", [], "{}", "2026-01-01Z")
                    )
            cursor.execute(
                "UPDATE tags SET color = '#000000' WHERE tenant_id = ANY (%s)",
                [[tenant.id for tenant in both]],
            )

        for tenant, (_, tag_id, name) in zip(both, rows, strict=True):
            copied, updated = log_of(tenant, alias="platform")
            assert (copied.action, copied.new_values["name"]) == ("INSERT", name)
            assert (updated.action, updated.new_values) == ("UPDATE", {"color": "#000000"})
            assert {copied.entity_id, updated.entity_id} == {str(tag_id)}

    def test_logs_the_same_key_of_two_tenants_apart(
        self, tenant_in_home: Tenant, make_tenant: Any, log_of: LogOf
    ) -> None:
        home, tag_id = tenant_in_home.schema_name, uuid7()
        both = [tenant_in_home, make_tenant(home=home)]
        for tenant in both:
            with binding.bind(tenant, writes="platform"):
                TagFactory(id=tag_id, name=f"of {tenant.slug}")

        with as_owner(aliases=["platform"], home=home), connections["platform"].cursor() as cursor:
            cursor.execute("UPDATE tags SET name = name || '!' WHERE id = %s", [tag_id])

        for tenant in both:
            (updated,) = log_of(tenant, alias="platform", action="UPDATE")
            assert updated.old_values == {"name": f"of {tenant.slug}"}
            assert updated.new_values == {"name": f"of {tenant.slug}!"}
