"""Each guard of the code taken away in turn: the test that stands for it must turn red."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections, migrations, models
from django.db.backends.postgresql.schema import DatabaseSchemaEditor as PlainSchemaEditor
from django.db.migrations.state import ProjectState

from apps.kernel.ids import uuid7
from apps.tenancy import binding
from apps.tenancy.binding import Binding
from apps.tenancy.fields import TenantKey
from apps.tenancy.models import Home, Tenant
from apps.tenancy.postgresql.base import DatabaseWrapper
from apps.tenancy.postgresql.schema import DatabaseSchemaEditor
from apps.tenancy.roles import as_owner
from apps.tenancy.verification.sweep import examine
from config.databases import HOME_ALIASES
from tests.tenancy import test_binding as whole
from tests.tenancy import test_binding_misuse as misuse
from tests.tenancy import test_binding_transactions as transactions
from tests.tenancy.bound import add_tag, ask

SCRATCH = "t_scratch"
ALIAS = "events"


def session_settings(self: Binding) -> str:
    return render(self).replace("SET LOCAL", "SET")


def without_read_only(self: Binding, connection: DatabaseWrapper) -> None:
    connection.run_unprepared(self._render_settings())


def close_and_stay_open(self: Binding, error: BaseException | None) -> None:
    close(self, error)
    self.is_open = True


def close_the_writer_first(self: Binding, error: BaseException | None) -> None:
    # Named after nothing, no database is the writer: they close in the order they came.
    self.writes = None
    close(self, error)


def close_without_taking_back(self: DatabaseWrapper) -> None:
    self.binding = None


def check_nothing(self: Binding, alias: str) -> None:
    pass


def check_only_open(self: Binding, alias: str) -> None:
    if not self.is_open:
        raise binding.BindingClosed(alias)


def join_anybody(outer: Binding, **_: Any) -> Binding:
    return outer


def give_out_cursors(self: DatabaseWrapper, name: str | None = None) -> Any:
    bound = binding.current()
    if bound is not None and bound.is_open and self.binding is not bound and not self._enlisting:
        self.enlist(bound)
    return super(DatabaseWrapper, self)._cursor(name)


render = Binding._render_settings
close = Binding.close

# What is taken away, what stands in its place, and the test that must notice.
MUTANTS: dict[str, tuple[Any, str, Any, Callable[..., None]]] = {
    "settings last for the session": (
        Binding,
        "_render_settings",
        session_settings,
        transactions.TestTransactionLocal().test_leaves_nothing_on_the_connection,
    ),
    "settings that last for the session are sent": (
        Binding,
        "_render_settings",
        session_settings,
        transactions.TestTransactionLocal().test_only_ever_sends_set_local,
    ),
    "readers may write": (
        Binding,
        "send_settings",
        without_read_only,
        lambda acme: whole.TestReaders().test_postgresql_itself_refuses_a_write_elsewhere(
            acme, add_tag, "users"
        ),
    ),
    "a closed binding stays usable": (
        Binding,
        "close",
        close_and_stay_open,
        misuse.TestClosed().test_a_copied_context_can_t_read_after_the_block,
    ),
    "the writer closes first": (
        Binding,
        "close",
        close_the_writer_first,
        whole.TestEnding().test_readers_close_first_and_the_writer_last,
    ),
    "a swallowed failure passes for a commit": (
        DatabaseWrapper,
        "has_failed",
        lambda self: False,
        whole.TestEnding().test_an_error_that_was_swallowed_does_not_pass_for_a_commit,
    ),
    "threads are not told apart": (
        Binding,
        "check_usable",
        check_only_open,
        misuse.TestClosed().test_another_thread_can_t_use_it,
    ),
    "another tenant joins": (
        binding,
        "_join",
        join_anybody,
        lambda acme, other: misuse.TestNesting().test_another_tenant_is_refused(acme, other, None),
    ),
    "a joined block writes elsewhere": (
        binding,
        "_join",
        join_anybody,
        lambda acme: misuse.TestNesting().test_a_write_the_outer_block_did_not_declare_is_refused(
            acme, None
        ),
    ),
    "leaving takes nothing back": (
        DatabaseWrapper,
        "leave_binding",
        close_without_taking_back,
        transactions.TestTransactionLocal().test_inside_an_outer_transaction_leaving_takes_tenant_and_path_back,
    ),
    "cursors are for everybody": (
        DatabaseWrapper,
        "_cursor",
        give_out_cursors,
        lambda: misuse.TestUnbound().test_every_way_in_raises_in_python(
            lambda: ask("users", "SELECT 1")
        ),
    ),
    "hooks run inside the block": (
        Binding,
        "add_hook",
        lambda self, hook: hook(),
        whole.TestOnCommit().test_runs_after_all_databases_closed_and_unbound,
    ),
    "hooks run after a rollback": (
        Binding,
        "take_hooks",
        lambda self: self._hooks,
        lambda acme: whole.TestOnCommit().test_does_not_run_when_the_block_is_undone(
            acme, "rollback"
        ),
    ),
    "rollback is forgotten": (
        Binding,
        "rollback",
        lambda self: None,
        whole.TestEnding().test_rollback_undoes_without_an_exception,
    ),
    "deferred constraints are not checked": (
        # The end of the block raises all the same: the reply would have been rendered by then.
        Binding,
        "check_constraints",
        lambda self: self.rollback(),
        whole.TestEnding().test_a_deferred_constraint_is_checked_before_the_reply,
    ),
}


class TestATestNoticesEveryMutant:
    @pytest.mark.parametrize("name", MUTANTS)
    def test_turns_red(
        self,
        request: pytest.FixtureRequest,
        make_tenant: Callable[..., Tenant],
        home: str,
        name: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        target, attribute, replacement, check = MUTANTS[name]
        values = {
            "acme": lambda: make_tenant(home=home),
            "other": lambda: make_tenant(home=home),
            "monkeypatch": lambda: monkeypatch,
            "tmp_path": lambda: request.getfixturevalue("tmp_path"),
        }
        code = getattr(check, "__func__", check).__code__
        wanted = [name for name in code.co_varnames[: code.co_argcount] if name != "self"]

        check(**{name: values[name]() for name in wanted})
        with monkeypatch.context() as mutation:
            mutation.setattr(target, attribute, replacement)
            try:
                with pytest.raises((Exception, pytest.fail.Exception)):
                    check(**{name: values[name]() for name in wanted})
            finally:
                forget_connections()


def forget_connections() -> None:
    """What a mutant left on a connection, or on Django's idea of it, is nobody else's."""
    for alias in HOME_ALIASES:
        connections[alias].close()
        del connections[alias]


def plain_foreign_key(self: Any, model: Any, field: Any, suffix: str) -> Any:
    return PlainSchemaEditor._create_fk_sql(self, model, field, suffix)


def wall_without_policy(self: Any, model: Any) -> None:
    table = self.quote_name(model._meta.db_table)
    self.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", None)
    self.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY", None)


EDITOR_MUTANTS = {
    "tables are not walled": ("wall", lambda self, model: None, {"policy", "row-security"}),
    "tables get no policy": ("wall", wall_without_policy, {"policy"}),
    "uniques forget the tenant": (
        "_tenant_led",
        lambda self, model, fields: list(fields),
        {"unique-key"},
    ),
    "inline keys come back": (
        "_iter_column_sql",
        PlainSchemaEditor._iter_column_sql,
        None,
    ),
    "foreign keys are to the id": ("_create_fk_sql", plain_foreign_key, None),
}


class TestSchemaEditor:
    def test_makes_tables_in_which_the_sweep_finds_nothing(self) -> None:
        assert self.rules_after_migrating() == set()

    @pytest.mark.parametrize("name", EDITOR_MUTANTS)
    def test_a_mutant_of_it_is_noticed(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        attribute, replacement, expected = EDITOR_MUTANTS[name]
        monkeypatch.setattr(DatabaseSchemaEditor, attribute, replacement)

        if expected is None:
            # Such a table can't even be made: nothing in the home is unique by its id alone.
            with pytest.raises(Exception, match=r"no unique constraint|multiple primary keys"):
                self.rules_after_migrating()
        else:
            assert self.rules_after_migrating() == expected

    def rules_after_migrating(self) -> set[str]:
        """What the sweep says of a scratch home after an ordinary migration."""
        code = models.CharField(max_length=9, unique=True)
        key = ("id", models.UUIDField(primary_key=True, default=uuid7))
        show = models.ForeignKey("events.Show", on_delete=models.PROTECT)
        operations = [
            migrations.CreateModel("Show", [("tenant_id", TenantKey()), key, ("code", code)]),
            migrations.CreateModel("Seat", [("tenant_id", TenantKey()), key, ("show", show)]),
        ]
        remake_scratch(then="CREATE SCHEMA " + SCRATCH)
        try:
            with as_owner(aliases=[ALIAS], home=SCRATCH):
                migrate(*operations)
                with connections[ALIAS].cursor() as cursor:
                    states = {SCRATCH: Home.State.PREPARING}
                    report = examine(cursor=cursor, alias=ALIAS, states=states, home=SCRATCH)
        finally:
            remake_scratch()
        return {fault.rule for fault in report.faults}


def remake_scratch(then: str = "") -> None:
    with as_owner(aliases=[ALIAS]), connections[ALIAS].cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCRATCH} CASCADE; {then}")


def migrate(*operations: Any) -> None:
    state = ProjectState()
    with connections[ALIAS].schema_editor(atomic=True) as editor:
        for operation in operations:
            before = state.clone()
            operation.state_forwards("events", state)
            operation.database_forwards("events", editor, before, state)
