"""What a migration must not do."""

import pytest
from django.core.management import CommandError, call_command
from django.db import migrations, models

from apps.tenancy.management.commands import check_migrations
from apps.tenancy.management.commands.check_migrations import faults_of


def migration(*operations: object) -> object:
    return type("Migration", (), {"operations": list(operations)})


TEXT = models.CharField(max_length=9)


class TestFaultsOf:
    @pytest.mark.parametrize(
        ("operation", "fault"),
        [
            (migrations.RemoveField("show", "name"), "takes something away"),
            (migrations.DeleteModel("show"), "takes something away"),
            (migrations.RenameField("show", "name", "title"), "takes something away"),
            (migrations.RenameModel("show", "evening"), "takes something away"),
            (migrations.AddField("show", "name", TEXT), "does not fill"),
            (migrations.RunSQL("SELECT 1"), "can't be taken back"),
            (migrations.RunPython(lambda *_: None), "can't be taken back"),
        ],
    )
    def test_names_what_is_wrong(self, operation: object, fault: str) -> None:
        (found,) = faults_of("users.0009_next", migration(operation))

        assert fault in found
        assert found.startswith("users.0009_next: ")

    @pytest.mark.parametrize(
        "operation",
        [
            migrations.AddField("show", "name", models.CharField(max_length=9, null=True)),
            migrations.AddField("show", "name", models.CharField(max_length=9, db_default="x")),
            migrations.RunSQL("SELECT 1", migrations.RunSQL.noop),
        ],
    )
    def test_lets_an_expanding_migration_pass(self, operation: object) -> None:
        assert list(faults_of("users.0009_next", migration(operation))) == []

    def test_lets_a_new_table_have_required_columns(self) -> None:
        made = migrations.CreateModel("Show", [("id", models.IntegerField(primary_key=True))])

        operations = (made, migrations.AddField("show", "name", TEXT))
        assert list(faults_of("users.0009_next", migration(*operations))) == []

    def test_lets_the_contract_step_take_away(self) -> None:
        operation = migrations.RemoveField("show", "name")

        assert list(faults_of("users.0010_contract_names", migration(operation))) == []


class TestFrozenMigrations:
    def test_pass_as_they_are(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("check_migrations")

        assert "as released" in capsys.readouterr().out

    def test_that_changed_are_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(check_migrations, "_digest", lambda _: "changed")

        with pytest.raises(CommandError, match="was released and has changed"):
            call_command("check_migrations")
