"""Ledger transactions: read by whom they are about, undone by admins."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce import queries
from apps.commerce.api.filters.wallets import TransactionFilter
from apps.commerce.api.serializers import wallets as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.models import LedgerTransaction
from apps.commerce.operations import ledger, wallets
from apps.kernel.api.shaping import Row
from apps.kernel.ids import uuid7
from apps.tenancy.api.permissions import ADMIN, SIGNED_IN, caller_id
from apps.tenancy.api.requests import TenantRequest


class MoneyView(CommerceView):
    """A view whose handlers post a ledger transaction, and answer with it."""

    row_serializer = serializer_class = shapes.TransactionRowSerializer

    def get_queryset(self) -> QuerySet[LedgerTransaction]:
        """Return the transactions that the caller sees."""
        return queries.transactions.transactions(viewer=self.viewer)

    def cause(self, request: TenantRequest, what: str) -> ledger.Cause:
        """Return why something is posted: the caller asks for it now, under the key they have sent."""
        who = caller_id(request)
        sent = request.headers.get("Idempotency-Key")
        key = (
            queries.transactions.key_of_request(caller_id=who, key=sent)
            if sent
            else f"{what}:{uuid7()}"
        )
        return ledger.Cause(key=key, at=self.now, created_by_id=who)

    def show_posted(self, request: TenantRequest, transaction_id: UUID) -> Response:
        """Answer with the transaction."""
        return self.show(request, status=201, id=transaction_id)

    def location_of(self, request: TenantRequest, row: Row) -> str:
        """Return the address of a transaction, wherever it was asked for."""
        return f"/api/v1/transactions/{row['id']}"


@extend_schema_view(
    list=extend_schema(
        summary="List transactions",
        description=(
            "What was posted about the caller's money or into their wallets, the newest first; to "
            "those who support buyers everything. With `idempotency_key`, what has become of a "
            "request whose reply was lost."
        ),
        responses=shapes.TransactionRowSerializer(many=True),
    ),
    retrieve=extend_schema(summary="Read a transaction", responses=shapes.TransactionRowSerializer),
)
class TransactionViewSet(MoneyView):
    """What was posted."""

    filterset_class = TransactionFilter
    orderings = {
        "-effective_at": ("-effective_at", "-id"),
        "effective_at": ("effective_at", "id"),
    }
    default_ordering = "-effective_at"
    access = {"list": SIGNED_IN, "retrieve": SIGNED_IN, "reverse": ADMIN}

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of transactions."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, transaction_id: UUID) -> Response:
        """Answer with a transaction."""
        return self.show(request, id=transaction_id)

    @extend_schema(
        summary="Reverse a transaction",
        description=(
            "Posts a credit, debit, transfer or exchange the other way round, once; 409 if what it "
            "brought is no longer there. Purchases are refunded instead. A provider that took money "
            "is not asked to give it back."
        ),
        request=None,
        responses={201: shapes.TransactionRowSerializer},
    )
    def reverse(self, request: TenantRequest, transaction_id: UUID) -> Response:
        """Reverse a transaction."""
        cause = self.cause(request, "reversal")
        posted_id = wallets.reverse(transaction_id=transaction_id, cause=cause)
        return self.show_posted(request, posted_id)
