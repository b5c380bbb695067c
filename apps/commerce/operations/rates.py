"""Exchange rates: made, ended and withdrawn. One that was used stays what it was."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max

from apps.commerce.models import ExchangeRate, LedgerTransaction
from apps.commerce.queries import currencies, rates
from apps.kernel.errors import Conflict, Invalid, NotFound
from apps.kernel.refusals import refusing

# What says what is bought for what, and from when on.
VALUE = frozenset({"from_currency", "to_currency", "price", "amount", "valid_from"})


class RatesOverlap(Conflict):
    """Of each pair of currencies, one rate is valid at a time."""

    slug = "exchange-rates-overlap"
    title = "Another rate of this pair is valid at that time."


class RateUsed(Conflict):
    """What was exchanged names its rate, so that the rate must stay what it was."""

    slug = "exchange-rate-used"
    title = "Something was exchanged at this rate."


def create_rate(*, values: Mapping[str, Any], created_on: datetime) -> ExchangeRate:
    """Make a rate: `price` minor units of one currency buy `amount` of the other.

    :raises Invalid: a currency is none, both are the same, or it would end before it begins.
    :raises RatesOverlap: another rate of the pair is valid at that time.
    """
    rate = ExchangeRate(**values, created_on=created_on)
    _check(rate)
    with _refusing():
        rate.save(force_insert=True)
    return rate


def change_rate(*, rate_id: UUID, changes: Mapping[str, Any]) -> None:
    """Change a rate, or end it by `valid_until`. One that was used only ends, after its last use.

    :raises NotFound: there is no such rate.
    :raises RateUsed: it was used, and what it says was to change.
    :raises Invalid, RatesOverlap: as for a new one.
    """
    rate = _hold_alone(rate_id)
    changed = {name for name, value in changes.items() if getattr(rate, name) != value}
    if changed & {*VALUE, "valid_until"}:
        _check_used(rate, changes, changed)
    for name, value in changes.items():
        setattr(rate, name, value)
    _check(rate)
    with _refusing():
        rate.save(update_fields=[*changes])


def delete_rate(*, rate_id: UUID, deleted_on: datetime) -> None:
    """Withdraw a rate that nothing was exchanged at.

    :raises NotFound: there is no such rate.
    :raises RateUsed: something was: end it.
    """
    rate = _hold_alone(rate_id)
    if _last_use(rate) is not None:
        raise RateUsed("End it by valid_until; what was exchanged at it goes on naming it.")
    rate.deleted_on = deleted_on
    rate.save(update_fields=["deleted_on"])


def hold_valid_rate(*, from_currency: str, to_currency: str, at: datetime) -> ExchangeRate:
    """Return the rate valid at a time; it stays as it is until the unit of work ends.

    :raises NoRate: there is none.
    """
    # The ORM has no FOR SHARE, and FOR UPDATE would let people exchange one after the other only.
    found = ExchangeRate.objects.raw(
        "SELECT * FROM exchange_rates WHERE from_currency = %s AND to_currency = %s "
        "AND valid_from <= %s AND (valid_until IS NULL OR valid_until > %s) "
        "AND deleted_on IS NULL FOR SHARE",
        [from_currency, to_currency, at, at],
    )
    for rate in found:
        return rate
    raise rates.NoRate(f"There is no rate from {from_currency} to {to_currency} now.")


def _check_used(rate: ExchangeRate, changes: Mapping[str, Any], changed: set[str]) -> None:
    last_use = _last_use(rate)
    if last_use is None:
        return
    if changed & VALUE:
        raise RateUsed("End it by valid_until, and make a new one that begins then.")
    ends_at = changes.get("valid_until")
    if "valid_until" in changed and ends_at is not None and ends_at <= last_use:
        was = last_use.isoformat()
        raise Invalid(fields={"valid_until": [f"It was used at {was}. It ends after that."]})


def _check(rate: ExchangeRate) -> None:
    known = currencies.decimals(codes=[rate.from_currency, rate.to_currency])
    faults = {
        name: [f"{getattr(rate, name)} is no currency of ISO 4217, nor one of the tenant's."]
        for name in ("from_currency", "to_currency")
        if getattr(rate, name) not in known
    }
    if rate.from_currency == rate.to_currency:
        faults.setdefault("to_currency", ["A currency is exchanged for another one."])
    if rate.valid_until is not None and rate.valid_until <= rate.valid_from:
        faults["valid_until"] = ["A rate ends after it begins."]
    if faults:
        raise Invalid(fields=faults)


def _hold_alone(rate_id: UUID) -> ExchangeRate:
    rates_there = ExchangeRate.objects.filter(deleted_on=None).select_for_update()
    rate: ExchangeRate | None = rates_there.filter(id=rate_id).first()
    if rate is None:
        raise NotFound
    return rate


def _last_use(rate: ExchangeRate) -> datetime | None:
    uses = LedgerTransaction.objects.filter(exchange_rate_id=rate.id)
    last: datetime | None = uses.aggregate(last=Max("effective_at"))["last"]
    return last


def _refusing() -> Any:
    overlap = RatesOverlap("End the other one by valid_until first, or begin this one later.")
    return refusing(alias="commerce", constraints={"exchange_rates_one_at_a_time": overlap})
