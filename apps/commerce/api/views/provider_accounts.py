"""The providers API: how a tenant can be paid, and the keys of its accounts."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.commerce.api.serializers import payments as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.models import Provider, ProviderAccount
from apps.commerce.operations.payments import accounts
from apps.kernel.errors import NotFound
from apps.tenancy.api.permissions import ADMIN, PUBLIC
from apps.tenancy.api.requests import TenantRequest


class PaymentProviderViewSet(CommerceView):
    """Ways to pay."""

    serializer_class = shapes.EnabledProviderSerializer
    pagination_class = None
    access = {"list": PUBLIC}

    @extend_schema(
        summary="List the ways to pay",
        description="The providers that take payments in this tenant.",
        responses=shapes.EnabledProviderSerializer(many=True),
        filters=False,
    )
    def list(self, request: TenantRequest) -> Response:
        """Answer with every provider that is enabled."""
        found = {each.provider: each for each in ProviderAccount.objects.all()}
        return Response(
            [
                {
                    "provider": provider,
                    "publishable_key": getattr(found.get(provider), "publishable_key", "") or None,
                }
                for provider in Provider.values
                if accounts.is_enabled(provider, found.get(provider))
            ]
        )


class ProviderAccountViewSet(CommerceView):
    """A tenant's accounts."""

    serializer_class = shapes.ProviderAccountSerializer
    pagination_class = None
    access = {
        "list": ADMIN,
        "retrieve": ADMIN,
        "update": ADMIN,
        "rotate_webhook_secret": ADMIN,
    }

    @extend_schema(
        summary="List accounts with providers",
        responses=shapes.ProviderAccountSerializer(many=True),
        filters=False,
    )
    def list(self, request: TenantRequest) -> Response:
        """Answer with every account there is."""
        found = ProviderAccount.objects.order_by("provider")
        return Response([_shown(account) for account in found])

    @extend_schema(
        summary="Read an account with a provider", responses=shapes.ProviderAccountSerializer
    )
    def retrieve(self, request: TenantRequest, provider: str) -> Response:
        """Answer with an account.

        :raises NotFound: there is none.
        """
        account = ProviderAccount.objects.filter(provider=provider).first()
        if account is None:
            raise NotFound
        return Response(_shown(account))

    @extend_schema(
        summary="Put the keys of a provider",
        description="They are kept encrypted, and never shown again. What is left out stays.",
        request=shapes.ProviderAccountBody,
        responses=shapes.ProviderAccountSerializer,
    )
    def update(self, request: TenantRequest, provider: str) -> Response:
        """Make or change an account.

        :raises NotFound: there is no such provider.
        """
        if provider not in Provider.values:
            raise NotFound
        values = self.body(shapes.ProviderAccountBody)
        return Response(
            _shown(accounts.put_account(provider=provider, values=values, put_at=self.now))
        )

    @extend_schema(
        summary="Change a provider's webhook secret",
        description="Events that are signed with the former one are taken for 24 hours more.",
        request=shapes.RotateWebhookSecretBody,
        responses=shapes.ProviderAccountSerializer,
    )
    def rotate_webhook_secret(self, request: TenantRequest, provider: str) -> Response:
        """Change the secret.

        :raises NotFound: there is no such provider.
        """
        if provider not in Provider.values:
            raise NotFound
        secret = self.body(shapes.RotateWebhookSecretBody)["webhook_secret"]
        account = accounts.rotate_webhook_secret(
            provider=provider, webhook_secret=secret, rotated_at=self.now
        )
        return Response(_shown(account))


def _shown(account: ProviderAccount) -> dict[str, Any]:
    kept = account.sealed_keys
    return {
        "provider": account.provider,
        "publishable_key": account.publishable_key,
        "is_enabled": account.is_enabled,
        "has_secret_key": bool(kept.get("secret_key")),
        "webhook_secrets": [
            {"valid_until": each["valid_until"]} for each in kept.get("webhook_secrets", [])
        ],
        "updated_at": account.updated_at,
    }
