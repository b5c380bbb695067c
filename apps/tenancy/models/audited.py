"""The trigger that writes every change of a table into the audit log of its home."""

from collections.abc import Sequence
from typing import Any

from django.db import models

from apps.tenancy.fields import tenant_key_of
from apps.tenancy.models.constraints import TriggerConstraint

TRANSITIONS = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
}
# Stands for the tenant where a row of the control plane belongs to none: the platform's own.
PLATFORM_ID = "00000000-0000-0000-0000-000000000000"

# For one row its JSON is compared, whatever its columns are. For many that would cost more than the write
# itself: a statement is made that turns only what differs into JSON. OFFSET 0 keeps the FULL JOIN as it is
# written: it can only be hashed. The plan of a trigger is kept, and a nested loop that was right for
# one row would take minutes for thousands.
BODY = """
#variable_conflict use_variable
DECLARE
    _said constant jsonb := coalesce(nullif(current_setting('app.origin', true), ''), '{{}}');
    _kind constant text := coalesce(_said ->> 'actor_type', 'database');
    _actor constant text := coalesce(nullif(current_setting('app.actor_id', true), ''),
        CASE _kind WHEN 'database' THEN session_user END);
    _of_tenant constant uuid := _said ->> 'actor_tenant_id';
    _request constant uuid := _said ->> 'request_id';
    _session constant text := _said ->> 'session_id';
    _address constant inet := _said ->> 'ip_address';
    _agent constant text := _said ->> 'user_agent';
    _source constant text := coalesce(_said ->> 'source', 'sql');
    _differing text;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION '{table} is audited: TRUNCATE refused; DELETE the rows instead'
            USING ERRCODE = 'insufficient_privilege';
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO audit_log ({columns})
        SELECT {tenant_of_row}, {origin}, 'INSERT', '{table}', r.{pk}::text,
            NULL, NULL, {values_of_row}
        FROM new_rows r {salt_of_row};
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO audit_log ({columns})
        SELECT {tenant_of_row}, {origin}, 'DELETE', '{table}', r.{pk}::text,
            NULL, {values_of_row}, NULL
        FROM old_rows r {salt_of_row};
    ELSIF EXISTS (SELECT FROM new_rows OFFSET {few}) THEN
        SELECT string_agg(format(
            'CASE WHEN ROW(o.%1$I)::record *<> ROW(n.%1$I)::record '
            'THEN %2$L || coalesce(to_jsonb(&row.%1$I)::text, ''null'') END',
            attname, to_json(attname) || ':'), ', ')
        INTO _differing
        FROM pg_attribute WHERE attrelid = TG_RELID AND attnum > 0 AND NOT attisdropped;
        EXECUTE format($many${changes_of_many}$many$,
            replace(_differing, '&row', 'o'), replace(_differing, '&row', 'n'))
        USING {origin};
    ELSE
        {changes_of_few}
    END IF;
    RETURN NULL;
END
"""
CHANGES = """INSERT INTO audit_log ({columns})
        SELECT r.tenant, {origin}, CASE WHEN r.old IS NULL THEN 'INSERT' WHEN r.new IS NULL
            THEN 'DELETE' ELSE 'UPDATE' END, '{table}', r.key, d.changed, d.old, d.new
        FROM (
            SELECT {old} AS old, {new} AS new, {tenant_of_pair} AS tenant,
                coalesce(n.{pk}, o.{pk})::text AS key, {salt_of_pair} AS salt,
                {old_salt_of_pair} AS old_salt
            FROM old_rows o FULL JOIN new_rows n ON {same_row} OFFSET 0
        ) r, LATERAL (
            SELECT array_agg(key) AS changed,
                CASE WHEN r.old IS NOT NULL
                    THEN jsonb_object_agg(key, {old_value}) END AS old,
                CASE WHEN r.new IS NOT NULL
                    THEN jsonb_object_agg(key, {new_value}) END AS new
            FROM (SELECT jsonb_object_keys(coalesce(r.new, r.old)) AS key) k
            WHERE r.old -> key IS DISTINCT FROM r.new -> key
        ) d
        WHERE d.changed IS NOT NULL;"""
