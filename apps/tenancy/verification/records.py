"""Rules about what is recorded for good: append-only tables, audited ones, and their triggers.

They hold in the homes and in the control plane alike.
"""

from apps.tenancy.verification.faults import Rule
from apps.tenancy.verification.tables import TABLES

RULES = (
    Rule(
        "append-only",
        TABLES
        + """
        , guards AS (
            SELECT t.tgrelid, bit_or(t.tgtype::integer) AS events
            FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
            WHERE t.tgenabled = 'A' AND t.tgtype::integer & 2 <> 0 AND t.tgqual IS NULL
                AND cardinality(t.tgattr::smallint[]) = 0
                AND p.prosrc ~ '^\\s*BEGIN\\s+RAISE EXCEPTION'
            GROUP BY t.tgrelid
        )
        -- 8, 16 and 32 are DELETE, UPDATE and TRUNCATE. A TRUNCATE trigger is not inherited.
        SELECT home, tables.name, CASE
            WHEN r.relname = ANY (%(append_only)s::text[])
                THEN 'is append-only, and no trigger that always fires refuses UPDATE, DELETE and '
                    || 'TRUNCATE'
            ELSE 'is a partition that no trigger keeps from being truncated' END
        FROM tables
        JOIN pg_class r ON r.oid = tables.root
        LEFT JOIN guards g ON g.tgrelid = tables.oid
        WHERE (r.relname = ANY (%(append_only)s::text[]) AND coalesce(g.events, 0) & 56 <> 56)
            OR (tables.relispartition AND coalesce(g.events, 0) & 32 = 0)
        """,
    ),
    Rule(
        "trigger",
        TABLES
        + """
        SELECT home, name, 'the trigger ' || t.tgname || ' does not fire always'
        FROM tables JOIN pg_trigger t ON t.tgrelid = tables.oid
        WHERE NOT t.tgisinternal AND t.tgenabled <> 'A'
        """,
    ),
    Rule(
        "rewrite",
        TABLES
        + """
        SELECT home, name, 'the rule ' || r.rulename || ' rewrites what is asked of the table'
        FROM tables JOIN pg_rewrite r ON r.ev_class = tables.oid
        """,
    ),
    Rule(
        "inheritance",
        TABLES
        + """
        SELECT home, name, 'it inherits from another table without being its partition'
        FROM tables JOIN pg_inherits i ON i.inhrelid = tables.oid
        WHERE NOT relispartition
        """,
    ),
    Rule(
        "audited",
        """
        WITH writers AS (
            SELECT t.tgrelid, p.proname, bit_or(t.tgtype::integer) AS events
            FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
            WHERE t.tgenabled = 'A' AND t.tgtype::integer & 1 = 0 AND t.tgqual IS NULL
                AND cardinality(t.tgattr::smallint[]) = 0
                AND p.prosecdef AND p.prosrc ~ 'INSERT INTO audit_log'
            GROUP BY t.tgrelid, p.proname
        )
        -- 4, 8, 16 and 32 are INSERT, DELETE, UPDATE and TRUNCATE.
        SELECT CASE WHEN n.nspname = 'public' THEN NULL ELSE n.nspname END, c.relname,
            'is audited, and no trigger that always fires writes the log after each kind of change'
        FROM unnest(%(audited)s::text[], %(audits)s::text[]) AS wanted(name, function)
        JOIN pg_class c ON c.relname = wanted.name AND c.relkind IN ('r', 'p')
        JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname ~ %(homes)s
            AND (%(home)s::text IS NULL OR n.nspname = %(home)s)
        LEFT JOIN writers w ON w.tgrelid = c.oid AND w.proname = wanted.function
        WHERE coalesce(w.events, 0) & 60 <> 60
        """,
    ),
)
