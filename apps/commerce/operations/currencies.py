"""Currencies of a tenant's own: made, renamed, and deleted while nothing is in them."""

from datetime import datetime

from django.db.models import Q

from apps.commerce.models import (
    DiscountCode,
    ExchangeRate,
    InventoryItem,
    LedgerAccount,
    SubscriptionPlan,
    VirtualCurrency,
)
from apps.kernel import money
from apps.kernel.errors import Conflict, Invalid, NotFound
from apps.kernel.refusals import refusing


class CurrencyTaken(Conflict):
    """A code stands for one currency."""

    slug = "currency-taken"
    title = "There is a currency with this code."


class CurrencyUsed(Conflict):
    """Something is priced, held or exchanged in it."""

    slug = "currency-used"
    title = "The currency is in use."


def create_currency(
    *, code: str, name: str, decimals: int, created_on: datetime
) -> VirtualCurrency:
    """Make a currency. What it is called can be changed; its code and decimals can't.

    :raises CurrencyTaken: there is one with this code already.
    :raises Invalid: the code is one of ISO 4217.
    """
    if money.is_currency(code):
        raise Invalid(fields={"code": [f"{code} is a currency of ISO 4217. Choose another code."]})
    taken = CurrencyTaken(f"The tenant has a currency {code}. Choose another code.")
    with refusing(alias="commerce", constraints={"virtual_currencies_code": taken}):
        return VirtualCurrency.objects.create(
            code=code, name=name, decimals=decimals, created_on=created_on
        )


def rename_currency(*, code: str, name: str) -> None:
    """Call a currency something else.

    :raises NotFound: the tenant has none with this code.
    """
    if not VirtualCurrency.objects.filter(code=code).update(name=name):
        raise NotFound


def delete_currency(*, code: str) -> None:
    """Delete a currency that nothing is in.

    :raises NotFound: the tenant has none with this code.
    :raises CurrencyUsed: something is.
    """
    currency = VirtualCurrency.objects.select_for_update().filter(code=code).first()
    if currency is None:
        raise NotFound
    used = (
        LedgerAccount.objects.filter(currency=code),
        ExchangeRate.objects.filter(Q(from_currency=code) | Q(to_currency=code), deleted_on=None),
        InventoryItem.objects.filter(currency=code),
        SubscriptionPlan.objects.filter(currency=code),
        DiscountCode.objects.filter(currency=code),
    )
    for rows in used:
        if rows.exists():
            named = rows.model._meta.db_table.replace("_", " ")
            raise CurrencyUsed(f"There are {named} in {code}, so it stays.")
    currency.delete()
