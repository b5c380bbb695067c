"""Wallets in a tenant's admin: what is in them, credits and debits by a form, and the reports."""

from typing import Any, ClassVar, cast
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from apps.commerce import queries
from apps.commerce.admin import reports
from apps.commerce.models import CreditReason, DebitReason, UserWallet
from apps.commerce.operations import ledger, wallets
from apps.kernel.ids import uuid7
from apps.kernel.money import MAX_AMOUNT
from apps.tenancy.admin_site import ReadOnlyAdmin, rank_in_tenant, tenant_site
from apps.tenancy.api.permissions import Rank


class MoneyForm(forms.Form):
    """How much, and why."""

    amount = forms.IntegerField(
        min_value=1,
        max_value=MAX_AMOUNT,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="In minor units of the currency: 1050 is 10.50 of one with two decimals.",
    )
    reason = forms.ChoiceField(widget=UnfoldAdminSelectWidget())
    # Made when the form is shown: sent twice, it is done once.
    key = forms.UUIDField(widget=forms.HiddenInput(), label="")

    def __init__(self, *args: Any, reasons: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reason: Any = self.fields["reason"]
        reason.choices = reasons.choices


@admin.register(UserWallet, site=tenant_site)
class WalletAdmin(ReadOnlyAdmin):
    """Wallets. What is in them changes by the ledger alone."""

    needs: ClassVar[dict[str, Rank]] = {**ReadOnlyAdmin.needs, "view": Rank.SUPPORT}
    list_display = ["user_id", "currency", "available", "held", "created_on"]
    list_filter = ["currency"]
    search_fields = ["=id", "=user_id"]
    search_help_text = "The id of a wallet, or of a profile, in full."
    ordering = ["-id"]
    readonly_fields = [
        "id",
        "user_id",
        "currency",
        "available",
        "held",
        "account_id",
        "held_account_id",
        "created_on",
    ]
    actions_list = ["trial_balance", "statement", "wallet_balances", "revenue"]
    actions_detail = ["wallet_statement", "credit", "debit"]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list, with what is in the wallets of its page. One query more."""
        shown = super().get_changelist_instance(request)
        found = queries.wallets.contents(ids=[wallet.pk for wallet in shown.result_list])
        for wallet in shown.result_list:
            wallet.contents = found[wallet.pk]
        self._write_amounts(shown.result_list)
        return shown

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> UserWallet | None:
        """Return a wallet with what is in it."""
        wallet: Any = super().get_object(request, object_id, from_field)
        if wallet is not None:
            wallet.contents = queries.wallets.contents(ids=[wallet.pk])[wallet.pk]
            self._write_amounts([wallet])
        return cast(UserWallet | None, wallet)

    def _write_amounts(self, shown: list[Any] | QuerySet[UserWallet]) -> None:
        decimals = queries.currencies.decimals(codes={wallet.currency for wallet in shown})
        for wallet in shown:
            for name in ("available", "held"):
                text = queries.amounts.written(
                    getattr(cast(Any, wallet).contents, name),
                    currency=wallet.currency,
                    decimals=decimals,
                )
                setattr(wallet, f"written_{name}", text)

    @admin.display(description="available")
    def available(self, wallet: Any) -> str:
        """Return what can be spent."""
        return str(wallet.written_available)

    @admin.display(description="held")
    def held(self, wallet: Any) -> str:
        """Return what is set aside."""
        return str(wallet.written_held)

    def has_money_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether money may be moved, and the books be read."""
        rank = rank_in_tenant(request)
        return rank is not None and rank >= Rank.ADMIN

    # Reports ----------------------------------------------------------------------------------------

    @action(description="Trial balance", url_path="trial-balance", permissions=["money"])
    def trial_balance(self, request: HttpRequest) -> HttpResponseBase:
        """Show what every account holds."""
        return reports.trial_balance_page(request, site=self.admin_site)

    @action(description="Statement", url_path="statement", permissions=["money"])
    def statement(self, request: HttpRequest) -> HttpResponseBase:
        """Show an account's statement."""
        return reports.statement_page(request, site=self.admin_site)

    @action(description="Wallets in all", url_path="balances", permissions=["money"])
    def wallet_balances(self, request: HttpRequest) -> HttpResponseBase:
        """Show what all wallets hold."""
        return reports.wallets_page(request, site=self.admin_site)

    @action(description="Revenue", url_path="revenue", permissions=["money"])
    def revenue(self, request: HttpRequest) -> HttpResponseBase:
        """Show what was earned."""
        return reports.revenue_page(request, site=self.admin_site)

    @action(description="Statement", url_path="wallet-statement", permissions=["money"])
    def wallet_statement(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to the statement of what is available."""
        account_id = self._wallet(request, object_id).account_id
        query = urlencode({"account": account_id})
        return HttpResponseRedirect(f"{reverse(reports.STATEMENT)}?{query}")

    # Money ------------------------------------------------------------------------------------------

    @action(description="Credit", url_path="credit", permissions=["money"])
    def credit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put money into a wallet."""
        return self._move(request, object_id, title="Credit", reasons=CreditReason)

    @action(description="Debit", url_path="debit", permissions=["money"])
    def debit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take money out of a wallet."""
        return self._move(request, object_id, title="Debit", reasons=DebitReason)

    def _move(
        self, request: HttpRequest, object_id: str, *, title: str, reasons: Any
    ) -> HttpResponse:
        wallet: Any = self._wallet(request, object_id)
        form = MoneyForm(request.POST or None, reasons=reasons, initial={"key": uuid7()})
        if form.is_valid():
            self._post(request, wallet.pk, form.cleaned_data, reasons=reasons)
            messages.success(request, f"{title} of {form.cleaned_data['amount']} is posted.")
            page = reverse("admin:commerce_userwallet_change", args=[wallet.pk])
            return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "form": form,
            "wallet": wallet,
            "available": wallet.written_available,
            "held": wallet.written_held,
        }
        return TemplateResponse(request, "commerce/admin/money.html", context)

    def _post(
        self, request: HttpRequest, wallet_id: UUID, values: dict[str, Any], *, reasons: Any
    ) -> None:
        who: Any = request.user
        cause = ledger.Cause(
            key=queries.transactions.key_of_request(caller_id=who.pk, key=str(values["key"])),
            at=queries.clock.now(),
            created_by_id=who.pk,
        )
        post = wallets.credit if reasons is CreditReason else wallets.debit
        reason = reasons(values["reason"])
        post(wallet_id=wallet_id, amount=values["amount"], reason=reason, cause=cause)

    def _wallet(self, request: HttpRequest, object_id: str) -> UserWallet:
        wallet = self.get_object(request, object_id)
        if wallet is None:
            raise Http404
        return wallet
