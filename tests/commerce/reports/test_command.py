"""`manage.py report`: what people read, and what it refuses."""

import io

import pytest
from django.core.management import CommandError, call_command

from tests.commerce import shop


def run(tenant, kind, *arguments):
    out = io.StringIO()
    call_command("report", kind, f"--tenant={tenant.slug}", *arguments, stdout=out)
    return out.getvalue()


class TestReport:
    def test_writes_amounts_as_people_do(self, tenant, wallet):
        shop.fund(tenant, wallet.user_id, 1_234_567, currency="JPY")

        balance = run(tenant, "trial-balance")
        german = run(tenant, "trial-balance", "--locale=de_DE")
        statement = run(tenant, "statement", f"--wallet={wallet.id}")

        assert "USD: debit $100.00, credit $100.00" in balance
        assert "JPY: debit ¥1,234,567, credit ¥1,234,567" in balance
        assert "USD: debit 100,00\xa0$, credit 100,00\xa0$" in german
        assert "opening balance: $0.00" in statement
        assert "closing balance: $100.00" in statement
        assert "$100.00" in run(tenant, "wallet-balances")
        assert "Nothing." in run(tenant, "revenue")

    def test_finds_an_account_by_its_code(self, tenant, wallet):
        assert "closing balance: -$100.00" in run(tenant, "statement", "--account=promotions:USD")

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["trial-balance", "--as-of=soon"], "'soon' is no time"),
            (["statement"], "Name one"),
            (["statement", "--account=revenue:XXX"], "There is no account revenue:XXX"),
            (["statement", "--account=mine"], "'mine' is no id"),
            (
                ["revenue", "--end=2020-01-01T00:00:00Z", "--start=2021-01-01T00:00:00Z"],
                "A period ends after it begins",
            ),
            (["revenue", "--end=0001-01-02T00:00:00Z"], "Say when it begins"),
            (["revenue", "--time-zone=Nowhere"], "is no time zone"),
        ],
    )
    def test_says_in_one_line_what_is_wrong(self, tenant, arguments, said):
        with pytest.raises(CommandError, match=said):
            run(tenant, *arguments)

    def test_is_of_a_tenant_there_is(self):
        with pytest.raises(CommandError):
            call_command("report", "revenue", "--tenant=nobody")
