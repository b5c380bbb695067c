"""Search by name: its indexes, and the one function that may use them ahead of row-level security."""

from django.db import migrations

from apps.tenancy.postgresql.operations import HomeSQL

# What may be found: names in small letters without accents, words parted by single spaces and led by
# one, so that '% word%' finds a beginning. What a person hides from the public nobody finds.
DOCUMENT = """
CREATE FUNCTION {home}.searchable(words text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT ' ' || btrim(regexp_replace(
        lower(extensions.unaccent('extensions.unaccent'::regdictionary, words)),
        '[[:space:]!-/:-@\\[-`{-~]+', ' ', 'g'))
$body$;
CREATE FUNCTION {home}.profile_document(
    display_name text, company_name text, title text, field_privacy jsonb
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT {home}.searchable(
        display_name
        || CASE WHEN field_privacy ? 'title' THEN '' ELSE ' ' || title END
        || CASE WHEN field_privacy ? 'company_name' THEN '' ELSE ' ' || company_name END)
$body$;
CREATE INDEX profiles_search ON {home}.profiles USING gist (
    tenant_id extensions.gist_uuid_ops,
    {home}.profile_document(display_name, company_name, title, field_privacy)
    extensions.gist_trgm_ops (siglen = 64)
) WHERE NOT is_deleted;
"""

# Rank: words that begin like those asked for come before letters that are merely similar, and tags
# come between a good and a poor likeness. The longest beginning goes to the index, since it leaves
# the fewest rows to compare with the others; likenesses are looked for where beginnings are few.
SEARCH = """
CREATE FUNCTION {home}.search_profiles(
    query text, tags uuid[], only_active boolean, max_rows integer
) RETURNS TABLE (profile_id uuid, rank real)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = {home}, extensions, pg_temp
SET pg_trgm.word_similarity_threshold = 0.45
AS $body$
DECLARE
    bound constant uuid := current_setting('app.tenant_id')::uuid;
    plain constant text := btrim(searchable(query));
    beginnings constant text[] := array(
        SELECT '% ' || replace(word, '\\', '\\\\') || '%'
        FROM regexp_split_to_table(plain, ' ') AS word
        WHERE word <> '' ORDER BY length(word) DESC LIMIT 20);
BEGIN
    RETURN QUERY
    WITH begun AS MATERIALIZED (
        SELECT p.id FROM profiles p
        WHERE plain <> '' AND p.tenant_id = bound AND NOT p.is_deleted
            AND (p.status = 'ACTIVE' OR NOT only_active)
            AND profile_document(
                p.display_name, p.company_name, p.title, p.field_privacy) LIKE beginnings[1]
            AND profile_document(
                p.display_name, p.company_name, p.title, p.field_privacy) LIKE ALL (beginnings)
        ORDER BY p.display_weight DESC, p.id DESC LIMIT max_rows
    ), similar_ones AS (
        SELECT p.id FROM profiles p
        WHERE plain <> '' AND (SELECT count(*) FROM begun) < max_rows
            AND p.tenant_id = bound AND NOT p.is_deleted
            AND (p.status = 'ACTIVE' OR NOT only_active)
            AND plain <% profile_document(
                p.display_name, p.company_name, p.title, p.field_privacy)
        ORDER BY plain <<-> profile_document(
            p.display_name, p.company_name, p.title, p.field_privacy) LIMIT max_rows
    ), tagged AS (
        SELECT p.id
        FROM profile_tags t JOIN profiles p ON p.tenant_id = t.tenant_id AND p.id = t.profile_id
        WHERE t.tenant_id = bound AND t.tag_id = ANY (tags) AND NOT p.is_deleted
            AND (p.status = 'ACTIVE' OR NOT only_active) AND NOT p.field_privacy ? 'tag_ids'
        ORDER BY p.display_weight DESC, p.id DESC LIMIT max_rows
    ), candidates AS (
        SELECT b.id, 1.0 AS bonus, 0.0 AS floor FROM begun b
        UNION ALL SELECT s.id, 0.0, 0.0 FROM similar_ones s
        UNION ALL SELECT t.id, 0.0, 0.7 FROM tagged t
    ), scored AS (
        SELECT c.id, p.display_weight, greatest(c.floor, c.bonus + word_similarity(
            plain, profile_document(
                p.display_name, p.company_name, p.title, p.field_privacy))) AS score
        FROM candidates c JOIN profiles p ON p.tenant_id = bound AND p.id = c.id
    )
    SELECT s.id, max(s.score)::real
    FROM scored s
    GROUP BY s.id, s.display_weight
    ORDER BY max(s.score) DESC, s.display_weight DESC, s.id DESC
    LIMIT max_rows;
END
$body$;
REVOKE ALL ON FUNCTION {home}.search_profiles(text, uuid[], boolean, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {home}.search_profiles(text, uuid[], boolean, integer) TO quintet_app;
"""


class Migration(migrations.Migration):
    """Makes profiles searchable."""

    dependencies = [("users", "0001_initial")]

    operations = [
        HomeSQL(
            forwards=DOCUMENT,
            backwards=(
                "DROP INDEX {home}.profiles_search; "
                "DROP FUNCTION {home}.profile_document(text, text, text, jsonb); "
                "DROP FUNCTION {home}.searchable(text)"
            ),
        ),
        HomeSQL(
            forwards=SEARCH,
            backwards="DROP FUNCTION {home}.search_profiles(text, uuid[], boolean, integer)",
        ),
    ]
