"""The tables of messages, of which each context has its own: what was recorded, what is still to be
delivered, and what its handlers have done.
"""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from apps.tenancy.models.base import TenantModel
from apps.tenancy.models.constraints import AppendOnly, TriggerConstraint
from config.databases import APP

# Two who record about the same aggregate at once both try the next version: the later waits for the
# earlier to commit, finds it taken, and takes the one after. Whoever sees a version therefore sees all
# before it. A transaction that has the newest version has all that follow to itself, so the rest of
# its messages need no care. Everything is in one call, since it is part of every write.
RECORD = """
DECLARE
    bound constant uuid := current_setting('app.tenant_id')::uuid;  -- tenant_id of all it writes
    at constant timestamptz := clock_timestamp();
    inserted bigint;
    missing bigint;
    rest bigint;
BEGIN
    SELECT count(DISTINCT (m.about, m.about_id)), count(*) INTO missing, rest
    FROM jsonb_to_recordset(messages) AS m(about text, about_id uuid);
    rest := rest - missing;
    WHILE missing > 0 LOOP
        INSERT INTO domain_events
            (tenant_id, id, kind, aggregate_type, aggregate_id, version, payload, occurred_at)
        SELECT bound, m.id, m.kind, m.about, m.about_id, (
                SELECT coalesce(max(e.version), 0) + 1 FROM domain_events e
                WHERE e.tenant_id = bound AND e.aggregate_type = m.about
                    AND e.aggregate_id = m.about_id
            ), m.facts, at
        FROM (
            SELECT DISTINCT ON (r.about, r.about_id) r.*
            FROM jsonb_to_recordset(messages)
                AS r(n int, id uuid, kind text, about text, about_id uuid, facts jsonb)
            ORDER BY r.about, r.about_id, r.n
        ) m
        WHERE NOT EXISTS (
            SELECT FROM domain_events e WHERE e.tenant_id = bound AND e.id = m.id OFFSET 0
        )
        ORDER BY m.about, m.about_id
        ON CONFLICT (tenant_id, aggregate_type, aggregate_id, version) DO NOTHING;
        GET DIAGNOSTICS inserted = ROW_COUNT;
        missing := missing - inserted;
    END LOOP;
    IF rest > 0 THEN
        INSERT INTO domain_events
            (tenant_id, id, kind, aggregate_type, aggregate_id, version, payload, occurred_at)
        SELECT bound, m.id, m.kind, m.about, m.about_id, (
                SELECT max(e.version) FROM domain_events e
                WHERE e.tenant_id = bound AND e.aggregate_type = m.about
                    AND e.aggregate_id = m.about_id
            ) + m.turn - 1, m.facts, at
        FROM (
            SELECT r.*, row_number() OVER (PARTITION BY r.about, r.about_id ORDER BY r.n) AS turn
            FROM jsonb_to_recordset(messages)
                AS r(n int, id uuid, kind text, about text, about_id uuid, facts jsonb)
        ) m
        WHERE m.turn > 1;
    END IF;
    INSERT INTO outbox (tenant_id, id, event_id, handler, aggregate_type, aggregate_id, version,
        due_at, attempts, last_error)
    SELECT bound, extensions.uuid7(), m.id, wanted.handler, m.about, m.about_id, (
            SELECT e.version FROM domain_events e WHERE e.tenant_id = bound AND e.id = m.id
        ), at, 0, ''
    FROM jsonb_to_recordset(messages)
        AS m(id uuid, about text, about_id uuid, handlers jsonb),
        jsonb_array_elements_text(m.handlers) AS wanted(handler);
END
"""


# A session keeps the plan it made first, and with a log that was empty then, that plan reads all of it.
STEADY = "SET enable_seqscan = off SET enable_sort = off SET enable_bitmapscan = off SET jit = off"


class RecordsMessages(TriggerConstraint):
    """The function `record_messages` of a context: numbers messages, keeps them, and queues them.

    It takes an array of objects with n (their order), id, kind, about and about_id (the aggregate),
    facts and handlers.
    """

    def create_sql(self, model: type[models.Model], schema_editor: Any) -> str:
        """Return the SQL that makes the function."""
        _, _, home = self._names(model, schema_editor)
        return (
            f"CREATE OR REPLACE FUNCTION {home}.record_messages(messages jsonb) RETURNS void "
            f"LANGUAGE plpgsql SET search_path = {home}, extensions, pg_temp {STEADY} "
            f"AS $record${RECORD}$record$"
        )

    def remove_sql(self, model: type[models.Model], schema_editor: Any) -> str:
        """Return the SQL that takes the function away."""
        _, _, home = self._names(model, schema_editor)
        return f"DROP FUNCTION {home}.record_messages(jsonb)"


