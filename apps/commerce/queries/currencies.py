"""Currencies: those of ISO 4217, and a tenant's own."""

from collections.abc import Collection

from apps.commerce.models import VirtualCurrency
from apps.kernel import money
from apps.kernel.errors import Invalid


def decimals(*, codes: Collection[str]) -> dict[str, int]:
    """Return how many decimals currencies have; a code that is none is not in it. One query at most."""
    found = {code: money.decimals_of(code) for code in codes if money.is_currency(code)}
    others = set(codes) - found.keys()
    if others:
        own = VirtualCurrency.objects.filter(code__in=others)
        found |= dict(own.values_list("code", "decimals"))
    return found


def check_currency(*, code: str, field: str = "currency") -> None:
    """Refuse a code that is no currency here.

    :param field: what the code is the value of.
    :raises Invalid: it is neither one of ISO 4217 nor one of the tenant's own.
    """
    if not decimals(codes=[code]):
        raise Invalid(
            fields={field: [f"{code} is neither a currency of ISO 4217 nor one of your own."]}
        )
