"""Statements of wallets and of accounts of the ledger."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce import queries
from apps.commerce.api.filters.wallets import AccountFilter
from apps.commerce.api.serializers import reports as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.api.views.sheets import SheetView
from apps.commerce.api.views.wallets import seen_wallet
from apps.commerce.models import LedgerAccount
from apps.kernel.errors import NotFound
from apps.tenancy.api.permissions import ADMIN, SIGNED_IN
from apps.tenancy.api.requests import TenantRequest

RESPONSES: dict[Any, Any] = {
    (200, "application/json"): shapes.StatementSerializer,
    (200, "text/csv"): OpenApiTypes.BINARY,
}
DESCRIPTION = (
    "What the account held at the beginning, each entry with what it held then, what came and went "
    "in all, and what it held at the end; the oldest first, by when things count. What is posted "
    "later and counts in the period is in it. As a spreadsheet, whole, with `Accept: text/csv` or at "
    "`…/statement.csv`."
)


class StatementView(SheetView):
    """The statement of an account."""

    serializer_class = shapes.StatementSerializer
    # The part of the address that names whose statement it is.
    named_by: ClassVar[str]

    def account_of(self, thing_id: UUID, asked: dict[str, Any]) -> UUID:
        """Return the account that is asked for.

        :raises NotFound: there is none that the caller sees.
        """
        raise NotImplementedError

    def retrieve(self, request: TenantRequest, **named: UUID) -> Response:
        """Answer with a page of the statement."""
        asked = self.asked(request)
        account_id = self.account_of(named[self.named_by], asked)
        start, end = asked["start"], asked["end"]
        of = [account_id, start, end]
        backwards, values = self.position(request, asked.get("cursor"), of=of)
        found = queries.statements.statement(
            account_id=account_id,
            start=start,
            end=end,
            limit=asked["page_size"],
            position=(datetime.fromisoformat(values[0]), UUID(values[1])) if values else None,
            backwards=backwards,
        )
        members = {**asdict(found), "closing_balance": found.closing_balance}
        lines, has_more = members.pop("lines"), members.pop("has_more")
        links = self.page(
            request,
            of=of,
            ends=[line.position for line in found.lines],
            has_more=has_more,
            backwards=backwards,
            is_first=values is None,
            start=start,
            end=end,
        )
        return self.reply(**self.with_decimals([members])[0], **links, results=lines)

    def sheet(self, request: TenantRequest, **named: UUID) -> StreamingHttpResponse:
        """Answer with the statement as a file."""
        with self.bind(request, writes=None):
            asked = self.asked(request)
            period = queries.sheets.Period(
                account_id=self.account_of(named[self.named_by], asked),
                start=asked["start"],
                end=asked["end"],
            )
            first = queries.statements.statement(**asdict(period), limit=queries.sheets.PAGE)
            decimals = queries.currencies.decimals(codes=[first.currency])
        chunks = queries.sheets.statement_chunks(
            tenant=request.tenant, period=period, first=first, decimals=decimals
        )
        return self.file(chunks, name="statement")


@extend_schema_view(
    retrieve=extend_schema(
        summary="Read a wallet's statement",
        description=DESCRIPTION,
        operation_id="wallet_statement",
        parameters=[shapes.WalletStatementQuerySerializer],
        responses=RESPONSES,
    )
)
class WalletStatementView(StatementView):
    """The statement of a wallet."""

    query_serializer = shapes.WalletStatementQuerySerializer
    named_by = "wallet_id"
    access = {"retrieve": SIGNED_IN}

    def account_of(self, thing_id: UUID, asked: dict[str, Any]) -> UUID:
        """Return the account of what is available in the wallet, or of what is held."""
        wallet = seen_wallet(self.viewer, thing_id)
        return wallet.held_account_id if asked["part"] == "held" else wallet.account_id


@extend_schema_view(
    retrieve=extend_schema(
        summary="Read an account's statement",
        description=DESCRIPTION,
        operation_id="ledger_account_statement",
        parameters=[shapes.StatementQuerySerializer],
        responses=RESPONSES,
    )
)
class AccountStatementView(StatementView):
    """The statement of any account of the ledger."""

    query_serializer = shapes.StatementQuerySerializer
    named_by = "account_id"
    access = {"retrieve": ADMIN}

    def account_of(self, thing_id: UUID, asked: dict[str, Any]) -> UUID:
        """Return the account."""
        if not LedgerAccount.objects.filter(id=thing_id).exists():
            raise NotFound
        return thing_id


@extend_schema_view(
    list=extend_schema(
        summary="List accounts of the ledger",
        responses=shapes.AccountRowSerializer(many=True),
    ),
    retrieve=extend_schema(
        summary="Read an account of the ledger", responses=shapes.AccountRowSerializer
    ),
)
class AccountViewSet(CommerceView):
    """Accounts of the ledger: the tenant's own, and two for each wallet."""

    row_serializer = serializer_class = shapes.AccountRowSerializer
    filterset_class = AccountFilter
    orderings = {"code": ("code", "id"), "-code": ("-code", "-id")}
    default_ordering = "code"
    access = {"list": ADMIN, "retrieve": ADMIN}

    def get_queryset(self) -> QuerySet[LedgerAccount]:
        """Return the accounts."""
        return LedgerAccount.objects.all()

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of accounts."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, account_id: UUID) -> Response:
        """Answer with an account."""
        return self.show(request, id=account_id)
