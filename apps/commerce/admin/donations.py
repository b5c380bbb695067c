"""Donations, in a tenant's admin."""

from django.contrib import admin

from apps.commerce.models import Donation
from apps.tenancy.admin_site import ReadOnlyAdmin, tenant_site
from apps.tenancy.api.permissions import Rank


@admin.register(Donation, site=tenant_site)
class DonationAdmin(ReadOnlyAdmin):
    """What was given on boards: out of wallets, by the ledger."""

    # Who gave, also where the board is not to know.
    needs = {**ReadOnlyAdmin.needs, "view": Rank.SUPPORT}
    list_display = ["created_on", "board_id", "user_id", "amount", "currency", "is_anonymous"]
    list_filter = ["currency", "is_anonymous"]
    ordering = ["-id"]
