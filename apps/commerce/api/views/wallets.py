"""Wallets: what is in them, and how money gets in, out and from one into another."""

from dataclasses import asdict
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce import queries
from apps.commerce.api.filters.wallets import WalletFilter
from apps.commerce.api.serializers import wallets as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.api.views.paying import PayingView
from apps.commerce.api.views.transactions import MoneyView
from apps.commerce.models import CreditReason, DebitReason, PaymentPurpose, UserWallet
from apps.commerce.operations import exchange, wallets
from apps.commerce.operations.payments import creating
from apps.kernel.api.shaping import Row
from apps.kernel.errors import Forbidden, NotFound
from apps.tenancy.api.permissions import ADMIN, SIGNED_IN
from apps.tenancy.api.requests import TenantRequest


def seen_wallet(viewer: queries.Viewer, wallet_id: UUID) -> UserWallet:
    """Return a wallet that the caller sees.

    :raises NotFound: there is none, or it is somebody else's.
    """
    wallet = queries.wallets.wallets(viewer=viewer).filter(id=wallet_id).first()
    if wallet is None:
        raise NotFound
    return wallet


def own_wallet(viewer: queries.Viewer, wallet_id: UUID) -> UserWallet:
    """Return a wallet of the caller's.

    :raises NotFound: there is none that they see.
    :raises Forbidden: they see it as staff, and it is not theirs.
    """
    wallet = seen_wallet(viewer, wallet_id)
    if not viewer.is_person(wallet.user_id):
        raise Forbidden(
            "Only its owner moves what is in a wallet; the staff credits and debits it."
        )
    return wallet


@extend_schema_view(
    list=extend_schema(
        summary="List wallets",
        description="The caller's own; to those who support buyers all of them.",
        responses=shapes.WalletRowSerializer(many=True),
    ),
    retrieve=extend_schema(summary="Read a wallet", responses=shapes.WalletRowSerializer),
    create=extend_schema(
        summary="Open a wallet",
        description="Each person has one of each currency: opening it again answers with it.",
        request=shapes.WalletBodySerializer,
        responses={201: shapes.WalletRowSerializer},
    ),
)
class WalletViewSet(CommerceView):
    """People's wallets."""

    row_serializer = serializer_class = shapes.WalletRowSerializer
    filterset_class = WalletFilter
    access = dict.fromkeys(("list", "retrieve", "create", "balance", "explanation"), SIGNED_IN)

    def get_queryset(self) -> QuerySet[UserWallet]:
        """Return the wallets that the caller sees."""
        return queries.wallets.wallets(viewer=self.viewer)

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of wallets."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, wallet_id: UUID) -> Response:
        """Answer with a wallet."""
        return self.show(request, id=wallet_id)

    def create(self, request: TenantRequest) -> Response:
        """Open a wallet."""
        currency = self.body(shapes.WalletBodySerializer)["currency"]
        queries.currencies.check_currency(code=currency)
        user_id = self.viewer.buyer_id
        wallets.check_people(ids=[user_id])
        wallet = wallets.open_wallet(user_id=user_id, currency=currency, opened_at=self.now)
        return self.show(request, status=201, id=wallet.id)

    @extend_schema(
        summary="Read what was in a wallet at a time",
        description="By when things count, also those that were posted later.",
        parameters=[shapes.AsOfSerializer],
        responses=shapes.ContentsSerializer,
    )
    def balance(self, request: TenantRequest, wallet_id: UUID) -> Response:
        """Answer with what was in a wallet."""
        wallet = seen_wallet(self.viewer, wallet_id)
        query = shapes.AsOfSerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        at = query.validated_data.get("as_of") or self.now
        found = queries.wallets.contents_as_of(wallet_id=wallet.id, at=at)
        return Response(
            {
                "wallet_id": wallet.id,
                "currency": wallet.currency,
                "as_of": at,
                "balance": found.balance,
                **asdict(found),
            }
        )

    @extend_schema(
        summary="Explain a balance",
        description=(
            "What came and went, what is set aside for which purchase and until when, the last ten "
            "entries, and how that adds up; all of one moment."
        ),
        responses=shapes.ExplanationSerializer,
    )
    def explanation(self, request: TenantRequest, wallet_id: UUID) -> Response:
        """Answer with what a balance is made of."""
        wallet = seen_wallet(self.viewer, wallet_id)
        return Response(queries.wallets.explain(wallet_id=wallet.id))


