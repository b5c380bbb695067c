"""Renewing: what the clock has to do with subscriptions, each in a unit of work of its own."""

import logging
from datetime import datetime
from uuid import UUID

from apps.commerce.models import Provider, Subscription, SubscriptionPeriod, SubscriptionState
from apps.commerce.models.subscription import LIVE
from apps.commerce.operations import ledger, wallets
from apps.commerce.operations.payments import accounts, starting, sweeping
from apps.commerce.operations.subscriptions import books, lifecycle, settling
from apps.commerce.queries import clock, subscriptions
from apps.kernel.errors import Conflict, Invalid
from apps.tenancy import binding

logger = logging.getLogger(__name__)
S = SubscriptionState


class NothingToPay(Conflict):
    """A subscription is paid as far as it goes."""

    slug = "nothing-to-pay"
    title = "Nothing of it waits to be paid."


def work_off_due(*, tenant: binding.Placed, now: datetime | None = None) -> int:
    """Renew, charge again or end what is due, in the order in which it fell due; return how much that was.

    Binds itself. What fails is left for the next time, and keeps nobody else waiting.

    :param now: until when; else the tenant's clock says.
    """
    worked_off = 0
    failed: set[UUID] = set()
    while (subscription_id := _first_due(tenant, now=now, besides=failed)) is not None:
        try:
            _work_off_one(tenant, subscription_id, now=now)
        except Exception:
            logger.exception("subscription %s could not be worked off", subscription_id)
            failed.add(subscription_id)
        else:
            worked_off += 1
    return worked_off


def work_off(*, subscription_id: UUID, now: datetime) -> UUID | None:
    """Do what is due with one subscription; return the payment a provider is to be asked for, if one is.

    Does nothing with what isn't due, so that two at once do it once.
    """
    subscription = lifecycle.hold(subscription_id)
    if subscription.due_at is None or subscription.due_at > now:
        return None
    if subscription.state == S.INCOMPLETE:
        lifecycle.end(subscription, state=S.EXPIRED, ended_at=subscription.due_at, at=now)
        return None
    lifecycle.drop_coming_change(subscription)
    period = lifecycle.period_of(subscription)
    if period.paid_at is None:
        return _collect(subscription, period, at=now)
    if subscription.current_period_end > now:
        # A change of plans has waited for its payment until now.
        lifecycle.change(subscription, at=now, due_at=subscription.current_period_end)
        return None
    return _renew(subscription, at=now)


def request_payment(
    *, subscription_id: UUID, requested_at: datetime, created_by_id: UUID | None = None
) -> UUID | None:
    """Have what is past due paid now; return the payment a provider is to be asked for, if one is.

    :raises NotFound: there is no such subscription.
    :raises NothingToPay: it isn't past due.
    :raises InsufficientFunds: there is less in the wallet.
    :raises PersonGone, PersonShutOut: of a wallet whose owner may not move money.
    """
    subscription = lifecycle.hold(subscription_id)
    if subscription.state != S.PAST_DUE:
        raise NothingToPay(f"It is {subscription.state}, not PAST_DUE.")
    period = lifecycle.period_of(subscription)
    if subscription.provider != Provider.WALLET:
        return books.request_payment(
            subscription=subscription, period=period, requested_at=requested_at
        ).id
    wallets.check_people(ids=[subscription.user_id])
    _charge(subscription, period, at=requested_at, created_by_id=created_by_id)
    return None


def retry_now(*, subscription_id: UUID, retried_at: datetime) -> None:
    """Have the payment of what is past due tried again by the clock's next round, instead of later.

    :raises NotFound: there is no such subscription.
    :raises NothingToPay: it isn't past due.
    """
    subscription = lifecycle.hold(subscription_id)
    if subscription.state != S.PAST_DUE:
        raise NothingToPay(f"It is {subscription.state}, not PAST_DUE.")
    lifecycle.change(subscription, at=retried_at, due_at=retried_at)


