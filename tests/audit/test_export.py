"""The log as a file: whole, in order, page by page, and safe to open."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from django.db import connections

from apps.audit import exporting, queries
from apps.kernel.ids import uuid7
from apps.tenancy import binding, origin, reads
from apps.tenancy.origin import Actor, Origin
from tests.api import Caller, client_of, errors_of
from tests.factories import CelebrityFactory

EXPORT = "/api/v1/audit/users/export"
ROWS = 5_000


@pytest.fixture
def as_admin(tenant):
    return client_of(tenant, Caller(name="Olga Admin", role="admin"))


def chunks_of(client, url=EXPORT, **query):
    reply = client.get(url, query)
    assert reply.status_code == 200, reply.content
    assert reply.streaming
    return reply, reply.streaming_content


def lines(client, **query):
    _, chunks = chunks_of(client, **query)
    return [json.loads(line) for line in b"".join(chunks).splitlines()]


def table(client, **query):
    _, chunks = chunks_of(client, format="csv", **query)
    return list(csv.DictReader(io.StringIO(b"".join(chunks).decode(), newline="")))


def fill(tenant, *, rows):
    """Write entries, all of one moment, of rows called 1, 2, 3 and so on."""
    ids = [str(number) for number in range(1, rows + 1)]
    reads.record_reads(
        tenant=tenant, alias="users", entity_type="profiles", ids=ids, fields=["bio"]
    )


class TestContents:
    def test_are_every_entry_once_the_oldest_first(self, tenant, as_admin, log_of):
        with binding.bind(tenant, writes="users"):
            CelebrityFactory()
        with binding.bind(tenant, writes="users"):
            CelebrityFactory()
        known = {str(entry.id) for entry in log_of(tenant)}

        found = lines(as_admin)

        assert {row["id"] for row in found} == known
        assert len(found) == len(known)
        moments = [(row["occurred_at"], row["id"]) for row in found]
        assert moments == sorted(moments)
        assert set(found[0]) == set(queries.COLUMNS)

    def test_are_the_same_in_csv(self, tenant, as_admin):
        with binding.bind(tenant, writes="users"):
            CelebrityFactory(display_weight=7)
        before = datetime.now(UTC).isoformat()

        objects = lines(as_admin, occurred_before=before)
        cells = table(as_admin, occurred_before=before)

        assert [row["id"] for row in cells] == [row["id"] for row in objects]
        assert [json.loads(row["new_values"]) for row in cells if row["new_values"]] == [
            row["new_values"] for row in objects if row["new_values"]
        ]

    def test_are_filtered(self, tenant, as_admin):
        with binding.bind(tenant, writes="users"):
            one, _ = CelebrityFactory(), CelebrityFactory()

        found = lines(as_admin, entity_id=str(one.id), action="INSERT")

        assert [row["entity_id"] for row in found] == [str(one.id)]

    def test_are_one_tenant_s(self, tenant, rival, as_admin):
        with binding.bind(rival, writes="users"):
            theirs = CelebrityFactory()

        assert lines(as_admin, entity_id=str(theirs.id)) == []

    def test_end_where_the_export_began(self, tenant, as_admin):
        fill(tenant, rows=exporting.PAGE)
        _, chunks = chunks_of(as_admin)

        with binding.bind(tenant, writes="users"):
            late = CelebrityFactory()

        assert str(late.id).encode() not in b"".join(chunks)


class TestPages:
    def test_come_in_chunks_with_no_transaction_open_between_them(self, tenant, as_admin):
        fill(tenant, rows=ROWS)
        seen: list[str] = []
        sizes = []

        _, chunks = chunks_of(as_admin, action="READ")
        for chunk in chunks:
            rows = [json.loads(line) for line in chunk.splitlines()]
            sizes.append(len(rows))
            seen += [row["entity_id"] for row in rows]
            assert binding.current() is None
            assert not connections["users"].in_atomic_block
            # Work on another tenant, or on the same, is not in the way of the export.
            with binding.bind(tenant, writes="users"):
                CelebrityFactory()

        assert max(sizes) <= exporting.PAGE
        assert len(sizes) == ROWS // exporting.PAGE
        assert sorted(seen, key=int) == [str(number) for number in range(1, ROWS + 1)]

    def test_read_only_as_much_as_is_taken(self, tenant, as_admin):
        fill(tenant, rows=3 * exporting.PAGE)
        asked = []

        def count(execute, sql, params, many, context):
            if 'FROM "audit_log"' in sql:
                asked.append(sql)
            return execute(sql, params, many, context)

        with connections["users"].execute_wrapper(count):
            _, chunks = chunks_of(as_admin)
            next(iter(chunks))
            assert len(asked) == 1


class TestReply:
    @pytest.mark.parametrize(
        ("query", "media_type", "name"),
        [
            ({}, "application/jsonl", "audit-users.jsonl"),
            ({"format": "jsonl"}, "application/jsonl", "audit-users.jsonl"),
            ({"format": "csv"}, "text/csv; charset=utf-8", "audit-users.csv"),
        ],
    )
    def test_is_a_file(self, as_admin, query, media_type, name):
        reply, _ = chunks_of(as_admin, **query)

        assert reply["Content-Type"] == media_type
        assert reply["Content-Disposition"] == f'attachment; filename="{name}"'

    def test_is_empty_where_nothing_happened(self, as_admin):
        long_ago = {"occurred_before": "2020-01-01T00:00:00Z"}

        _, jsonl = chunks_of(as_admin, **long_ago)
        _, cells = chunks_of(as_admin, **long_ago, format="csv")

        assert b"".join(jsonl) == b""
        assert b"".join(cells).decode() == ",".join(queries.COLUMNS) + "\r\n"

    @pytest.mark.parametrize("accept", ["text/csv", "application/jsonl", "*/*"])
    def test_is_given_to_whoever_asks_for_its_type(self, as_admin, accept):
        assert as_admin.get(EXPORT, HTTP_ACCEPT=accept).status_code == 200

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"format": "xlsx"}, "format"),
            ({"occurred_from": "soon"}, "occurred_from"),
            (
                {
                    "occurred_from": "2026-02-01T00:00:00Z",
                    "occurred_before": "2026-01-01T00:00:00Z",
                },
                "occurred_before",
            ),
            ({"page_size": "3"}, "page_size"),
            ({"limit": "3"}, "limit"),
        ],
    )
    def test_refuses_nonsense_by_name(self, as_admin, query, field):
        reply = as_admin.get(EXPORT, query, HTTP_ACCEPT="text/csv")

        assert reply.status_code == 400
        assert errors_of(reply) == {field}

    def test_is_nowhere_for_an_unknown_database(self, as_admin):
        assert as_admin.get("/api/v1/audit/nowhere/export").status_code == 404


class TestRecord:
    def test_says_that_and_what_was_exported(self, tenant, as_admin, log_of):
        query = {"format": "csv", "action": "DELETE", "occurred_from": "2020-01-01T00:00:00Z"}

        reply, _ = chunks_of(as_admin, **query)
        (look,) = log_of(tenant, entity_type="audit_log")

        # It is there before anything was read of the reply.
        assert (look.action, look.entity_id, look.source) == ("READ", "export", "api")
        assert set(look.details["fields"]) == {f"{name}={value}" for name, value in query.items()}
        reply.close()

    def test_is_not_made_of_what_was_refused(self, tenant, as_admin, log_of):
        as_admin.get(EXPORT, {"format": "xlsx"})

        assert log_of(tenant, entity_type="audit_log") == []


class TestFormulas:
    @pytest.mark.parametrize(
        "agent",
        [
            '=HYPERLINK("http://evil.test","x")',
            "+1+1",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "＝1",
        ],
    )
    def test_are_text_in_a_spreadsheet(self, tenant, as_admin, agent):
        nobody = Origin(Actor("person", uuid7(), tenant.id), source="api", user_agent=agent)
        with origin.acting(nobody), binding.bind(tenant, writes="users"):
            star = CelebrityFactory()

        (row,) = table(as_admin, entity_id=str(star.id), entity_type="profiles")

        assert row["user_agent"] == f"'{agent}"

    def test_and_what_is_none_stays_as_it_is(self, tenant, as_admin):
        nobody = Origin(Actor("person", uuid7(), tenant.id), source="api", user_agent="curl=8")
        with origin.acting(nobody), binding.bind(tenant, writes="users"):
            star = CelebrityFactory()

        (row,) = table(as_admin, entity_id=str(star.id), entity_type="profiles")

        assert row["user_agent"] == "curl=8"