# Rows up to which a statement is taken to write few.
FEW = 100
WHOLE_ROWS = {"old": "to_jsonb(o.*)", "new": "to_jsonb(n.*)"}
# Image comparison (*<>) knows every type and sees every difference; what differs in its image alone, such
# as 1.0 and 1.00, falls out when the JSON is compared.
DIFFERING = (
    "CASE WHEN o.{pk} IS NULL OR n.{pk} IS NULL THEN to_jsonb(%s.*) ELSE "
    "('{{' || array_to_string(ARRAY[%%%d$s], ',') || '}}')::jsonb END"
)
DIFFERING_COLUMNS = {"old": DIFFERING % ("o", 1), "new": DIFFERING % ("n", 2)}
COLUMNS = (
    "tenant_id, actor_type, actor_id, actor_tenant_id, source, request_id, session_id, ip_address, "
    "user_agent, action, entity_type, entity_id, changed_fields, old_values, new_values"
)
ORIGIN = "_kind, _actor, _of_tenant, _source, _request, _session, _address, _agent"
RANDOM_SALT = "sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))"
# What is empty tells nothing of anybody, and an emptied value reads as such.
COMMITMENT = (
    "CASE WHEN coalesce({value}, 'null') IN ('null', '\"\"', '{{}}') THEN coalesce({value}, 'null') "
    "ELSE jsonb_build_object('commitment', "
    "encode(sha256({salt} || convert_to({key} || ':' || ({value})::text, 'UTF8')), 'hex')) END"
)
# A hash of many rows on disk costs more than the memory; compiling a statement costs more than it saves.
# What a value looks like is no choice of the session's: with fewer digits, a change would show as none.
SETTINGS = (
    "SET work_mem = '32MB' SET jit = off "
    "SET extra_float_digits = 1 SET timezone = 'UTC' SET bytea_output = 'hex' SET intervalstyle = 'iso_8601'"
)


