"""Every migration operation leaves a walled table walled."""

import pytest
from django.db import connections, migrations, models

from apps.kernel.ids import uuid7
from apps.tenancy.fields import TenantKey
from apps.tenancy.models.constraints import AppendOnly, RowTrigger
from apps.tenancy.postgresql.schema import UnwallableModel
from tests.tenancy.schema_bench import ALIAS, HOME, Bench, foreign_key, query, tenant_model


class TestCreateModel:
    def test_puts_the_tenant_first_in_the_primary_key_and_walls_the_table(
        self, bench: Bench
    ) -> None:
        bench.run(tenant_model("Show", ("name", models.CharField(max_length=20))))

        assert bench.columns_of(kind="p", table="show") == {("tenant_id", "id")}
        assert bench.is_walled("show")

    def test_grants_the_serving_role_dml_and_nothing_else(self, bench: Bench) -> None:
        bench.run(tenant_model("Show"))

        rows = query(
            "SELECT grantee, string_agg(privilege_type, ',' ORDER BY privilege_type) "
            "FROM information_schema.role_table_grants "
            "WHERE table_schema = %s AND grantee <> 'quintet_owner' GROUP BY 1 ORDER BY 1",
            [HOME],
        )
        assert rows == [
            ("quintet_app", "DELETE,INSERT,SELECT,UPDATE"),
            ("quintet_auditor", "SELECT"),
        ]

    def test_makes_foreign_keys_of_two_columns(self, bench: Bench) -> None:
        bench.run(tenant_model("Show"), tenant_model("Seat", ("show", foreign_key("Show"))))

        assert bench.columns_of(kind="f", table="seat") == {("tenant_id", "show_id")}
        assert "(tenant_id, show_id)" in bench.indexes_of("seat")

    def test_makes_a_foreign_key_to_itself_of_two_columns(self, bench: Bench) -> None:
        bench.run(tenant_model("Show", ("parent", foreign_key("Show", null=True))))

        assert bench.columns_of(kind="f", table="show") == {("tenant_id", "parent_id")}

    def test_leads_every_kind_of_unique_with_the_tenant(self, bench: Bench) -> None:
        bench.run(
            tenant_model(
                "Show",
                ("code", models.CharField(max_length=9, unique=True)),
                ("row", models.IntegerField()),
                ("seat", models.IntegerField()),
                unique_together={("row", "seat")},
                constraints=[
                    models.UniqueConstraint(name="plain", fields=["row", "code"]),
                    models.UniqueConstraint(
                        name="partial", fields=["seat"], condition=models.Q(row__gt=3)
                    ),
                    models.UniqueConstraint(
                        name="deferred",
                        fields=["code", "seat"],
                        deferrable=models.Deferrable.DEFERRED,
                    ),
                ],
            )
        )

        assert bench.columns_of(kind="u", table="show") == {
            ("tenant_id", "code"),
            ("tenant_id", "row", "seat"),
            ("tenant_id", "row", "code"),
            ("tenant_id", "code", "seat"),
        }
        uniques = [line for line in bench.indexes_of("show").splitlines() if "UNIQUE" in line]
        assert uniques and all("(tenant_id, " in line for line in uniques)

    def test_refuses_a_unique_expression_that_does_not_begin_with_the_tenant(
        self, bench: Bench
    ) -> None:
        lower = models.functions.Lower("name")

        with pytest.raises(UnwallableModel, match="must begin with tenant_id"):
            bench.run(
                tenant_model(
                    "Show",
                    ("name", models.CharField(max_length=20)),
                    constraints=[models.UniqueConstraint(lower, name="one_name")],
                )
            )

    def test_takes_a_unique_expression_that_begins_with_the_tenant(self, bench: Bench) -> None:
        bench.run(
            tenant_model(
                "Show",
                ("name", models.CharField(max_length=20)),
                constraints=[
                    models.UniqueConstraint("tenant_id", models.functions.Lower("name"), name="one")
                ],
            )
        )

        assert "(tenant_id, lower((name)::text))" in bench.indexes_of("show")

    def test_refuses_an_automatic_many_to_many(self, bench: Bench) -> None:
        with pytest.raises(UnwallableModel, match="has no tenant"):
            bench.run(
                tenant_model("Show"),
                tenant_model("Night", ("shows", models.ManyToManyField("events.Show"))),
            )

    def test_refuses_a_foreign_key_over_the_wall(self, bench: Bench) -> None:
        plain = migrations.CreateModel("Plain", [("id", models.IntegerField(primary_key=True))])

        with pytest.raises(UnwallableModel, match="cross a tenant's wall"):
            bench.run(plain, tenant_model("Seat", ("plain", foreign_key("Plain"))))


