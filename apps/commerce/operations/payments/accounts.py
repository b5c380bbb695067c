"""Tenants' accounts with providers: keys that are put, and never shown again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from apps.commerce.models import (
    Payment,
    PaymentState,
    Provider,
    ProviderAccount,
    ProviderEvent,
    ProviderRefund,
)
from apps.commerce.ports import payments as ports
from apps.kernel.errors import Conflict, Invalid
from apps.tenancy import locks, sealing

PURPOSE = "quintet payment provider keys at rest"
# An admin has this long to have the provider sign with a new secret.
FORMER_VALID_FOR = timedelta(hours=24)


class ProviderNotEnabled(Conflict):
    """The tenant does not take payments this way."""

    slug = "provider-not-enabled"
    title = "Payments by this provider are not enabled."


class AccountInUse(Conflict):
    """Without its keys, what is open at the provider would stay open for ever."""

    slug = "provider-account-in-use"
    title = "The account is still needed."


def put_account(*, provider: str, values: Mapping[str, Any], put_at: datetime) -> ProviderAccount:
    """Make, or change, the tenant's account with a provider.

    A new `webhook_secret` ends those before it; `rotate_webhook_secret` lets them go on for a while.

    :param values: of publishable_key, secret_key, webhook_secret and is_enabled what is put.
    :raises Invalid: a key is put for a provider that has none, or is missing.
    """
    account = _locked(provider)
    keys = {name: values[name] for name in ("secret_key", "webhook_secret") if name in values}
    if keys and not ports.keys_needed(provider):
        raise Invalid(fields={name: [f"{provider} has no keys."] for name in keys})
    if "secret_key" in keys:
        account.sealed_keys["secret_key"] = sealing.seal(keys["secret_key"], purpose=PURPOSE)
    if "webhook_secret" in keys:
        account.sealed_keys["webhook_secrets"] = [_sealed(keys["webhook_secret"])]
    account.publishable_key = values.get("publishable_key", account.publishable_key)
    account.is_enabled = values.get("is_enabled", account.is_enabled)
    if account.is_enabled and ports.keys_needed(provider) and not _has_keys(account):
        raise Invalid(fields={"secret_key": ["Put a key first, or put it with is_enabled false."]})
    account.updated_at = put_at
    account.save()
    return account


def delete_account(*, provider: str) -> None:
    """Forget the tenant's keys of a provider.

    :raises AccountInUse: it is to be asked about a payment, a refund or an event: disable it instead.
    """
    _locked(provider)
    open_states = (PaymentState.CREATED, PaymentState.PENDING)
    open_ = {
        "payments": Payment.objects.filter(
            Q(state__in=open_states) | Q(due_at__isnull=False), provider=provider
        ).count(),
        "refunds": ProviderRefund.objects.filter(
            Q(state__in=open_states) | Q(due_at__isnull=False), payment__provider=provider
        ).count(),
        "events": ProviderEvent.objects.filter(due_at__isnull=False, provider=provider).count(),
    }
    if any(open_.values()):
        listed = ", ".join(f"{count} {what}" for what, count in open_.items() if count)
        raise AccountInUse(
            f"{listed} of {provider} are open, which its keys are needed for. "
            "Disable the account: it takes no new payments then, and settles these."
        )
    ProviderAccount.objects.filter(provider=provider).delete()


def rotate_webhook_secret(
    *, provider: str, webhook_secret: str, rotated_at: datetime
) -> ProviderAccount:
    """Verify events by another secret; for 24 hours also by the one before.

    :raises ProviderNotEnabled: there is no account yet.
    """
    account = _locked(provider)
    if not _has_keys(account):
        raise ProviderNotEnabled(f"Put the keys of {provider} first.")
    # By the clock there is: it is what events are held against.
    now = timezone.now()
    until = (now + FORMER_VALID_FOR).isoformat()
    former = [
        {**each, "valid_until": each["valid_until"] or until}
        for each in account.sealed_keys.get("webhook_secrets", [])
        if _is_valid(each, at=now)
    ]
    account.sealed_keys["webhook_secrets"] = [_sealed(webhook_secret), *former]
    account.updated_at = rotated_at
    account.save(update_fields=["sealed_keys", "updated_at"])
    return account


def keys_of(provider: str) -> ports.ProviderKeys:
    """Return the tenant's keys, also of a provider that takes no new payments. One query.

    :raises ProviderNotEnabled: there are none, or they can't be read any more.
    """
    account = ProviderAccount.objects.filter(provider=provider).first()
    if account is None or not _has_keys(account):
        if ports.keys_needed(provider):
            raise ProviderNotEnabled(f"This tenant has no keys of {provider}.")
        return ports.ProviderKeys(provider=provider)
    try:
        return _unsealed(account)
    except sealing.Unsealable as error:
        raise ProviderNotEnabled(
            f"The keys of {provider} can't be read any more. Put them again."
        ) from error


def check_enabled(provider: str) -> None:
    """Refuse a provider that new payments can't be made by. One query.

    :raises ProviderNotEnabled: it takes none here.
    """
    account = ProviderAccount.objects.filter(provider=provider).first()
    if not is_enabled(provider, account):
        raise ProviderNotEnabled(f"Choose another provider than {provider}.")


def is_enabled(provider: str, account: ProviderAccount | None) -> bool:
    """Return whether new payments can be made by a provider."""
    if account is not None and not account.is_enabled:
        return False
    if provider == Provider.LOCAL:
        return bool(settings.LOCAL_PAYMENTS)
    return not ports.keys_needed(provider) or (account is not None and _has_keys(account))


def _locked(provider: str) -> ProviderAccount:
    # There may be no row yet to lock.
    locks.hold("provider account", provider)
    found = ProviderAccount.objects.filter(provider=provider).first()
    return found or ProviderAccount(provider=provider, is_enabled=True)


def _has_keys(account: ProviderAccount) -> bool:
    return bool(account.sealed_keys.get("secret_key"))


def _sealed(secret: str) -> dict[str, Any]:
    return {"sealed": sealing.seal(secret, purpose=PURPOSE), "valid_until": None}


def _unsealed(account: ProviderAccount) -> ports.ProviderKeys:
    kept = account.sealed_keys
    now = timezone.now()
    return ports.ProviderKeys(
        provider=account.provider,
        publishable_key=account.publishable_key,
        secret_key=sealing.unseal(kept["secret_key"], purpose=PURPOSE),
        webhook_secrets=tuple(
            sealing.unseal(each["sealed"], purpose=PURPOSE)
            for each in kept.get("webhook_secrets", [])
            if _is_valid(each, at=now)
        ),
    )


def _is_valid(secret: Mapping[str, Any], *, at: datetime) -> bool:
    return secret["valid_until"] is None or datetime.fromisoformat(secret["valid_until"]) > at