class Audited(TriggerConstraint):
    """Every INSERT, UPDATE and DELETE of the table is written to `audit_log`, row by row.

    By triggers on statements, so that a bulk write costs one INSERT; ENABLE ALWAYS, so that no session
    can switch them off. They run as the owner: nobody else may write the log. TRUNCATE is refused,
    as it tells no trigger which rows it took. A column that is added later is logged as any.

    Columns in `personal` are written as commitments: SHA-256 over a salt, the column's name and its
    value as JSON; what is empty is written as it is. The salt is the subject's, in `audit_salts`:
    deleting it leaves the log verifiable and the value beyond reach.

    :param subject: the column that says whose the personal columns are. Without one, no salt is kept:
        so it is with secrets, whose commitments nobody shall ever open.
    :param personal: the columns that tell something of a person, and secrets.
    :param tenant: the column with the tenant's id; None for what belongs to the platform itself.
    """

    def __init__(
        self,
        *,
        name: str,
        subject: str = "",
        personal: Sequence[str] = (),
        tenant: str | None = "tenant_id",
    ) -> None:
        super().__init__(name=name)
        if subject and not personal:
            raise ValueError(f"{name}: a subject is named, and nothing personal of theirs.")
        self.subject = subject
        self.personal = tuple(personal)
        self.tenant = tenant

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        if self.personal:
            kwargs["personal"] = self.personal
        if self.subject:
            kwargs["subject"] = self.subject
        if self.tenant != "tenant_id":
            kwargs["tenant"] = self.tenant
        return path, args, kwargs

    def create_sql(self, model: type[models.Model], schema_editor: Any) -> str:
        """Return the SQL that makes function and triggers."""
        table, function, home = self._names(model, schema_editor)
        parts = [
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql "
            f"SECURITY DEFINER SET search_path = {home}, extensions, pg_temp {SETTINGS} "
            f"AS $audit${self._body(model)}$audit$",
            f"REVOKE ALL ON FUNCTION {function}() FROM PUBLIC",
        ]
        for trigger, event in self._triggers().items():
            when = "BEFORE" if event == "TRUNCATE" else "AFTER"
            parts += [
                f"CREATE TRIGGER {schema_editor.quote_name(trigger)} {when} {event} ON {table} "
                f"{TRANSITIONS.get(event, '')} FOR EACH STATEMENT EXECUTE FUNCTION {function}()",
                f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {schema_editor.quote_name(trigger)}",
            ]
        return "; ".join(parts)

    def remove_sql(self, model: type[models.Model], schema_editor: Any) -> str:
        """Return the SQL that takes triggers and function away."""
        table, function, _ = self._names(model, schema_editor)
        drops = [
            f"DROP TRIGGER {schema_editor.quote_name(name)} ON {table}" for name in self._triggers()
        ]
        return "; ".join([*drops, f"DROP FUNCTION {function}()"])

    def _triggers(self) -> dict[str, str]:
        return {f"{self.name}_{event.lower()}": event for event in (*TRANSITIONS, "TRUNCATE")}

    def _body(self, model: type[models.Model]) -> str:
        pk = model._meta.pk
        assert pk is not None
        keys = [pk.column] if tenant_key_of(model) is None else ["tenant_id", pk.column]
        same_row = " AND ".join(f'o."{key}" = n."{key}"' for key in keys)
        names = {
            "table": model._meta.db_table,
            "pk": f'"{pk.column}"',
            "columns": COLUMNS,
            "same_row": same_row,
            "tenant_of_pair": self._tenant("n", "o"),
            "salt_of_pair": self._salt_of_pair(),
            "old_salt_of_pair": self._old_salt_of_pair(model),
            "old_value": self._value("r.old -> key", "coalesce(r.old_salt, r.salt)"),
            "new_value": self._value("r.new -> key", "r.salt"),
        }
        # `format()` of PostgreSQL reads what is to be run for many.
        places = ", ".join(f"${number}" for number, _ in enumerate(ORIGIN.split(", "), start=1))
        differing = {row: text.format(**names) for row, text in DIFFERING_COLUMNS.items()}
        return BODY.format(
            **names,
            few=FEW,
            origin=ORIGIN,
            tenant_of_row=self._tenant("r"),
            values_of_row=self._values(),
            salt_of_row=self._salt_of_row(),
            changes_of_few=CHANGES.format(**names, **WHOLE_ROWS, origin=ORIGIN),
            changes_of_many=CHANGES.format(**names, **differing, origin=places).rstrip(";"),
        )

    def _tenant(self, *rows: str) -> str:
        columns = [f'{row}."{self.tenant}"' for row in rows if self.tenant]
        return "coalesce(" + ", ".join([*columns, f"'{PLATFORM_ID}'::uuid"]) + ")"

    def _subject(self, *rows: str) -> str:
        return "coalesce(" + ", ".join(f'{row}."{self.subject}"' for row in rows) + ")"

    def _salt(self, *rows: str) -> str:
        if not self.subject:
            return RANDOM_SALT
        return f"salt_of({self._tenant(*rows)}, {self._subject(*rows)})"

    def _salt_of_row(self) -> str:
        if not self.personal:
            return ""
        return f"CROSS JOIN LATERAL (SELECT {self._salt('r')} AS salt OFFSET 0) s"

    def _salt_of_pair(self) -> str:
        if not self.personal:
            return "NULL::bytea"
        return f"CASE WHEN {self._differs()} THEN {self._salt('n', 'o')} END"

    def _old_salt_of_pair(self, model: type[models.Model]) -> str:
        """The salt of what a row said of one person before it became another's; else NULL."""
        assert model._meta.pk is not None
        if self.subject in {"", model._meta.pk.column}:
            return "NULL::bytea"
        changed = f'o."{self.subject}" <> n."{self.subject}"'
        return f"CASE WHEN {changed} AND {self._differs()} THEN {self._salt('o')} END"

    def _differs(self) -> str:
        before, after = (
            ", ".join(f'{row}."{column}"' for column in self.personal) for row in ("o", "n")
        )
        return f"ROW({before}) IS DISTINCT FROM ROW({after})"

    def _values(self) -> str:
        if not self.personal:
            return "to_jsonb(r.*)"
        pairs = ", ".join(
            f"'{name}', " + _commitment(f"'{name}'", f"""to_jsonb(r."{name}")""", "s.salt")
            for name in self.personal
        )
        return f"to_jsonb(r.*) || jsonb_build_object({pairs})"

    def _value(self, value: str, salt: str) -> str:
        if not self.personal:
            return value
        names = ", ".join(f"'{column}'" for column in self.personal)
        return f"CASE WHEN key IN ({names}) THEN {_commitment('key', value, salt)} ELSE {value} END"


def _commitment(key: str, value: str, salt: str) -> str:
    return COMMITMENT.format(key=key, value=value, salt=salt)
