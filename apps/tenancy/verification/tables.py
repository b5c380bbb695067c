"""Rules about tables and keys: every row has a tenant, and every key begins with it."""

from apps.tenancy.verification.faults import Rule

# Tables of the homes that hold tenants' rows: all but the record of migrations. Partitions count.
TABLES = """
WITH tables AS (
    SELECT c.oid, n.nspname AS home, c.relname AS name, c.relnamespace, c.relispartition,
        c.relrowsecurity, c.relforcerowsecurity, c.relacl,
        coalesce(pg_partition_root(c.oid)::oid, c.oid) AS root, a.attnum AS tenant,
        a.atttypid, a.attnotnull, pg_get_expr(d.adbin, d.adrelid) AS tenant_default
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute a
        ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relkind IN ('r', 'p') AND c.relname <> 'django_migrations'
        AND n.nspname ~ %(homes)s AND (%(home)s::text IS NULL OR n.nspname = %(home)s)
)
"""

RULES = (
    Rule(
        "missing-table",
        """
        SELECT n.nspname, wanted.name, 'the table is missing'
        FROM pg_namespace n
        CROSS JOIN unnest(%(tables)s::text[]) AS wanted(name)
        WHERE n.nspname = ANY (%(ready)s::text[])
            AND NOT EXISTS (
                SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = wanted.name
                    AND c.relkind IN ('r', 'p')
            )
        """,
    ),
    Rule(
        "tenant-column",
        TABLES
        + """
        SELECT home, name, CASE
            WHEN tenant IS NULL THEN 'there is no column tenant_id'
            WHEN atttypid <> 'uuid'::regtype THEN 'tenant_id is not a uuid'
            WHEN NOT attnotnull THEN 'tenant_id may be NULL'
            ELSE 'tenant_id is not filled from the bound tenant: its default is '
                || coalesce(tenant_default, 'none')
            END
        FROM tables
        WHERE tenant IS NULL OR atttypid <> 'uuid'::regtype OR NOT attnotnull
            OR tenant_default IS DISTINCT FROM %(default)s
        """,
    ),
    Rule(
        "primary-key",
        TABLES
        + """
        SELECT home, name, CASE WHEN i.indexrelid IS NULL THEN 'there is no primary key'
            ELSE 'the primary key does not begin with tenant_id' END
        FROM tables LEFT JOIN pg_index i ON i.indrelid = tables.oid AND i.indisprimary
        WHERE i.indexrelid IS NULL OR i.indkey[0] IS DISTINCT FROM tenant
        """,
    ),
    Rule(
        "unique-key",
        TABLES
        + """
        SELECT home, name, CASE
            WHEN NOT i.indisvalid THEN 'the index ' || x.relname || ' is not valid'
            ELSE 'the unique or exclusion key ' || x.relname || ' does not begin with tenant_id'
            END
        FROM tables
        JOIN pg_index i ON i.indrelid = tables.oid
        JOIN pg_class x ON x.oid = i.indexrelid
        LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype = 'x'
        LEFT JOIN pg_operator o ON o.oid = k.conexclop[1]
        WHERE NOT i.indisvalid OR (
            (i.indisunique OR i.indisexclusion) AND NOT i.indisprimary
            AND (i.indkey[0] IS DISTINCT FROM tenant OR o.oprname <> '=')
        )
        """,
    ),
    Rule(
        "foreign-key",
        TABLES
        + """
        SELECT tables.home, tables.name, 'the foreign key ' || k.conname || CASE
            WHEN target.oid IS NULL THEN ' leads out of the home'
            WHEN k.conkey[1] IS DISTINCT FROM tables.tenant
                OR k.confkey[1] IS DISTINCT FROM target.tenant
                THEN ' does not tie tenant_id to tenant_id'
            WHEN NOT k.convalidated THEN ' was never validated'
            ELSE ' changes or deletes rows by itself'
            END
        FROM tables
        JOIN pg_constraint k ON k.conrelid = tables.oid AND k.contype = 'f'
        LEFT JOIN tables target
            ON target.oid = k.confrelid AND target.relnamespace = tables.relnamespace
        WHERE target.oid IS NULL
            OR k.conkey[1] IS DISTINCT FROM tables.tenant
            OR k.confkey[1] IS DISTINCT FROM target.tenant
            OR NOT k.convalidated
            OR k.confdeltype NOT IN ('a', 'r') OR k.confupdtype NOT IN ('a', 'r')
        """,
    ),
    Rule(
        "row-security",
        TABLES
        + """
        SELECT home, name, CASE WHEN relrowsecurity THEN 'row-level security is not forced'
            ELSE 'row-level security is off' END
        FROM tables WHERE NOT relrowsecurity OR NOT relforcerowsecurity
        """,
    ),
    Rule(
        "policy",
        TABLES
        + """
        SELECT home, name, CASE count(p.oid)
            WHEN 0 THEN 'there is no policy'
            WHEN 1 THEN 'the policy ' || min(p.polname) || ' is not the tenant''s: USING '
                || coalesce(min(pg_get_expr(p.polqual, p.polrelid)), 'nothing')
                || ', WITH CHECK '
                || coalesce(min(pg_get_expr(p.polwithcheck, p.polrelid)), 'nothing')
            ELSE 'there are ' || count(p.oid) || ' policies; there must be one' END
        FROM tables LEFT JOIN pg_policy p ON p.polrelid = tables.oid
        GROUP BY home, name
        HAVING count(p.oid) <> 1 OR NOT bool_and(
            p.polcmd = '*' AND p.polpermissive AND p.polroles = '{0}'
            AND pg_get_expr(p.polqual, p.polrelid) IS NOT DISTINCT FROM %(policy)s
            AND pg_get_expr(p.polwithcheck, p.polrelid) IS NOT DISTINCT FROM %(policy)s
        )
        """,
    ),
)
