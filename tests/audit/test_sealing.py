"""Sealing: canonical bytes, runs, statements, anchors, and sealers that meet or die."""

import base64
import json
import threading
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from celery import current_app
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.audit import merkle, operations
from apps.audit.canonical import BESIDE, LEAF, TEXT, canonical_bytes
from apps.audit.errors import LogRestored, SealKeyMissing
from apps.audit.logs import Log, anchor_log_of, logs_of
from apps.audit.models import AuditEntry, AuditSeal
from apps.audit.operations import sealing
from apps.audit.tasks import seal_platform, seal_tenant
from apps.tenancy import binding, tasks
from apps.tenancy.models import Tenant
from apps.tenancy.platform import Platform
from config.databases import APP, PLAN
from tests.audit.conftest import enter
from tests.audit.forgery import NOW, add_fans, fill, ids_of, move_ahead, seal, settle, verify
from tests.conftest import admin

# Everything PostgreSQL keeps in a text: what JSON escapes, what it need not, and what is beyond.
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)


def seals_of(log: Log) -> list[AuditSeal]:
    with log.reading():
        return list(log.seals().in_order())


def anchors_of(log: Log) -> list[tuple[int, str, bytes]]:
    place = anchor_log_of(log)
    with place.reading():
        rows = place.anchors_of(log).order_by("number")
        return [(row.number, row.statement, bytes(row.signature)) for row in rows]


