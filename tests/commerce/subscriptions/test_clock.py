"""The test clock: only forward, each thing at its own time, by one at a time, resumable."""

import signal
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.commerce import queries
from apps.commerce.models import (
    Purchase,
    PurchaseState,
    PurchaseTransition,
    SubscriptionTransition,
    TestClock,
)
from apps.commerce.operations import clock, subscriptions
from apps.commerce.operations.purchases import settling
from apps.commerce.tasks import work_off_subscriptions
from apps.kernel.errors import Invalid, NotFound
from apps.tenancy import binding
from tests.commerce import shop
from tests.commerce.ledger import books
from tests.commerce.purchases import buying
from tests.commerce.subscriptions import dying, timeline
from tests.commerce.subscriptions.timeline import START
from tests.tenancy import forked

DAY = timedelta(days=1)


class TestSettingIt:
    def test_is_for_tenants_that_are_allowed_to(self, tenant):
        with binding.bind(tenant, writes="commerce"), pytest.raises(clock.ClockNotAllowed):
            clock.set_clock(time=START, set_at=timezone.now())

        timeline.set_clock(tenant)

        with binding.bind(tenant):
            assert queries.clock.now() == START

    def test_changes_no_other_tenants_time(self, tenant, rival):
        timeline.set_clock(tenant)

        before = timezone.now()
        with binding.bind(rival):
            assert before <= queries.clock.now() <= timezone.now()

    def test_again_changes_nothing_and_never_sets_it(self, tenant):
        timeline.set_clock(tenant)
        timeline.set_clock(tenant)

        with pytest.raises(clock.ClockExists):
            timeline.set_clock(tenant, START + DAY)

    def test_to_what_is_years_away_is_refused(self, tenant):
        with pytest.raises(Invalid):
            timeline.set_clock(tenant, datetime(2040, 1, 1, tzinfo=UTC))

    def test_ends_when_it_is_deleted(self, tenant):
        timeline.set_clock(tenant)

        with binding.bind(tenant, writes="commerce"):
            clock.delete_clock(deleted_at=timezone.now())
            assert queries.clock.now() > timezone.now() - DAY
            with pytest.raises(NotFound):
                clock.delete_clock(deleted_at=timezone.now())


class TestAdvancing:
    @pytest.fixture(autouse=True)
    def there(self, tenant):
        timeline.set_clock(tenant)

    def test_never_goes_back_nor_more_than_two_years(self, tenant):
        for to in (START - timedelta(seconds=1), START + timedelta(days=731, seconds=1)):
            with pytest.raises(Invalid) as refused:
                timeline.advance(tenant, to=to)
            assert set(refused.value.fields) == {"to"}

        assert timeline.advance(tenant, to=START).time == START
        assert timeline.advance(tenant, days=731).time == START + timedelta(days=731)

    def test_is_for_tenants_that_are_allowed_to(self, tenant):
        from apps.platform import operations as platform

        with binding.bind(tenant, writes="platform"):
            platform.reset_flag(key=clock.FLAG)

        with pytest.raises(clock.ClockNotAllowed):
            timeline.advance(tenant, days=1)

    def test_has_everything_happen_at_its_own_time(self, tenant, buyer, wallet, seller, plan):
        weekly = timeline.make_plan(tenant, seller, recurring_payment="WEEKLY", auto_expires=5)
        timeline.subscribe(tenant, buyer, plan)
        timeline.subscribe(tenant, buyer, weekly)
        with binding.bind(tenant, writes="commerce"):
            for hours in (1, 30 * 24):
                purchase = Purchase.objects.create(
                    user_id=buyer.id,
                    currency="USD",
                    updated_at=START,
                    created_on=START,
                )
                purchase.state = PurchaseState.PENDING
                purchase.provider = "local"
                purchase.expires_at = START + timedelta(hours=hours)
                purchase.save(update_fields=["state", "provider", "expires_at"])

        timeline.advance(tenant, days=60)

        with binding.bind(tenant):
            expired = PurchaseTransition.objects.filter(to_state="EXPIRED")
            assert sorted(expired.values_list("occurred_at", flat=True)) == [
                START + timedelta(hours=1),
                START + timedelta(days=30),
            ]
            [ended] = SubscriptionTransition.objects.filter(to_state="EXPIRED")
            assert ended.occurred_at == START + timedelta(days=35)
            paid = queries.subscriptions.Subscription.objects.get(plan=plan)
        assert [row.paid_at for row in timeline.periods(tenant, paid)] == [
            START,
            START + 28 * DAY,
            START + 59 * DAY,
        ]
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_holds_the_stock_of_one_purchase_at_a_time(self, tenant, seller, settings, monkeypatch):
        settings.LOCAL_PAYMENTS = True
        timeline.set_clock(tenant)
        item = shop.make_item(tenant, seller, quantity=9)
        for _ in range(3):
            buying.check_out_now(
                tenant, shop.make_buyer(tenant).id, item, provider="local", at=START
            )
        ended, let_go = [], settling.setting_aside.let_go

        def note(purchase, **how):
            binding.on_commit(lambda: ended.append("committed"))
            ended.append("let go")
            let_go(purchase, **how)

        monkeypatch.setattr(settling.setting_aside, "let_go", note)
        timeline.advance(tenant, days=1)

        assert ended == ["let go", "committed"] * 3
        assert buying.stock_of(tenant, item) == (0, 0)

    def test_leaves_what_fails_behind_and_goes_on(
        self, tenant, buyer, stranger, wallet, plan, settings
    ):
        timeline.subscribe(tenant, buyer, plan)
        shop.fund(tenant, stranger.id, 10_000)
        broken, _ = timeline.subscribe(tenant, stranger, plan)
        with binding.bind(tenant, writes="commerce"):
            # What no code does: its present period is missing.
            type(broken).objects.filter(id=broken.id).update(period=7)

        timeline.advance(tenant, days=100)

        assert timeline.time_of(tenant) == START + 100 * DAY
        assert timeline.read(tenant, broken).due_at == START + 28 * DAY
        assert shop.balance(tenant, wallet) == (6_000, 0)

    def test_is_done_by_one_at_a_time(self, tenant):
        with binding.bind(tenant, writes="commerce"):
            TestClock.objects.update(moving_to=START + DAY, moved_at=timezone.now())

        with pytest.raises(clock.ClockMoving):
            timeline.advance(tenant, days=2)
        with binding.bind(tenant, writes="commerce"), pytest.raises(clock.ClockMoving):
            clock.delete_clock(deleted_at=timezone.now())

    def test_of_many_at_once_is_done_by_one(self, tenant, buyer, wallet, plan):
        subscription, _ = timeline.subscribe(tenant, buyer, plan)

        found = books.at_once(
            [lambda: timeline.advance(tenant, to=START + 100 * DAY)] * 4, threads=4
        )

        kinds = {type(each).__name__ for each in found}
        assert kinds <= {"TestClock", "ClockMoving"}
        assert "TestClock" in kinds
        assert timeline.time_of(tenant) == START + 100 * DAY
        assert timeline.read(tenant, subscription).period == 4
        assert shop.balance(tenant, wallet) == (6_000, 0)

    def test_that_fails_can_be_gone_on_with_at_once(self, tenant, monkeypatch):
        def fail(**values):
            raise RuntimeError("no database")

        with monkeypatch.context() as patched:
            patched.setattr(subscriptions, "work_off_due", fail)
            with pytest.raises(RuntimeError):
                timeline.advance(tenant, days=3)

        with pytest.raises(clock.ClockMoving):
            timeline.advance(tenant, days=2)
        assert timeline.advance(tenant, days=3).time == START + 3 * DAY

    def test_that_was_taken_over_stops(self, tenant, buyer, wallet, plan, monkeypatch):
        timeline.subscribe(tenant, buyer, plan)
        work_off_due = subscriptions.work_off_due

        def lose(**values):
            with binding.bind(tenant, writes="commerce"):
                TestClock.objects.update(mover_id=buyer.id)
            return work_off_due(**values)

        monkeypatch.setattr(subscriptions, "work_off_due", lose)

        with pytest.raises(clock.ClockMoving):
            timeline.advance(tenant, days=60)
        assert timeline.time_of(tenant) == START


