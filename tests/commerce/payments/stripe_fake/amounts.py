"""Which amounts Stripe takes, as its documentation has it."""

from typing import Any

ZERO_DECIMAL = {
    *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga"),
    *("pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"),
}
THREE_DECIMAL = {"bhd", "jod", "kwd", "omr", "tnd"}
WHOLE = {"isk", "ugx"}
TWO_DECIMAL = {"usd", "eur", "gbp", "chf", "huf", "twd", "mxn", "pln"}
LEAST = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50}
MOST = 99_999_999


def checked(params: dict[str, Any]) -> tuple[int, str]:
    """Return amount and currency of a payment intent, or refuse them."""
    from tests.commerce.payments.stripe_fake.account import invalid

    currency = params.get("currency", "")
    if currency not in ZERO_DECIMAL | THREE_DECIMAL | WHOLE | TWO_DECIMAL:
        raise invalid("currency_not_supported", f"Invalid currency: {currency}")
    text = str(params.get("amount", ""))
    if not text.isdecimal():
        raise invalid("parameter_invalid_integer", f"Invalid integer: {text}")
    amount = int(text)
    if amount < LEAST.get(currency, 1):
        raise invalid("amount_too_small", "Amount must be at least what can be charged.")
    if amount > MOST:
        raise invalid("amount_too_large", "Amount must be no more than 999,999.99.")
    if (currency in THREE_DECIMAL and amount % 10) or (currency in WHOLE and amount % 100):
        raise invalid("parameter_invalid_integer", "The last digits must be 0.")
    return amount, currency
