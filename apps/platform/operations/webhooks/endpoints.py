"""The endpoints of a tenant: adding, changing, pausing and removing them, and their secrets."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.kernel import messages
from apps.kernel.errors import Conflict, Invalid, NotFound
from apps.platform.contracts import WebhookPaused
from apps.platform.models import (
    DeliveryState,
    EndpointState,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookProgress,
)
from apps.platform.operations.webhooks import secrets
from apps.platform.operations.webhooks.kicking import kick_after_commit
from apps.platform.ports import outbound_http

MAX_ENDPOINTS = 50
MAX_SECRETS = 5
CHANGEABLE = ("url", "description", "kinds")


class TooManyEndpoints(Conflict):
    """Each message is kept once per endpoint."""

    slug = "too-many-webhooks"
    title = "There are as many webhooks as there may be."


class TooManySecrets(Conflict):
    """Each secret that is still valid makes every delivery longer."""

    slug = "too-many-webhook-secrets"
    title = "The secret was changed too often within a day."


def add_endpoint(
    *, url: str, kinds: Collection[str] = (), description: str = "", added_at: datetime
) -> tuple[WebhookEndpoint, str]:
    """Have a tenant's server told of messages from now on; return the endpoint and its secret.

    The secret is in no reply after this one.

    :param kinds: the kinds of message it is told of; none for all.
    :raises Invalid: the URL is not https or leads inside, or a kind is not there.
    :raises TooManyEndpoints: the tenant has MAX_ENDPOINTS already.
    """
    if WebhookEndpoint.objects.filter(deleted_at=None).count() >= MAX_ENDPOINTS:
        raise TooManyEndpoints(f"There can be {MAX_ENDPOINTS}. Remove one, or widen another.")
    _check(url=url, kinds=kinds)
    secret = secrets.new_secret()
    endpoint = WebhookEndpoint.objects.create(
        url=url,
        kinds=sorted(set(kinds)),
        description=description,
        sealed_secrets=[secrets.sealed(secret)],
        created_on=added_at,
        updated_at=added_at,
    )
    WebhookProgress.objects.create(endpoint=endpoint)
    return endpoint, secret


def change_endpoint(
    *, endpoint_id: UUID, changes: Mapping[str, Any], changed_at: datetime
) -> WebhookEndpoint:
    """Change where an endpoint is or what it is told of.

    What waits for it goes to the new URL; what was recorded before is not told of again.

    :param changes: by name, of `url`, `description` and `kinds`.
    :raises NotFound: there is no such endpoint.
    :raises Invalid: as for `add_endpoint`.
    """
    endpoint = lock_endpoint(endpoint_id)
    values = {name: changes[name] for name in CHANGEABLE if name in changes}
    if "kinds" in values:
        values["kinds"] = sorted(set(values["kinds"]))
    for name, value in values.items():
        setattr(endpoint, name, value)
    _check(url=values.get("url"), kinds=values.get("kinds", ()))
    endpoint.updated_at = changed_at
    endpoint.save(update_fields=[*values, "updated_at"])
    return endpoint


def pause_endpoint(
    *,
    endpoint_id: UUID,
    paused_at: datetime,
    because: str = "",
    is_automatic: bool = False,
) -> WebhookEndpoint:
    """Send nothing more; messages are queued all the same. Pausing again changes nothing.

    :param because: said to the tenant's admins.
    :param is_automatic: nobody asked for it, so the tenant is told.
    :raises NotFound: there is no such endpoint.
    """
    endpoint = lock_endpoint(endpoint_id)
    if endpoint.state == EndpointState.PAUSED:
        return endpoint
    endpoint.state, endpoint.paused_because = EndpointState.PAUSED, because
    endpoint.paused_at = endpoint.updated_at = paused_at
    endpoint.save(update_fields=["state", "paused_because", "paused_at", "updated_at"])
    if is_automatic:
        messages.record(WebhookPaused(endpoint_id=endpoint.id))
    return endpoint


def resume_endpoint(*, endpoint_id: UUID, resumed_at: datetime) -> WebhookEndpoint:
    """Send again, first what waits. An active endpoint that is held back is tried at once.

    :raises NotFound: there is no such endpoint.
    """
    endpoint = lock_endpoint(endpoint_id)
    if endpoint.state == EndpointState.PAUSED:
        endpoint.state, endpoint.paused_because, endpoint.paused_at = EndpointState.ACTIVE, "", None
        endpoint.updated_at = resumed_at
        endpoint.save(update_fields=["state", "paused_because", "paused_at", "updated_at"])
    WebhookProgress.objects.filter(endpoint=endpoint).update(
        failures=0, failing_since=None, held_until=None
    )
    # Not what a sender has just now: it is about to note what came of it.
    is_free = Q(leased_until=None) | Q(leased_until__lte=resumed_at)
    WebhookDelivery.objects.filter(is_free, endpoint=endpoint, state=DeliveryState.PENDING).update(
        due_at=resumed_at, attempts=0
    )
    kick_after_commit()
    return endpoint


def rotate_secret(
    *, endpoint_id: UUID, rotated_at: datetime, revoke_former: bool = False
) -> tuple[WebhookEndpoint, str]:
    """Sign with a new secret; return the endpoint and the secret, which is in no later reply.

    The former one signs as well for another 24 hours, so that a consumer can change over in peace.

    :param revoke_former: it ends at once: for a secret that leaked.
    :raises NotFound: there is no such endpoint.
    :raises TooManySecrets: MAX_SECRETS are valid already.
    """
    endpoint = lock_endpoint(endpoint_id)
    former = [] if revoke_former else secrets.ending(endpoint.sealed_secrets, at=rotated_at)
    if len(former) >= MAX_SECRETS:
        raise TooManySecrets("Wait for a former one to end, or revoke them with `revoke_former`.")
    secret = secrets.new_secret()
    endpoint.sealed_secrets = [secrets.sealed(secret), *former]
    endpoint.updated_at = rotated_at
    endpoint.save(update_fields=["sealed_secrets", "updated_at"])
    return endpoint, secret


def remove_endpoint(*, endpoint_id: UUID, removed_at: datetime) -> None:
    """Tell an endpoint of nothing any more. Its secrets go; its log stays, and nobody can read it.

    :raises NotFound: there is no such endpoint.
    """
    endpoint = lock_endpoint(endpoint_id)
    endpoint.deleted_at = endpoint.updated_at = removed_at
    endpoint.sealed_secrets = []
    endpoint.save(update_fields=["deleted_at", "updated_at", "sealed_secrets"])
    WebhookDelivery.objects.filter(endpoint=endpoint, state=DeliveryState.PENDING).update(
        state=DeliveryState.FAILED, leased_until=None, last_error="The endpoint was removed."
    )


def lock_endpoint(endpoint_id: UUID) -> WebhookEndpoint:
    """Return an endpoint, held until the transaction ends.

    :raises NotFound: there is none, or it was removed.
    """
    # Its key stays as it is: whoever queues for it need not wait.
    rows = WebhookEndpoint.objects.select_for_update(no_key=True)
    endpoint: WebhookEndpoint | None = rows.filter(id=endpoint_id, deleted_at=None).first()
    if endpoint is None:
        raise NotFound
    return endpoint


def _check(*, url: str | None, kinds: Collection[str]) -> None:
    fields = {}
    fault = outbound_http.fault_of_url(url) if url is not None else None
    if fault:
        fields["url"] = [fault]
    known = messages.kinds()
    if unknown := sorted(set(kinds) - set(known)):
        fields["kinds"] = [
            f"There is no message of the kind {', '.join(unknown)}; there are {', '.join(known)}."
        ]
    if fields:
        raise Invalid(fields=fields)
