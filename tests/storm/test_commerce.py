"""A storm over commerce: it buys, refunds, transfers and renews while connections and a worker die."""

import os
import random
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from apps.commerce import tasks
from apps.commerce.models import (
    LedgerTransaction,
    Purchase,
    PurchaseState,
    Subscription,
    SubscriptionPlan,
    TransactionType,
)
from apps.commerce.models.purchase import TRANSITIONS
from apps.tenancy import binding
from tests.api import Caller, token_of
from tests.commerce import shop
from tests.environment import ROOT
from tests.factories import FanFactory
from tests.storm.clients import Client, Log, run_clients
from tests.storm.weather import Worker, api, storming, wait_until_quiet
from tests.tenancy.test_tasks import point_at

SECONDS = float(os.environ.get("QUINTET_STORM_SECONDS", "60"))
SEED = int(os.environ.get("QUINTET_STORM_SEED", "20261121"))
CLIENTS = 32
MONEY = 1_000_000
SCARCE = 150
SUBSCRIPTIONS_EACH = 3

pytestmark = [pytest.mark.storm, pytest.mark.usefixtures("patient")]


@pytest.fixture
def patient(settings):
    """Nobody is turned away for asking too often: that is another test's affair."""
    saved = {
        name: os.environ.get(name)
        for name in ("QUINTET_RATE_LIMIT_PER_TENANT", "QUINTET_RATE_LIMIT_PER_ACCOUNT")
    }
    os.environ.update(dict.fromkeys(saved, "100000000"))
    yield
    for name, value in saved.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


def sql(tenant, statement, parameters=()):
    with binding.bind(tenant), connections["commerce"].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def people(tenant, count):
    """Fans with accounts, each with money; ids of their profiles, by caller."""
    callers = {Caller(): None for _ in range(count)}
    with binding.bind(tenant, writes="users"):
        fans = {caller: FanFactory(keycloak_id=caller.id) for caller in callers}
    return {caller: (fan, shop.fund(tenant, fan.id, MONEY)) for caller, fan in fans.items()}


class Shopping:
    """What one client does: one thing at a time, as the draw will have it."""

    def __init__(self, *, client, support, wallet, items, plans, others):
        self.client, self.support, self.wallet = client, support, wallet
        self.items, self.plans, self.others = items, plans, others
        self.bought = []

    def __call__(self, draw: random.Random) -> None:
        acts = [self.buy, self.refund, self.transfer, self.subscribe, self.look]
        draw.choices(acts, weights=[45, 15, 25, 5, 10])[0](draw)

    def buy(self, draw):
        cart = self.client.post("cart", "/api/v1/carts", {"currency": "USD"})
        if cart is None:
            return
        for item in draw.sample(self.items, k=draw.choice([1, 1, 2])):
            body = {"item_id": str(item.id), "quantity": draw.choice([1, 1, 2])}
            self.client.post("line", f"/api/v1/carts/{cart['id']}/lines", body)
        body = {"cart_id": cart["id"], "provider": "wallet"}
        purchase = self.client.post("purchase", "/api/v1/purchases", body)
        if purchase is not None:
            self.bought.append(purchase["id"])

    def refund(self, draw):
        if self.bought:
            body = {"reason": "REQUESTED"}
            if draw.random() < 0.5:
                body["amount"] = draw.randint(1, 700)
            path = f"/api/v1/purchases/{draw.choice(self.bought)}/refunds"
            self.support.post("refund", path, body)

    def transfer(self, draw):
        body = {"to_user_id": str(draw.choice(self.others)), "amount": draw.randint(1, 5_000)}
        self.client.post("transfer", f"/api/v1/wallets/{self.wallet.id}/transfers", body)

    def subscribe(self, draw):
        body = {"plan_id": str(draw.choice(self.plans).id), "provider": "wallet"}
        self.client.post("subscription", "/api/v1/subscriptions", body)

    def look(self, draw):
        self.client.get("/api/v1/purchases?page_size=20")
        self.client.get(f"/api/v1/wallets/{self.wallet.id}/statement")


