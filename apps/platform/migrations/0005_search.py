"""Search across contexts: what documents are found by, and the one function that finds them."""

from django.db import migrations

from apps.tenancy.postgresql.operations import HomeSQL

# `words` holds a document's words, each led by a mark of its tenant and a letter for where it stands:
# t(itle), k(eywords) or b(ody); and its tags, led by #. A GIN index can't lead with the tenant, so its
# entries do. A mark that two tenants share costs time and tells nothing: rows are asked for their
# tenant all the same. `names` is what is searched for words that are spelled alike.
DOCUMENT = """
CREATE FUNCTION {home}.searchable(words text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT btrim(regexp_replace(
        lower(extensions.unaccent('extensions.unaccent'::regdictionary, words)),
        '[[:space:]!-/:-@\\[-`{-~]+', ' ', 'g'))
$body$;
CREATE FUNCTION {home}.search_mark(of_tenant uuid) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT left(md5(of_tenant::text), 8)
$body$;
CREATE FUNCTION {home}.search_words(
    of_tenant uuid, title text, keywords text, body text, tag_ids uuid[]
) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT array_to_tsvector(array(
        SELECT DISTINCT {home}.search_mark(of_tenant) || part.letter || left(word, 100)
        FROM (VALUES ('t', title), ('k', keywords), ('b', body)) AS part(letter, words),
            string_to_table({home}.searchable(part.words), ' ') AS word
        WHERE word <> ''
        UNION
        SELECT {home}.search_mark(of_tenant) || '#' || tag::text FROM unnest(tag_ids) AS tag
    ))
$body$;
ALTER TABLE {home}.search_documents
    ADD COLUMN words tsvector
        GENERATED ALWAYS AS ({home}.search_words(tenant_id, title, keywords, body, tag_ids)) STORED,
    ADD COLUMN names text
        GENERATED ALWAYS AS ({home}.searchable(title || ' ' || keywords)) STORED;
CREATE INDEX search_documents_words ON {home}.search_documents USING gin (words)
    WITH (fastupdate = off);
CREATE INDEX search_documents_names ON {home}.search_documents USING gist (
    tenant_id extensions.gist_uuid_ops, names extensions.gist_trgm_ops (siglen = 64));
CREATE INDEX search_documents_heaviest ON {home}.search_documents
    (tenant_id, weight DESC, id DESC);
"""
UNDO_DOCUMENT = """
ALTER TABLE {home}.search_documents DROP COLUMN words, DROP COLUMN names;
DROP INDEX {home}.search_documents_heaviest;
DROP FUNCTION {home}.search_words(uuid, text, text, text, uuid[]);
DROP FUNCTION {home}.search_mark(uuid);
DROP FUNCTION {home}.searchable(text);
"""

