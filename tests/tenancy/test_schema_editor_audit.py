"""Audited tables stay audited through migrations, and partitioned ones are made as they must be."""

from typing import Any

import pytest
from django.db import DatabaseError, connections, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from apps.kernel.ids import uuid7
from apps.tenancy import partitions
from apps.tenancy.fields import PartitionKey
from apps.tenancy.models.audited import Audited
from tests.tenancy.schema_bench import ALIAS, HOME, Bench, query, tenant_model


@pytest.fixture
def audited_bench(bench: Bench) -> Bench:
    """A home in which the audit app's tables are, as in every other."""
    loader = MigrationLoader(None)
    path = loader.graph.forwards_plan(("audit", "0001_initial"))
    with connections[ALIAS].schema_editor(atomic=True) as editor:
        for key in path:
            bench.state = loader.graph.nodes[key].apply(bench.state, editor)
    partitions.ensure_partitions(ALIAS, HOME, now=timezone.now(), ahead=0)
    return bench


def add_show(**values: Any) -> Any:
    row = {"tenant_id": uuid7(), "id": uuid7(), **values}
    marks = ", ".join(["%s"] * len(row))
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(f"INSERT INTO show ({', '.join(row)}) VALUES ({marks})", list(row.values()))
    return row["id"]


def change_shows(assignment: str, *values: Any) -> None:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(f"UPDATE show SET {assignment}", values)


def changes() -> list[tuple[Any, ...]]:
    return query(
        "SELECT changed_fields, old_values::text, new_values::text FROM audit_log "
        "WHERE action = 'UPDATE' ORDER BY xid",
        [],
    )


class TestAudited:
    AUDITED = Audited(name="show_audit", subject="id", personal=["name"])

    @pytest.fixture(params=[1, 150], ids=["few", "many"])
    def shows(self, request: Any, audited_bench: Bench) -> int:
        """An audited table with so many rows: both ways through the trigger."""
        audited_bench.run(
            tenant_model(
                "Show",
                ("name", models.CharField(max_length=20)),
                ("seats", models.IntegerField()),
                constraints=[self.AUDITED],
            )
        )
        for _ in range(request.param):
            add_show(name="Secret", seats=3)
        return int(request.param)

    def test_logs_a_column_that_is_added_later(self, audited_bench: Bench, shows: int) -> None:
        change_shows("seats = 4")

        audited_bench.run(
            migrations.AddField("show", "hall", models.CharField(max_length=9, default="A"))
        )
        change_shows("hall = %s", "B")

        assert len(changes()) == 2 * shows
        assert changes()[-shows:] == [(["hall"], '{"hall": "A"}', '{"hall": "B"}')] * shows

    def test_logs_a_column_under_its_new_name(self, audited_bench: Bench, shows: int) -> None:
        change_shows("seats = 4")

        audited_bench.run(migrations.RenameField("show", "seats", "chairs"))
        change_shows("chairs = 5")

        assert changes()[-shows:] == [(["chairs"], '{"chairs": 4}', '{"chairs": 5}')] * shows

    def test_logs_the_rest_after_a_column_is_removed(
        self, audited_bench: Bench, shows: int
    ) -> None:
        change_shows("seats = 4")

        audited_bench.run(
            migrations.AddField("show", "hall", models.CharField(max_length=9, default="A")),
            migrations.RemoveField("show", "seats"),
        )
        change_shows("hall = 'B'")

        assert changes()[-shows:] == [(["hall"], '{"hall": "A"}', '{"hall": "B"}')] * shows

    def test_logs_types_that_can_not_be_compared(self, audited_bench: Bench, shows: int) -> None:
        with connections[ALIAS].cursor() as cursor:
            cursor.execute("ALTER TABLE show ADD at point, ADD said json, ADD price numeric")
        change_shows("at = '(1,2)', said = '[1]', price = 1.0")

        change_shows("at = '(1,3)', said = '[1]', price = 1.00")

        assert changes()[-shows:] == [(["at"], '{"at": "(1,2)"}', '{"at": "(1,3)"}')] * shows

    def test_refuses_a_renamed_personal_column_until_the_guard_is_made_anew(
        self, audited_bench: Bench, shows: int
    ) -> None:
        audited_bench.run(migrations.RenameField("show", "name", "label"))

        with pytest.raises(DatabaseError, match="name"):
            change_shows("label = 'Another'")

        audited_bench.run(
            migrations.RemoveConstraint("show", "show_audit"),
            migrations.AddConstraint(
                "show", Audited(name="show_audit", subject="id", personal=["label"])
            ),
        )
        change_shows("label = 'Another'")
        assert len(changes()) == shows
        assert "Another" not in str(changes())

    def test_is_taken_away_again_with_its_function(self, audited_bench: Bench, shows: int) -> None:
        audited_bench.run(migrations.RemoveConstraint("show", "show_audit"))
        change_shows("seats = 9")

        assert changes() == []
        assert query("SELECT count(*) FROM pg_proc WHERE proname = 'show_audit'", []) == [(0,)]
        assert query(
            "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = to_regclass(%s)",
            [f"{HOME}.show"],
        ) == [(0,)]

    def test_refuses_truncate(self, audited_bench: Bench, shows: int) -> None:
        with pytest.raises(DatabaseError, match="show is audited: TRUNCATE refused"):
            query("TRUNCATE show", [])

    def test_names_no_subject_without_something_personal(self) -> None:
        with pytest.raises(ValueError, match="nothing personal"):
            Audited(name="careless", subject="id")

    @pytest.mark.parametrize(
        "options", [{}, {"tenant": None}, {"subject": "id", "personal": ["name"]}]
    )
    def test_is_rebuilt_from_a_migration_as_it_was(self, options: dict[str, Any]) -> None:
        audited = Audited(name="show_audit", **options)
        _, arguments, keywords = audited.deconstruct()

        assert Audited(*arguments, **keywords) == audited
        assert audited != Audited(name="show_audit", tenant="another")


class TestPartitionKey:
    def test_makes_the_table_partitioned_and_the_time_a_part_of_its_key(self, bench: Bench) -> None:
        bench.run(tenant_model("Show", ("at", PartitionKey())))

        assert bench.columns_of(kind="p", table="show") == {("tenant_id", "at", "id")}
        assert bench.is_walled("show")
        assert query("SELECT pg_get_partkeydef(to_regclass(%s))", [f"{HOME}.show"]) == [
            ("RANGE (at)",)
        ]

    def test_leads_indexes_with_the_tenant_and_leaves_unique_ones_to_the_key(
        self, bench: Bench
    ) -> None:
        bench.run(
            tenant_model(
                "Show", ("at", PartitionKey()), ("seats", models.IntegerField(db_index=True))
            )
        )

        assert "(tenant_id, seats)" in bench.indexes_of("show")
