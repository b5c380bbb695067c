"""The ledger's functions, keys, checks and views: what posts, what sums up, and what derives."""

from django.db import migrations

from apps.tenancy.postgresql.operations import HomeSQL
from config.databases import APP, AUDITOR, LEDGER

# A leg is of the currency of its account, and a resolution of the amount of its hold: by keys.
KEYS = """
ALTER TABLE {home}.account_balances
    ADD CONSTRAINT account_balances_of_account FOREIGN KEY (tenant_id, id, is_guarded, rolls_up)
        REFERENCES {home}.ledger_accounts (tenant_id, id, is_guarded, rolls_up),
    SET (fillfactor = 50);
ALTER TABLE {home}.ledger_entries ADD CONSTRAINT ledger_entries_of_account
    FOREIGN KEY (tenant_id, account_id, currency)
    REFERENCES {home}.ledger_accounts (tenant_id, id, currency);
ALTER TABLE {home}.holds
    ADD CONSTRAINT holds_of_transaction FOREIGN KEY (tenant_id, id)
        REFERENCES {home}.transactions (tenant_id, id),
    ADD CONSTRAINT holds_from_account FOREIGN KEY (tenant_id, account_id, currency)
        REFERENCES {home}.ledger_accounts (tenant_id, id, currency),
    ADD CONSTRAINT holds_to_account FOREIGN KEY (tenant_id, held_account_id, currency)
        REFERENCES {home}.ledger_accounts (tenant_id, id, currency);
ALTER TABLE {home}.hold_resolutions ADD CONSTRAINT hold_resolutions_of_hold
    FOREIGN KEY (tenant_id, id, amount) REFERENCES {home}.holds (tenant_id, id, amount);
ALTER TABLE {home}.user_wallets
    ADD CONSTRAINT user_wallets_of_account FOREIGN KEY (tenant_id, account_id, currency)
        REFERENCES {home}.ledger_accounts (tenant_id, id, currency),
    ADD CONSTRAINT user_wallets_of_held_account FOREIGN KEY (tenant_id, held_account_id, currency)
        REFERENCES {home}.ledger_accounts (tenant_id, id, currency);
ALTER TABLE {home}.stock_levels SET (fillfactor = 50);
ALTER TABLE {home}.stock_resolutions ADD CONSTRAINT stock_resolutions_of_reservation
    FOREIGN KEY (tenant_id, id, quantity)
    REFERENCES {home}.stock_reservations (tenant_id, id, quantity);
ALTER TABLE {home}.stock_returns ADD CONSTRAINT stock_returns_of_resolution
    FOREIGN KEY (tenant_id, id, quantity) REFERENCES {home}.stock_resolutions (tenant_id, id, sold);
ALTER TABLE {home}.refunds
    ADD COLUMN previous_seq integer GENERATED ALWAYS AS (nullif(seq - 1, 0)) STORED,
    ADD COLUMN previous_cumulative bigint
        GENERATED ALWAYS AS (CASE WHEN seq > 1 THEN cumulative - amount END) STORED,
    ADD CONSTRAINT refunds_follow FOREIGN KEY
        (tenant_id, purchase_id, previous_seq, previous_cumulative)
        REFERENCES {home}.refunds (tenant_id, purchase_id, seq, cumulative),
    ADD CONSTRAINT refunds_begin CHECK (seq > 1 OR cumulative = amount);
"""
UNDO_KEYS = """
ALTER TABLE {home}.refunds DROP CONSTRAINT refunds_begin, DROP CONSTRAINT refunds_follow,
    DROP COLUMN previous_cumulative, DROP COLUMN previous_seq;
ALTER TABLE {home}.stock_returns DROP CONSTRAINT stock_returns_of_resolution;
ALTER TABLE {home}.stock_resolutions DROP CONSTRAINT stock_resolutions_of_reservation;
ALTER TABLE {home}.stock_levels RESET (fillfactor);
ALTER TABLE {home}.user_wallets DROP CONSTRAINT user_wallets_of_account,
    DROP CONSTRAINT user_wallets_of_held_account;
ALTER TABLE {home}.hold_resolutions DROP CONSTRAINT hold_resolutions_of_hold;
ALTER TABLE {home}.holds DROP CONSTRAINT holds_of_transaction,
    DROP CONSTRAINT holds_from_account, DROP CONSTRAINT holds_to_account;
ALTER TABLE {home}.ledger_entries DROP CONSTRAINT ledger_entries_of_account;
ALTER TABLE {home}.account_balances DROP CONSTRAINT account_balances_of_account,
    RESET (fillfactor);
"""

