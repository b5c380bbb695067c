"""Who subscribes to what in the demo tenants: drawn from a seed, paid from wallets, then written."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from apps.commerce.demo.books import Books, Move
from apps.commerce.demo.sales import Buyer, Draw
from apps.commerce.models import (
    Entitlement,
    EntitlementSource,
    Provider,
    Subscription,
    SubscriptionPeriod,
    SubscriptionPlan,
    SubscriptionState,
    TransactionType,
    UserWallet,
)
from apps.commerce.operations.subscriptions import spans
from apps.kernel.ids import uuid7

# Of all who buy.
SUBSCRIBERS = 0.45
TO_BE_CANCELLED, CANCELLED, PAST_DUE = 0.07, 0.2, 0.08
RETRIED_AFTER = timedelta(days=1)
BATCH = 1_000
S = SubscriptionState


@dataclass(slots=True, kw_only=True)
class Period:
    """A period of a subscription to be; number 0 is the trial."""

    number: int
    starts_at: datetime
    ends_at: datetime
    amount: int
    is_paid: bool = True
    id: UUID = field(default_factory=uuid7)


@dataclass(slots=True, kw_only=True)
class Membership:
    """A subscription to be."""

    buyer: Buyer
    plan: SubscriptionPlan
    begun_at: datetime
    anchor_at: datetime
    state: SubscriptionState = S.ACTIVE
    is_ending: bool = False
    cancelled_at: datetime | None = None
    periods: list[Period] = field(default_factory=list)
    id: UUID = field(default_factory=uuid7)

    @property
    def present(self) -> Period:
        """The period it is in, or was in last."""
        return self.periods[-1]

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state in {S.CANCELLED, S.EXPIRED}

    @property
    def has_trial(self) -> bool:
        """Whether it began with one."""
        return self.anchor_at > self.begun_at


def draw_memberships(
    buyers: Sequence[Buyer],
    *,
    plans: Sequence[SubscriptionPlan],
    draw: Draw,
    rng: random.Random,
    now: datetime,
) -> list[Membership]:
    """Return the subscriptions of some of the buyers, the oldest first."""
    chosen = [buyer for buyer in buyers if rng.random() < SUBSCRIBERS]
    drawn = [
        _membership(buyer, rng.choices(plans, weights=(9, 3, 5, 3))[0], draw, rng, now)
        for buyer in chosen
    ]
    return sorted(drawn, key=lambda each: each.begun_at)


def moves_of(
    memberships: Iterable[Membership], *, wallets: Mapping[UUID, UserWallet], books: Books
) -> Iterator[Move]:
    """Yield what each paid period takes from its subscriber's wallet."""
    for each in memberships:
        account_id = wallets[each.buyer.user_id].account_id
        for period in each.periods:
            if period.is_paid and period.amount:
                yield Move(
                    key=_key(each, period),
                    at=period.starts_at,
                    kind=TransactionType.PURCHASE,
                    amount=period.amount,
                    currency=each.plan.currency,
                    user_id=each.buyer.user_id,
                    legs=[
                        (account_id, -period.amount, ""),
                        (books.account("revenue"), period.amount, ""),
                    ],
                    changes={account_id: -period.amount},
                    is_debit=True,
                    meta_data={"subscription_id": str(each.id)},
                )


def write_memberships(
    memberships: Sequence[Membership],
    *,
    posted: Mapping[str, UUID],
    series_of_plan: Mapping[UUID, Sequence[UUID]],
) -> None:
    """Write subscriptions, led through their states, their periods, and what they entitle to."""
    rows = [_row(each) for each in memberships]
    Subscription.objects.bulk_create(rows, batch_size=BATCH)
    trials = [
        _changed(row, S.ACTIVE, each.anchor_at)
        for row, each in zip(rows, memberships, strict=True)
        if each.has_trial and each.state != S.TRIALING
    ]
    Subscription.objects.bulk_update(trials, ["state", "updated_at"], batch_size=BATCH)
    ends = [
        _changed(row, each.state, each.present.ends_at if each.is_over else each.present.starts_at)
        for row, each in zip(rows, memberships, strict=True)
        if each.state in {S.PAST_DUE, S.CANCELLED, S.EXPIRED}
    ]
    Subscription.objects.bulk_update(ends, ["state", "updated_at"], batch_size=BATCH)
    SubscriptionPeriod.objects.bulk_create(
        (
            _period(each, period, posted.get(_key(each, period)))
            for each in memberships
            for period in each.periods
        ),
        batch_size=BATCH,
    )
    Entitlement.objects.bulk_create(
        (
            Entitlement(
                user_id=each.buyer.user_id,
                series_id=series_id,
                source=EntitlementSource.SUBSCRIPTION,
                source_id=each.id,
                starts_at=each.begun_at,
                revoked_at=each.present.ends_at if each.is_over else None,
                created_on=each.begun_at,
            )
            for each in memberships
            for series_id in series_of_plan[each.plan.id]
        ),
        batch_size=BATCH,
    )