# Documents are looked for tier by tier, each tier by weight, until there are enough: the order is
# total, and what is cut off is what is worst. A tier that many of the heaviest documents are in is
# read off the heaviest: an index on a word that every tenth document carries would fetch all of them.
SEARCH = """
CREATE FUNCTION {home}.find_documents(
    query text, tags uuid[], kinds text[], only_public boolean, alike boolean, max_rows integer
) RETURNS TABLE (document_id uuid, rank integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = {home}, extensions, pg_temp
SET pg_trgm.word_similarity_threshold = 0.45
SET plan_cache_mode = force_custom_plan
AS $body$
DECLARE
    walk constant integer := 2000;
    few constant integer := 10;
    bound constant uuid := current_setting('app.tenant_id')::uuid;
    mark constant text := search_mark(bound);
    plain constant text := searchable(query);
    asked constant text[] := array(
        SELECT left(word, 100) FROM string_to_table(plain, ' ') WITH ORDINALITY AS w(word, place)
        WHERE word <> '' GROUP BY word ORDER BY min(place) LIMIT 20);
    longest constant text := (
        SELECT word FROM unnest(asked) AS word ORDER BY length(word) DESC, word LIMIT 1);
    tagged constant text := (
        SELECT ' & (' || string_agg(format('''%s#%s''', mark, tag), ' | ') || ')'
        FROM unnest(tags) AS tag);
    -- Where every word is to be, and what is to follow it: nothing, or more letters.
    places constant text[] := ARRAY['t', 't', 'tk', 'tk', 'tkb', 'tkb'];
    ends constant text[] := ARRAY['', ':*', '', ':*', '', ':*'];
    queries tsquery[] := '{}';
    many bigint[];
    found uuid[] := '{}';
    batch uuid[];
    missing integer := max_rows;
BEGIN
    IF cardinality(asked) = 0 AND tagged IS NULL THEN
        RETURN;
    END IF;
    IF cardinality(asked) = 0 THEN
        queries := ARRAY[substr(tagged, 4)::tsquery];
    ELSE
        FOR tier IN 1 .. 6 LOOP
            queries := queries || ((
                SELECT string_agg('(' || (
                    SELECT string_agg(format('''%s%s%s''%s', mark, letter, word, ends[tier]), ' | ')
                    FROM string_to_table(places[tier], NULL) AS letter
                ) || ')', ' & ')
                FROM unnest(asked) AS word
            ) || coalesce(tagged, ''))::tsquery;
        END LOOP;
    END IF;

    SELECT array_agg(counted.matching ORDER BY counted.tier) INTO many FROM (
        SELECT q.tier, count(h.words) FILTER (WHERE h.words @@ q.query) AS matching
        FROM unnest(queries) WITH ORDINALITY AS q(query, tier) LEFT JOIN (
            SELECT d.words FROM search_documents d WHERE d.tenant_id = bound
            ORDER BY d.weight DESC, d.id DESC LIMIT walk / 10
        ) h ON true GROUP BY q.tier
    ) counted;

    FOR tier IN 1 .. cardinality(queries) LOOP
        -- If a twentieth of the heaviest hold it, the next ones are likely to hold enough of it.
        batch := NULL;
        IF many[tier] >= walk / 200 THEN
            SELECT array_agg(w.id ORDER BY w.weight DESC, w.id DESC) INTO batch FROM (
                SELECT h.id, h.weight FROM (
                    SELECT d.* FROM search_documents d WHERE d.tenant_id = bound
                    ORDER BY d.weight DESC, d.id DESC LIMIT walk * 2
                ) h
                WHERE h.words @@ queries[tier] AND (h.is_public OR NOT only_public)
                    AND (kinds IS NULL OR h.kind = ANY (kinds)) AND h.id <> ALL (found)
                ORDER BY h.weight DESC, h.id DESC LIMIT missing
            ) w;
        END IF;
        IF coalesce(cardinality(batch), 0) < missing THEN
            SELECT (array_agg(m.id ORDER BY m.weight DESC, m.id DESC))[:missing] INTO batch FROM (
                SELECT d.id, d.weight FROM search_documents d
                WHERE d.words @@ queries[tier] AND d.tenant_id = bound
                    AND (d.is_public OR NOT only_public)
                    AND (kinds IS NULL OR d.kind = ANY (kinds)) AND d.id <> ALL (found)
                -- Planned by itself: in a hurry for the first ones, it would walk all by weight.
                OFFSET 0
            ) m;
        END IF;
        IF batch IS NOT NULL THEN
            RETURN QUERY SELECT b, (8 - tier) * 1000 FROM unnest(batch) AS b;
            found := found || batch;
            missing := missing - cardinality(batch);
            EXIT WHEN missing <= 0;
        END IF;
    END LOOP;

    -- Of the words, the longest goes to the index: likenesses of the others are looked at there.
    IF alike AND cardinality(asked) > 0 AND cardinality(found) < few THEN
        RETURN QUERY
        SELECT s.id, (
            SELECT min(word_similarity(word, s.names) * 1000)::integer FROM unnest(asked) AS word
        ) FROM (
            SELECT d.id, d.names FROM search_documents d
            WHERE d.tenant_id = bound AND longest <% d.names
                AND (SELECT bool_and(word <% d.names) FROM unnest(asked) AS word)
                AND (d.is_public OR NOT only_public)
                AND (kinds IS NULL OR d.kind = ANY (kinds))
                AND (tagged IS NULL OR d.words @@ substr(tagged, 4)::tsquery)
                AND d.id <> ALL (found)
            ORDER BY longest <<-> d.names, d.weight DESC, d.id DESC LIMIT missing
        ) s;
    END IF;
END
$body$;
REVOKE ALL ON FUNCTION {home}.find_documents(text, uuid[], text[], boolean, boolean, integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {home}.find_documents(text, uuid[], text[], boolean, boolean, integer)
    TO quintet_app;
"""


class Migration(migrations.Migration):
    """Makes documents findable."""

    dependencies = [("platform", "0004_platform")]

    operations = [
        HomeSQL(forwards=DOCUMENT, backwards=UNDO_DOCUMENT),
        HomeSQL(
            forwards=SEARCH,
            backwards=(
                "DROP FUNCTION {home}.find_documents(text, uuid[], text[], boolean, boolean, integer)"
            ),
        ),
    ]
