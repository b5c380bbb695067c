"""Rules about who may do what: roles, owners and grants."""

from apps.tenancy.verification.faults import Rule

# Rules that hold for a whole server, and are asked once in each database all the same: databases
# may be on servers of their own.
SERVER_RULES = (
    Rule(
        "missing-role",
        """
        SELECT NULL, name, 'the role is missing'
        FROM unnest(ARRAY[%(owner)s, %(app)s, %(ledger)s, %(auditor)s]::text[]) AS wanted(name)
        WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
        """,
    ),
    Rule(
        "role",
        """
        SELECT NULL, rolname, 'the role ' || fault
        FROM pg_roles,
        LATERAL (VALUES
            (rolsuper, 'is a superuser'),
            (rolbypassrls AND rolname <> %(owner)s, 'may bypass row-level security'),
            (rolcreaterole, 'may make roles'),
            (rolcreatedb, 'may make databases'),
            (rolreplication, 'may replicate everything'),
            (rolcanlogin AND rolname IN (%(ledger)s, %(auditor)s), 'may log in')
        ) AS faults(present, fault)
        WHERE present AND rolname IN (%(owner)s, %(app)s, %(ledger)s, %(auditor)s)
            AND NOT (rolname = %(auditor)s AND fault = 'may log in')
        """,
    ),
    Rule(
        "membership",
        """
        SELECT NULL, member.rolname, 'the role is a member of ' || granted.rolname
        FROM pg_auth_members m
        JOIN pg_roles member ON member.oid = m.member
        JOIN pg_roles granted ON granted.oid = m.roleid
        WHERE member.rolname IN (%(app)s, %(ledger)s, %(auditor)s)
            OR (granted.rolname IN (%(owner)s, %(ledger)s) AND NOT member.rolsuper
                AND NOT member.rolcreaterole AND member.rolname <> %(owner)s)
        """,
    ),
    Rule(
        "database",
        """
        SELECT NULL, NULL, fault
        FROM pg_database d,
        LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a,
        LATERAL (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END) AS w(who),
        LATERAL (SELECT who || ' may ' || a.privilege_type || ' in the database') AS f(fault)
        WHERE d.datname = current_database()
            AND (a.grantee = 0 OR (who IN (%(app)s, %(auditor)s, %(ledger)s)
                AND a.privilege_type <> 'CONNECT'))
        """,
    ),
    Rule(
        "app-owned",
        """
        SELECT NULL, pg_describe_object(classid, objid, objsubid), 'belongs to ' || %(app)s
        FROM pg_shdepend
        WHERE deptype = 'o' AND refclassid = 'pg_authid'::regclass
            AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = %(app)s)
            AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        """,
    ),
    Rule(
        "setting",
        """
        SELECT NULL, coalesce(r.rolname, 'everybody'),
            'begins each session with ' || split_part(setting, '=', 1) || ' set'
        FROM pg_db_role_setting s
        CROSS JOIN unnest(s.setconfig) AS c(setting)
        LEFT JOIN pg_roles r ON r.oid = s.setrole
        LEFT JOIN pg_database d ON d.oid = s.setdatabase
        WHERE coalesce(d.datname, current_database()) = current_database()
            AND (setting ~ '^(app\\.|row_security=|session_replication_role=)'
                OR (setting ~ '^search_path=.*\\m(pool_[0-9]|t_)' AND coalesce(r.rolname, %(app)s) = %(app)s))
        UNION ALL
        SELECT NULL, 'everybody', 'begins each session with app.tenant_id set'
        WHERE current_setting('app.tenant_id', true) <> ''
        """,
    ),
)

