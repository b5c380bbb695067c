"""Canonical bytes: what is hashed of an entry, and what is signed of a seal.

Both are JSON in the form of RFC 8785, whose values here are strings and nulls alone: so neither
numbers nor the order of keys leave anything to choose. The expressions are sent with each query and
kept nowhere in the database, where whoever alters rows could alter them too.
"""

import json
from collections.abc import Mapping

# Year -44 and year 44 look the same to to_char().
_OCCURRED_AT = (
    """pg_catalog.to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') """
    "|| CASE WHEN e.occurred_at < '0001-01-01 00:00:00+00' THEN ' BC' ELSE '' END"
)

# Every stored column but xid, which says where in the log an entry is, as text.
COLUMNS: Mapping[str, str] = {
    "action": "e.action",
    "actor_id": "e.actor_id",
    "actor_tenant_id": "e.actor_tenant_id::text",
    "actor_type": "e.actor_type",
    "changed_fields": "pg_catalog.to_json(e.changed_fields)::text",
    "details": "e.details::text",
    "entity_id": "e.entity_id",
    "entity_type": "e.entity_type",
    "id": "e.id::text",
    "ip_address": "e.ip_address::text",
    "new_values": "e.new_values::text",
    "occurred_at": _OCCURRED_AT,
    "old_values": "e.old_values::text",
    "request_id": "e.request_id::text",
    "session_id": "e.session_id",
    "source": "e.source",
    "tenant_id": "e.tenant_id::text",
    "user_agent": "e.user_agent",
}

# A row `c` beside each row `e` of the log; row_to_json() of it is as RFC 8785 has it, for it leaves no
# blanks, escapes the same characters in the same way, and keeps the alphabetical order given here.
BESIDE = (
    "CROSS JOIN LATERAL (SELECT "
    + ", ".join(f"{expression} AS {name}" for name, expression in COLUMNS.items())
    + ") c"
)
TEXT = "pg_catalog.row_to_json(c)::text"
# RFC 6962: a leaf is hashed behind a zero byte.
LEAF = (
    r"pg_catalog.sha256('\x00'::bytea || "
    f"pg_catalog.convert_to({TEXT}, 'UTF8'::pg_catalog.name))"
)


def canonical_bytes(members: Mapping[str, str | None]) -> bytes:
    """Return a flat object of strings and nulls as RFC 8785 has it; its names are ASCII."""
    text = json.dumps(dict(members), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()
