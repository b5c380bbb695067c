"""All homes of a database are alike: what one has, the others have, to the last default."""

from collections import Counter, defaultdict
from collections.abc import Collection
from typing import Any

from apps.tenancy.verification.faults import Cursor, Fault

# One row per thing in a home: its kind, its name and its definition, with the home's own name taken
# out of it. The order of columns is left out: a home that was migrated step by step has another.
DEFINITIONS = r"""
WITH homes AS (
    SELECT oid, nspname, '\m' || nspname || '\M' AS itself, nspacl
    FROM pg_namespace WHERE nspname = ANY (%(compared)s::text[])
),
relations AS (
    SELECT c.*, h.nspname, h.itself FROM pg_class c JOIN homes h ON h.oid = c.relnamespace
    -- An older home has the months of its past; each partition is judged by itself.
    WHERE NOT c.relispartition
),
definitions AS (
    SELECT nspname AS home, 'grants' AS kind, 'the home' AS name,
        (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(nspacl) AS a) AS definition
    FROM homes
    UNION ALL
    SELECT nspname, 'relation', relname, concat_ws(' ', relkind, relpersistence, relispartition,
        relrowsecurity, relforcerowsecurity, relreplident, pg_get_userbyid(relowner),
        array_to_string(reloptions, ','), regexp_replace(pg_get_partkeydef(oid), itself, '', 'g'),
        (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(relacl) AS a))
    FROM relations WHERE relkind NOT IN ('i', 'I', 't')
    UNION ALL
    SELECT nspname, 'column', relname || '.' || a.attname, concat_ws(' ',
        format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
        a.attcollation::text, a.attacl::text,
        regexp_replace(pg_get_expr(d.adbin, d.adrelid), itself, '', 'g'))
    FROM relations
    JOIN pg_attribute a ON a.attrelid = relations.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE relkind NOT IN ('i', 'I', 't')
    UNION ALL
    -- NOT NULL is a constraint of its own from PostgreSQL 18 on; the columns have said it already.
    SELECT nspname, 'constraint', relname || '.' || k.conname,
        regexp_replace(pg_get_constraintdef(k.oid), itself, '', 'g')
    FROM relations JOIN pg_constraint k ON k.conrelid = relations.oid AND k.contype NOT IN ('n', 't')
    UNION ALL
    SELECT nspname, 'index', relname, regexp_replace(pg_get_indexdef(oid), itself, '', 'g')
    FROM relations WHERE relkind IN ('i', 'I')
    UNION ALL
    SELECT nspname, 'trigger', relname || '.' || t.tgname,
        t.tgenabled::text || ' ' || regexp_replace(pg_get_triggerdef(t.oid), itself, '', 'g')
    FROM relations JOIN pg_trigger t ON t.tgrelid = relations.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT nspname, 'policy', relname || '.' || p.polname, concat_ws(' ', p.polcmd, p.polpermissive,
        p.polroles::text, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    FROM relations JOIN pg_policy p ON p.polrelid = relations.oid
    UNION ALL
    SELECT nspname, 'view', relname, regexp_replace(pg_get_viewdef(oid), itself, '', 'g')
    FROM relations WHERE relkind IN ('v', 'm')
    UNION ALL
    SELECT nspname, 'function',
        p.proname || regexp_replace('(' || pg_get_function_identity_arguments(p.oid) || ')',
            itself, '', 'g'),
        regexp_replace(pg_get_functiondef(p.oid), itself, '', 'g') || pg_get_userbyid(p.proowner)
        || coalesce((SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(p.proacl) AS a), '')
    FROM pg_proc p JOIN homes h ON h.oid = p.pronamespace WHERE p.prokind IN ('f', 'p')
    UNION ALL
    SELECT nspname, 'sequence', relname, concat_ws(' ', format_type(s.seqtypid, NULL), s.seqincrement,
        s.seqmin, s.seqmax, s.seqcycle)
    FROM relations JOIN pg_sequence s ON s.seqrelid = relations.oid
)
"""
DIGESTS = (
    DEFINITIONS
    + """
SELECT home, md5(string_agg(
    kind || '|' || name || '|' || coalesce(definition, ''), chr(10) ORDER BY kind, name
)) FROM definitions GROUP BY home
"""
)
THINGS = DEFINITIONS + "SELECT home, kind, name, coalesce(definition, '') FROM definitions"

# Enough to see what happened to a home; thousands of lines would hide it.
SHOWN_PER_HOME = 10


def differences(*, cursor: Cursor, alias: str, homes: Collection[str]) -> list[Fault]:
    """Return how homes differ from what most of them are."""
    digests = dict(_rows(cursor, DIGESTS, homes))
    if len(set(digests.values())) < 2:
        return []
    # The oldest spelling of a tie does not matter: every line names both homes.
    usual, _ = Counter(digests[home] for home in sorted(digests)).most_common(1)[0]
    model = min(home for home in digests if digests[home] == usual)
    odd = sorted(home for home in digests if digests[home] != usual)
    things: dict[str, dict[tuple[str, str], str]] = defaultdict(dict)
    for home, kind, name, definition in _rows(cursor, THINGS, [model, *odd]):
        things[home][kind, name] = definition
    return [fault for home in odd for fault in _compare(alias, home, model, things)]


def _compare(
    alias: str, home: str, model: str, things: dict[str, dict[tuple[str, str], str]]
) -> list[Fault]:
    mine, usual = things[home], things[model]
    texts = [
        (name, f"the {kind} is missing; {model} has it")
        if (kind, name) not in mine
        else (name, f"the {kind} is here and not in {model}")
        if (kind, name) not in usual
        else (name, f"the {kind} differs from {model}'s")
        for kind, name in sorted(mine.keys() | usual.keys())
        if mine.get((kind, name)) != usual.get((kind, name))
    ]
    faults = [Fault(alias, home, name, "parity", text) for name, text in texts[:SHOWN_PER_HOME]]
    if len(texts) > SHOWN_PER_HOME:
        rest = f"and {len(texts) - SHOWN_PER_HOME} more differences from {model}"
        faults.append(Fault(alias, home, "", "parity", rest))
    return faults


def _rows(cursor: Cursor, query: str, homes: Collection[str]) -> list[tuple[Any, ...]]:
    cursor.execute(query, {"compared": list(homes)})
    return cursor.fetchall()
