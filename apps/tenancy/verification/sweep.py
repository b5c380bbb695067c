"""The sweep: every rule over every home of every database."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connections, models

from apps.tenancy.models import Home
from apps.tenancy.models.audited import Audited
from apps.tenancy.models.constraints import CONTROL_SCHEMA, AppendOnly
from apps.tenancy.models.tenant import HOME_PATTERN
from apps.tenancy.roles import as_owner
from apps.tenancy.verification import code, parity, privileges, records, tables
from apps.tenancy.verification.faults import Cursor, Fault, Rule, faults_of
from config.databases import APP, AUDITOR, LEDGER, OWNER, PLAN

# As PostgreSQL writes the expressions of apps.tenancy.postgresql.schema back.
DEFAULT = "(current_setting('app.tenant_id'::text))::uuid"
POLICY = f"(tenant_id = {DEFAULT})"

COUNTS = (
    tables.TABLES
    + """
SELECT (SELECT count(*) FROM pg_namespace
        WHERE nspname ~ %(homes)s AND (%(home)s::text IS NULL OR nspname = %(home)s)),
    (SELECT count(*) FROM tables)
"""
)


@dataclass(frozen=True, slots=True)
class Report:
    """What a sweep saw, and the faults it found, in order."""

    databases: int
    homes: int
    tables: int
    rules: int
    faults: tuple[Fault, ...]

    @property
    def is_clean(self) -> bool:
        """Whether there is no fault."""
        return not self.faults

    @property
    def summary(self) -> str:
        """What was looked at, in one line."""
        return (
            f"{self.databases} databases, {self.homes} homes, {self.tables} tables, "
            f"{self.rules} rules: {len(self.faults) or 'no'} faults."
        )


def sweep(*, aliases: Collection[str] = tuple(PLAN), home: str | None = None) -> Report:
    """Hold every rule against the catalogs, as the owner.

    :param home: look at this home only, and leave out how homes compare.
    """
    reports = []
    with as_owner(aliases={"default", *aliases}):
        states = dict(Home.objects.values_list("name", "state"))
        for alias in aliases:
            with connections[alias].cursor() as cursor:
                reports.append(examine(cursor=cursor, alias=alias, states=states, home=home))
    return Report(
        databases=len(reports),
        homes=sum(report.homes for report in reports),
        tables=sum(report.tables for report in reports),
        rules=max(report.rules for report in reports),
        faults=tuple(fault for report in reports for fault in report.faults),
    )


def examine(
    *, cursor: Cursor, alias: str, states: Mapping[str, str], home: str | None = None
) -> Report:
    """Hold every rule against the catalogs of one database.

    :param states: the homes of the control plane and their states.
    """
    parameters = parameters_of(alias, states=states, home=home)
    rules = rules_of(alias, home=home)
    faults = [
        fault
        for rule in rules
        for fault in faults_of(rule, cursor=cursor, alias=alias, parameters=parameters)
    ]
    if not PLAN[alias].has_homes:
        return Report(1, 0, 0, len(rules), tuple(sorted(faults)))
    if home is None:
        faults += parity.differences(cursor=cursor, alias=alias, homes=parameters["ready"])
    cursor.execute(COUNTS, parameters)
    ((homes, walled),) = cursor.fetchall()
    return Report(1, homes, walled, len(rules) + (home is None), tuple(sorted(faults)))


def rules_of(alias: str, *, home: str | None) -> tuple[Rule, ...]:
    """Return the rules that hold for a database."""
    if not PLAN[alias].has_homes:
        return (
            *privileges.SERVER_RULES,
            *privileges.TABLE_RULES,
            *records.RULES,
            *code.CONTROL_PLANE_RULES,
            *code.RULES,
        )
    everywhere = (
        *tables.RULES,
        *records.RULES,
        *privileges.HOME_RULES,
        *privileges.TABLE_RULES,
        *code.RULES,
    )
    if home is not None:
        return everywhere
    return (*privileges.SERVER_RULES, *everywhere, *code.PLACE_RULES)


def parameters_of(alias: str, *, states: Mapping[str, str], home: str | None) -> dict[str, Any]:
    """Return what the rules' queries ask with.

    `known` are the control plane's homes, `ready` those that must be whole: one that is still being
    prepared may lack tables, but those it has are walled like any other's.
    """
    expected = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in PLAN[alias].labels
        and model._meta.managed
        and not model._meta.proxy
    ]
    audits = [
        (model, constraint)
        for model in expected
        for constraint in model._meta.constraints
        if isinstance(constraint, Audited)
    ]
    ready = [name for name, state in states.items() if state != Home.State.PREPARING]
    return {
        "homes": HOME_PATTERN if PLAN[alias].has_homes else f"^{CONTROL_SCHEMA}$",
        "home_names": HOME_PATTERN,
        "home": home,
        "known": list(states),
        "ready": [name for name in ready if home in {None, name}],
        "tables": [model._meta.db_table for model in expected],
        "append_only": [model._meta.db_table for model in expected if guards_of(model)],
        "not_by_app": [
            model._meta.db_table
            for model in expected
            if any(
                getattr(constraint, "app_grants", "INSERT") == "SELECT"
                for constraint in model._meta.constraints
            )
        ],
        "audited": [model._meta.db_table for model, _ in audits],
        "audits": [audit.name for _, audit in audits],
        "default": DEFAULT,
        "policy": POLICY,
        "owner": OWNER,
        "app": APP,
        "ledger": LEDGER,
        "auditor": AUDITOR,
    }


def guards_of(model: type[models.Model]) -> list[AppendOnly]:
    """Return the guards that make a model append-only."""
    return [guard for guard in model._meta.constraints if isinstance(guard, AppendOnly)]
