"""Amounts as people write them."""

from collections.abc import Mapping
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.numbers import get_currency_symbol, parse_pattern
from django.utils.translation import get_language, to_locale

FALLBACK = "en_US"


def locale_of(name: str = "") -> Locale:
    """Return a locale by its name ("de_DE"); the one that is active, or American English, without one."""
    for each in (name, to_locale(get_language() or ""), FALLBACK):
        try:
            return Locale.parse(each.replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            continue
    raise AssertionError(FALLBACK)


def written(
    amount: int, *, currency: str, decimals: Mapping[str, int], locale: Locale | None = None
) -> str:
    """Return minor units as people write them: 123456 of USD is "$1,234.56".

    :param decimals: by currency; a currency's decimals are those of ISO 4217 or the tenant's own,
        which are not always what a locale would show.
    """
    locale = locale or locale_of()
    places = decimals.get(currency, 0)
    # A copy: the locale's own pattern is everybody's.
    text = locale.currency_formats["standard"].pattern
    if get_currency_symbol(currency, locale)[-1:].isalpha():
        # Letters stand apart from digits (currencySpacing of Unicode's LDML, part 3).
        text = text.replace("\N{CURRENCY SIGN}#", "\N{CURRENCY SIGN}\N{NO-BREAK SPACE}#")
    pattern = parse_pattern(text)
    pattern.frac_prec = (places, places)
    shown: str = pattern.apply(
        Decimal(amount).scaleb(-places), locale, currency=currency, currency_digits=False
    )
    return shown
