"""What must hold of a ledger, as queries that return what does not.

Each gives a table, the id of the row that is wrong, and what is wrong with it; the first wrong one first.
They are asked bound to a tenant, all in one snapshot.
"""

from dataclasses import dataclass

# The tables whose rows the audit log has an image of.
TABLES = (
    "ledger_accounts",
    "transactions",
    "ledger_entries",
    "transaction_relations",
    "holds",
    "hold_resolutions",
)


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold, and the query for what does not."""

    name: str
    faults: str


BALANCED = Check(
    "every transaction balances",
    """
    SELECT 'transactions', e.transaction_id, format('its entries in %s add up to %s, not to nothing',
        e.currency, sum(e.amount))
    FROM ledger_entries e GROUP BY e.transaction_id, e.currency HAVING sum(e.amount) <> 0
    """,
)
WHOLE = Check(
    "every transaction moves what it says",
    """
    SELECT 'transactions', t.id, CASE WHEN count(e.id) = 0 THEN 'it has no entries'
        WHEN max(e.leg) <> count(e.id) THEN 'one of its legs is missing'
        ELSE format('its entries move less than its %s %s', t.amount, t.currency) END
    FROM transactions t LEFT JOIN ledger_entries e ON e.transaction_id = t.id
    GROUP BY t.tenant_id, t.id, t.amount, t.currency
    HAVING count(e.id) = 0 OR max(e.leg) <> count(e.id) OR t.amount > coalesce(
        sum(e.amount) FILTER (WHERE e.amount > 0 AND e.currency = t.currency), 0)
    """,
)
TRIAL = Check(
    "all accounts together hold nothing",
    """
    SELECT 'ledger_entries', NULL::uuid, format('all entries in %s add up to %s, not to nothing',
        currency, sum(amount))
    FROM ledger_entries GROUP BY currency HAVING sum(amount) <> 0
    """,
)
CACHED = Check(
    "balances are what the entries add up to",
    """
    SELECT 'account_balances', a.id, CASE WHEN b.id IS NULL THEN format('%s has no balance', a.code)
        ELSE format('%s: the balance says %s after %s entries, the entries %s after %s',
            a.code, b.posted, b.version, coalesce(s.amount, 0), coalesce(s.entries, 0)) END
    FROM ledger_accounts a LEFT JOIN account_balances b ON b.id = a.id
    LEFT JOIN (
        SELECT e.account_id, sum(e.amount) AS amount, count(*) AS entries
        FROM ledger_entries e JOIN account_balances b ON b.id = e.account_id
        WHERE NOT b.rolls_up OR e.xid < b.watermark GROUP BY e.account_id
    ) s ON s.account_id = a.id
    WHERE b.id IS NULL OR b.posted <> coalesce(s.amount, 0) OR b.version <> coalesce(s.entries, 0)
    """,
)
RUNNING = Check(
    "versions and running balances follow each other",
    """
    SELECT 'ledger_entries', r.id, format('version %s of account %s: it holds %s after %s, and before %s '
        'at version %s', r.version, r.account_id, r.balance_after, r.amount, r.before,
        r.version_before)
    FROM (
        SELECT e.*, coalesce(lag(e.version) OVER running, 0) AS version_before,
            coalesce(lag(e.balance_after) OVER running, 0) AS before
        FROM ledger_entries e WHERE e.version IS NOT NULL
        WINDOW running AS (PARTITION BY e.account_id ORDER BY e.version)
    ) r
    WHERE r.version <> r.version_before + 1 OR r.balance_after <> r.before + r.amount
    ORDER BY r.account_id, r.version
    """,
)
KINDS = Check(
    "entries are of the kind of their account, and guarded accounts never below nothing",
    """
    SELECT 'ledger_entries', e.id, CASE
        WHEN a.id IS NULL THEN 'its account is gone'
        WHEN (e.version IS NULL) <> a.rolls_up THEN 'it is versioned, or not, unlike its account'
        WHEN e.currency <> a.currency THEN 'it is of another currency than its account'
        WHEN t.effective_at IS DISTINCT FROM e.effective_at THEN 'it counts at another time than its transaction'
        ELSE format('the guarded account %s holds %s after it', a.code, e.balance_after) END
    FROM ledger_entries e LEFT JOIN ledger_accounts a ON a.id = e.account_id
    LEFT JOIN transactions t ON t.id = e.transaction_id
    WHERE a.id IS NULL OR (e.version IS NULL) <> a.rolls_up OR e.currency <> a.currency
        OR t.effective_at IS DISTINCT FROM e.effective_at
        OR (a.is_guarded AND e.balance_after < 0)
    ORDER BY e.id
    """,
)
HOLDS = Check(
    "holds moved what they hold, and ended once, in full",
    """
    SELECT 'holds', h.id, 'its transaction does not move what it holds'
    FROM holds h LEFT JOIN transactions t ON t.id = h.id LEFT JOIN LATERAL (
        SELECT count(*) AS legs,
            count(*) FILTER (WHERE (e.account_id, e.amount) IN
                ((h.account_id, -h.amount), (h.held_account_id, h.amount))) AS right_legs
        FROM ledger_entries e WHERE e.transaction_id = h.id
    ) e ON true
    WHERE t.transaction_type IS DISTINCT FROM 'HOLD' OR e.legs <> 2 OR e.right_legs <> 2
    UNION ALL
    SELECT 'transactions', t.id, 'it is called a hold, and holds nothing' FROM transactions t
    WHERE t.transaction_type = 'HOLD' AND NOT EXISTS (SELECT FROM holds h WHERE h.id = t.id)
    UNION ALL
    SELECT 'hold_resolutions', r.id, 'its transaction does not move what it captures and releases'
    FROM hold_resolutions r LEFT JOIN holds h ON h.id = r.id LEFT JOIN LATERAL (
        SELECT coalesce(sum(e.amount) FILTER (WHERE e.account_id = h.held_account_id), 0) AS held,
            coalesce(sum(e.amount) FILTER (WHERE e.account_id = h.account_id), 0) AS given_back,
            coalesce(sum(e.amount) FILTER (
                WHERE e.account_id NOT IN (h.account_id, h.held_account_id)), 0) AS taken
        FROM ledger_entries e WHERE e.transaction_id = r.transaction_id
    ) e ON true
    WHERE h.id IS NULL OR r.amount <> h.amount OR r.captured + r.released <> r.amount
        OR e.held <> -h.amount
        OR (e.given_back, e.taken) NOT IN ((r.released, r.captured), (r.amount, 0))
    """,
)
HELD = Check(
    "what is held is what the open holds hold",
    """
    SELECT 'ledger_accounts', a.id, format('%s holds %s, and the open holds in it %s',
        a.code, coalesce(e.amount, 0), coalesce(h.amount, 0))
    FROM ledger_accounts a
    JOIN (SELECT held_account_id FROM holds UNION SELECT held_account_id FROM user_wallets) k
        ON k.held_account_id = a.id
    LEFT JOIN (SELECT account_id, sum(amount) AS amount FROM ledger_entries GROUP BY account_id) e
        ON e.account_id = a.id
    LEFT JOIN (
        SELECT h.held_account_id, sum(h.amount) AS amount FROM holds h
        WHERE NOT EXISTS (SELECT FROM hold_resolutions r WHERE r.id = h.id)
        GROUP BY h.held_account_id
    ) h ON h.held_account_id = a.id
    WHERE coalesce(e.amount, 0) <> coalesce(h.amount, 0)
    """,
)
REVERSALS = Check(
    "reversals are what they reverse, the other way round",
    """
    SELECT DISTINCT 'transactions', p.reversal_id, 'its entries are not those it reverses, the other way round'
    FROM (SELECT id AS reversal_id, reverses_id FROM transactions WHERE reverses_id IS NOT NULL) p
    CROSS JOIN LATERAL (
        SELECT FROM (SELECT * FROM ledger_entries e WHERE e.transaction_id = p.reversal_id) n
        FULL JOIN (SELECT * FROM ledger_entries e WHERE e.transaction_id = p.reverses_id) o
            ON o.leg = n.leg AND o.account_id = n.account_id AND o.currency = n.currency
                AND o.amount = -n.amount
        WHERE n.id IS NULL OR o.id IS NULL
    ) wrong
    """,
)
PURCHASES = Check(
    "purchases were paid and refunded what they say",
    """
    SELECT 'purchases', p.id, format('it says that %s was refunded, its refunds say %s',
        p.refunded, coalesce(r.amount, 0))
    FROM purchases p LEFT JOIN (
        SELECT purchase_id, sum(amount) AS amount FROM refunds GROUP BY purchase_id
    ) r ON r.purchase_id = p.id
    WHERE p.refunded <> coalesce(r.amount, 0)
    UNION ALL
    SELECT 'purchases', p.id, format('it says that %s %s was captured, its transaction says %s %s',
        p.captured, p.currency, coalesce(t.amount, 0), coalesce(t.currency, 'of nothing'))
    FROM purchases p LEFT JOIN transactions t ON t.id = p.transaction_id
    WHERE p.transaction_id IS NOT NULL
        AND (t.amount IS DISTINCT FROM p.captured OR t.currency <> p.currency)
    UNION ALL
    SELECT 'refunds', r.id, format('it gives back %s %s, its transaction %s %s', r.amount, p.currency,
        coalesce(t.amount, 0), coalesce(t.currency, 'of nothing'))
    FROM refunds r JOIN purchases p ON p.id = r.purchase_id
    LEFT JOIN transactions t ON t.id = r.transaction_id
    WHERE t.amount IS DISTINCT FROM r.amount OR t.currency <> p.currency
        OR r.captured <> p.captured
    """,
)
CHECKS = (
    BALANCED,
    WHOLE,
    TRIAL,
    CACHED,
    RUNNING,
    KINDS,
    HOLDS,
    HELD,
    REVERSALS,
    PURCHASES,
)

# A page of a table beside the log's images of it. A column that is younger than the image is in none.
IMAGES = """
SELECT coalesce(t.id, i.id), CASE
    WHEN t.id IS NULL THEN 'it was written, and is gone'
    WHEN i.id IS NULL THEN 'it was inserted past the audit log, which knows nothing of it'
    ELSE 'it was changed after it was written: ' || (
        SELECT string_agg(key, ', ' ORDER BY key) FROM jsonb_each(i.image)
        WHERE to_jsonb(t.*) -> key IS DISTINCT FROM value) END
FROM (SELECT * FROM {table} WHERE id > %(after)s AND id <= %(to)s) t
FULL JOIN (
    SELECT entity_id::uuid AS id, new_values AS image FROM audit_log
    WHERE entity_id > %(after)s::text AND entity_id <= %(to)s::text
        AND entity_type = '{table}' AND action = 'INSERT'
) i ON i.id = t.id
WHERE t.id IS NULL OR i.id IS NULL OR (to_jsonb(t.*) <> i.image AND EXISTS (
    SELECT FROM jsonb_each(i.image) WHERE to_jsonb(t.*) -> key IS DISTINCT FROM value))
ORDER BY 1
"""
END_OF_PAGE = "SELECT id FROM {table} WHERE id > %(after)s ORDER BY id OFFSET %(rows)s LIMIT 1"