class TestFields:
    def test_adds_a_foreign_key_of_two_columns(self, bench: Bench) -> None:
        bench.run(tenant_model("Show"), tenant_model("Seat"))

        bench.run(migrations.AddField("seat", "show", foreign_key("Show", null=True)))

        assert bench.columns_of(kind="f", table="seat") == {("tenant_id", "show_id")}

    def test_adds_a_one_to_one_that_is_unique_within_the_tenant(self, bench: Bench) -> None:
        bench.run(tenant_model("Show"), tenant_model("Poster"))
        one_to_one = models.OneToOneField("events.Show", on_delete=models.PROTECT, null=True)

        bench.run(migrations.AddField("poster", "show", one_to_one))

        assert bench.columns_of(kind="u", table="poster") == {("tenant_id", "show_id")}
        assert bench.columns_of(kind="f", table="poster") == {("tenant_id", "show_id")}

    def test_retargets_a_foreign_key_without_keeping_the_old_one(self, bench: Bench) -> None:
        bench.run(
            tenant_model("Show"),
            tenant_model("Night"),
            tenant_model("Seat", ("at", foreign_key("Show"))),
        )

        bench.run(migrations.AlterField("seat", "at", foreign_key("Night")))

        targets = query(
            "SELECT confrelid::regclass::text FROM pg_constraint "
            "WHERE contype = 'f' AND conrelid = to_regclass(%s)",
            [f"{HOME}.seat"],
        )
        assert targets == [("night",)]

    def test_adds_and_takes_away_unique(self, bench: Bench) -> None:
        bench.run(tenant_model("Show", ("code", models.CharField(max_length=9))))

        bench.run(
            migrations.AlterField("show", "code", models.CharField(max_length=9, unique=True))
        )
        assert bench.columns_of(kind="u", table="show") == {("tenant_id", "code")}

        bench.run(migrations.AlterField("show", "code", models.CharField(max_length=9)))
        assert bench.columns_of(kind="u", table="show") == set()

    def test_adds_a_unique_column(self, bench: Bench) -> None:
        bench.run(tenant_model("Show"))

        bench.run(
            migrations.AddField(
                "show", "code", models.CharField(max_length=9, unique=True, null=True)
            )
        )

        assert bench.columns_of(kind="u", table="show") == {("tenant_id", "code")}

    def test_renames_a_column_and_keeps_its_keys(self, bench: Bench) -> None:
        bench.run(tenant_model("Show"), tenant_model("Seat", ("show", foreign_key("Show"))))

        bench.run(migrations.RenameField("seat", "show", "evening"))

        assert bench.columns_of(kind="f", table="seat") == {("tenant_id", "evening_id")}

    def test_makes_a_foreign_key_a_one_to_one(self, bench: Bench) -> None:
        bench.run(tenant_model("Show"), tenant_model("Seat", ("show", foreign_key("Show"))))

        bench.run(
            migrations.AlterField(
                "seat", "show", models.OneToOneField("events.Show", on_delete=models.PROTECT)
            )
        )

        assert bench.columns_of(kind="u", table="seat") == {("tenant_id", "show_id")}
        assert bench.columns_of(kind="f", table="seat") == {("tenant_id", "show_id")}

    @pytest.mark.parametrize("change", ["remove", "add", "repk"])
    def test_refuses_to_change_the_wall_itself(self, bench: Bench, change: str) -> None:
        bench.run(tenant_model("Show", ("other", models.UUIDField(default=uuid7))))
        operation = {
            "remove": migrations.RemoveField("show", "tenant_id"),
            "add": migrations.AddField("show", "tenant_too", TenantKey()),
            "repk": migrations.AlterField("show", "id", models.UUIDField(default=uuid7)),
        }[change]

        with pytest.raises(UnwallableModel):
            bench.run(operation)