# Checked when the transaction ends, for every entry, whoever wrote it. PostgreSQL 15 runs deferred triggers
# as whoever is the role by then, 18 as whoever wrote: hence SECURITY DEFINER.
BALANCED = """
CREATE FUNCTION {home}.check_transaction_balances() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {home}, extensions, pg_temp AS $check$
BEGIN
    IF EXISTS (
        SELECT FROM ledger_entries e
        WHERE e.tenant_id = NEW.tenant_id AND e.transaction_id = NEW.transaction_id
        GROUP BY e.currency HAVING sum(e.amount) <> 0
    ) THEN
        RAISE EXCEPTION 'the entries of the transaction % do not balance', NEW.transaction_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transactions_balanced';
    END IF;
    RETURN NULL;
END $check$;
REVOKE ALL ON FUNCTION {home}.check_transaction_balances() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER ledger_entries_balanced AFTER INSERT ON {home}.ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION {home}.check_transaction_balances();
ALTER TABLE {home}.ledger_entries ENABLE ALWAYS TRIGGER ledger_entries_balanced;
"""
UNDO_BALANCED = """
DROP TRIGGER ledger_entries_balanced ON {home}.ledger_entries;
DROP FUNCTION {home}.check_transaction_balances();
"""

OPEN = """
CREATE FUNCTION {home}.open_ledger_accounts(accounts jsonb)
RETURNS TABLE (account_id uuid, account_code text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {home}, extensions, pg_temp AS $open$
DECLARE
    bound constant uuid := current_setting('app.tenant_id')::uuid;
BEGIN
    -- In one order: two that open the same accounts would else wait for each other.
    WITH opened AS (
        INSERT INTO ledger_accounts AS a
            (tenant_id, id, code, kind, currency, owner_id, is_guarded, rolls_up, created_on)
        SELECT bound, extensions.uuid7(), w.code, w.kind, w.currency, w.owner_id,
            w.is_guarded, w.rolls_up, clock_timestamp()
        FROM jsonb_to_recordset(accounts) AS w(code text, kind text, currency text,
            owner_id uuid, is_guarded boolean, rolls_up boolean)
        ORDER BY w.code
        ON CONFLICT (tenant_id, code) DO NOTHING
        RETURNING a.id, a.is_guarded, a.rolls_up
    )
    INSERT INTO account_balances
        (tenant_id, id, posted, version, is_guarded, rolls_up, watermark, updated_at)
    SELECT bound, o.id, 0, 0, o.is_guarded, o.rolls_up, 0, clock_timestamp() FROM opened o;
    -- A code that stands for something else already would be posted to as what it is not.
    IF EXISTS (
        SELECT FROM jsonb_to_recordset(accounts) AS w(code text, kind text, currency text,
            owner_id uuid, is_guarded boolean, rolls_up boolean)
        JOIN ledger_accounts a ON a.tenant_id = bound AND a.code = w.code
        WHERE (a.kind, a.currency, a.owner_id, a.is_guarded, a.rolls_up) IS DISTINCT FROM
            (w.kind, w.currency, w.owner_id, w.is_guarded, w.rolls_up)
    ) THEN
        RAISE EXCEPTION 'a code stands for another account'
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'ledger_accounts_same';
    END IF;
    RETURN QUERY SELECT a.id, a.code::text FROM ledger_accounts a
        WHERE a.tenant_id = bound AND a.code IN (
            SELECT w.code FROM jsonb_to_recordset(accounts) AS w(code text));
END $open$;
"""