def _first_due(tenant: binding.Placed, *, now: datetime | None, besides: set[UUID]) -> UUID | None:
    # Found here, held by whoever works it off: a locking query with a limit finds nothing where the
    # first row was changed while it waited, though others may be due.
    with binding.bind(tenant):
        due = subscriptions.due(now=now or clock.now()).exclude(id__in=besides)
        return due.values_list("id", flat=True).first()


def _work_off_one(tenant: binding.Placed, subscription_id: UUID, *, now: datetime | None) -> None:
    with binding.bind(tenant):
        begun = books.begun_by_subscriber(subscription_id=subscription_id)
    for each in begun:
        # Else the method that is kept would never be charged: one payment of a period is under way at a time.
        sweeping.give_up_payment(tenant=tenant, payment_id=each)
    with binding.bind(tenant, writes="commerce"):
        at = now or clock.now()
        payment_id = work_off(subscription_id=subscription_id, now=at)
    if payment_id is None:
        return
    starting.start_payment(tenant=tenant, payment_id=payment_id, off_session=True)
    with binding.bind(tenant, writes="commerce"):
        subscription = lifecycle.hold(subscription_id)
        # Settled, it goes on or is past due by now. What the provider can't say yet counts as not
        # paid: what comes after all is taken whenever it comes.
        if subscription.state in LIVE and lifecycle.period_of(subscription).paid_at is None:
            settling.note_failure(subscription, at=at)


def _renew(subscription: Subscription, *, at: datetime) -> UUID | None:
    while not _ends_here(subscription, at=at):
        period = lifecycle.begin_period(subscription, at=at)
        if period.ends_at > at:
            return _collect(subscription, period, at=at)
    return None


def _ends_here(subscription: Subscription, *, at: datetime) -> bool:
    if subscription.cancel_at_period_end:
        state = S.CANCELLED
    elif subscription.period and subscription.period == subscription.last_period:
        state = S.EXPIRED
    else:
        return False
    _save_period(subscription, at=at)
    lifecycle.end(subscription, state=state, ended_at=subscription.current_period_end, at=at)
    return True


def _collect(
    subscription: Subscription, period: SubscriptionPeriod, *, at: datetime
) -> UUID | None:
    _save_period(subscription, at=at)
    try:
        if period.amount:
            wallets.check_people(ids=[subscription.user_id])
        if period.amount and subscription.provider != Provider.WALLET:
            return books.request_payment(
                subscription=subscription, period=period, requested_at=at, is_off_session=True
            ).id
        _charge(subscription, period, at=at)
    except (ledger.InsufficientFunds, wallets.PersonGone, wallets.PersonShutOut):
        # Who may not move money by themselves is charged nothing either, wherever it would come from.
        settling.note_failure(subscription, at=at)
    except (accounts.ProviderNotEnabled, Invalid) as refused:
        # A provider that takes no payments here any more, or not this one. Were it left due, it would be
        # used for nothing as long as that is so.
        logger.warning("subscription %s can't be charged: %s", subscription.id, refused.slug)
        settling.note_failure(subscription, at=at)
    return None


def _charge(
    subscription: Subscription,
    period: SubscriptionPeriod,
    *,
    at: datetime,
    created_by_id: UUID | None = None,
) -> None:
    transaction_id = None
    if period.amount:
        transaction_id = books.charge_wallet(
            subscription=subscription, period=period, charged_at=at, created_by_id=created_by_id
        )
    lifecycle.mark_paid(period, transaction_id=transaction_id, paid_at=at)
    settling.go_on(subscription, period, at=at)


def _save_period(subscription: Subscription, *, at: datetime) -> None:
    # It stays due until the payment is settled: if this worker is killed, the next asks again.
    lifecycle.change(
        subscription,
        at=at,
        period=subscription.period,
        credit=subscription.credit,
        current_period_start=subscription.current_period_start,
        current_period_end=subscription.current_period_end,
    )