def _membership(
    buyer: Buyer, plan: SubscriptionPlan, draw: Draw, rng: random.Random, now: datetime
) -> Membership:
    begun = draw.moment(since=buyer.since)
    anchor = begun + timedelta(days=plan.trial_days)
    made = Membership(buyer=buyer, plan=plan, begun_at=begun, anchor_at=anchor)
    if plan.trial_days:
        made.periods.append(Period(number=0, starts_at=begun, ends_at=anchor, amount=0))
    if anchor > now:
        made.state = S.TRIALING
        return made
    chance = rng.random()
    most = plan.auto_expires
    if chance < CANCELLED:
        # Cancelled in some period, and over when that was.
        most = min(rng.randint(1, 3), most or 3)
    made.periods += _periods(plan, anchor, most=most, now=now)
    if made.present.ends_at <= now:
        made.state = S.CANCELLED if chance < CANCELLED else S.EXPIRED
    elif chance < CANCELLED + TO_BE_CANCELLED:
        made.is_ending = True
    elif chance > 1 - PAST_DUE and made.present.number > 1:
        made.state, made.present.is_paid = S.PAST_DUE, False
    if made.state == S.CANCELLED or made.is_ending:
        start = made.present.starts_at
        made.cancelled_at = draw.moment(since=start, until=min(made.present.ends_at, now))
    return made


def _periods(
    plan: SubscriptionPlan, anchor: datetime, *, most: int | None, now: datetime
) -> Iterator[Period]:
    number, starts_at = 1, anchor
    while starts_at <= now and (most is None or number <= most):
        ends_at = spans.end_of(anchor_at=anchor, recurrence=plan.recurring_payment, count=number)
        yield Period(number=number, starts_at=starts_at, ends_at=ends_at, amount=plan.price)
        number, starts_at = number + 1, ends_at


def _row(each: Membership) -> Subscription:
    present = each.present
    is_past_due = each.state == S.PAST_DUE
    due_at = present.starts_at + RETRIED_AFTER if is_past_due else present.ends_at
    return Subscription(
        id=each.id,
        user_id=each.buyer.user_id,
        plan=each.plan,
        state=S.TRIALING if each.has_trial else S.ACTIVE,
        provider=Provider.WALLET,
        price=each.plan.price,
        currency=each.plan.currency,
        anchor_at=each.anchor_at,
        last_period=each.plan.auto_expires,
        period=present.number,
        current_period_start=present.starts_at,
        current_period_end=present.ends_at,
        trial_ends_at=each.anchor_at if each.has_trial else None,
        due_at=None if each.is_over else due_at,
        attempts=1 if is_past_due else 0,
        cancel_at_period_end=each.cancelled_at is not None,
        cancelled_at=each.cancelled_at,
        ended_at=present.ends_at if each.is_over else None,
        created_on=each.begun_at,
        updated_at=each.begun_at,
    )


def _changed(row: Subscription, state: SubscriptionState, at: datetime) -> Subscription:
    row.state, row.updated_at = state, at
    return row


def _period(each: Membership, period: Period, transaction_id: UUID | None) -> SubscriptionPeriod:
    return SubscriptionPeriod(
        id=period.id,
        subscription_id=each.id,
        plan=each.plan,
        number=period.number,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        price=period.amount,
        amount=period.amount,
        transaction_id=transaction_id,
        paid_at=period.starts_at if period.is_paid else None,
    )


def _key(each: Membership, period: Period) -> str:
    return f"subscription:{each.id}:{period.number}"