# What is reversed or refunded is locked first. Then headers: of the same key, who comes second waits there, and
# finds it taken. Then balances: locked in one order over the whole batch, those that many touch last; and read
# in the next statement, which sees what those before have left. Accounts that roll up are not locked at all.
# Who calls it may be mistaken or hostile: each thing that could be wrong is refused under a name of its own.
POST = """
CREATE FUNCTION {home}.post_transaction(postings jsonb)
RETURNS TABLE (transaction_id uuid, is_replay boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {home}, extensions, pg_temp AS $post$
#variable_conflict use_column
DECLARE
    bound constant uuid := current_setting('app.tenant_id')::uuid;
    at constant timestamptz := clock_timestamp();
    is_plain boolean;
    is_sound boolean;
    asked bigint;
    written bigint;
    fresh uuid[];
    legs jsonb := postings;
    other text;
    leg_of uuid[];
    leg_number smallint[];
    leg_account uuid[];
    leg_currency text[];
    leg_amount bigint[];
    leg_effective timestamptz[];
BEGIN
    -- Each is one thing: legs, a hold, the end of one, or a reversal. And it is called what it is.
    IF jsonb_typeof(postings) = 'array' THEN
        SELECT bool_and(coalesce(
                num_nonnulls(p.legs, p.hold, p.resolves, p.reverses_id) = 1
                AND (p.transaction_type = 'HOLD') = (p.hold IS NOT NULL)
                AND (p.transaction_type = 'REVERSAL') = (p.reverses_id IS NOT NULL)
                AND (p.transaction_type <> 'RESOLUTION' OR p.resolves IS NOT NULL)
                AND num_nulls(p.id, p.request_hash, p.amount, p.currency) = 0
                AND length(p.idempotency_key) BETWEEN 1 AND 255, false)),
            bool_and(p.legs IS NOT NULL AND p.relations IS NULL), count(*)
        INTO is_sound, is_plain, asked
        FROM jsonb_to_recordset(postings) AS p(id uuid, transaction_type text,
            idempotency_key text, request_hash text, amount bigint, currency text, legs jsonb,
            hold jsonb, resolves jsonb, reverses_id uuid, relations jsonb);
    END IF;
    IF asked = 0 THEN
        RETURN;
    ELSIF is_sound IS NOT TRUE THEN
        RAISE EXCEPTION 'a transaction has a key, and legs, a hold, a resolution or a reversal'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transactions_form';
    END IF;

    -- A transaction is reversed or refunded, not both: of two at once, the second sees the first. Before the
    -- headers, since of one key at once the unique index of reversals might else refuse what is a replay.
    IF NOT is_plain THEN
        PERFORM pg_advisory_xact_lock(k.key) FROM (
            SELECT DISTINCT hashtextextended(bound::text || of.id, 0) AS key
            FROM jsonb_to_recordset(postings) AS p(reverses_id text, relations jsonb)
            CROSS JOIN LATERAL (
                SELECT p.reverses_id AS id UNION ALL
                SELECT r.id FROM jsonb_to_recordset(p.relations) AS r(id text, type text)
                WHERE r.type = 'REFUND_OF'
            ) of
            WHERE of.id IS NOT NULL
            ORDER BY 1
        ) k;
    END IF;

    WITH added AS (
        INSERT INTO transactions (tenant_id, id, transaction_type, idempotency_key, request_hash,
            user_id, created_by_id, item_id, purchase_id, amount, currency, is_debit, reverses_id,
            exchange_rate_id, description, meta_data, effective_at, created_on)
        SELECT bound, p.id, p.transaction_type, p.idempotency_key, p.request_hash,
            p.user_id, p.created_by_id, p.item_id, p.purchase_id, p.amount, p.currency,
            coalesce(p.is_debit, false), p.reverses_id, p.exchange_rate_id,
            coalesce(p.description, ''), coalesce(p.meta_data, '{}'),
            coalesce(p.effective_at, at), at
        FROM jsonb_to_recordset(postings) AS p(id uuid, transaction_type text,
            idempotency_key text, request_hash text, user_id uuid, created_by_id uuid,
            item_id uuid, purchase_id uuid, amount bigint, currency text, is_debit boolean,
            reverses_id uuid, exchange_rate_id uuid, description text, meta_data jsonb,
            effective_at timestamptz)
        ORDER BY p.idempotency_key
        ON CONFLICT (tenant_id, idempotency_key) DO NOTHING
        RETURNING id
    )
    SELECT array_agg(id) INTO fresh FROM added;

    IF coalesce(cardinality(fresh), 0) < asked THEN
        SELECT p.idempotency_key INTO other
        FROM jsonb_to_recordset(postings) AS p(idempotency_key text, request_hash text)
        JOIN transactions t
            ON t.tenant_id = bound AND t.idempotency_key = p.idempotency_key
        WHERE t.request_hash <> p.request_hash LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'the key % stands for another transaction', other
                USING ERRCODE = 'unique_violation', CONSTRAINT = 'transactions_same_request';
        END IF;
        IF fresh IS NULL THEN
            RETURN QUERY SELECT t.id, true
            FROM jsonb_array_elements(postings) WITH ORDINALITY AS p(value, place)
            JOIN transactions t
                ON t.tenant_id = bound AND t.idempotency_key = p.value ->> 'idempotency_key'
            ORDER BY p.place;
            RETURN;
        END IF;
    END IF;

    -- What is held, resolved or reversed says itself which legs it has.
    IF NOT is_plain THEN
        IF EXISTS (
            SELECT FROM jsonb_to_recordset(postings) AS p(id uuid, relations jsonb),
                jsonb_to_recordset(p.relations) AS r(id uuid, type text)
            LEFT JOIN transactions t ON t.tenant_id = bound AND t.id = r.id
            WHERE p.id = ANY (fresh) AND t.id IS NULL
        ) THEN
            RAISE EXCEPTION 'a transaction relates to none that is there'
                USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'transaction_relations_to';
        END IF;
        INSERT INTO transaction_relations
            (tenant_id, id, transaction_id, related_transaction_id, relation_type)
        SELECT bound, extensions.uuid7(), p.id, r.id, r.type
        FROM jsonb_to_recordset(postings) AS p(id uuid, relations jsonb),
            jsonb_to_recordset(p.relations) AS r(id uuid, type text)
        WHERE p.id = ANY (fresh);
        IF EXISTS (
            SELECT FROM transactions p LEFT JOIN transactions t
                ON t.tenant_id = bound AND t.id = p.reverses_id
            WHERE p.tenant_id = bound AND p.id = ANY (fresh) AND p.reverses_id IS NOT NULL AND (
                t.id = ANY (fresh) OR t.amount IS DISTINCT FROM p.amount
                OR t.currency <> p.currency OR t.transaction_type IN ('HOLD', 'REVERSAL')
                OR EXISTS (SELECT FROM hold_resolutions r
                    WHERE r.tenant_id = bound AND r.transaction_id = t.id)
                OR EXISTS (SELECT FROM transaction_relations r
                    WHERE r.tenant_id = bound AND r.related_transaction_id = t.id
                        AND r.relation_type = 'REFUND_OF'))
        ) OR EXISTS (
            SELECT FROM transaction_relations r JOIN transactions t
                ON t.tenant_id = bound AND t.reverses_id = r.related_transaction_id
            WHERE r.tenant_id = bound AND r.transaction_id = ANY (fresh)
                AND r.relation_type = 'REFUND_OF'
        ) THEN
            RAISE EXCEPTION 'a transaction that can not be reversed, or was'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transactions_reversible';
        END IF;

        INSERT INTO holds (tenant_id, id, account_id, held_account_id, amount, currency,
            expires_at, created_on)
        SELECT bound, p.id, h.account_id, h.held_account_id, p.amount, p.currency,
            h.expires_at, coalesce(p.effective_at, at)
        FROM jsonb_to_recordset(postings)
            AS p(id uuid, amount bigint, currency text, effective_at timestamptz, hold jsonb),
            jsonb_to_record(p.hold)
            AS h(account_id uuid, held_account_id uuid, expires_at timestamptz)
        WHERE p.hold IS NOT NULL AND p.id = ANY (fresh);

        INSERT INTO hold_resolutions (tenant_id, id, transaction_id, amount, captured, released,
            resolution, resolved_at)
        SELECT bound, h.id, p.id, h.amount, r.captured, h.amount - r.captured,
            r.resolution, coalesce(p.effective_at, at)
        FROM jsonb_to_recordset(postings) AS p(id uuid, effective_at timestamptz, resolves jsonb),
            jsonb_to_record(p.resolves) AS r(hold_id uuid, captured bigint, resolution text)
        JOIN holds h ON h.tenant_id = bound AND h.id = r.hold_id
        WHERE p.resolves IS NOT NULL AND p.id = ANY (fresh)
        ORDER BY h.id;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written < (
            SELECT count(*) FROM jsonb_to_recordset(postings) AS p(id uuid, resolves jsonb)
            WHERE p.resolves IS NOT NULL AND p.id = ANY (fresh)
        ) THEN
            RAISE EXCEPTION 'there is no such hold'
                USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'hold_resolutions_of_hold';
        END IF;

        IF EXISTS (
            SELECT FROM jsonb_to_recordset(postings) AS p(id uuid, resolves jsonb)
            JOIN hold_resolutions r ON r.tenant_id = bound AND r.transaction_id = p.id
            JOIN holds h ON h.tenant_id = bound AND h.id = r.id
                AND h.held_account_id::text = p.resolves ->> 'to_account_id'
            WHERE p.id = ANY (fresh)
        ) THEN
            RAISE EXCEPTION 'what is captured would stay held'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_resolutions_elsewhere';
        END IF;
        INSERT INTO transaction_relations
            (tenant_id, id, transaction_id, related_transaction_id, relation_type)
        SELECT bound, extensions.uuid7(), r.transaction_id, r.id, 'RESOLVES'
        FROM hold_resolutions r WHERE r.tenant_id = bound AND r.transaction_id = ANY (fresh);

        SELECT jsonb_agg(p.value || jsonb_build_object('legs', CASE
            WHEN p.value ->> 'hold' IS NOT NULL THEN jsonb_build_array(
                jsonb_build_object('account_id', p.value -> 'hold' -> 'account_id',
                    'amount', -(p.value ->> 'amount')::bigint),
                jsonb_build_object('account_id', p.value -> 'hold' -> 'held_account_id',
                    'amount', (p.value ->> 'amount')::bigint))
            WHEN p.value ->> 'resolves' IS NOT NULL THEN (
                SELECT jsonb_agg(jsonb_build_object('account_id', leg.account_id,
                    'amount', leg.amount, 'currency', h.currency) ORDER BY leg.n)
                FROM hold_resolutions r
                JOIN holds h ON h.tenant_id = bound AND h.id = r.id,
                LATERAL (VALUES (1, h.held_account_id, -h.amount),
                    (2, (p.value -> 'resolves' ->> 'to_account_id')::uuid, r.captured),
                    (3, h.account_id, r.released)) AS leg(n, account_id, amount)
                WHERE r.tenant_id = bound AND r.transaction_id = (p.value ->> 'id')::uuid
                    AND leg.amount <> 0)
            WHEN p.value ->> 'reverses_id' IS NOT NULL THEN (
                SELECT jsonb_agg(jsonb_build_object('account_id', e.account_id,
                    'amount', -e.amount, 'currency', e.currency) ORDER BY e.leg)
                FROM ledger_entries e
                WHERE e.tenant_id = bound
                    AND e.transaction_id = (p.value ->> 'reverses_id')::uuid)
            ELSE p.value -> 'legs' END) ORDER BY p.place)
        INTO legs
        FROM jsonb_array_elements(postings) WITH ORDINALITY AS p(value, place)
        WHERE (p.value ->> 'id')::uuid = ANY (fresh);
    END IF;

    -- The legs, and whether they add up, and move what the header says; all in one pass.
    SELECT array_agg(l.of ORDER BY l.place, l.n), array_agg(l.n ORDER BY l.place, l.n),
        array_agg(l.account ORDER BY l.place, l.n), array_agg(l.currency ORDER BY l.place, l.n),
        array_agg(l.amount ORDER BY l.place, l.n),
        array_agg(l.effective_at ORDER BY l.place, l.n),
        coalesce(bool_and(l.total = 0), false)
            AND count(DISTINCT l.of) FILTER (WHERE l.is_of_header AND l.moved >= l.about)
                = cardinality(fresh),
        bool_and(num_nulls(l.account, l.currency, l.amount) = 0)
    INTO leg_of, leg_number, leg_account, leg_currency, leg_amount, leg_effective, is_sound,
        is_plain
    FROM (
        SELECT each.*, each.currency = each.header_currency AS is_of_header,
            sum(each.amount) OVER same AS total, sum(greatest(each.amount, 0)) OVER same AS moved
        FROM (
            SELECT p.place, (p.value ->> 'id')::uuid AS of, leg.n::smallint AS n,
                (leg.value ->> 'account_id')::uuid AS account,
                coalesce(leg.value ->> 'currency', p.value ->> 'currency') AS currency,
                (leg.value ->> 'amount')::bigint AS amount,
                p.value ->> 'currency' AS header_currency, (p.value ->> 'amount')::bigint AS about,
                coalesce((p.value ->> 'effective_at')::timestamptz, at) AS effective_at
            FROM jsonb_array_elements(legs) WITH ORDINALITY AS p(value, place)
            CROSS JOIN LATERAL jsonb_array_elements(p.value -> 'legs')
                WITH ORDINALITY AS leg(value, n)
            WHERE (p.value ->> 'id')::uuid = ANY (fresh)
        ) each
        WINDOW same AS (PARTITION BY each.of, each.currency)
    ) l;
    IF NOT is_plain THEN
        RAISE EXCEPTION 'a leg names no account or no amount'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_form';
    ELSIF NOT is_sound THEN
        RAISE EXCEPTION 'the legs of a transaction do not balance, or move less than it says'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transactions_balanced';
    END IF;

    PERFORM FROM account_balances b
    WHERE b.tenant_id = bound AND b.id = ANY (leg_account) AND NOT b.rolls_up
    ORDER BY b.is_guarded DESC, b.id FOR NO KEY UPDATE;

    -- A guarded account is not below nothing in between either: its lowest is what the check is asked of.
    -- What rolls up has no balance here; but what is near the end of bigint is made to overflow now.
    WITH added AS (
        INSERT INTO ledger_entries AS e (tenant_id, id, transaction_id, leg, account_id, currency,
            amount, version, balance_after, effective_at)
        SELECT bound, extensions.uuid7(), l.of, l.n, l.account, l.currency, l.amount,
            CASE WHEN NOT b.rolls_up THEN b.version + row_number() OVER running END,
            CASE WHEN NOT b.rolls_up THEN b.posted + sum(l.amount) OVER running
                WHEN abs(b.posted::numeric) > 9e18 THEN 1e19 END,
            l.effective_at
        FROM unnest(leg_of, leg_number, leg_account, leg_currency, leg_amount, leg_effective)
            WITH ORDINALITY AS l(of, n, account, currency, amount, effective_at, place)
        LEFT JOIN account_balances b ON b.tenant_id = bound AND b.id = l.account
        WINDOW running AS (PARTITION BY l.account ORDER BY l.place)
        RETURNING e.account_id, e.amount, e.version, e.balance_after
    )
    UPDATE account_balances b
    SET posted = CASE WHEN b.is_guarded AND w.lowest < 0 THEN w.lowest
            ELSE b.posted + w.amount END,
        version = b.version + w.entries, updated_at = at
    FROM (
        SELECT account_id, sum(amount) AS amount, count(*) AS entries, min(balance_after) AS lowest
        FROM added WHERE version IS NOT NULL GROUP BY account_id
    ) w
    WHERE b.tenant_id = bound AND b.id = w.account_id;

    IF cardinality(fresh) = asked THEN
        RETURN QUERY SELECT p.id, false FROM ROWS FROM (jsonb_to_recordset(postings) AS (id uuid))
            WITH ORDINALITY AS p(id, place) ORDER BY p.place;
        RETURN;
    END IF;
    RETURN QUERY SELECT t.id, t.id <> (p.value ->> 'id')::uuid
    FROM jsonb_array_elements(postings) WITH ORDINALITY AS p(value, place)
    JOIN transactions t
        ON t.tenant_id = bound AND t.idempotency_key = p.value ->> 'idempotency_key'
    ORDER BY p.place;
END $post$;
"""

