"""Providers by name. The wallet is one that nobody is asked about: its money is in the ledger."""

from collections.abc import Callable, Mapping

from apps.commerce.models import Provider
from apps.commerce.ports.payments.base import PaymentProvider, ProviderKeys
from apps.commerce.ports.payments.local import LocalProvider
from apps.commerce.ports.payments.stripe import StripeProvider, fault_of_amount
from apps.commerce.ports.payments.stripe_amounts import step_of
from apps.kernel.errors import Invalid

_ADAPTERS: Mapping[str, Callable[[ProviderKeys], PaymentProvider]] = {
    Provider.STRIPE: StripeProvider,
    Provider.LOCAL: LocalProvider,
}
_AMOUNT_FAULTS: Mapping[str, Callable[[int, str], str | None]] = {Provider.STRIPE: fault_of_amount}
_STEPS: Mapping[str, Callable[[str], int]] = {Provider.STRIPE: step_of}


def is_asked(provider: str) -> bool:
    """Return whether a payment by this provider is asked for outside."""
    return provider in _ADAPTERS


def keys_needed(provider: str) -> bool:
    """Return whether a tenant must put keys before it can be used."""
    return provider == Provider.STRIPE


def connect(keys: ProviderKeys) -> PaymentProvider:
    """Return a tenant's account with a provider, ready to be asked."""
    return _ADAPTERS[keys.provider](keys)


def check_amount(*, provider: str, amount: int, currency: str) -> None:
    """Refuse what a provider can't take, before anything is set aside for it.

    :raises Invalid: the currency is none of the provider's, or the amount can't be written in it.
    """
    find_fault = _AMOUNT_FAULTS.get(provider)
    if find_fault and (fault := find_fault(amount, currency)):
        raise Invalid(fields={"currency": [fault]})


def check_refund(*, provider: str, amount: int, currency: str) -> None:
    """Refuse what a provider can't give back, before it is booked: it would be owed from then on.

    :raises Invalid: the amount is finer than the provider writes it; says in which steps it can be.
    """
    find_step = _STEPS.get(provider)
    step = find_step(currency) if find_step else 1
    if amount % step:
        less = amount - amount % step
        nearest = f"{less} or {less + step}" if less else f"{step}"
        raise Invalid(
            fields={
                "amount": [
                    f"{provider} gives {currency} back in steps of {step} minor units: "
                    f"{nearest}, not {amount}."
                ]
            }
        )