@pytest.fixture
def small_seals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a seal take three entries."""
    monkeypatch.setattr(sealing, "ENTRIES_PER_SEAL", 3)


class TestCanonicalBytes:
    @given(st.dictionaries(st.sampled_from("abcdefgh"), TEXTS | st.none()))
    def test_in_sql_are_what_they_are_in_python(self, members: dict[str, str | None]) -> None:
        names = sorted(members) or ["a"]
        columns = ", ".join(f"%s::text AS {name}" for name in names)
        with connections["default"].cursor() as cursor:
            cursor.execute(
                f"SELECT row_to_json(r)::text FROM (SELECT {columns}) r",
                [members.get(name) for name in names],
            )
            (found,) = cursor.fetchone()

        assert found.encode() == canonical_bytes({name: members.get(name) for name in names})

    @hypothesis_settings(max_examples=20)
    @given(st.lists(TEXTS, min_size=8, max_size=8), st.dictionaries(TEXTS, TEXTS | st.integers()))
    def test_of_an_entry_hash_to_its_leaf(self, texts: list[str], values: dict[str, Any]) -> None:
        columns = "user_agent actor_id session_id source action entity_type entity_id actor_type"
        assignments = ", ".join(f"%s AS {name}" for name in columns.split())
        log = Log("default", Platform())
        # Nothing is kept: a row beside the log, of the log's own type.
        with log.reading():
            ((text, leaf),) = log.select(
                f"SELECT {TEXT}, {LEAF} FROM (SELECT (jsonb_populate_record(NULL::audit_log, "
                f"to_jsonb(r))).* FROM (SELECT {assignments}, %s::jsonb AS new_values, "
                f"%s::text[] AS changed_fields) r) e {BESIDE}",
                [*texts, json.dumps(values).replace("\\u0000", ""), texts],
            )

        entry = json.loads(text)
        assert [entry[name] for name in columns.split()] == texts
        assert text.encode() == canonical_bytes(entry)
        assert bytes(leaf) == merkle.leaf_hash(canonical_bytes(entry))

    def test_cover_every_stored_column_but_the_transaction(self) -> None:
        from apps.audit.canonical import COLUMNS

        stored = {field.column for field in AuditEntry._meta.local_fields}

        assert set(COLUMNS) == stored - {"xid"}
        assert list(COLUMNS) == sorted(COLUMNS)


class TestSealLog:
    def test_signs_the_root_over_every_entry(self, users_log: Log) -> None:
        fill(users_log, rows=5)
        seed = base64.b64decode(django_settings.SEAL_KEYS[0])
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key()

        assert seal(users_log) == 5

        (made,) = seals_of(users_log)
        stated = json.loads(made.statement)
        leaves = merkle.split(bytes(made.leaf_hashes), 32)
        public.verify(bytes(made.signature), made.statement.encode())
        assert bytes(made.entry_ids) == b"".join(each.bytes for each in ids_of(users_log))
        assert stated == {
            "format": "quintet-seal-1",
            "database": "users",
            "tenant_id": str(users_log.tenant.id),
            "number": "1",
            "from_xid": "0",
            "to_xid": str(made.to_xid),
            "entries": "5",
            "root": merkle.root(leaves).hex(),
            "previous": "0" * 64,
            "sealed_at": "2026-11-21T12:30:15.123456Z",
            "key_id": sha256(public.public_bytes_raw()).hexdigest()[:16],
        }
        assert made.statement.encode() == canonical_bytes(stated)

    def test_begins_where_the_last_seal_ended(self, users_log: Log) -> None:
        add_fans(users_log, rows=2)
        seal(users_log)
        add_fans(users_log, rows=3)
        seal(users_log)

        first, second = seals_of(users_log)

        assert (second.number, second.from_xid, second.entries) == (2, first.to_xid, 3)
        assert json.loads(second.statement)["previous"] == (
            sha256(first.statement.encode()).hexdigest()
        )

    def test_makes_no_seal_over_nothing(self, users_log: Log) -> None:
        add_fans(users_log)
        seal(users_log)

        assert operations.seal_log(log=users_log, sealed_at=NOW).seals == 0
        assert len(seals_of(users_log)) == 1

    def test_cuts_between_transactions(self, users_log: Log, small_seals: None) -> None:
        for rows in (2, 2, 5, 1):
            add_fans(users_log, rows=rows)

        seal(users_log)

        # Two and two are more than three; a transaction of five is taken whole.
        assert [each.entries for each in seals_of(users_log)] == [2, 2, 5, 1]
        assert verify(users_log).state == "verified"

    def test_leaves_out_what_an_older_transaction_may_still_write(
        self, users_log: Log, connect: Any
    ) -> None:
        older = connect(APP)
        enter(older, users_log.tenant)
        older.execute("SELECT pg_current_xact_id()")
        add_fans(users_log)

        assert operations.seal_log(log=users_log, sealed_at=NOW).entries == 0
        older.rollback()
        assert seal(users_log) == 1

    def test_refuses_a_database_that_was_restored_elsewhere(self, users_log: Log) -> None:
        add_fans(users_log)
        seal(users_log)
        move_ahead(users_log, to_xid=10**12)
        add_fans(users_log)

        with pytest.raises(LogRestored, match="restored where transaction numbers began anew"):
            seal(users_log)

    def test_refuses_without_a_key(self, users_log: Log, settings: Any) -> None:
        settings.SEAL_KEYS, settings.EMBEDDED_POSTGRES = [], False
        add_fans(users_log)

        with pytest.raises(SealKeyMissing, match=r"QUINTET_SEAL_KEYS.*rotate_seal_key"):
            seal(users_log)
        assert seals_of(users_log) == []

    def test_keeps_tenants_of_one_home_apart(self, tenant: Tenant, rival: Tenant) -> None:
        ours, theirs = (Log(alias, each) for alias in ["default"] for each in (tenant, rival))

        assert seal(ours) == len(ids_of(ours)) > 0
        assert seals_of(theirs) == []


class TestAnchors:
    @pytest.mark.parametrize("alias", list(PLAN))
    def test_lie_in_another_database(self, alias: str, tenant_in_home: Tenant) -> None:
        log = Log(alias, tenant_in_home)
        fill(log, rows=1)

        seal(log)

        (made,) = seals_of(log)
        assert anchor_log_of(log).database != alias
        assert anchors_of(log) == [(1, made.statement, bytes(made.signature))]

    def test_of_the_platforms_own_lie_in_the_first_pool(self) -> None:
        log = Log("default", Platform())
        fill(log, rows=1)

        seal(log)

        assert anchor_log_of(log).tenant.schema_name == "pool_1"
        assert len(anchors_of(log)) == len(seals_of(log)) > 0
        assert verify(log).state == "verified"

    def test_that_a_crash_left_out_are_made_up_for(
        self, users_log: Log, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_fans(users_log)

        with monkeypatch.context() as patched:
            patched.setattr(sealing, "anchor_log", lambda **_: 0)
            seal(users_log)
        assert (len(seals_of(users_log)), anchors_of(users_log)) == (1, [])
        assert verify(users_log).unanchored == 1

        assert operations.seal_log(log=users_log, sealed_at=NOW).anchored == 1
        assert len(anchors_of(users_log)) == 1


class TestTwoSealers:
    def test_seal_each_entry_once(self, users_log: Log, small_seals: None) -> None:
        for _ in range(10):
            add_fans(users_log, rows=2)
        failures: list[BaseException] = []

        def run() -> None:
            try:
                seal(users_log)
            except BaseException as error:
                failures.append(error)
            finally:
                connections.close_all()

        sealers = [threading.Thread(target=run) for _ in range(4)]
        for each in sealers:
            each.start()
        for each in sealers:
            each.join()

        assert not failures
        assert sum(each.entries for each in seals_of(users_log)) == 20
        assert verify(users_log).state == "verified"

    def test_one_that_is_killed_half_way_leaves_nothing(
        self, users_log: Log, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_fans(users_log, rows=4)
        sign = sealing._sign

        def sign_and_die(*args: Any, **kwargs: Any) -> AuditSeal:
            made = sign(*args, **kwargs)
            ((backend,),) = users_log.select("SELECT pg_backend_pid()", [])
            with admin() as connection:
                connection.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
            return made

        with monkeypatch.context() as patched:
            patched.setattr(sealing, "_sign", sign_and_die)
            with pytest.raises((DatabaseError, psycopg.Error)):
                seal(users_log)
        connections.close_all()
        assert seals_of(users_log) == []

        assert seal(users_log) == 4
        assert verify(users_log).state == "verified"


class TestTasks:
    def test_seal_all_databases_of_a_tenant(self, tenant_in_home: Tenant) -> None:
        logs = logs_of(tenant_in_home)
        for log in logs:
            fill(log, rows=1)
        settle()

        with_header = seal_tenant.apply(headers={tasks.HEADER: str(tenant_in_home.id)})

        assert with_header.successful()
        assert {log.database for log in logs if seals_of(log)} == set(PLAN)

    def test_seal_the_platforms_own(self) -> None:
        log = Log("default", Platform())
        fill(log, rows=1)
        settle()

        assert seal_platform.apply().successful()

        assert bytes(seals_of(log)[-1].entry_ids)[-16:] == ids_of(log)[-1].bytes

    def test_are_sent_by_the_clock(self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
        sent: list[tuple[str, bool]] = []

        def note(task: Any, *args: Any, **options: Any) -> None:
            sent.append((task.name, tasks.HEADER in options["headers"]))

        monkeypatch.setattr(tasks.TenantTask, "apply_async", note)
        cache.clear()

        current_app.tasks["tenancy.dispatch_scheduled"].run()

        # Once for each active tenant, and once in all for the platform.
        active = Tenant.objects.active().count()
        assert sent.count(("audit.seal_tenant", True)) == active
        assert sent.count(("audit.seal_platform", False)) == 1


class TestSealAudit:
    def test_seals_what_it_is_told(self, tenant: Tenant, capsys: Any) -> None:
        users, media = Log("users", tenant), Log("media", tenant)
        add_fans(users, rows=2)
        fill(media, rows=1)
        settle()

        call_command("seal_audit", "--tenant", tenant.slug, "--database", "users")

        assert "2 entries in 1 logs sealed, under 1 seals." in capsys.readouterr().out
        assert (len(seals_of(users)), seals_of(media)) == (1, [])

    def test_refuses_a_database_that_is_none(self) -> None:
        with pytest.raises(CommandError, match="'sales' is no database"):
            call_command("seal_audit", "--database", "sales")

    def test_seals_the_others_where_one_refuses(self, tenant: Tenant) -> None:
        users, media = Log("users", tenant), Log("media", tenant)
        for log in (users, media):
            fill(log, rows=1)
            seal(log)
            fill(log, rows=1)
        settle()
        move_ahead(users, to_xid=10**12)

        with pytest.raises(CommandError, match="restored"):
            call_command("seal_audit", "--tenant", tenant.slug)
        assert (len(seals_of(users)), len(seals_of(media))) == (1, 2)


class TestBinding:
    def test_a_log_shows_nobody_elses_rows(self, tenant: Tenant, rival: Tenant) -> None:
        for each in (tenant, rival):
            fill(Log("default", each), rows=1)
        with Log("default", tenant).reading():
            ours = set(Log("default", tenant).entries().values_list("tenant_id", flat=True))
        assert ours == {tenant.id}
        with Log("users", tenant).reading():
            assert binding.require().tenant_id == tenant.id