# The same for those who go on after a refusal: it is an answer then, and what was done before stays done. One
# round trip, where a savepoint takes three.
TRY_POST = """
CREATE FUNCTION {home}.try_post_transaction(postings jsonb)
RETURNS TABLE (transaction_id uuid, is_replay boolean, refusal text, said text)
LANGUAGE plpgsql AS $try$
DECLARE
    code text;
BEGIN
    RETURN QUERY SELECT p.transaction_id, p.is_replay, NULL::text, NULL::text
        FROM {home}.post_transaction(postings) p;
EXCEPTION WHEN integrity_constraint_violation OR data_exception THEN
    GET STACKED DIAGNOSTICS refusal = CONSTRAINT_NAME, code = RETURNED_SQLSTATE,
        said = MESSAGE_TEXT;
    refusal := coalesce(nullif(refusal, ''), code);
    RETURN NEXT;
END $try$;
"""

# What was written by transactions that are all over goes into the balance; who reads adds the rest.
ROLL_UP = """
CREATE FUNCTION {home}.roll_up_accounts() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {home}, extensions, pg_temp AS $roll$
DECLARE
    bound constant uuid := current_setting('app.tenant_id')::uuid;
    horizon bigint;
    rolled bigint;
BEGIN
    PERFORM FROM account_balances b
    WHERE b.tenant_id = bound AND b.rolls_up ORDER BY b.id FOR NO KEY UPDATE;
    horizon := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    UPDATE account_balances b
    SET posted = b.posted + t.amount, version = b.version + t.entries,
        watermark = horizon, updated_at = clock_timestamp()
    FROM account_balances o
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(e.amount), 0) AS amount, count(*) AS entries
        FROM ledger_entries e
        WHERE e.tenant_id = bound AND e.account_id = o.id AND e.version IS NULL
            AND e.xid >= o.watermark AND e.xid < horizon
    ) t
    WHERE o.tenant_id = bound AND o.rolls_up AND t.entries > 0
        AND b.tenant_id = bound AND b.id = o.id;
    GET DIAGNOSTICS rolled = ROW_COUNT;
    RETURN rolled;
END $roll$;
"""

