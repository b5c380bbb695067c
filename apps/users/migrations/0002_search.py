"""Search by name: its indexes, and the one function that may use them ahead of row-level security."""

from django.db import migrations

from apps.tenancy.postgresql.operations import HomeSQL

# What may be found: names, folded to small letters without accents. What a person hides from the
# public is not searchable by anybody.
DOCUMENT = """
CREATE FUNCTION {home}.profile_document(
    display_name text, company_name text, title text, field_privacy jsonb
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT lower(extensions.unaccent('extensions.unaccent'::regdictionary,
        display_name
        || CASE WHEN field_privacy ? 'title' THEN '' ELSE ' ' || title END
        || CASE WHEN field_privacy ? 'company_name' THEN '' ELSE ' ' || company_name END))
$body$;
CREATE INDEX profiles_search_words ON {home}.profiles USING gist (
    tenant_id extensions.gist_uuid_ops,
    to_tsvector('simple', {home}.profile_document(display_name, company_name, title, field_privacy))
) WHERE NOT is_deleted;
CREATE INDEX profiles_search_letters ON {home}.profiles USING gist (
    tenant_id extensions.gist_uuid_ops,
    {home}.profile_document(display_name, company_name, title, field_privacy)
    extensions.gist_trgm_ops
) WHERE NOT is_deleted;
"""

# Rank: words that begin like those asked for come before letters that are merely similar, and tags
# come between a good and a poor likeness.
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
    plain constant text := lower(unaccent(query));
    words tsquery;
BEGIN
    SELECT to_tsquery('simple', string_agg(
        '''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || ''':*', ' & '
    )) INTO words FROM unnest(to_tsvector('simple', plain));
    RETURN QUERY
    WITH candidates AS (
        (SELECT p.id, 1 + word_similarity(plain, profile_document(
                p.display_name, p.company_name, p.title, p.field_privacy)) AS score
        FROM profiles p
        WHERE p.tenant_id = bound AND NOT p.is_deleted
            AND (p.status = 'ACTIVE' OR NOT only_active)
            AND to_tsvector('simple', profile_document(
                p.display_name, p.company_name, p.title, p.field_privacy)) @@ words
        ORDER BY p.display_weight DESC, p.id DESC LIMIT max_rows)
        UNION ALL
        (SELECT p.id, word_similarity(plain, profile_document(
                p.display_name, p.company_name, p.title, p.field_privacy))
        FROM profiles p
        WHERE words IS NOT NULL AND p.tenant_id = bound AND NOT p.is_deleted
            AND (p.status = 'ACTIVE' OR NOT only_active)
            AND plain <% profile_document(
                p.display_name, p.company_name, p.title, p.field_privacy)
        ORDER BY plain <<-> profile_document(
            p.display_name, p.company_name, p.title, p.field_privacy) LIMIT max_rows)
        UNION ALL
        (SELECT p.id, 0.7::real
        FROM profile_tags t JOIN profiles p ON p.tenant_id = t.tenant_id AND p.id = t.profile_id
        WHERE t.tenant_id = bound AND t.tag_id = ANY (tags) AND NOT p.is_deleted
            AND (p.status = 'ACTIVE' OR NOT only_active) AND NOT p.field_privacy ? 'tag_ids'
        ORDER BY p.display_weight DESC, p.id DESC LIMIT max_rows)
    )
    SELECT c.id, max(c.score)::real
    FROM candidates c JOIN profiles p ON p.tenant_id = bound AND p.id = c.id
    GROUP BY c.id, p.display_weight
    ORDER BY max(c.score) DESC, p.display_weight DESC, c.id DESC
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
                "DROP INDEX {home}.profiles_search_letters; "
                "DROP INDEX {home}.profiles_search_words; "
                "DROP FUNCTION {home}.profile_document(text, text, text, jsonb)"
            ),
        ),
        HomeSQL(
            forwards=SEARCH,
            backwards="DROP FUNCTION {home}.search_profiles(text, uuid[], boolean, integer)",
        ),
    ]
