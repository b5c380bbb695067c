"""Inside the function that searches, everything goes by an index, beside other tenants' documents."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connections

from apps.kernel.ids import uuid7
from apps.tenancy import homes
from tests.conftest import admin

HOME = "t_search_plans"
ROWS = 100_000
TENANTS = 5

DOCUMENTS = """
INSERT INTO search_documents (tenant_id, id, kind, entity_id, title, keywords, body, tag_ids, weight,
    is_public, version, updated_at)
SELECT (%(tenants)s::uuid[])[1 + n %% %(count)s], extensions.uuid7(), 'platform.Tag',
    extensions.uuid7(),
    'Common ' || substr(md5(n::text), 1, 8) || CASE n %% 5000 WHEN 0 THEN ' unusual' ELSE '' END,
    '', '', ARRAY[(%(tags)s::uuid[])[1 + n %% 50]], n %% 1000, true, 1, now()
FROM generate_series(1, %(rows)s) AS n
"""
FIND = "SELECT count(*) FROM find_documents(%s, %s, NULL, true, true, 200)"


class Explained:
    """A connection whose every statement, also in functions, says by which plan it ran."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.plans: list[str] = []
        connection.add_notice_handler(lambda notice: self.plans.append(str(notice.message_primary)))

    def find(self, text: str, tags: list[Any]) -> int:
        """Search; return how many documents are found, and keep the plans."""
        self.plans.clear()
        row = self.connection.execute(FIND, [text, tags]).fetchone()
        assert row is not None
        return int(row[0])

    def scans(self) -> list[str]:
        """The sequential scans of documents."""
        return re.findall(r"Seq Scan on search_documents.*", "\n".join(self.plans))

    def indexes(self) -> set[str]:
        """The indexes that were used."""
        return set(re.findall(r"(search_documents_\w+)", "\n".join(self.plans)))


@pytest.fixture(scope="module")
def tags() -> list[Any]:
    return [uuid7() for _ in range(50)]


@pytest.fixture(scope="module")
def explained(
    django_db_setup: None, django_db_blocker: Any, tags: list[Any]
) -> Iterator[Explained]:
    """A home with 100,000 documents of five tenants, bound to one of them."""
    tenants = [uuid7() for _ in range(TENANTS)]
    with django_db_blocker.unblock():
        homes.run_step(homes.HomeStep("platform", HOME))
        try:
            with admin(database=connections["platform"].settings_dict["NAME"]) as connection:
                connection.execute(f"SET search_path = {HOME}")
                connection.execute(
                    DOCUMENTS, {"tenants": tenants, "count": TENANTS, "rows": ROWS, "tags": tags}
                )
                connection.execute("ANALYZE search_documents")
                connection.execute(
                    "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; "
                    "SET auto_explain.log_nested_statements = on; SET client_min_messages = log; "
                    f"SET app.tenant_id = '{tenants[0]}'"
                )
                yield Explained(connection)
        finally:
            homes.drop_schemas(HOME)


@pytest.mark.slow
class TestSearch:
    @pytest.mark.parametrize(
        ("text", "index"),
        [
            ("unusual", "search_documents_words"),
            ("unusu", "search_documents_words"),
            ("unusaul", "search_documents_names"),
            ("common", "search_documents_heaviest"),
            ("comm", "search_documents_heaviest"),
            ("common unusual", "search_documents_words"),
        ],
    )
    def test_goes_by_an_index(self, explained: Explained, text: str, index: str) -> None:
        assert explained.find(text, []) > 0
        assert index in explained.indexes()
        assert explained.scans() == []

    def test_by_a_tag_goes_by_an_index(self, explained: Explained, tags: list[Any]) -> None:
        assert explained.find("", tags[:1]) > 0
        assert "search_documents_words" in explained.indexes()
        assert explained.scans() == []

    def test_would_notice_a_scan(self, explained: Explained) -> None:
        explained.connection.execute(
            "BEGIN; DROP INDEX search_documents_words, search_documents_heaviest, "
            "search_documents_names"
        )
        try:
            explained.find("unusual", [])
            assert explained.scans()
        finally:
            explained.connection.execute("ROLLBACK")