# The ledger's functions belong to a role that row-level security binds, that nobody can become, and
# that alone may write the tables. To be given them it must for a moment be allowed to make things here.
OWNERS = """
GRANT CREATE ON SCHEMA {home} TO &ledger;
REVOKE ALL ON FUNCTION {home}.open_ledger_accounts(jsonb), {home}.post_transaction(jsonb),
    {home}.try_post_transaction(jsonb), {home}.roll_up_accounts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {home}.open_ledger_accounts(jsonb), {home}.post_transaction(jsonb),
    {home}.try_post_transaction(jsonb), {home}.roll_up_accounts() TO &app;
ALTER FUNCTION {home}.open_ledger_accounts(jsonb) OWNER TO &ledger;
ALTER FUNCTION {home}.post_transaction(jsonb) OWNER TO &ledger;
ALTER FUNCTION {home}.roll_up_accounts() OWNER TO &ledger;
REVOKE CREATE ON SCHEMA {home} FROM &ledger;
""".replace("&ledger", LEDGER).replace("&app", APP)
UNDO_FUNCTIONS = """
DROP FUNCTION {home}.open_ledger_accounts(jsonb);
DROP FUNCTION {home}.try_post_transaction(jsonb);
DROP FUNCTION {home}.post_transaction(jsonb);
DROP FUNCTION {home}.roll_up_accounts();
"""