HOME_RULES = (
    Rule(
        "schema-grant",
        """
        SELECT CASE WHEN n.nspname ~ %(homes)s THEN n.nspname END,
            CASE WHEN n.nspname ~ %(homes)s THEN NULL ELSE n.nspname END,
            who || ' may ' || a.privilege_type || ' in the schema'
        FROM pg_namespace n,
        LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a,
        LATERAL (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END) AS w(who)
        WHERE (n.nspname IN ('public', 'extensions') OR n.nspname ~ %(homes)s)
            AND (%(home)s::text IS NULL OR n.nspname = %(home)s)
            AND a.grantee <> n.nspowner
            AND NOT (a.privilege_type = 'USAGE' AND n.nspname <> 'public'
                AND who IN (%(app)s, %(auditor)s, %(ledger)s))
        """,
    ),
    Rule(
        "owner",
        """
        WITH owned AS (
            SELECT nspname AS home, NULL::name AS name, nspowner AS owner, false AS may_be_ledgers
            FROM pg_namespace WHERE nspname ~ %(homes)s
            UNION ALL
            SELECT n.nspname, c.relname, c.relowner, false
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE nspname ~ %(homes)s
            UNION ALL
            SELECT n.nspname, p.proname, p.proowner, p.prosecdef
            FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE nspname ~ %(homes)s
        )
        SELECT home, name, 'belongs to ' || pg_get_userbyid(owner)
        FROM owned
        WHERE pg_get_userbyid(owner) <> %(owner)s
            AND NOT (may_be_ledgers AND pg_get_userbyid(owner) = %(ledger)s)
            AND (%(home)s::text IS NULL OR home = %(home)s)
        """,
    ),
    Rule(
        "default-grant",
        """
        SELECT n.nspname, NULL, 'whatever is made here is granted to ' || who
        FROM pg_default_acl d
        LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
        CROSS JOIN LATERAL aclexplode(d.defaclacl) AS a,
        LATERAL (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END) AS w(who)
        WHERE d.defaclobjtype IN ('r', 'S', 'n') AND who IN ('PUBLIC', %(app)s)
        """,
    ),
)

# What may be done with tables: in the homes and in the control plane alike.
TABLE_RULES = (
    Rule(
        "grant",
        """
        WITH granted AS (
            SELECT n.nspname AS home, c.relname AS name, c.relkind AS kind, c.relispartition,
                NULL::name AS of_column, a.grantee, a.privilege_type, a.is_grantable, c.relowner
            FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace
            CROSS JOIN LATERAL aclexplode(c.relacl) AS a
            WHERE n.nspname ~ %(homes)s AND (%(home)s::text IS NULL OR n.nspname = %(home)s)
            UNION ALL
            SELECT n.nspname, c.relname, c.relkind, c.relispartition,
                t.attname, a.grantee, a.privilege_type, a.is_grantable, c.relowner
            FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_attribute t ON t.attrelid = c.oid
            CROSS JOIN LATERAL aclexplode(t.attacl) AS a
            WHERE n.nspname ~ %(homes)s AND (%(home)s::text IS NULL OR n.nspname = %(home)s)
        ),
        judged AS (
            SELECT *, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END AS who,
                CASE
                    WHEN name = 'django_migrations' OR relispartition THEN '{}'
                    WHEN kind = 'S' THEN '{USAGE,SELECT}'
                    WHEN pg_get_userbyid(grantee) = %(auditor)s THEN '{SELECT}'
                    WHEN pg_get_userbyid(grantee) = %(ledger)s THEN '{SELECT,INSERT,UPDATE}'
                    WHEN pg_get_userbyid(grantee) <> %(app)s THEN '{}'
                    WHEN name = ANY (%(append_only)s::text[]) THEN '{SELECT,INSERT}'
                    ELSE '{SELECT,INSERT,UPDATE,DELETE}'
                END::text[] AS allowed
            FROM granted WHERE grantee <> relowner
        )
        SELECT home, name, who || ' may ' || privilege_type
            || coalesce(' the column ' || of_column, '')
            || CASE WHEN is_grantable THEN ' and hand that on' ELSE '' END
        FROM judged
        WHERE is_grantable OR grantee = 0 OR NOT privilege_type = ANY (allowed)
        """,
    ),
    Rule(
        "read-only-grant",
        """
        SELECT n.nspname, c.relname,
            %(app)s || ' may ' || a.privilege_type || ' what only triggers or the ledger write'
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL aclexplode(c.relacl) AS a
        WHERE n.nspname ~ %(homes)s AND (%(home)s::text IS NULL OR n.nspname = %(home)s)
            AND c.relname = ANY (%(not_by_app)s::text[])
            AND pg_get_userbyid(a.grantee) = %(app)s AND a.privilege_type <> 'SELECT'
        """,
    ),
)