@pytest.fixture
def goods(tenant):
    seller = shop.make_seller(tenant)
    plenty = [shop.make_item(tenant, seller, quantity=100_000, price=500 + n) for n in range(6)]
    scarce = [shop.make_item(tenant, seller, quantity=SCARCE, price=300) for _ in range(2)]
    limited = [shop.make_item(tenant, seller, limit_per_fan=5, price=200)]
    with binding.bind(tenant, writes="commerce"):
        plans = [
            SubscriptionPlan.objects.create(
                name=f"Weekly {n}",
                recurring_payment="WEEKLY",
                price=150,
                currency="USD",
                created_by_id=seller.id,
            )
            for n in range(SUBSCRIPTIONS_EACH)
        ]
    return [*plenty, *scarce, *limited], plans


@pytest.fixture
def worker():
    """A Celery worker with a queue of its own, to which this process sends."""
    queue = f"quintet-storm-{os.getpid()}"
    app = tasks.work_off_subscriptions.app
    before = (app.conf.broker_url, app.conf.task_default_queue)
    point_at(app, broker=before[0], queue=queue)
    process = Worker(queue)
    yield process
    process.stop()
    point_at(app, broker=before[0], queue=before[1])


def bring_forward(tenant, seconds):
    """Have the subscriptions' next periods begin within the storm, one after another."""
    with binding.bind(tenant, writes="commerce"):
        for number, each in enumerate(Subscription.objects.live().order_by("id")):
            back = timedelta(days=7) - timedelta(seconds=seconds * (number % 50) / 50)
            for name in ("anchor_at", "current_period_start", "current_period_end", "due_at"):
                if getattr(each, name) is not None:
                    setattr(each, name, getattr(each, name) - back)
            each.save()


class TestStorm:
    def test_leaves_books_stock_and_purchases_as_they_must_be(self, tenant, goods, worker):
        items, plans = goods
        crowd = people(tenant, CLIENTS)
        log = Log()
        host = tenant.domains.get(is_primary=True).domain
        support_token = token_of(tenant, Caller(role="admin"))
        ids = [fan.id for fan, _ in crowd.values()]
        with api() as port:
            clients = []

            def client(token):
                clients.append(Client(port=port, host=host, token=token, log=log))
                return clients[-1]

            shoppers = [
                Shopping(
                    client=client(token_of(tenant, caller)),
                    support=client(support_token),
                    wallet=wallet,
                    items=items,
                    plans=plans,
                    others=[id_ for id_ in ids if id_ != fan.id],
                )
                for caller, (fan, wallet) in crowd.items()
            ]
            for shopper in shoppers:
                for plan in plans[:-1]:
                    body = {"plan_id": str(plan.id), "provider": "wallet"}
                    shopper.client.post("subscription", "/api/v1/subscriptions", body)
            bring_forward(tenant, SECONDS)
            connections.close_all()

            def renew(draw):
                tasks.work_off_subscriptions.send(tenant=tenant)
                tasks.roll_up_accounts.send(tenant=tenant)
                wait_a_second()

            with storming(worker=worker, seed=SEED) as weather:
                run_clients([*shoppers, renew], seconds=SECONDS, seed=SEED, log=log)
            for each in clients:
                each.close()

        now = timezone.now()
        wait_until_quiet(lambda: worked_off(tenant, now), seconds=60)
        print(
            f"\n{weather['cut']} connections cut, {worker.kills} workers killed; {log.retries} retries;"
        )
        print(
            {what: len(found) for what, found in log.acknowledged.items()},
            log.refused,
            log.doubtful,
        )
        assert weather["cut"] > SECONDS / 2
        assert worker.kills > 0
        assert log.wrong == []
        check_acknowledged(tenant, log)
        check_books(tenant)
        check_stock(tenant)
        check_purchases(tenant)
        check_renewals(tenant)
        verify_ledger(tenant)


def wait_a_second():
    time.sleep(1)


def worked_off(tenant, now):
    with binding.bind(tenant):
        if not Subscription.objects.live().filter(due_at__lte=now).exists():
            return True
    tasks.work_off_subscriptions.send(tenant=tenant)
    wait_a_second()
    return False


