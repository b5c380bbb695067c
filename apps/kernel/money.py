"""Money: whole numbers of minor units, and the codes of currencies."""

from functools import lru_cache

from iso4217 import Currency

# Ten thousand million units of a currency with two decimals. A bigint holds the sum of millions of these.
MAX_AMOUNT = 10**12
"""In minor units: the most that one amount may be."""

CODE_PATTERN = r"^[A-Z]{3}$"


@lru_cache(maxsize=1)
def _currencies() -> dict[str, int]:
    """Return the decimals of every currency by its code; metals and funds have none and are left out."""
    return {each.code: each.exponent for each in Currency if each.exponent is not None}


def is_currency(code: str) -> bool:
    """Return whether a code is one of ISO 4217 that money can be in."""
    return code in _currencies()


def decimals_of(code: str) -> int:
    """Return how many decimals the currency has: 2 for USD, 0 for JPY.

    :raises LookupError: it is not one of ISO 4217.
    """
    try:
        return _currencies()[code]
    except KeyError:
        raise LookupError(f"{code!r} is not a currency of ISO 4217.") from None


def codes() -> list[str]:
    """Return the codes of ISO 4217 that money can be in, in order."""
    return sorted(_currencies())


def in_units(amount: int, *, decimals: int) -> str:
    """Return minor units as a decimal number: 1050 with 2 decimals is "10.50"."""
    sign, digits = ("-", str(-amount)) if amount < 0 else ("", str(amount))
    if not decimals:
        return sign + digits
    digits = digits.rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"
