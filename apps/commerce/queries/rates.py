"""Exchange rates: which is valid, and what it buys."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from iso4217 import Currency as Official

from apps.commerce.models import ExchangeRate, VirtualCurrency
from apps.kernel import money
from apps.kernel.errors import Conflict
from apps.kernel.money import MAX_AMOUNT


class NoRate(Conflict):
    """Two currencies are exchanged at a rate of the tenant's, and there is none now."""

    slug = "no-exchange-rate"
    title = "There is no rate for this now."


class NothingBought(Conflict):
    """An amount is exchanged for one from 1 to 10^12 minor units."""

    slug = "exchange-out-of-range"
    title = "This amount can't be exchanged."


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What an amount buys. Amounts are in minor units."""

    exchange_rate_id: UUID
    from_currency: str
    to_currency: str
    amount: int
    bought: int
    rate_price: int
    """So many minor units of the one buy `rate_amount` of the other."""
    rate_amount: int
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency:
    """A currency that money can be in."""

    code: str
    name: str
    decimals: int
    is_virtual: bool


def all_currencies() -> list[Currency]:
    """Return those of ISO 4217 and the tenant's own, by code. One query."""
    own = [
        Currency(code=code, name=name, decimals=decimals, is_virtual=True)
        for code, name, decimals in VirtualCurrency.objects.values_list("code", "name", "decimals")
    ]
    official = [
        Currency(
            code=code,
            name=Official(code).currency_name,
            decimals=money.decimals_of(code),
            is_virtual=False,
        )
        for code in money.codes()
    ]
    return sorted([*own, *official], key=lambda each: each.code)


def present() -> QuerySet[ExchangeRate]:
    """Return the rates that were not withdrawn, past and future ones among them."""
    return ExchangeRate.objects.filter(deleted_on=None)


def valid_at(rates: QuerySet[ExchangeRate], at: datetime) -> QuerySet[ExchangeRate]:
    """Keep those that are valid at a time."""
    return rates.filter(Q(valid_until=None) | Q(valid_until__gt=at), valid_from__lte=at)


def quote(*, from_currency: str, to_currency: str, amount: int, at: datetime) -> Quote:
    """Return what `amount` minor units would buy at a time. One query.

    :raises NoRate: there is no rate.
    :raises NothingBought: it would buy nothing, or too much.
    """
    pair = present().filter(from_currency=from_currency, to_currency=to_currency)
    rate = valid_at(pair, at).first()
    if rate is None:
        raise NoRate(f"There is no rate from {from_currency} to {to_currency} now.")
    return Quote(
        exchange_rate_id=rate.id,
        from_currency=from_currency,
        to_currency=to_currency,
        amount=amount,
        bought=bought(rate=rate, amount=amount),
        rate_price=rate.price,
        rate_amount=rate.amount,
        valid_until=rate.valid_until,
    )


def bought(*, rate: ExchangeRate, amount: int) -> int:
    """Return what `amount` minor units buy, rounded down: what is left over is the house's.

    :raises NothingBought: it is less than 1 minor unit, or more than 10^12.
    """
    result = amount * rate.amount // rate.price
    if result < 1:
        least = -(-rate.price // rate.amount)
        raise NothingBought(
            f"{amount} minor units of {rate.from_currency} buy not one of {rate.to_currency}. "
            f"Exchange {least} at least."
        )
    if result > MAX_AMOUNT:
        raise NothingBought(f"It would buy {result}, and {MAX_AMOUNT} is the most. Exchange less.")
    return result