class TestModels:
    def test_renames_a_model_with_its_wall(self, bench: Bench) -> None:
        bench.run(tenant_model("Show"), tenant_model("Seat", ("show", foreign_key("Show"))))

        bench.run(
            migrations.RenameModel("Show", "Evening"),
            migrations.AlterModelTable("Evening", "evening"),
        )

        assert bench.is_walled("evening")
        assert bench.columns_of(kind="f", table="seat") == {("tenant_id", "show_id")}

    def test_adds_and_removes_constraints(self, bench: Bench) -> None:
        bench.run(tenant_model("Show", ("code", models.CharField(max_length=9))))
        constraint = models.UniqueConstraint(name="one_code", fields=["code"])

        bench.run(migrations.AddConstraint("show", constraint))
        assert bench.columns_of(kind="u", table="show") == {("tenant_id", "code")}

        bench.run(migrations.RemoveConstraint("show", "one_code"))
        assert bench.columns_of(kind="u", table="show") == set()

    def test_changes_unique_together(self, bench: Bench) -> None:
        numbers = [("a", models.IntegerField()), ("b", models.IntegerField())]
        bench.run(tenant_model("Show", *numbers))

        bench.run(migrations.AlterUniqueTogether("show", {("a", "b")}))
        assert bench.columns_of(kind="u", table="show") == {("tenant_id", "a", "b")}

        bench.run(migrations.AlterUniqueTogether("show", set()))
        assert bench.columns_of(kind="u", table="show") == set()

    def test_deletes_a_model(self, bench: Bench) -> None:
        bench.run(tenant_model("Show"))

        bench.run(migrations.DeleteModel("Show"))

        assert query("SELECT to_regclass(%s)", [f"{HOME}.show"]) == [(None,)]

    def test_undoes_an_added_foreign_key(self, bench: Bench) -> None:
        bench.run(tenant_model("Show"), tenant_model("Seat"))
        before = bench.state.clone()
        operation = migrations.AddField("seat", "show", foreign_key("Show", null=True))
        bench.run(operation)

        bench.undo(operation, before)

        assert bench.columns_of(kind="f", table="seat") == set()

    def test_leaves_a_model_without_a_tenant_as_django_makes_it(self, bench: Bench) -> None:
        bench.run(
            migrations.CreateModel(
                "Plain",
                [
                    ("id", models.IntegerField(primary_key=True)),
                    ("code", models.CharField(max_length=9, unique=True)),
                ],
                options={"db_table": "plain"},
            )
        )

        assert bench.columns_of(kind="p", table="plain") == {("id",)}
        assert bench.columns_of(kind="u", table="plain") == {("code",)}


class TestGuards:
    def test_append_only_refuses_the_owner_even_in_replica_mode(self, bench: Bench) -> None:
        bench.run(tenant_model("Fact", constraints=[AppendOnly(name="fact_append_only")]))
        with connections[ALIAS].cursor() as cursor:
            cursor.execute(f"INSERT INTO {HOME}.fact VALUES (%s, %s)", [uuid7(), uuid7()])

        for statement in ("UPDATE fact SET id = id", "DELETE FROM fact", "TRUNCATE fact"):
            with pytest.raises(Exception, match="append-only"):
                query(statement, [])

        grants = query(
            "SELECT privilege_type FROM information_schema.role_table_grants "
            "WHERE table_schema = %s AND grantee = 'quintet_app' ORDER BY 1",
            [HOME],
        )
        assert grants == [("INSERT",), ("SELECT",)]

    def test_append_only_is_taken_away_again(self, bench: Bench) -> None:
        bench.run(tenant_model("Fact", constraints=[AppendOnly(name="fact_append_only")]))

        bench.run(migrations.RemoveConstraint("fact", "fact_append_only"))

        assert query(
            "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = to_regclass(%s)",
            [f"{HOME}.fact"],
        ) == [(0,)]

    def test_a_row_trigger_must_name_the_tenant(self, bench: Bench) -> None:
        trigger = RowTrigger(name="careless", events="INSERT", body="DELETE FROM show;")

        with pytest.raises(ValueError, match="names no tenant"):
            bench.run(tenant_model("Show", constraints=[trigger]))