def check_acknowledged(tenant, log):
    """Every acknowledged request is there exactly once, and nothing is there that nobody asked for."""
    for what in ("purchase", "transfer", "refund", "subscription"):
        asked = log.acknowledged.get(what, [])
        assert asked, f"no {what} in the whole storm"
        assert len(set(asked)) == len(asked), f"a {what} was acknowledged twice"
    with binding.bind(tenant):
        purchases = {
            str(id_) for id_ in Purchase.objects.exclude(state="CART").values_list("id", flat=True)
        }
        transfers = {
            str(id_)
            for id_ in LedgerTransaction.objects.filter(
                transaction_type=TransactionType.TRANSFER
            ).values_list("id", flat=True)
        }
    refunds = {str(id_) for (id_,) in sql(tenant, "SELECT id FROM refunds")}
    subscriptions = {str(id_) for (id_,) in sql(tenant, "SELECT id FROM subscriptions")}
    for what, there in (
        ("purchase", purchases),
        ("transfer", transfers),
        ("refund", refunds),
        ("subscription", subscriptions),
    ):
        asked = set(log.acknowledged[what])
        assert asked <= there, f"a {what} that was acknowledged is not there"
        assert len(there - asked) <= log.doubtful.get(what, 0), f"a {what} too many"


def check_books(tenant):
    assert set(shop.trial_balance(tenant).values()) == {0}
    drift = sql(
        tenant,
        "SELECT b.id FROM ledger_balances b LEFT JOIN (SELECT account_id, sum(amount) AS amount "
        "FROM ledger_entries GROUP BY account_id) e ON e.account_id = b.id "
        "WHERE b.balance <> coalesce(e.amount, 0)",
    )
    assert drift == []
    gaps = sql(
        tenant,
        "SELECT account_id FROM ledger_entries WHERE version IS NOT NULL GROUP BY account_id "
        "HAVING max(version) <> count(*) OR count(DISTINCT version) <> count(*)",
    )
    assert gaps == []
    below = sql(tenant, "SELECT id FROM account_balances WHERE is_guarded AND posted < 0")
    assert below == []


def check_stock(tenant):
    wrong = sql(
        tenant,
        "SELECT l.item_id, l.quantity, l.held, l.sold FROM stock_levels l "
        "LEFT JOIN (SELECT r.item_id, sum(r.quantity) FILTER (WHERE s.id IS NULL) AS held "
        "  FROM stock_reservations r LEFT JOIN stock_resolutions s ON s.id = r.id "
        "  GROUP BY r.item_id) k ON k.item_id = l.item_id "
        "WHERE l.held + l.sold > l.quantity OR l.held <> coalesce(k.held, 0)",
    )
    assert wrong == []
    assert sql(tenant, "SELECT sum(held) FROM stock_levels") == [(0,)]


def check_purchases(tenant):
    """A wallet pays at once: what is no cart any more is paid, or was given back."""
    legal = {PurchaseState.CART, PurchaseState.COMPLETED, PurchaseState.REFUNDED}
    with binding.bind(tenant):
        rows = list(Purchase.objects.values("id", "state", "total", "captured", "refunded"))
    for row in rows:
        assert row["state"] in legal, row
        if row["state"] != PurchaseState.CART:
            assert row["captured"] == row["total"], row
            assert (row["refunded"] == row["captured"]) == (row["state"] == "REFUNDED"), row
    steps = sql(tenant, "SELECT DISTINCT from_state, to_state FROM purchase_transitions")
    allowed = {(before, after) for before, many in TRANSITIONS.items() for after in many}
    assert {step for step in steps if step[0]} <= allowed
    paid = sql(
        tenant,
        "SELECT p.id FROM purchases p WHERE p.captured > 0 AND (SELECT count(*) FROM transactions t "
        "WHERE t.purchase_id = p.id AND t.transaction_type = 'PURCHASE') <> 1",
    )
    assert paid == []


def check_renewals(tenant):
    """Each period was paid once, and some were renewed while the storm went on."""
    renewed = sql(tenant, "SELECT count(*) FROM subscription_periods WHERE number > 1")
    assert renewed[0][0] > 0
    twice = sql(
        tenant,
        "SELECT transaction_id FROM subscription_periods WHERE transaction_id IS NOT NULL "
        "GROUP BY transaction_id HAVING count(*) > 1",
    )
    assert twice == []


def verify_ledger(tenant):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "verify_ledger", "--tenant", tenant.slug],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
