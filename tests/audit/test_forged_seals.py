"""Seals and anchors that the run-time role wrote by hand: found, named, and in nobody's way."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from apps.audit import receipts
from apps.audit.errors import LastSealForged
from apps.audit.logs import Log, anchor_log_of
from apps.audit.models import AuditAnchor
from apps.tenancy.models import Tenant
from config.databases import APP
from tests.api import Caller, client_of
from tests.audit.conftest import enter
from tests.audit.forgery import add_fans, ids_of, kinds, seal, verify

Connect = Callable[..., psycopg.Connection]
INSERT_SEAL = """
INSERT INTO audit_seals (tenant_id, id, number, from_xid, to_xid, entries, sealed_at, key_id,
    statement, signature, entry_ids, leaf_hashes)
VALUES (%(tenant)s, gen_random_uuid(), %(number)s, %(from)s::xid8, '999999999999', 0, %(at)s,
    'nobody', %(statement)s, %(signature)s, '', '')
"""
INSERT_ANCHOR = """
INSERT INTO audit_anchors (tenant_id, id, database, number, statement, signature, anchored_at)
VALUES (%(tenant)s, gen_random_uuid(), 'users', %(number)s, %(statement)s, %(signature)s, %(at)s)
"""
DEEP = "[" * 100_000
LISTED = '{"format": "quintet-seal-1", "root": ["00"], "key_id": ["x"]}'
NO_HEX = '{"format": "quintet-seal-1", "root": "nothing"}'
STATEMENTS = pytest.mark.parametrize("statement", ["{}", "[]", DEEP, LISTED, NO_HEX])


@pytest.fixture
def log(tenant: Tenant) -> Log:
    """A log of three entries under one seal."""
    log = Log("users", tenant)
    add_fans(log, rows=3)
    seal(log)
    return log


@pytest.fixture
def write(connect: Connect, log: Log) -> Callable[..., None]:
    """Return a writer of a seal or an anchor, as the run-time role."""

    def write_one(query: str, *, place: Log = log, **values: Any) -> None:
        given = {"from": "0", "at": "2026-01-01", "statement": "{}", "signature": b"", **values}
        connection = connect(APP, alias=place.database)
        enter(connection, place.tenant)
        connection.execute(query, {"tenant": place.tenant.id, **given})
        connection.commit()

    return write_one


class TestSeals:
    @pytest.mark.parametrize("number", [0, -1, -(2**63) + 1])
    def test_one_from_before_the_first_is_named(self, log: Log, write: Any, number: int) -> None:
        write(INSERT_SEAL, number=number)

        report = verify(log)

        assert (kinds(report), report.seals) == (["seal-altered"], 1)
        assert report.first and report.first.seal == number

    def test_one_from_before_the_first_is_in_no_receipts_way(self, log: Log, write: Any) -> None:
        write(INSERT_SEAL, number=0)

        for position, entry_id in enumerate(ids_of(log)):
            assert receipts.receipt_of(log=log, entry_id=entry_id)["leaf_index"] == position

    def test_one_from_before_the_first_is_followed_by_none(
        self, log: Log, write: Any, rival: Tenant
    ) -> None:
        unsealed = Log("users", rival)
        write(INSERT_SEAL, place=unsealed, number=0)
        add_fans(unsealed)

        assert seal(unsealed) == 1
        with unsealed.reading():
            assert list(unsealed.seals().in_order().values_list("number", "from_xid")) == [
                (0, 0),
                (1, 0),
            ]

    @STATEMENTS
    def test_of_any_statement_are_named(self, log: Log, write: Any, statement: str) -> None:
        write(INSERT_SEAL, number=2, statement=statement)

        assert "key-unknown" in kinds(verify(log))

    def test_of_a_time_without_end_are_named(self, log: Log, write: Any) -> None:
        write(INSERT_SEAL, number=2, at="infinity")

        assert "seal-altered" in kinds(verify(log))

    def test_of_a_time_without_end_are_in_no_receipts_way(self, log: Log, write: Any) -> None:
        write(INSERT_SEAL, number=0, at="infinity")

        assert receipts.receipt_of(log=log, entry_id=ids_of(log)[0])

    @STATEMENTS
    @pytest.mark.parametrize("at", ["2026-01-01", "infinity"])
    def test_are_never_followed(self, log: Log, write: Any, statement: str, at: str) -> None:
        write(INSERT_SEAL, number=2, statement=statement, at=at)
        add_fans(log)

        with pytest.raises(LastSealForged, match="seal 2"):
            seal(log)

    def test_with_the_last_ones_signature_are_never_followed(self, log: Log, write: Any) -> None:
        with log.reading():
            last = log.seals().get()
        write(INSERT_SEAL, number=2, statement=last.statement, signature=bytes(last.signature))
        add_fans(log)

        with pytest.raises(LastSealForged):
            seal(log)

    @STATEMENTS
    def test_are_listed_without_an_error(self, log: Log, write: Any, statement: str) -> None:
        write(INSERT_SEAL, number=2, statement=statement)

        reply = client_of(log.tenant, Caller(role="admin")).get("/api/v1/audit/users/seals")

        assert reply.status_code == 200
        assert [row["number"] for row in reply.json()["results"]] == [2, 1]


class TestAnchors:
    @STATEMENTS
    @pytest.mark.parametrize("number", [0, -1, 2, 2**62])
    def test_are_named(self, log: Log, write: Any, statement: str, number: int) -> None:
        write(INSERT_ANCHOR, place=anchor_log_of(log), number=number, statement=statement)

        report = verify(log)

        assert kinds(report) == ["anchor-forged"]
        assert report.first and report.first.seal == number

    def test_of_a_time_without_end_are_named(self, log: Log, write: Any) -> None:
        write(INSERT_ANCHOR, place=anchor_log_of(log), number=2, at="infinity")

        assert kinds(verify(log)) == ["anchor-forged"]

    @pytest.mark.parametrize("number", [0, 2, 99])
    def test_a_copy_of_another_seals_accuses_no_seal(
        self, log: Log, write: Any, number: int
    ) -> None:
        with log.reading():
            first = log.seals().get()
        copy = {"statement": first.statement, "signature": bytes(first.signature)}
        write(INSERT_ANCHOR, place=anchor_log_of(log), number=number, **copy)

        assert kinds(verify(log)) == ["anchor-forged"]

    def test_one_far_ahead_keeps_no_seal_from_being_anchored(self, log: Log, write: Any) -> None:
        place = anchor_log_of(log)
        write(INSERT_ANCHOR, place=place, number=2**62)
        add_fans(log)

        seal(log)

        with place.reading():
            anchors = AuditAnchor.objects.using(place.database).order_by("number")
            assert list(anchors.values_list("number", flat=True)) == [1, 2, 2**62]
        assert kinds(verify(log)) == ["anchor-forged"]
