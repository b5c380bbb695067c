"""System checks: a table whose changes nobody would know of does not pass `manage.py check`."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, register
from django.db import models

from apps.tenancy.models.audited import Audited

# Tables of packages, and those that Django makes by itself, can't say it of themselves: why the
# triggers are not on them, by app label or by model label.
UNAUDITED = {
    "account": "Addresses follow the account, and confirmations are used up; allauth owns both.",
    "admin": "It is Django's own record of the control plane's admin; what changed is audited.",
    "allauth_idp_oidc": "Tokens and clients hold secrets; tokens are short-lived, clients few.",
    "auth": "Groups and permissions come with Django, and nothing here goes by them.",
    "contenttypes": "It is a list of the installed models, written by migrations.",
    "mfa": "Authenticators hold secrets and change with each use.",
    "sessions": "Sessions come and go with each visit, and hold what a visitor is doing.",
    "sites": "It is configuration, and unused: hosts are the tenants' domains.",
    "socialaccount": "It keeps what another issuer says of somebody, and their tokens for it.",
    "tenancy.Account_groups": "Nothing here goes by Django's groups.",
    "tenancy.Account_user_permissions": "Nothing here goes by Django's permissions.",
    "usersessions": "Sessions come and go with each visit.",
}


@register()
def check_audited(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Every table of every database is audited, or says why it is not."""
    return [
        message
        for model in apps.get_models(include_auto_created=True)
        if app_configs is None or model._meta.app_config in app_configs
        for message in faults_of(model)
    ]


def faults_of(model: type[models.Model]) -> Iterator[CheckMessage]:
    """Yield what is wrong with one model: E001 unaudited, E002 unknown columns, E003 both at once."""
    if model._meta.proxy or not model._meta.managed:
        return
    audits = [each for each in model._meta.constraints if isinstance(each, Audited)]
    reason = getattr(model, "unaudited", "") or reason_of_package(model)
    if not audits and not reason.strip():
        yield Error(
            f"{model._meta.label} is not audited: nobody would know who changed its rows.",
            hint="Add Audited(name=…) to its constraints, or say why not: unaudited = '…'.",
            obj=model,
            id="audit.E001",
        )
    if audits and reason:
        yield Error(
            f"{model._meta.label} is audited, and says why it is not.",
            hint="Remove either Audited from its constraints, or `unaudited`.",
            obj=model,
            id="audit.E003",
        )
    for audit in audits:
        yield from _column_faults(model, audit)


def reason_of_package(model: type[models.Model]) -> str:
    """Return why a package's table is not audited, or the empty string."""
    meta = model._meta
    return UNAUDITED.get(meta.label) or UNAUDITED.get(meta.app_label, "")


def _column_faults(model: type[models.Model], audit: Audited) -> Iterator[CheckMessage]:
    columns = {str(field.column) for field in model._meta.local_concrete_fields}
    named = {"subject": [audit.subject], "personal": audit.personal, "tenant": [audit.tenant or ""]}
    for part, names in named.items():
        unknown = sorted({name for name in names if name} - columns)
        if unknown:
            yield Error(
                f"{model._meta.label}: {audit.name!r} names as {part} what is no column: "
                f"{', '.join(unknown)}.",
                hint=f"Its columns are {', '.join(sorted(columns))}.",
                obj=model,
                id="audit.E002",
            )