class TellsDueTenants(TriggerConstraint):
    """The function `tenants_with_due_messages` of a context: whose messages wait to be delivered.

    It runs as the owner, since the sweep asks once per home and not once per tenant; it tells ids,
    numbers and times of tenants, and nothing of what is theirs.
    """

    def create_sql(self, model: type[models.Model], schema_editor: Any) -> str:
        """Return the SQL that makes the function."""
        _, _, home = self._names(model, schema_editor)
        function = f"{home}.tenants_with_due_messages"
        return (
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS TABLE "
            f"(tenant uuid, waiting bigint, dead bigint, oldest timestamptz) "
            f"LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {home}, extensions, pg_temp "
            f"AS $due$SELECT tenant_id, count(*) FILTER (WHERE dead_at IS NULL), "
            f"count(*) FILTER (WHERE dead_at IS NOT NULL), "
            f"min(due_at) FILTER (WHERE dead_at IS NULL AND due_at <= now() "
            f"AND coalesce(leased_until, '-infinity') < now()) "
            f"FROM outbox GROUP BY tenant_id$due$; "
            f"REVOKE ALL ON FUNCTION {function}() FROM PUBLIC; "
            f"GRANT EXECUTE ON FUNCTION {function}() TO {APP}"
        )

    def remove_sql(self, model: type[models.Model], schema_editor: Any) -> str:
        """Return the SQL that takes the function away."""
        _, _, home = self._names(model, schema_editor)
        return f"DROP FUNCTION {home}.tenants_with_due_messages()"


class AbstractDomainEvent(TenantModel):
    """A recorded message. Append-only; ids and states, nothing personal."""

    unaudited = "It is append-only, and a record of what happened itself."

    kind = models.TextField()
    aggregate_type = models.TextField()
    aggregate_id = models.UUIDField()
    version = models.BigIntegerField()
    payload = models.JSONField()
    occurred_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True
        db_table = "domain_events"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["aggregate_type", "aggregate_id", "version"],
                name="%(app_label)s_domain_events_version",
            ),
            AppendOnly(name="%(app_label)s_domain_events_guard"),
            RecordsMessages(name="%(app_label)s_record_messages"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"


class AbstractOutboxEntry(TenantModel):
    """A message that one handler has not been given yet.

    It is leased while a relay works on it, put off after a failure, and dead after too many. A lease
    that has run out was never given back: the relay that had it is gone.
    """

    unaudited = "It is a queue."

    event_id = models.UUIDField()
    handler = models.TextField()
    aggregate_type = models.TextField()
    aggregate_id = models.UUIDField()
    version = models.BigIntegerField()
    due_at = models.DateTimeField()
    attempts = models.IntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    dead_at = models.DateTimeField(null=True)
    last_error = models.TextField(default="")

    class Meta:
        abstract = True
        db_table = "outbox"
        verbose_name_plural = "outbox entries"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["handler", "aggregate_type", "aggregate_id", "version"],
                name="%(app_label)s_outbox_once",
            ),
            TellsDueTenants(name="%(app_label)s_tenants_with_due_messages"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(
                fields=["tenant_id", "due_at"],
                condition=models.Q(dead_at=None),
                name="%(app_label)s_outbox_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.handler} {self.event_id}"


class AbstractInboxEntry(TenantModel):
    """A message that a handler of this context has taken, in the transaction of what it did.

    The nil UUID stands for no message: while it is there, the handler's read model is being filled
    anew, and nothing may be delivered to it.
    """

    unaudited = "It is a queue's memory; what a handler did is audited."

    handler = models.TextField()
    message_id = models.UUIDField()
    taken_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True
        db_table = "inbox"
        verbose_name_plural = "inbox entries"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["handler", "message_id"], name="%(app_label)s_inbox_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.handler} {self.message_id}"
