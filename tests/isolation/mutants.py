"""Holes in the wall: the rule that must name each, and the SQL that makes it."""

# Rule that must catch it, and SQL. `{home}` is the home the mutant lives in.
MUTANTS = {
    "a policy is dropped": ("policy", "DROP POLICY tenant_isolation ON {home}.profiles"),
    "a second policy lets everything through": (
        "policy",
        "CREATE POLICY extra ON {home}.profiles USING (true)",
    ),
    "a policy is for reading only": (
        "policy",
        "DROP POLICY tenant_isolation ON {home}.profiles;"
        "CREATE POLICY tenant_isolation ON {home}.profiles FOR SELECT "
        "USING (tenant_id = current_setting('app.tenant_id')::uuid)",
    ),
    "a policy does not check what is written": (
        "policy",
        "ALTER POLICY tenant_isolation ON {home}.profiles WITH CHECK (true)",
    ),
    "a policy takes a missing tenant for any": (
        "policy",
        "ALTER POLICY tenant_isolation ON {home}.profiles "
        "USING (tenant_id = coalesce(current_setting('app.tenant_id', true)::uuid, tenant_id))",
    ),
    "a policy asks a function that calls itself immutable": (
        "policy",
        "CREATE FUNCTION {home}.current_setting(text) RETURNS text LANGUAGE sql IMMUTABLE "
        "AS 'SELECT pg_catalog.current_setting($1)';"
        "ALTER POLICY tenant_isolation ON {home}.profiles "
        "USING (tenant_id = {home}.current_setting('app.tenant_id')::uuid)",
    ),
    "row-level security is not forced": (
        "row-security",
        "ALTER TABLE {home}.profiles NO FORCE ROW LEVEL SECURITY",
    ),
    "row-level security is off": (
        "row-security",
        "ALTER TABLE {home}.profiles DISABLE ROW LEVEL SECURITY",
    ),
    "a table has no tenant": (
        "tenant-column",
        "CREATE TABLE {home}.loose (id uuid PRIMARY KEY); ALTER TABLE {home}.loose OWNER TO quintet_owner",
    ),
    "the tenant may be missing": (
        "tenant-column",
        "ALTER TABLE {home}.profile_tags DROP CONSTRAINT profile_tags_pkey,"
        "ALTER COLUMN tenant_id DROP NOT NULL",
    ),
    "the tenant is not filled in": (
        "tenant-column",
        "ALTER TABLE {home}.profiles ALTER COLUMN tenant_id DROP DEFAULT",
    ),
    "the tenant is filled in with somebody": (
        "tenant-column",
        "ALTER TABLE {home}.profiles ALTER COLUMN tenant_id SET DEFAULT gen_random_uuid()",
    ),
    "the primary key forgets the tenant": (
        "primary-key",
        "ALTER TABLE {home}.profile_tags DROP CONSTRAINT profile_tags_pkey, ADD PRIMARY KEY (id)",
    ),
    "the primary key ends with the tenant": (
        "primary-key",
        "ALTER TABLE {home}.profile_tags DROP CONSTRAINT profile_tags_pkey,"
        "ADD PRIMARY KEY (id, tenant_id)",
    ),
    "a unique constraint forgets the tenant": (
        "unique-key",
        "ALTER TABLE {home}.profile_short_links ADD UNIQUE (slug)",
    ),
    "a unique index is on an expression first": (
        "unique-key",
        "CREATE UNIQUE INDEX ON {home}.profile_short_links (lower(slug), tenant_id)",
    ),
    "an exclusion constraint forgets the tenant": (
        "unique-key",
        "ALTER TABLE {home}.profile_short_links ADD EXCLUDE USING gist "
        "(slug extensions.gist_text_ops WITH =)",
    ),
    "an exclusion constraint tells tenants apart wrongly": (
        "unique-key",
        "ALTER TABLE {home}.profile_short_links ADD EXCLUDE USING gist "
        "(tenant_id extensions.gist_uuid_ops WITH <>, slug extensions.gist_text_ops WITH =)",
    ),
    "a foreign key is to the id alone": (
        "foreign-key",
        "ALTER TABLE {home}.profiles ADD UNIQUE (id);"
        "ALTER TABLE {home}.profile_tags ADD FOREIGN KEY (profile_id) REFERENCES {home}.profiles (id)",
    ),
    "a foreign key cascades": (
        "foreign-key",
        "ALTER TABLE {home}.profile_tags ADD FOREIGN KEY (tenant_id, profile_id) "
        "REFERENCES {home}.profiles (tenant_id, id) ON DELETE CASCADE",
    ),
    "a foreign key was never validated": (
        "foreign-key",
        "ALTER TABLE {home}.profile_tags ADD FOREIGN KEY (tenant_id, profile_id) "
        "REFERENCES {home}.profiles (tenant_id, id) NOT VALID",
    ),
    "a foreign key leaves the home": (
        "foreign-key",
        "CREATE TABLE public.elsewhere (tenant_id uuid, id uuid, PRIMARY KEY (tenant_id, id));"
        "ALTER TABLE {home}.profile_tags ADD FOREIGN KEY (tenant_id, tag_id) "
        "REFERENCES public.elsewhere",
    ),
    "the app may TRUNCATE": ("grant", "GRANT TRUNCATE ON {home}.profiles TO quintet_app"),
    "the app may REFERENCE": ("grant", "GRANT REFERENCES ON {home}.profiles TO quintet_app"),
    "the app may make triggers": ("grant", "GRANT TRIGGER ON {home}.profiles TO quintet_app"),
    "the app may hand its rights on": (
        "grant",
        "GRANT SELECT ON {home}.profiles TO quintet_app WITH GRANT OPTION",
    ),
    "the app may change one column of what is append-only": (
        "grant",
        "GRANT UPDATE (status) ON {home}.profile_status_history TO quintet_app",
    ),
    "the app may delete what is append-only": (
        "grant",
        "GRANT DELETE ON {home}.profile_status_history TO quintet_app",
    ),
    "the app may write what only triggers write": (
        "read-only-grant",
        "GRANT INSERT ON {home}.profile_status_history TO quintet_app",
    ),
    "the app may read the record of migrations": (
        "grant",
        "GRANT SELECT ON {home}.django_migrations TO quintet_app",
    ),
    "everybody may read a table": ("grant", "GRANT SELECT ON {home}.profiles TO PUBLIC"),
    "the auditor may write": ("grant", "GRANT INSERT ON {home}.profiles TO quintet_auditor"),
    "tables to come are granted to the app": (
        "default-grant",
        "ALTER DEFAULT PRIVILEGES FOR ROLE quintet_owner IN SCHEMA {home} "
        "GRANT ALL ON TABLES TO quintet_app",
    ),
    "the app may make things in a home": (
        "schema-grant",
        "GRANT CREATE ON SCHEMA {home} TO quintet_app",
    ),
    "everybody may look into a home": ("schema-grant", "GRANT USAGE ON SCHEMA {home} TO PUBLIC"),
    "the app may use public": ("schema-grant", "GRANT USAGE ON SCHEMA public TO quintet_app"),
    "the app may make temporary tables": (
        "database",
        "GRANT TEMPORARY ON DATABASE {database} TO quintet_app",
    ),
    "everybody may connect": ("database", "GRANT CONNECT ON DATABASE {database} TO PUBLIC"),
    "the app owns a table": ("app-owned", "ALTER TABLE {home}.profiles OWNER TO quintet_app"),
    "somebody else owns a table": ("owner", "ALTER TABLE {home}.profiles OWNER TO CURRENT_USER"),
    "the app bypasses row-level security": ("role", "ALTER ROLE quintet_app BYPASSRLS"),
    "the app is a superuser": ("role", "ALTER ROLE quintet_app SUPERUSER"),
    "the ledger bypasses row-level security": ("role", "ALTER ROLE quintet_ledger BYPASSRLS"),
    "the ledger may log in": ("role", "ALTER ROLE quintet_ledger LOGIN"),
    "the app can become the owner": ("membership", "GRANT quintet_owner TO quintet_app"),
    "the app can become the ledger": ("membership", "GRANT quintet_ledger TO quintet_app"),
    "the app may read all data": ("membership", "GRANT pg_read_all_data TO quintet_app"),
    "every session begins as somebody": (
        "setting",
        "ALTER ROLE quintet_app SET app.tenant_id = '0190aaaa-0000-7000-8000-000000000000'",
    ),
    "every session begins in a home": (
        "setting",
        "ALTER ROLE quintet_app SET search_path = {home}",
    ),
    "a view reads as its owner": (
        "view",
        "CREATE VIEW {home}.everybody AS SELECT * FROM {home}.profiles;"
        "ALTER VIEW {home}.everybody OWNER TO quintet_owner",
    ),
    "a view says security_invoker is off": (
        "view",
        "CREATE VIEW {home}.everybody WITH (security_invoker = false) AS "
        "SELECT * FROM {home}.profiles; ALTER VIEW {home}.everybody OWNER TO quintet_owner",
    ),
    "a materialized view keeps rows": (
        "view",
        "CREATE MATERIALIZED VIEW {home}.everybody AS SELECT * FROM {home}.profiles WITH NO DATA",
    ),
    "a context's table lies in public": (
        "stray",
        "CREATE TABLE public.profiles (LIKE {home}.profiles INCLUDING ALL)",
    ),
    "a view lies in extensions": (
        "stray",
        "CREATE VIEW extensions.profiles AS SELECT * FROM {home}.profiles",
    ),
    "a schema is nobody's": ("stray", "CREATE SCHEMA backup"),
    "a home is unknown to the control plane": (
        "homes",
        "CREATE SCHEMA t_forgotten AUTHORIZATION quintet_owner",
    ),
    "a home is gone": ("homes", "DROP SCHEMA {home} CASCADE"),
    "a table is gone": ("missing-table", "DROP TABLE {home}.profile_tags"),
    "an append-only guard is disabled": (
        "append-only",
        "ALTER TABLE {home}.profile_status_history "
        "DISABLE TRIGGER profile_status_history_guard_rows",
    ),
    "an append-only guard sleeps in replica mode": (
        "append-only",
        "ALTER TABLE {home}.profile_status_history "
        "ENABLE TRIGGER profile_status_history_guard_rows",
    ),
    "an append-only guard lets TRUNCATE through": (
        "append-only",
        "DROP TRIGGER profile_status_history_guard_whole ON {home}.profile_status_history",
    ),
    "an append-only guard does nothing": (
        "append-only",
        "CREATE OR REPLACE FUNCTION {home}.profile_status_history_guard() RETURNS trigger "
        "LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    ),
    "a trigger is disabled": (
        "trigger",
        "ALTER TABLE {home}.profiles DISABLE TRIGGER profiles_record_status",
    ),
    "a rule rewrites a table": (
        "rewrite",
        "CREATE RULE quiet AS ON DELETE TO {home}.profiles DO INSTEAD NOTHING",
    ),
    "a table inherits": (
        "inheritance",
        "CREATE TABLE {home}.child () INHERITS ({home}.profiles)",
    ),
    "a function has no search_path": (
        "definer",
        "ALTER FUNCTION {home}.profiles_make_counters() RESET search_path",
    ),
    "a function forgets pg_temp": (
        "definer",
        "ALTER FUNCTION {home}.profiles_make_counters() SET search_path = {home}, extensions",
    ),
    "a function searches pg_temp first": (
        "definer",
        "ALTER FUNCTION {home}.profiles_make_counters() SET search_path = pg_temp, {home}",
    ),
    "a function searches another home": (
        "definer",
        "ALTER FUNCTION {home}.profiles_make_counters() "
        "SET search_path = pool_7, extensions, pg_temp",
    ),
    "a function may be called by everybody": (
        "definer",
        "GRANT EXECUTE ON FUNCTION {home}.profiles_make_counters() TO PUBLIC",
    ),
    "a function belongs to a superuser": (
        "definer",
        "ALTER FUNCTION {home}.profiles_make_counters() OWNER TO CURRENT_USER",
    ),
    "a function of the owner names no tenant": (
        "definer",
        "CREATE FUNCTION {home}.peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER "
        "SET search_path = {home}, pg_temp AS 'SELECT count(*) FROM profiles';"
        "REVOKE ALL ON FUNCTION {home}.peek() FROM PUBLIC",
    ),
    "a home has another column": ("parity", "ALTER TABLE {home}.profiles ADD COLUMN extra text"),
    "a home has another default": (
        "parity",
        "ALTER TABLE {home}.profiles ALTER COLUMN bio SET DEFAULT 'x'",
    ),
    "a home lacks an index": ("parity", "DROP INDEX {home}.profiles_directory"),
    "a home lacks a check": (
        "parity",
        "ALTER TABLE {home}.profiles DROP CONSTRAINT profiles_type",
    ),
    "a home has another function": (
        "parity",
        "CREATE OR REPLACE FUNCTION {home}.profiles_make_counters() RETURNS trigger "
        "LANGUAGE plpgsql SECURITY DEFINER SET search_path = {home}, extensions, pg_temp "
        "AS 'BEGIN RETURN NULL; /* tenant_id */ END'",
    ),
    "a home grants less": ("parity", "REVOKE DELETE ON {home}.profiles FROM quintet_app"),
    "an audited table's trigger is dropped": (
        "audited",
        "DROP TRIGGER profiles_audit_update ON {home}.profiles",
    ),
    "an audited table's trigger may be skipped": (
        "audited",
        "ALTER TABLE {home}.profiles ENABLE TRIGGER profiles_audit_delete",
    ),
    "an audited table's trigger writes nothing": (
        "audited",
        "CREATE OR REPLACE FUNCTION {home}.profiles_audit() RETURNS trigger LANGUAGE plpgsql "
        "SECURITY DEFINER SET search_path = {home}, extensions, pg_temp "
        "AS 'BEGIN RETURN NULL; /* tenant_id */ END'",
    ),
    "an audited table may be truncated": (
        "audited",
        "DROP TRIGGER profiles_audit_truncate ON {home}.profiles",
    ),
    "the log may be written by hand": (
        "read-only-grant",
        "GRANT INSERT ON {home}.audit_log TO quintet_app",
    ),
    "a partition is granted": ("grant", "GRANT SELECT ON {home}.audit_log_default TO quintet_app"),
    "a partition has no policy": (
        "policy",
        "DROP POLICY tenant_isolation ON {home}.audit_log_default",
    ),
    "a partition has no row-level security": (
        "row-security",
        "ALTER TABLE {home}.audit_log_default DISABLE ROW LEVEL SECURITY",
    ),
    "a partition may be truncated": (
        "append-only",
        "DROP TRIGGER audit_log_guard_whole ON {home}.audit_log_default",
    ),
}

# The same for the control plane, which has no walls but keeps its records as well.
CONTROL_PLANE_MUTANTS = {
    "a home": ("homes", "CREATE SCHEMA pool_1"),
    "an audited table's trigger is dropped": (
        "audited",
        "DROP TRIGGER tenancy_tenant_audit_update ON tenancy_tenant",
    ),
    "the log's guard is dropped": (
        "append-only",
        "DROP TRIGGER audit_log_guard_rows ON audit_log",
    ),
    "the log may be written by hand": (
        "read-only-grant",
        "GRANT INSERT ON audit_log TO quintet_app",
    ),
    "a seal may be changed": ("grant", "GRANT UPDATE ON audit_seals TO quintet_app"),
    "a partition is granted": ("grant", "GRANT SELECT ON audit_log_default TO quintet_app"),
    "the record of migrations is granted": (
        "grant",
        "GRANT INSERT ON django_migrations TO quintet_app",
    ),
}
