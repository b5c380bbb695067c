"""A tenant with many sales, made by the operations; and its books, added up by plain SQL."""

import csv
import io
import random
from datetime import UTC, datetime, timedelta

from django.db import connections

from apps.commerce.models import CreditReason
from apps.commerce.operations import exchange, ledger, purchases, rates, wallets
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.commerce import shop
from tests.commerce.purchases import buying

BEGINS = datetime(2026, 9, 1, 8, tzinfo=UTC)
ENDS = datetime(2026, 11, 1, tzinfo=UTC)
SALES = 30
# What a spreadsheet would run, if it were let.
FORMULA = '=HYPERLINK("http://evil.example";"Zürich")'


def trade(tenant):
    """Sell, refund, transfer, exchange and credit for two months; return the buyers' wallets."""
    draw = random.Random(7)
    seller = shop.make_seller(tenant)
    items = [
        shop.make_item(tenant, seller, name=name, price=price)
        for name, price in ((FORMULA, 333), ("Poster", 1_000), ("Ticket", 4_999))
    ]
    buyers = [shop.make_buyer(tenant) for _ in range(4)]
    purses = [shop.fund(tenant, buyer.id, 900_000) for buyer in buyers]
    buying.make_code(tenant, percent=1_250, max_uses_per_user=None)
    for number in range(SALES):
        at = BEGINS + timedelta(hours=48 * number + draw.random())
        _sell(tenant, draw, draw.choice(buyers), items, at=at)
    _move_about(tenant, draw, purses)
    return purses


def _sell(tenant, draw, buyer, items, *, at):
    chosen = draw.sample(items, draw.randint(1, 3))
    provider = draw.choice(["wallet", "wallet", "local"])
    code = draw.choice(["", "", "SAVE"])
    made = buying.check_out_now(
        tenant,
        buyer.id,
        *chosen,
        quantity=draw.randint(1, 3),
        provider=provider,
        at=at,
        code=code,
    )
    if made.payment is not None:
        buying.pay(tenant, made.payment, at=at + timedelta(minutes=5))
    for part in draw.choice([(), (), (), (100, 77), (1, None), (None,)]):
        with binding.bind(tenant, writes="commerce"):
            purchases.refund_purchase(
                purchase_id=made.purchase.id,
                amount=part,
                reason="REQUESTED",
                refunded_at=at + timedelta(days=20),
                created_by_id=None,
            )


def _move_about(tenant, draw, purses):
    with binding.bind(tenant, writes="commerce"):
        values = {"from_currency": "USD", "to_currency": "JPY", "price": 7, "amount": 1_003}
        rates.create_rate(values={**values, "valid_from": BEGINS}, created_on=BEGINS)
    for number, purse in enumerate(purses):
        cause = ledger.Cause(key=f"about:{uuid7()}", at=BEGINS + timedelta(days=number))
        other = purses[number - 1]
        with binding.bind(tenant, writes="commerce"):
            wallets.transfer(
                wallet_id=purse.id,
                to_user_id=other.user_id,
                amount=draw.randint(1, 999),
                cause=cause,
            )
            again = ledger.Cause(key=f"about:{uuid7()}", at=cause.at)
            exchange.exchange(wallet_id=purse.id, to_currency="JPY", amount=101, cause=again)
            more = ledger.Cause(key=f"about:{uuid7()}", at=cause.at)
            reason = CreditReason.GOODWILL
            wallets.credit(wallet_id=purse.id, amount=5, reason=reason, cause=more)
            if number % 2:
                ledger.roll_up_accounts()


def sql(tenant, statement, *values):
    with binding.bind(tenant), connections["commerce"].cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def trial_balance(tenant, as_of):
    """Every account's code, debit and credit, straight from the entries."""
    rows = sql(
        tenant,
        "SELECT a.code, a.currency, coalesce(sum(e.amount) FILTER (WHERE e.effective_at <= %s), 0)"
        "::bigint FROM ledger_accounts a LEFT JOIN ledger_entries e ON e.account_id = a.id "
        "GROUP BY 1, 2",
        as_of,
    )
    return {(code, currency, max(-sum_, 0), max(sum_, 0)) for code, currency, sum_ in rows}


def entries(tenant, account_id, start, end):
    """Opening balance, entries with what the account held after each, closing balance."""
    opening = sql(
        tenant,
        "SELECT coalesce(sum(amount), 0)::bigint FROM ledger_entries "
        "WHERE account_id = %s AND effective_at < %s",
        account_id,
        start,
    )[0][0]
    rows = sql(
        tenant,
        "SELECT id::text, amount FROM ledger_entries "
        "WHERE account_id = %s AND effective_at >= %s AND effective_at < %s "
        "ORDER BY effective_at, id",
        account_id,
        start,
        end,
    )
    balance, lines = opening, []
    for id_, amount in rows:
        balance += amount
        lines.append((id_, amount, balance))
    return opening, lines, balance


def account_id(tenant, code):
    return sql(tenant, "SELECT id FROM ledger_accounts WHERE code = %s", code)[0][0]


def table(reply):
    """A CSV's rows, by the names in its header."""
    body = reply if isinstance(reply, str) else b"".join(reply.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(body, newline="")))
