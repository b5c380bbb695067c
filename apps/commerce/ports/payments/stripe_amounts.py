"""Amounts as Stripe writes them: not in every currency what ISO 4217 calls its minor units."""

from apps.commerce.ports.payments.base import ProviderRefused
from apps.kernel import money

# docs.stripe.com/currencies: without decimals, with three of which the last is 0, and the rest with two,
# among them ISK and UGX, which by ISO have none.
_NO_DECIMALS = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())
_THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
_WHOLE_ONLY = frozenset({"ISK", "UGX"})
_MOST_DIGITS = 12


def to_stripe(amount: int, currency: str) -> int:
    """Return our minor units as Stripe's.

    :raises ProviderRefused: Stripe has no such currency, or the amount can't be written there.
    """
    theirs, rest = divmod(amount * 10 ** _decimals(currency), 10 ** _ours(currency))
    if rest or (currency in _THREE_DECIMALS and theirs % 10):
        raise ProviderRefused("amount_too_fine")
    if len(str(theirs)) > _MOST_DIGITS:
        raise ProviderRefused("amount_too_large")
    return theirs


def step_of(currency: str) -> int:
    """Return how many of our minor units amounts of a currency are multiples of, at Stripe."""
    if currency in _THREE_DECIMALS:
        return 10
    return 10 ** max(money.decimals_of(currency) - _decimals(currency), 0)


def from_stripe(amount: int, currency: str) -> int:
    """Return Stripe's minor units as ours."""
    return amount * 10 ** _ours(currency) // 10 ** _decimals(currency)


def _decimals(currency: str) -> int:
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def _ours(currency: str) -> int:
    try:
        decimals = money.decimals_of(currency)
    except LookupError as error:
        raise ProviderRefused("currency_not_supported") from error
    if decimals != _decimals(currency) and not (
        currency in _WHOLE_ONLY or (currency in _NO_DECIMALS and decimals == 2)
    ):
        raise ProviderRefused("currency_not_supported")
    return decimals
