"""Verification: whatever a superuser does to rows, seals and anchors is found, and named."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from apps.audit.canonical import COLUMNS, canonical_bytes
from apps.audit.keys import configured, key_id_of, key_of, make_seed
from apps.audit.logs import Log, anchor_log_of
from apps.audit.operations import sealing
from apps.tenancy.models import Tenant
from apps.tenancy.platform import Platform
from tests.audit.forgery import add_fans, fill, forge, ids_of, kinds, seal, superuser, verify

# What makes one value of a column another, one bit or digit away where it has any.
FLIPS = {
    **dict.fromkeys(COLUMNS, "pg_temp.flip({column})"),
    "occurred_at": "occurred_at + interval '1 microsecond'",
    "ip_address": "ip_address + 1",
    "changed_fields": "ARRAY[pg_temp.flip(changed_fields[1])] || changed_fields[2:]",
    "old_values": "jsonb_set(old_values, '{{bio}}', to_jsonb(pg_temp.flip(old_values ->> 'bio')))",
    "new_values": "jsonb_set(new_values, '{{bio}}', to_jsonb(pg_temp.flip(new_values ->> 'bio')))",
    "details": "jsonb_set(details, '{{fields}}', to_jsonb(pg_temp.flip(details ->> 'fields')))",
}
ROWS_PER_COLUMN = 56


def flip(column: str) -> str:
    """The statement that changes one column of the rows of given ids; returns their new ids."""
    value = FLIPS[column].format(column=column)
    return f"UPDATE audit_log SET {column} = {value} WHERE id = ANY(%s) RETURNING id"


def expected_kind(column: str) -> str:
    """A row of another tenant, or with another id, is gone from this log."""
    return "row-removed" if column in {"tenant_id", "id"} else "row-altered"


@pytest.fixture
def sealed(users_log: Log) -> Log:
    """A log of ten entries, sealed and found sound."""
    fill(users_log, rows=10)
    seal(users_log)
    assert verify(users_log).state == "verified"
    return users_log


@pytest.fixture
def chain(users_log: Log, monkeypatch: pytest.MonkeyPatch) -> Log:
    """A log of four seals with three entries each."""
    monkeypatch.setattr(sealing, "ENTRIES_PER_SEAL", 3)
    for _ in range(4):
        add_fans(users_log, rows=3)
    seal(users_log)
    assert (verify(users_log).state, verify(users_log).seals) == ("verified", 4)
    return users_log


class TestAlteredRows:
    @pytest.mark.parametrize("column", COLUMNS)
    def test_one_bit_of_a_column_is_found(self, sealed: Log, column: str) -> None:
        target = ids_of(sealed)[6]

        forge(sealed, flip(column), [[target]])

        report = verify(sealed)
        assert report.state == "faulty"
        assert report.first is not None
        assert (report.first.entry_id, report.first.position) == (target, 6)
        assert str(report.first.kind) == expected_kind(column)
        assert "leaf 7 of seal 1" in report.first.text
        assert report.fault_count == (2 if column == "id" else 1)

    @pytest.mark.parametrize("column", ["actor_id", "old_values", "request_id", "changed_fields"])
    def test_a_value_that_became_null_is_found(self, sealed: Log, column: str) -> None:
        target = ids_of(sealed)[0]

        forge(sealed, f"UPDATE audit_log SET {column} = NULL WHERE id = %s", [target])

        assert [fault.entry_id for fault in verify(sealed).faults] == [target]

    def test_a_year_before_christ_is_found(self, sealed: Log) -> None:
        target = ids_of(sealed)[3]

        forge(
            sealed,
            "UPDATE audit_log SET occurred_at = (to_char(occurred_at AT TIME ZONE 'UTC', "
            "'YYYY-MM-DD HH24:MI:SS.US') || '+00 BC')::timestamptz WHERE id = %s",
            [target],
        )

        assert [fault.entry_id for fault in verify(sealed).faults] == [target]

    def test_a_thousand_of_a_thousand_are_found(self, users_log: Log) -> None:
        fill(users_log, rows=ROWS_PER_COLUMN * len(COLUMNS))
        seal(users_log)
        ids = ids_of(users_log)
        # Neighbours differ in the column that is altered, so that none hides behind another.
        targets = {column: ids[at :: len(COLUMNS)] for at, column in enumerate(COLUMNS)}
        expected: dict[str, set[UUID]] = defaultdict(set)
        with superuser(users_log) as connection:
            for column, chosen in targets.items():
                new_ids = {row[0] for row in connection.execute(flip(column), [chosen])}
                expected[expected_kind(column)] |= set(chosen)
                if column == "id":
                    expected["row-inserted"] = new_ids

        report = verify(users_log)

        found: dict[str, set[UUID]] = defaultdict(set)
        for fault in report.faults:
            assert fault.entry_id is not None
            found[str(fault.kind)].add(fault.entry_id)
        assert sum(len(chosen) for chosen in targets.values()) == 1_008
        assert found == expected
        assert report.fault_count == 1_008 + ROWS_PER_COLUMN

    def test_each_of_many_is_found_by_itself(self, users_log: Log) -> None:
        fill(users_log, rows=3 * len(COLUMNS))
        seal(users_log)
        ids = ids_of(users_log)

        for at, target in enumerate(ids):
            column = list(COLUMNS)[at % len(COLUMNS)]
            named = self._named_after(users_log, flip(column), target)
            assert named == (target, expected_kind(column), at)
        assert verify(users_log).state == "verified"

    def _named_after(self, log: Log, statement: str, target: UUID) -> Any:
        """Alter a row, see what is named, and put the row back."""
        kept = forge(log, "SELECT to_jsonb(e) FROM audit_log e WHERE id = %s", [target])[0][0]
        (changed,) = forge(log, statement, [[target]])[0]
        fault = verify(log).first
        with superuser(log) as connection:
            connection.execute("DELETE FROM audit_log WHERE id = ANY(%s)", [[changed, target]])
            connection.execute(
                "INSERT INTO audit_log SELECT * FROM jsonb_populate_record(NULL::audit_log, %s)",
                [json.dumps(kept)],
            )
        assert fault is not None
        return fault.entry_id, str(fault.kind), fault.position

    def test_the_control_planes_are_found(self, tenant: Tenant) -> None:
        log = Log("default", tenant)
        fill(log, rows=4)
        seal(log)
        target = ids_of(log)[2]

        forge(log, flip("entity_id"), [[target]])

        assert [fault.entry_id for fault in verify(log).faults] == [target]


class TestRemovedAndInsertedRows:
    def test_a_removed_one_is_named(self, sealed: Log) -> None:
        target = ids_of(sealed)[4]

        forge(sealed, "DELETE FROM audit_log WHERE id = %s", [target])

        report = verify(sealed)
        assert kinds(report) == ["row-removed"]
        assert report.first is not None
        assert (report.first.entry_id, report.first.position) == (target, 4)

    def test_all_removed_are_counted(self, sealed: Log) -> None:
        forge(sealed, "DELETE FROM audit_log WHERE tenant_id = %s", [sealed.tenant.id])

        assert kinds(verify(sealed)) == ["row-removed"] * 10

    def test_one_inserted_into_a_sealed_run_is_named(self, sealed: Log) -> None:
        before = set(ids_of(sealed))

        forge(
            sealed,
            "INSERT INTO audit_log (tenant_id, actor_type, source, action, entity_type, entity_id, xid) "
            "SELECT tenant_id, 'person', 'api', 'DELETE', 'profiles', 'x', xid FROM audit_log "
            "WHERE id = %s",
            [ids_of(sealed)[0]],
        )

        (inserted,) = set(ids_of(sealed)) - before
        assert [(str(f.kind), f.entry_id) for f in verify(sealed).faults] == [
            ("row-inserted", inserted)
        ]

    def test_one_inserted_before_every_other_is_named(self, sealed: Log) -> None:
        fill(sealed, rows=1)
        late = (set(ids_of(sealed)) - set(ids_of(sealed)[:10])).pop()

        forge(sealed, "UPDATE audit_log SET xid = '3' WHERE id = %s", [late])

        report = verify(sealed)
        assert [(str(f.kind), f.entry_id) for f in report.faults] == [("row-inserted", late)]

    def test_a_copy_with_the_same_id_is_named(self, sealed: Log) -> None:
        target = ids_of(sealed)[5]

        forge(
            sealed,
            "INSERT INTO audit_log SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'occurred_at', occurred_at + interval '1 second'))).* FROM audit_log e WHERE id = %s",
            [target],
        )

        assert [(str(f.kind), f.entry_id) for f in verify(sealed).faults] == [
            ("row-inserted", target)
        ]

    def test_two_that_changed_places_are_named(self, users_log: Log) -> None:
        for _ in range(2):
            add_fans(users_log)
        seal(users_log)
        first, second = ids_of(users_log)

        forge(
            users_log,
            "UPDATE audit_log a SET xid = b.xid FROM audit_log b "
            "WHERE a.id <> b.id AND a.id = ANY(%(ids)s) AND b.id = ANY(%(ids)s)",
            {"ids": [first, second]},
        )

        report = verify(users_log)
        assert [(str(f.kind), f.entry_id) for f in report.faults] == [
            ("row-moved", first),
            ("row-moved", second),
        ]

    def test_two_that_changed_contents_are_named(self, sealed: Log) -> None:
        chosen = ids_of(sealed)[2:4]

        forge(
            sealed,
            "UPDATE audit_log a SET new_values = b.new_values FROM audit_log b "
            "WHERE a.id <> b.id AND a.id = ANY(%(ids)s) AND b.id = ANY(%(ids)s)",
            {"ids": chosen},
        )

        assert [f.entry_id for f in verify(sealed).faults] == chosen
        assert kinds(verify(sealed)) == ["row-altered"] * 2

    def test_one_moved_behind_the_last_seal_is_named(self, sealed: Log) -> None:
        target = ids_of(sealed)[9]

        forge(
            sealed,
            "UPDATE audit_log SET xid = pg_current_xact_id() WHERE id = %s",
            [target],
        )

        report = verify(sealed)
        assert [(str(f.kind), f.entry_id) for f in report.faults] == [("row-moved", target)]
        assert report.unsealed == 1

    def test_one_moved_to_another_seal_is_named_twice(self, chain: Log) -> None:
        ids = ids_of(chain)

        forge(
            chain,
            "UPDATE audit_log SET xid = (SELECT xid FROM audit_log WHERE id = %s) WHERE id = %s",
            [ids[11], ids[0]],
        )

        report = verify(chain)
        assert [(str(f.kind), f.seal, f.entry_id) for f in report.faults] == [
            ("row-moved", 1, ids[0]),
            ("row-inserted", 4, ids[0]),
        ]


class TestSeals:
    @pytest.mark.parametrize("number", [1, 2, 4])
    def test_a_removed_one_is_named(self, chain: Log, number: int) -> None:
        self._forge(chain, "DELETE FROM audit_seals WHERE number = %(number)s", number)

        report = verify(chain)

        # The last is missed by its anchor alone.
        assert [(str(f.kind), f.seal) for f in report.faults] == [("seal-removed", number)]

    def test_all_removed_are_missed(self, chain: Log) -> None:
        self._forge(chain, "DELETE FROM audit_seals WHERE number > %(number)s", 0)

        assert kinds(verify(chain)) == ["seal-removed"] * 4

    @pytest.mark.parametrize(
        ("change", "kind"),
        [
            ("entries = entries + 1", "seal-altered"),
            ("sealed_at = sealed_at + interval '1 microsecond'", "seal-altered"),
            ("key_id = 'feedfacefeedface'", "key-unknown"),
            (
                'statement = replace(statement, \'"number":"2"\', \'"number":"7"\')',
                "signature-wrong",
            ),
            ("statement = statement || ' '", "signature-wrong"),
            ("statement = 'nothing'", "signature-wrong"),
            ("signature = set_byte(signature, 5, get_byte(signature, 5) # 1)", "signature-wrong"),
            (
                "leaf_hashes = set_byte(leaf_hashes, 40, get_byte(leaf_hashes, 40) # 1)",
                "seal-altered",
            ),
            ("leaf_hashes = ''", "seal-altered"),
            ("entry_ids = set_byte(entry_ids, 20, get_byte(entry_ids, 20) # 1)", "seal-altered"),
            ("from_xid = '1'", "seal-altered"),
            ("to_xid = (to_xid::text::bigint + 1)::text::xid8", "seal-altered"),
            ("number = 9", "seal-removed"),
        ],
    )
    def test_an_altered_one_is_named(self, chain: Log, change: str, kind: str) -> None:
        self._forge(chain, f"UPDATE audit_seals SET {change} WHERE number = %(number)s", 2)

        report = verify(chain)

        assert kind in kinds(report)
        assert report.first is not None
        assert report.first.seal == 2
        # Nothing is said of rows that are as they were.
        if "hashes" in change or "ids" in change:
            assert kinds(report) == [kind]

    @pytest.mark.parametrize("name", ["previous", "from_xid", "root"])
    def test_one_that_was_forged_with_the_key_does_not_fit_in(self, chain: Log, name: str) -> None:
        with chain.reading():
            forged = chain.seals().get(number=2)
        members = json.loads(forged.statement)
        members[name] = "0" * 64 if name != "from_xid" else "0"
        statement = canonical_bytes(members).decode()
        signature = configured().signing_key().sign(statement.encode())
        for table, log in (("audit_seals", chain), ("audit_anchors", anchor_log_of(chain))):
            forge(
                log,
                f"UPDATE {table} SET statement = %s, signature = %s "
                "WHERE number = 2 AND tenant_id = %s",
                [statement, signature, chain.tenant.id],
            )
        self._forge(
            chain,
            f"UPDATE audit_seals SET from_xid = '{members['from_xid']}' WHERE number = %(number)s",
            2,
        )

        report = verify(chain)

        assert report.first is not None
        assert (str(report.first.kind), report.first.seal) == ("seal-altered", 2)

    def test_one_by_a_key_of_somebody_elses_is_refused(self, chain: Log, settings: Any) -> None:
        ours = settings.SEAL_KEYS
        settings.SEAL_KEYS = [make_seed()]
        add_fans(chain)
        seal(chain)
        settings.SEAL_KEYS = ours

        report = verify(chain)

        assert [(str(f.kind), f.seal) for f in report.faults] == [("key-unknown", 5)]

    def test_one_that_claims_a_key_it_is_not_signed_by_is_refused(
        self, chain: Log, settings: Any
    ) -> None:
        known = key_id_of(key_of(settings.SEAL_KEYS[0]))
        settings.SEAL_KEYS = [make_seed(), *settings.SEAL_KEYS]
        add_fans(chain)
        seal(chain)

        self._forge(
            chain, f"UPDATE audit_seals SET key_id = '{known}' WHERE number = %(number)s", 5
        )

        assert "signature-wrong" in kinds(verify(chain))

    def test_without_the_key_nothing_is_verified(self, sealed: Log, settings: Any) -> None:
        lost = key_id_of(key_of(settings.SEAL_KEYS[0]))
        settings.SEAL_KEYS = [make_seed()]

        report = verify(sealed)

        assert (report.state, kinds(report)) == ("faulty", ["key-unknown"])
        assert report.first is not None
        assert f"can't be verified: key {lost} is unknown" in report.first.text

    def _forge(self, log: Log, statement: str, number: int) -> None:
        forge(
            log,
            f"{statement} AND tenant_id = %(tenant)s",
            {"tenant": log.tenant.id, "number": number},
        )


class TestAnchors:
    def test_a_removed_one_is_named(self, chain: Log) -> None:
        self._forge(chain, "DELETE FROM audit_anchors WHERE number = 2")

        assert [(str(f.kind), f.seal) for f in verify(chain).faults] == [("anchor-removed", 2)]

    def test_the_last_may_be_yet_to_come(self, chain: Log) -> None:
        self._forge(chain, "DELETE FROM audit_anchors WHERE number = 4")

        report = verify(chain)
        assert (report.state, report.unanchored) == ("verified", 1)

    def test_one_that_differs_is_named(self, chain: Log) -> None:
        self._forge(chain, "UPDATE audit_anchors SET statement = 'nothing' WHERE number = 3")

        assert [(str(f.kind), f.seal) for f in verify(chain).faults] == [("anchor-differs", 3)]

    def test_a_forged_one_accuses_no_seal(self, chain: Log) -> None:
        self._forge(
            chain, "UPDATE audit_anchors SET statement = 'nothing', number = 10 WHERE number = 4"
        )

        assert [(str(f.kind), f.seal) for f in verify(chain).faults] == [
            ("anchor-removed", 4),
            ("anchor-forged", 10),
        ]

    def test_show_a_log_that_was_sealed_anew(self, sealed: Log) -> None:
        target = ids_of(sealed)[0]
        forge(sealed, flip("entity_id"), [[target]])
        forge(sealed, "DELETE FROM audit_seals WHERE tenant_id = %s", [sealed.tenant.id])
        seal(sealed)

        assert kinds(verify(sealed)) == ["anchor-differs"]

    def _forge(self, log: Log, statement: str) -> None:
        forge(
            anchor_log_of(log),
            f"{statement} AND tenant_id = %s AND database = %s",
            [log.tenant.id, log.database],
        )


class TestStates:
    def test_nothing_sealed_is_not_verified(self, users_log: Log) -> None:
        assert verify(users_log).state == "empty"
        add_fans(users_log, rows=2)

        report = verify(users_log)

        assert (report.state, report.unsealed) == ("nothing sealed yet", 2)

    def test_later_rows_are_counted(self, sealed: Log) -> None:
        add_fans(sealed, rows=2)

        report = verify(sealed)

        assert (report.state, report.entries, report.unsealed) == ("verified", 10, 2)

    def test_says_nothing_false_while_others_write_and_seal(self, users_log: Log) -> None:
        failures: list[BaseException] = []

        def work(act: Any) -> None:
            try:
                for _ in range(12):
                    act()
            except BaseException as error:
                failures.append(error)
            finally:
                connections.close_all()

        acts = [*[lambda: add_fans(users_log, rows=5)] * 4, lambda: seal(users_log)]
        threads = [threading.Thread(target=work, args=[act]) for act in acts]
        for thread in threads:
            thread.start()
        reports = []
        while any(thread.is_alive() for thread in threads):
            reports.append(verify(users_log))
        for thread in threads:
            thread.join()

        assert not failures
        assert len(reports) > 1
        assert [report.faults for report in reports] == [[]] * len(reports)
        seal(users_log)
        assert (verify(users_log).state, verify(users_log).entries) == ("verified", 240)


class TestVerifyAudit:
    def run(self, log: Log, *options: str) -> None:
        slug = getattr(log.tenant, "slug", "")
        call_command("verify_audit", "--tenant", slug, "--database", log.database, *options)

    def test_says_what_is_verified(self, sealed: Log, capsys: Any) -> None:
        add_fans(sealed)

        self.run(sealed)

        output = capsys.readouterr().out
        assert f"users of {sealed.tenant.slug}: verified; 10 entries under 1 seals" in output  # type: ignore[attr-defined]
        assert "Verified: 10 entries are as they were sealed; 1 are not sealed yet." in output

    def test_never_says_verified_of_what_is_not_sealed(self, users_log: Log, capsys: Any) -> None:
        add_fans(users_log)

        self.run(users_log)

        output = capsys.readouterr().out
        assert "Nothing is sealed yet" in output
        assert "erified" not in output

    def test_names_the_first_fault(self, sealed: Log, capsys: Any) -> None:
        target = ids_of(sealed)[1]
        forge(sealed, flip("action"), [[target]])

        with pytest.raises(CommandError, match=rf"1 faults\. The first.*{target}.*was altered"):
            self.run(sealed)
        assert f"entry {target} (profiles, " in capsys.readouterr().out

    def test_answers_scripts(self, sealed: Log, capsys: Any) -> None:
        target = ids_of(sealed)[1]
        forge(sealed, flip("action"), [[target]])

        with pytest.raises(CommandError):
            self.run(sealed, "--format", "json")

        (log,) = json.loads(capsys.readouterr().out)["logs"]
        assert (log["state"], log["fault_count"]) == ("faulty", 1)
        assert log["faults"][0]["entry_id"] == str(target)

    def test_covers_everybody_unless_told(self, sealed: Log, capsys: Any) -> None:
        platform = Log("default", Platform())
        fill(platform, rows=1)
        seal(platform)

        call_command("verify_audit", "--format", "json", "--tenant", "platform")
        assert [log["log"] for log in json.loads(capsys.readouterr().out)["logs"]] == [
            "default of platform"
        ]

    def test_says_that_a_key_is_malformed(self, sealed: Log, settings: Any) -> None:
        settings.SEAL_PUBLIC_KEYS = ["not a key"]

        with pytest.raises(CommandError, match="Key 1 of QUINTET_SEAL_PUBLIC_KEYS is not a key"):
            self.run(sealed)


@pytest.fixture(autouse=True)
def nothing_is_left_unguarded(users_log: Log) -> Iterator[None]:
    """What a test forged, it forged past guards that are there again."""
    yield
    rows = forge(
        users_log,
        "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'audit_%%_guard_whole' AND tgenabled <> 'A'",
    )
    assert rows == [(0,)]
