"""Called in a worker with Quintet's settings: searching in full homes."""

from collections.abc import Callable
from time import perf_counter

from django.db import connections

from apps.kernel.ids import uuid7
from apps.platform import queries
from apps.tenancy.binding import bind
from apps.tenancy.models import Tenant
from apps.tenancy.operations import tenants
from apps.tenancy.roles import as_owner
from benchmarks.quintet import POOL

DOCUMENTS = 200_000
OTHERS = 200_000
WORDS = (
    "stage light summer night record guitar studio voice tour morning kitchen recipe coach "
    "marathon goal painter gallery river camera script scene comedy garden design fashion letter"
).split()

# Titles of two drawn words and a number's hash; every hundredth carries a rare word, bodies 20 words.
FILL = """
INSERT INTO search_documents (tenant_id, id, kind, entity_id, title, keywords, body, tag_ids, weight,
    is_public, version, updated_at)
SELECT (%(tenants)s::uuid[])[1 + n %% cardinality(%(tenants)s::uuid[])], extensions.uuid7(),
    'users.Profile', extensions.uuid7(),
    initcap(w.words[1] || ' ' || left(md5(n::text), 7))
        || CASE WHEN n %% 10000 < 5 THEN ' Metallophone' ELSE '' END,
    w.words[2], array_to_string(w.words[3:], ' '), '{}', n %% 1000, true, 1, now()
FROM generate_series(1, %(rows)s) AS n, LATERAL (
    SELECT array_agg((%(words)s::text[])[
        1 + (hashint4(n * 31 + place) & 65535) %% cardinality(%(words)s::text[])]) AS words
    FROM generate_series(1, 22) AS place
) w
"""
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
    AND indexname IN ('search_documents_words', 'search_documents_names')
"""
# What is read without an index, as anybody would write it first.
SCAN = """
SELECT id FROM search_documents WHERE is_public
    AND (title ILIKE %(like)s OR keywords ILIKE %(like)s OR body ILIKE %(like)s)
ORDER BY title ILIKE %(like)s DESC, keywords ILIKE %(like)s DESC, weight DESC, id DESC LIMIT 200
"""
SCAN_ALIKE = """
SELECT id FROM search_documents
WHERE is_public AND word_similarity(%(text)s, lower(title || ' ' || keywords)) > 0.45
ORDER BY word_similarity(%(text)s, lower(title || ' ' || keywords)) DESC, id DESC LIMIT 200
"""
TEXTS = {
    "common word": "guitar",
    "rare word": "metallophone",
    "prefix": "metallo",
    "common prefix": "ga",
    "two words": "guitar metallophone",
    "typo": "metalophon",
}


def measure(*, rounds: int) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Fill both kinds of homes; return seconds per search, by home and kind of text.

    :raises AssertionError: something finds nothing.
    """
    pooled = tenants.create_tenant(tenants.check_order(slug="search-pool", pool=POOL))
    own = tenants.create_tenant(tenants.check_order(slug="search-own", own_home=True))
    _fill([pooled], DOCUMENTS)
    _fill([uuid7() for _ in range(20)], OTHERS, home=POOL)
    _fill([own], DOCUMENTS)
    return {
        name: {what: _sides(tenant, what, text, rounds) for what, text in TEXTS.items()}
        for name, tenant in (("pool", pooled), ("own home", own))
    }


def _fill(of: list, rows: int, home: str | None = None) -> None:
    ids = [each.id if isinstance(each, Tenant) else each for each in of]
    place = home or of[0].schema_name
    with as_owner(aliases=["platform"], home=place), connections["platform"].cursor() as cursor:
        # An index is made of many rows in less time than row by row.
        cursor.execute(INDEXES)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        cursor.execute(FILL, {"tenants": ids, "rows": rows, "words": WORDS})
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute("VACUUM ANALYZE search_documents")


def _sides(tenant: Tenant, what: str, text: str, rounds: int) -> dict[str, list[float]]:
    scan, values = (SCAN_ALIKE, {"text": text}) if what == "typo" else (SCAN, {"like": f"%{text}%"})

    def by_function() -> int:
        return len(queries.find(text=text))

    def by_scan() -> int:
        with connections["platform"].cursor() as cursor:
            cursor.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
            cursor.execute(scan, values)
            return len(cursor.fetchall())

    found, scanned = [], []
    for _ in range(rounds):
        found.append(_timed(tenant, by_function))
        scanned.append(_timed(tenant, by_scan, may_be_empty=what == "two words"))
    return {"found": found, "scanned": scanned}


def _timed(tenant: Tenant, search: Callable[[], int], *, may_be_empty: bool = False) -> float:
    with bind(tenant), connections["platform"].cursor() as cursor:
        cursor.execute("SELECT 1")
        begun = perf_counter()
        many = search()
        taken = perf_counter() - begun
    assert many or may_be_empty, "nothing was found"
    return taken
