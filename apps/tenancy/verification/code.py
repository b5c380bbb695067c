"""Rules about views, functions and what lies outside the homes."""

from apps.tenancy.verification.faults import Rule

# Whatever an extension brought is the extension's affair.
NOT_OF_AN_EXTENSION = """
NOT EXISTS (
    SELECT FROM pg_depend e
    WHERE e.classid = '{catalog}'::regclass AND e.objid = {oid} AND e.deptype = 'e'
)
"""
OWN_FUNCTION = NOT_OF_AN_EXTENSION.format(catalog="pg_proc", oid="p.oid")
OWN_RELATION = NOT_OF_AN_EXTENSION.format(catalog="pg_class", oid="c.oid")
OURS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"

RULES = (
    Rule(
        "view",
        f"""
        SELECT n.nspname, c.relname, CASE c.relkind
            WHEN 'm' THEN 'a materialized view keeps the rows of all tenants'
            WHEN 'f' THEN 'a foreign table knows no row-level security'
            ELSE 'the view reads as its owner: it is not security_invoker' END
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {OURS} AND {OWN_RELATION} AND (%(home)s::text IS NULL OR n.nspname = %(home)s)
            AND (c.relkind IN ('m', 'f') OR (c.relkind = 'v' AND NOT EXISTS (
                SELECT FROM unnest(c.reloptions) AS o(entry)
                WHERE entry ~* '^security_invoker=(true|on|yes|1)$'
            )))
        """,
    ),
    Rule(
        "definer",
        f"""
        SELECT n.nspname, p.proname, 'the SECURITY DEFINER function ' || fault
        FROM pg_proc p
        JOIN pg_namespace n ON n.oid = p.pronamespace
        LEFT JOIN LATERAL (
            SELECT entry FROM unnest(p.proconfig) AS c(entry) WHERE entry ~ '^search_path='
        ) AS path ON true,
        LATERAL (VALUES
            (path.entry IS NULL, 'has no search_path of its own'),
            (path.entry !~ ', ?"?pg_temp"?$', 'does not search pg_temp last'),
            (n.nspname ~ %(homes)s AND split_part(path.entry, ',', 1)
                NOT IN ('search_path=' || n.nspname, 'search_path="' || n.nspname || '"'),
                'does not search its own home first'),
            (pg_get_userbyid(p.proowner) NOT IN (%(owner)s, %(ledger)s),
                'belongs to ' || pg_get_userbyid(p.proowner)),
            (EXISTS (
                SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
                WHERE a.grantee = 0
            ), 'may be called by PUBLIC'),
            (p.prosrc !~ 'tenant_id', 'names no tenant')
        ) AS faults(present, fault)
        WHERE p.prosecdef AND present AND {OURS} AND {OWN_FUNCTION}
            AND (%(home)s::text IS NULL OR n.nspname = %(home)s)
        """,
    ),
)

# Where something lies at all. Not asked when one home is looked at.
PLACE_RULES = (
    Rule(
        "stray",
        f"""
        SELECT NULL, n.nspname || '.' || c.relname, 'lies outside the homes'
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {OURS} AND n.nspname !~ %(homes)s AND {OWN_RELATION}
            AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        UNION ALL
        SELECT NULL, n.nspname, 'is a schema, and neither a home nor extensions'
        FROM pg_namespace n
        WHERE {OURS} AND n.nspname !~ %(homes)s AND n.nspname NOT IN ('public', 'extensions')
        """,
    ),
    Rule(
        "homes",
        """
        SELECT n.nspname, NULL, 'the control plane knows no such home'
        FROM pg_namespace n
        WHERE n.nspname ~ %(homes)s AND NOT n.nspname = ANY (%(known)s::text[])
        UNION ALL
        SELECT name, NULL, 'the home is missing'
        FROM unnest(%(ready)s::text[]) AS wanted(name)
        WHERE NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = wanted.name)
        """,
    ),
)

CONTROL_PLANE_RULES = (
    Rule(
        "homes",
        """
        SELECT n.nspname, NULL, 'the control plane holds no homes'
        FROM pg_namespace n WHERE n.nspname ~ %(home_names)s
        """,
    ),
)
