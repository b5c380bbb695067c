"""The sweep finds nothing in homes as they are made, of both kinds, and says so."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test.utils import CaptureQueriesContext

from apps.tenancy import verification
from apps.tenancy.roles import as_owner
from config.databases import HOME_ALIASES, PLAN


def lines(faults: tuple[verification.Fault, ...]) -> str:
    return "\n".join(f"[{fault.rule}] {fault.line}" for fault in faults)


class TestSweep:
    def test_finds_no_fault_in_any_home_of_any_database(self) -> None:
        report = verification.sweep()

        assert report.is_clean, lines(report.faults)
        assert report.databases == len(PLAN)
        assert report.homes >= 2 * len(HOME_ALIASES)
        assert report.tables > 20

    def test_finds_no_fault_in_one_home(self, home: str) -> None:
        report = verification.sweep(home=home)

        assert report.is_clean, lines(report.faults)
        assert report.homes == len(HOME_ALIASES)

    def test_asks_a_handful_of_questions_per_database_however_many_tables(self) -> None:
        with CaptureQueriesContext(connections["users"]) as asked:
            report = verification.sweep(aliases=["users"])

        assert report.rules < 35
        assert len(asked) <= report.rules + 5


class TestCommand:
    def test_says_in_one_line_what_it_looked_at(self) -> None:
        out = StringIO()

        call_command("verify_isolation", stdout=out)

        assert out.getvalue().count("\n") == 1
        assert out.getvalue().rstrip().endswith("no faults.")

    def test_names_each_fault_and_fails(self, broken_home: str) -> None:
        out = StringIO()

        with pytest.raises(CommandError, match="1 faults"):
            call_command("verify_isolation", database="users", home=broken_home, stdout=out)

        assert out.getvalue() == (
            f"users {broken_home}.profiles: row-level security is not forced\n"
        )

    def test_answers_a_script_in_json(self, broken_home: str) -> None:
        out = StringIO()

        with pytest.raises(CommandError):
            call_command("verify_isolation", format="json", stdout=out)

        faults = json.loads(out.getvalue())["faults"]
        assert {"row-security", "parity"} == {fault["rule"] for fault in faults}
        assert {broken_home} >= {fault["home"] for fault in faults if fault["rule"] != "parity"}

    @pytest.mark.parametrize("options", [{"database": "nowhere"}, {"home": "pool_404"}])
    def test_refuses_what_is_not_there(self, options: dict[str, str]) -> None:
        with pytest.raises(CommandError, match=next(iter(options.values()))):
            call_command("verify_isolation", **options)


@pytest.fixture
def broken_home(home: str):
    """A home with one table that does not force its row-level security on its owner."""
    with as_owner(aliases=["users"], home=home), connections["users"].cursor() as cursor:
        cursor.execute("ALTER TABLE profiles NO FORCE ROW LEVEL SECURITY")
    yield home
    with as_owner(aliases=["users"], home=home), connections["users"].cursor() as cursor:
        cursor.execute("ALTER TABLE profiles FORCE ROW LEVEL SECURITY")
