"""Posting: balanced, guarded, once."""

import pytest
from django.utils import timezone

from apps.commerce.operations import ledger
from apps.commerce.operations.ledger import accounts
from apps.tenancy import binding
from tests.commerce import shop


class TestHolds:
    def test_a_hold_is_captured_in_part_and_the_rest_goes_back(self, tenant, wallet):
        now = timezone.now()
        with binding.bind(tenant, writes="commerce"):
            hold_id = ledger.holds.place_hold(
                wallet=wallet, amount=3_000, expires_at=now, cause=ledger.Cause(key="hold", at=now)
            )
            revenue = accounts.open_account(accounts.revenue("USD"))
            ledger.holds.capture_hold(
                hold_id=hold_id,
                amount=2_000,
                to_account_id=revenue,
                cause=ledger.Cause(key="capture", at=now),
            )
            with pytest.raises(ledger.AlreadyResolved):
                ledger.holds.release_hold(
                    hold_id=hold_id, cause=ledger.Cause(key="release", at=now)
                )

        assert shop.balance(tenant, wallet) == (8_000, 0)
        assert shop.trial_balance(tenant) == {"USD": 0}