VIEWS = """
CREATE VIEW {home}.ledger_balances WITH (security_invoker = true) AS
SELECT b.tenant_id, b.id, b.version, b.rolls_up, b.updated_at,
    b.posted + CASE WHEN b.rolls_up THEN coalesce((
        SELECT sum(e.amount) FROM {home}.ledger_entries e
        WHERE e.tenant_id = b.tenant_id AND e.account_id = b.id AND e.version IS NULL
            AND e.xid >= b.watermark), 0)::bigint ELSE 0 END AS balance
FROM {home}.account_balances b;
CREATE VIEW {home}.transaction_states WITH (security_invoker = true) AS
SELECT t.tenant_id, t.id, CASE
    WHEN EXISTS (
        SELECT FROM {home}.transactions r
        WHERE r.tenant_id = t.tenant_id AND r.reverses_id = t.id) THEN 'REVERSED'
    WHEN t.transaction_type = 'HOLD' THEN coalesce((
        SELECT h.resolution FROM {home}.hold_resolutions h
        WHERE h.tenant_id = t.tenant_id AND h.id = t.id), 'PENDING')
    ELSE coalesce((
        SELECT CASE WHEN sum(r.amount) >= t.amount THEN 'REFUNDED' ELSE 'PARTLY_REFUNDED' END
        FROM {home}.transaction_relations l
        JOIN {home}.transactions r ON r.tenant_id = l.tenant_id AND r.id = l.transaction_id
        WHERE l.tenant_id = t.tenant_id AND l.related_transaction_id = t.id
            AND l.relation_type = 'REFUND_OF'
        HAVING count(*) > 0), 'COMPLETED') END AS status
FROM {home}.transactions t;
GRANT SELECT ON {home}.ledger_balances, {home}.transaction_states TO &app, &auditor;
""".replace("&app", APP).replace("&auditor", AUDITOR)
UNDO_VIEWS = """
DROP VIEW {home}.transaction_states;
DROP VIEW {home}.ledger_balances;
"""


class Migration(migrations.Migration):
    """The ledger's functions, keys, checks and views."""

    dependencies = [("commerce", "0002_commerce")]

    operations = [
        HomeSQL(KEYS, UNDO_KEYS),
        HomeSQL(BALANCED, UNDO_BALANCED),
        HomeSQL(OPEN + POST + TRY_POST + ROLL_UP + OWNERS, UNDO_FUNCTIONS),
        HomeSQL(VIEWS, UNDO_VIEWS),
    ]