class WalletMoneyViewSet(MoneyView):
    """What is done with a wallet's money; each answers with the ledger transaction."""

    access = {"transfer": SIGNED_IN, "exchange": SIGNED_IN, "credit": ADMIN, "debit": ADMIN}

    @extend_schema(
        summary="Pay into somebody else's wallet",
        description="Theirs is opened if they have none. 409 where there is less in one's own.",
        request=shapes.WalletTransferBodySerializer,
        responses={201: shapes.TransactionRowSerializer},
    )
    def transfer(self, request: TenantRequest, wallet_id: UUID) -> Response:
        """Pay into somebody else's wallet."""
        wallet = own_wallet(self.viewer, wallet_id)
        values = self.body(shapes.WalletTransferBodySerializer)
        cause = self.cause(request, "transfer")
        posted_id = wallets.transfer(wallet_id=wallet.id, cause=cause, **values)
        return self.show_posted(request, posted_id)

    @extend_schema(
        summary="Exchange money for another currency",
        description=(
            "At the rate valid now, which the transaction names; what is bought is rounded down. The "
            "wallet of the other currency is opened if there is none. 409 where there is no rate."
        ),
        request=shapes.ExchangeBodySerializer,
        responses={201: shapes.TransactionRowSerializer},
    )
    def exchange(self, request: TenantRequest, wallet_id: UUID) -> Response:
        """Exchange money for another currency."""
        wallet = own_wallet(self.viewer, wallet_id)
        values = self.body(shapes.ExchangeBodySerializer)
        posted_id = exchange.exchange(
            wallet_id=wallet.id,
            to_currency=values["to_currency"],
            amount=values["amount"],
            quoted_rate_id=values.get("exchange_rate_id"),
            cause=self.cause(request, "exchange"),
        )
        return self.show_posted(request, posted_id)

    @extend_schema(
        summary="Put money into a wallet, as staff",
        request=shapes.CreditBodySerializer,
        responses={201: shapes.TransactionRowSerializer},
    )
    def credit(self, request: TenantRequest, wallet_id: UUID) -> Response:
        """Put money into a wallet."""
        values = self.body(shapes.CreditBodySerializer)
        posted_id = wallets.credit(
            wallet_id=wallet_id,
            amount=values["amount"],
            reason=CreditReason(values["reason"]),
            cause=self.cause(request, "credit"),
        )
        return self.show_posted(request, posted_id)

    @extend_schema(
        summary="Take money out of a wallet, as staff",
        description="409 where there is less in it.",
        request=shapes.DebitBodySerializer,
        responses={201: shapes.TransactionRowSerializer},
    )
    def debit(self, request: TenantRequest, wallet_id: UUID) -> Response:
        """Take money out of a wallet."""
        values = self.body(shapes.DebitBodySerializer)
        posted_id = wallets.debit(
            wallet_id=wallet_id,
            amount=values["amount"],
            reason=DebitReason(values["reason"]),
            cause=self.cause(request, "debit"),
        )
        return self.show_posted(request, posted_id)


@extend_schema_view(
    create=extend_schema(
        summary="Put money into a wallet",
        description=(
            "Asks a provider for it; it is in the wallet once the provider has it. `payment` says "
            "how it stands, and what it is paid with."
        ),
        request=shapes.TopUpBodySerializer,
        responses={201: shapes.ToppedUpSerializer},
    ),
)
class TopUpViewSet(PayingView):
    """Top-ups of a wallet."""

    row_serializer = serializer_class = shapes.WalletRowSerializer
    access = {"create": SIGNED_IN}

    def get_queryset(self) -> QuerySet[UserWallet]:
        """Return the wallets that the caller sees."""
        return queries.wallets.wallets(viewer=self.viewer)

    def create(self, request: TenantRequest, wallet_id: UUID) -> None:
        """Write down what a provider is to be asked for."""
        wallet = own_wallet(self.viewer, wallet_id)
        values = self.body(shapes.TopUpBodySerializer)
        wallets.check_people(ids=[wallet.user_id])
        payment = creating.create_payment(
            purpose=PaymentPurpose.TOP_UP,
            user_id=wallet.user_id,
            provider=values["provider"],
            amount=values["amount"],
            currency=wallet.currency,
            created_at=self.now,
            wallet_id=wallet.id,
        )
        self.shown_id, self.payment_id = wallet.id, payment.id

    def location_of(self, request: TenantRequest, row: Row) -> str:
        """Return the address of the wallet."""
        return f"/api/v1/wallets/{row['id']}"
