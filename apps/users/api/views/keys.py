"""What became of a request whose reply got lost."""

from collections.abc import Iterator
from typing import Any

import orjson
from django.apps import apps
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.response import Response

from apps.kernel import idempotency
from apps.kernel.errors import NotFound
from apps.tenancy.api.permissions import SIGNED_IN, caller_id
from apps.tenancy.api.requests import TenantRequest
from apps.users.api.views.base import UsersView


class AnsweredRequestSerializer(serializers.Serializer):
    """A request that was carried out, and what it was answered with."""

    key = serializers.CharField()
    status_code = serializers.IntegerField()
    location = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    reply = serializers.JSONField(allow_null=True)


def _tables() -> Iterator[type[idempotency.AbstractIdempotencyKey]]:
    """Yield every context's table of keys: the caller knows the key, not where it was used."""
    for model in apps.get_models():
        if issubclass(model, idempotency.AbstractIdempotencyKey):
            yield model


def _shown(reply: bytes) -> Any:
    """Return a kept reply; None where it has no body, or was sealed because it holds a secret."""
    try:
        return orjson.loads(reply)
    except orjson.JSONDecodeError:
        return None


@extend_schema_view(
    retrieve=extend_schema(
        summary="Find out what became of a request",
        description=(
            "Answers with the stored reply of the caller's own request with this Idempotency-Key; "
            "404 means that it was not carried out, 409 that it is being worked on right now, or that a "
            "payment provider had not answered yet: send it again then. `reply` "
            "is null where there was none, or where it may hold a secret: the same request, sent again, "
            "gives it."
        ),
        responses=AnsweredRequestSerializer,
    )
)
class AnsweredRequestViewSet(UsersView):
    """Requests of the caller that were carried out under an Idempotency-Key."""

    serializer_class = AnsweredRequestSerializer
    access = {"retrieve": SIGNED_IN}

    def retrieve(self, request: TenantRequest, key: str) -> Response:
        """Answer with the stored reply.

        :raises KeyInFlight: a request with the key has not ended yet.
        """
        idempotency.check_key(key)
        for model in _tables():
            # Whoever works on it holds the lock: free, what is found is the last word.
            idempotency.claim(
                alias=model._meta.app_label,
                tenant_id=request.tenant.id,
                actor_id=caller_id(request),
                key=key,
            )
            kept = idempotency.find(model, actor_id=caller_id(request), key=key)
            if kept is not None and kept.status_code == idempotency.UNDER_WAY:
                raise idempotency.KeyInFlight(
                    "A payment provider is being asked. Send the same request again: it goes on from there.",
                    headers={"Retry-After": "1"},
                )
            if kept is not None:
                return Response(
                    {
                        "key": kept.key,
                        "status_code": kept.status_code,
                        "location": kept.location,
                        "created_at": kept.created_at,
                        "reply": _shown(bytes(kept.reply)),
                    }
                )
        raise NotFound
