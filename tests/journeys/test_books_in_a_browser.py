"""The books of a tenant, read on the API's own documentation page and in the admin, beside plain SQL."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from apps.tenancy import binding
from apps.tenancy.models import Tenant
from tests.api import Caller, token_of
from tests.commerce import shop
from tests.journeys.test_admin_in_a_browser import owner, sign_in

__all__ = ["owner"]
pytestmark = pytest.mark.browser


@pytest.fixture
def held(tenant: Tenant) -> dict[str, int]:
    """What each account holds, in minor units, as plain SQL adds it up."""
    for amount in (12_345, 1):
        shop.fund(tenant, shop.make_buyer(tenant).id, amount)
    shop.fund(tenant, shop.make_buyer(tenant).id, 700, currency="JPY")
    with binding.bind(tenant), connections["commerce"].cursor() as cursor:
        cursor.execute(
            "SELECT a.code, sum(e.amount)::bigint FROM ledger_entries e "
            "JOIN ledger_accounts a ON a.id = e.account_id GROUP BY a.code"
        )
        return dict(cursor.fetchall())


class TestTrialBalance:
    def test_on_the_documentation_page_is_what_sql_says(
        self, page: Any, address: Callable[[str], str], tenant: Tenant, held: dict[str, int]
    ) -> None:
        token = token_of(tenant, Caller(name="Mona", role="admin"))
        page.goto(f"{address(tenant.domains.get().domain)}/api/docs/")

        page.get_by_role("button", name="Authorize").first.click()
        page.locator(".auth-container input[type=text]").first.fill(token)
        page.locator(".auth-container button.authorize").first.click()
        page.locator(".btn-done").first.click()
        block = page.locator(".opblock", has=page.get_by_text("Read the trial balance"))
        for _ in range(300):
            # What is out of sight is not there yet.
            if block.count():
                break
            page.mouse.wheel(0, 600)
            page.wait_for_timeout(50)
        block.locator(".opblock-summary").click()
        block.get_by_role("button", name="Try it out").click()
        block.get_by_role("button", name="Execute").click()
        shown = json.loads(block.locator(".live-responses-table .highlight-code code").inner_text())

        holds = {row["code"]: row["credit"] - row["debit"] for row in shown["results"]}
        assert {code: amount for code, amount in holds.items() if amount} == held

    def test_in_the_admin_is_what_sql_says(
        self,
        page: Any,
        address: Callable[[str], str],
        tenant: Tenant,
        owner: str,
        held: dict[str, int],
    ) -> None:
        site = address(tenant.domains.get().domain)
        sign_in(page, site, owner)

        page.goto(f"{site}/admin/commerce/userwallet/trial-balance/")
        rows = [
            (row.locator("td").first.inner_text(), row.locator("td[data-minor]").all())
            for row in page.locator("tbody tr").all()
        ]
        shown = {
            code: int(cells[1].get_attribute("data-minor"))
            - int(cells[0].get_attribute("data-minor"))
            for code, cells in rows
            if code in held
        }

        assert shown == held
