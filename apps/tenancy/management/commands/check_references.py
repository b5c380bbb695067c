"""`manage.py check_references`: references that point at nothing."""

from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

import typer
from django.apps import apps
from django.core.management import CommandError

from apps.kernel.references import ReferenceField, offer_of, references_of
from apps.tenancy import binding
from apps.tenancy.management.base import Format, FormatOption, OperatorCommand
from apps.tenancy.models import Tenant
from apps.tenancy.operations import tenants

BATCH = 1_000


class Command(OperatorCommand):
    help = "Find references between contexts whose target is gone. Exits with 1 if there are any."

    def handle(
        self,
        tenant: Annotated[str, typer.Option(help="Only this tenant.")] = "",
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Go over every reference of every tenant, a batch at a time."""
        chosen = [tenants.get_tenant(slug=tenant)] if tenant else Tenant.objects.in_order()
        orphans = [orphan for each in chosen for orphan in orphans_of(each)]
        self.answer(orphans, as_format=format)
        if orphans:
            raise CommandError(f"{len(orphans)} references point at nothing.")


def orphans_of(tenant: Tenant) -> Iterator[dict[str, Any]]:
    """Yield each row of a tenant that refers to something that is gone."""
    for model in apps.get_models():
        for field in references_of(model):
            yield from _orphans_of_field(tenant, model, field)


def _orphans_of_field(
    tenant: Tenant, model: Any, field: ReferenceField
) -> Iterator[dict[str, Any]]:
    after: UUID | None = None
    while True:
        # Bound once per batch: nothing is yielded from inside a block.
        with binding.bind(tenant):
            rows = model.objects.filter(**{f"{field.name}__isnull": False}).order_by("id")
            if after is not None:
                rows = rows.filter(id__gt=after)
            batch = list(rows.values_list("id", field.name)[:BATCH])
            found = offer_of(field.to).existing({target for _, target in batch}) if batch else set()
        for row_id, target in batch:
            if target not in found:
                yield {
                    "tenant": tenant.slug,
                    "model": model._meta.label,
                    "id": row_id,
                    "field": field.name,
                    "points_at": f"{field.to} {target}",
                }
        if len(batch) < BATCH:
            return
        after = batch[-1][0]
