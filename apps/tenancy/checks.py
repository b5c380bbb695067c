"""System checks: a model without its wall does not pass `manage.py check`."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.postgres.constraints import ExclusionConstraint
from django.core.checks import CheckMessage, Error, register
from django.db import models

from apps.kernel.references import NothingOffered, offer_of, references_of
from apps.tenancy.fields import tenant_key_of
from config.databases import HOME_ALIASES, PLAN, SHARED_LABELS

HOME_LABELS = frozenset(label for alias in HOME_ALIASES for label in PLAN[alias].labels)


@register()
def check_walls(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Every model of a context carries the tenant key, and nothing in it reaches over the wall."""
    messages: list[CheckMessage] = []
    for model in apps.get_models(include_auto_created=True):
        if app_configs is not None and model._meta.app_config not in app_configs:
            continue
        if model._meta.app_label in HOME_LABELS:
            messages.extend(faults_of(model))
        elif tenant_key_of(model) is not None and model._meta.app_label not in SHARED_LABELS:
            messages.append(
                Error(
                    f"{model._meta.label} has a tenant key but lives in no context's database.",
                    hint="Tenant tables belong to a context; the control plane has none.",
                    obj=model,
                    id="tenancy.E006",
                )
            )
    return messages


def faults_of(model: type[models.Model]) -> Iterator[CheckMessage]:
    """Yield what is wrong with one model of a context."""
    if model._meta.auto_created:
        yield Error(
            f"{model._meta.label} is an automatic many-to-many table: it would have no tenant.",
            hint="Name a through model that inherits TenantModel.",
            obj=model,
            id="tenancy.E002",
        )
        return
    if model._meta.proxy or not model._meta.managed:
        return
    parents = [parent for parent in model._meta.parents if not parent._meta.abstract]
    if parents:
        yield Error(
            f"{model._meta.label} inherits from another table: the child's row would have no tenant.",
            hint="Use an abstract base, or a foreign key.",
            obj=model,
            id="tenancy.E003",
        )
        return
    if tenant_key_of(model) is None:
        yield Error(
            f"{model._meta.label} has no tenant key: its rows would be everybody's.",
            hint="Inherit apps.tenancy.models.TenantModel.",
            obj=model,
            id="tenancy.E001",
        )
    yield from _relation_faults(model)
    for constraint in model._meta.constraints:
        if isinstance(constraint, ExclusionConstraint) and not _begins_with_tenant(constraint):
            yield Error(
                f"{model._meta.label}: the exclusion constraint {constraint.name!r} does not begin "
                f"with tenant_id, so one tenant's rows would exclude another's.",
                hint='Begin its expressions with ("tenant_id", RangeOperators.EQUAL).',
                obj=model,
                id="tenancy.E005",
            )


def _begins_with_tenant(constraint: ExclusionConstraint) -> bool:
    first = constraint.expressions[0][0]
    return first == "tenant_id" or getattr(first, "name", None) == "tenant_id"


def _relation_faults(model: type[models.Model]) -> Iterator[CheckMessage]:
    for field in model._meta.local_fields:
        target = field.remote_field.model if field.remote_field else None
        if target is not None and target._meta.app_label != model._meta.app_label:
            yield Error(
                f"{model._meta.label}.{field.name} is a foreign key into {target._meta.app_label}.",
                hint=f'Between contexts there are references: ReferenceField("{target._meta.label}").',
                obj=model,
                id="tenancy.E004",
            )
    for reference in references_of(model):
        try:
            offer_of(reference.to)
        except NothingOffered as error:
            yield Error(
                f"{model._meta.label}.{reference.name}: {error}",
                hint="Offer it in the ready() of the app that owns it.",
                obj=model,
                id="tenancy.E007",
            )