class TestKilled:
    @pytest.mark.parametrize("step", [1, 3, 5])
    def test_it_is_gone_on_with(self, tenant, buyer, wallet, plan, step):
        timeline.set_clock(tenant)
        subscription, _ = timeline.subscribe(tenant, buyer, plan)
        to = START + 150 * DAY

        process = forked.start(dying.main, tenant.slug, to.isoformat(), step)
        process.join(timeout=60)

        assert process.exitcode == -signal.SIGKILL
        assert timeline.read(tenant, subscription).period == step
        with pytest.raises(clock.ClockMoving):
            clock.advance_clock(tenant=tenant, to=to)
        assert clock.resume_clock(tenant=tenant) is None
        with binding.bind(tenant, writes="commerce"):
            long_ago = timezone.now() - clock.SILENT_AFTER - timedelta(seconds=1)
            TestClock.objects.update(moved_at=long_ago)
        assert clock.resume_clock(tenant=tenant).time == to
        assert timeline.read(tenant, subscription).period == 6
        assert shop.balance(tenant, wallet) == (4_000, 0)
        assert shop.trial_balance(tenant) == {"USD": 0}
        assert clock.resume_clock(tenant=tenant) is None


class TestTheTask:
    def test_goes_by_the_tenants_clock(self, tenant, buyer, wallet, plan):
        timeline.set_clock(tenant, timezone.now() - 300 * DAY)
        subscription, _ = timeline.subscribe(tenant, buyer, plan)

        assert work_off_subscriptions.run(tenant) == 0
        assert timeline.read(tenant, subscription).period == 1
        with binding.bind(tenant, writes="commerce"):
            clock.delete_clock(deleted_at=timezone.now())

        assert work_off_subscriptions.run(tenant) == 1
        assert timeline.read(tenant, subscription).current_period_end > timezone.now()


class TestTheCommand:
    def run(self, tenant, to):
        out = StringIO()
        call_command("advance_clock", "--tenant", tenant.slug, "--to", to, stdout=out)
        return out.getvalue()

    def test_advances(self, tenant):
        timeline.set_clock(tenant)

        said = self.run(tenant, "2027-03-01T00:00:00Z")

        assert "2027-03-01T00:00:00" in said
        assert timeline.time_of(tenant) == datetime(2027, 3, 1, tzinfo=UTC)

    @pytest.mark.parametrize("to", ["tomorrow", "2027-13-01T00:00:00Z", "2020-01-01T00:00:00Z"])
    def test_refuses_what_is_no_later_time(self, tenant, to):
        timeline.set_clock(tenant)

        with pytest.raises(CommandError):
            self.run(tenant, to)
