"""Exchange rates and currencies of a tenant's own, in its admin."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.commerce import queries
from apps.commerce.models import ExchangeRate, VirtualCurrency
from apps.commerce.operations import currencies, rates
from apps.tenancy.admin_site import DeletedByOperation, tenant_site
from apps.tenancy.api.permissions import Rank

ADMIN = {"view": Rank.VIEWER, "add": Rank.ADMIN, "change": Rank.ADMIN, "delete": Rank.ADMIN}


class MoneyAdmin(DeletedByOperation):
    """What money is worth: read by all staff, changed by admins."""

    needs: ClassVar[dict[str, Rank]] = ADMIN


@admin.register(ExchangeRate, site=tenant_site)
class ExchangeRateAdmin(MoneyAdmin):
    """Rates. One that was used is ended by `valid_until`; deleting withdraws one that was not."""

    list_display = [
        "from_currency",
        "to_currency",
        "price",
        "amount",
        "valid_from",
        "valid_until",
        "name",
    ]
    list_filter = ["from_currency", "to_currency"]
    ordering = ["-valid_from", "-id"]
    readonly_fields = ["id", "created_on", "deleted_on"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExchangeRate]:
        """Return the rates that were not withdrawn."""
        return super().get_queryset(request).filter(deleted_on=None)

    def save_model(self, request: HttpRequest, obj: ExchangeRate, form: Any, change: bool) -> None:
        """Write through the operations, which know more rules than the form."""
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            rates.change_rate(rate_id=obj.id, changes=changes)
        else:
            values = {**form.cleaned_data, "id": obj.id}
            rates.create_rate(values=values, created_on=queries.clock.now())

    def delete_model(self, request: HttpRequest, obj: ExchangeRate) -> None:
        """Withdraw what nothing was exchanged at."""
        rates.delete_rate(rate_id=obj.id, deleted_on=queries.clock.now())


@admin.register(VirtualCurrency, site=tenant_site)
class VirtualCurrencyAdmin(MoneyAdmin):
    """Currencies of the tenant's own. What they are called changes, their decimals don't."""

    list_display = ["code", "name", "decimals", "created_on"]
    ordering = ["code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Return what can't be changed: of one that is there, all but the name."""
        fixed = ["id", "created_on"]
        return [*fixed, "code", "decimals"] if obj else fixed

    def save_model(
        self, request: HttpRequest, obj: VirtualCurrency, form: Any, change: bool
    ) -> None:
        """Write through the operations."""
        if change:
            currencies.rename_currency(code=obj.code, name=obj.name)
            return
        made = currencies.create_currency(
            code=obj.code, name=obj.name, decimals=obj.decimals, created_on=queries.clock.now()
        )
        obj.id = made.id

    def delete_model(self, request: HttpRequest, obj: VirtualCurrency) -> None:
        """Delete what nothing is in."""
        currencies.delete_currency(code=obj.code)
