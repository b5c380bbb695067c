"""Using codes: what a code takes off, and using one up; no more often than it can be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F

from apps.commerce.contracts import WalletChanged
from apps.commerce.models import (
    CodeItem,
    CodeKind,
    DiscountCode,
    DiscountCodeUsage,
    TransactionType,
)
from apps.commerce.operations import ledger, wallets
from apps.commerce.operations.ledger import accounts
from apps.kernel import messages
from apps.kernel.errors import Conflict
from apps.kernel.refusals import refusing

# `percent` is in hundredths of a percent.
WHOLE = 10_000


class CodeRefused(Conflict):
    """A code can't be used for this, or now, or by this person: each reason has a type of its own."""

    slug = "code-refused"
    title = "The code can't be used."


class CodeUnknown(CodeRefused):
    """There is no such code, or it was switched off."""

    slug = "code-unknown"
    title = "There is no such code."


class CodeNotYet(CodeRefused):
    """The code can be used later."""

    slug = "code-not-yet-valid"
    title = "The code can't be used yet."


class CodeExpired(CodeRefused):
    """The code could be used until some time ago."""

    slug = "code-expired"
    title = "The code has expired."


class CodeUsedUp(CodeRefused):
    """The code was used as often as it can be."""

    slug = "code-used-up"
    title = "The code is used up."


class CodeUsedBefore(CodeRefused):
    """This person has used the code as often as anybody may."""

    slug = "code-used-before"
    title = "You have used the code before."


class CodeWrongKind(CodeRefused):
    """A promo code fills a wallet, a discount code makes a purchase cheaper; neither does both."""

    slug = "code-wrong-kind"
    title = "The code is not for this."


class CodeWrongCurrency(CodeRefused):
    """The code is for purchases in another currency."""

    slug = "code-wrong-currency"
    title = "The code is for another currency."


class CodeNotForItems(CodeRefused):
    """The code is for other items than these."""

    slug = "code-not-for-these-items"
    title = "The code is not for these items."


class MinimumNotReached(CodeRefused):
    """What the code is for must cost at least so much."""

    slug = "code-minimum-not-reached"
    title = "This costs too little for the code."


class CodeTakesNothingOff(CodeRefused):
    """What is bought costs so little that the code would be used up for nothing."""

    slug = "code-takes-nothing-off"
    title = "The code takes nothing off this."


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a code would take off: minor units of the purchase's currency, at least 1."""

    code_id: UUID
    discount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """What a promo code has put into a wallet, in minor units."""

    code: str
    wallet_id: UUID
    transaction_id: UUID
    amount: int
    currency: str


def quote(
    *, code: str, user_id: UUID | None, currency: str, lines: Mapping[UUID, int], at: datetime
) -> Quote:
    """Return what a code takes off a purchase. Nothing is used up. Parts of a minor unit stay the house's.

    :param code: as a person has written it.
    :param user_id: the buyer's profile; None while nobody has signed in.
    :param lines: what the lines cost in all, by item.
    :raises CodeRefused: it can't be used for that; a subclass says why.
    """
    found = _find(code)
    if found.kind == CodeKind.CREDIT:
        raise CodeWrongKind(f"{found} puts money into a wallet: redeem it there.")
    _check_open(found, at=at)
    if user_id is not None:
        _next_turn(found, user_id=user_id)
    return Quote(code_id=found.id, discount=_discount(found, currency=currency, lines=lines))


def claim(
    *, code_id: UUID, user_id: UUID, purchase_id: UUID, amount: int, used_at: datetime
) -> None:
    """Use up one use of a code for a purchase, which gives back what it has used before.

    :param amount: what it takes off, as quoted.
    :raises CodeRefused: it was used up, switched off or has expired since it was quoted.
    """
    release(purchase_id=purchase_id)
    _use(code_id, user_id=user_id, purchase_id=purchase_id, amount=amount, at=used_at)


def release(*, purchase_id: UUID) -> bool:
    """Give back the use of a code by a purchase that came to nothing; return whether there was one."""
    used = DiscountCodeUsage.objects.filter(purchase_id=purchase_id)
    code_id = used.values_list("code_id", flat=True).first()
    if code_id is None:
        return False
    # Of those who release at once, one deletes it.
    deleted, _ = used.delete()
    if deleted:
        DiscountCode.objects.filter(id=code_id).update(used=F("used") - deleted)
    return bool(deleted)


def redeem(
    *, code: str, user_id: UUID, redeemed_at: datetime, created_by_id: UUID | None = None
) -> Redeemed:
    """Put what a promo code gives into somebody's wallet.

    :param created_by_id: the identity provider's id of who does it.
    :raises CodeRefused: there is no such promo code, or it can't be used now, or by this person.
    """
    found = _find(code)
    if found.kind != CodeKind.CREDIT or found.amount is None:
        raise CodeWrongKind(f"{found} makes a purchase cheaper: give it with a cart.")
    usage = _use(found.id, user_id=user_id, purchase_id=None, amount=found.amount, at=redeemed_at)
    wallet = wallets.open_wallet(user_id=user_id, currency=found.currency, opened_at=redeemed_at)
    source = accounts.open_account(accounts.promotions(found.currency))
    posted = ledger.post_one(
        ledger.Posting(
            cause=ledger.Cause(
                key=f"promo:{usage.id}", at=redeemed_at, created_by_id=created_by_id
            ),
            transaction_type=TransactionType.CREDIT,
            amount=found.amount,
            currency=found.currency,
            legs=[
                ledger.Leg(account_id=source, amount=-found.amount),
                ledger.Leg(account_id=wallet.account_id, amount=found.amount),
            ],
            user_id=user_id,
            meta_data={"code_id": str(found.id)},
        )
    )
    messages.record(
        WalletChanged(
            wallet_id=wallet.id,
            user_id=user_id,
            transaction_id=posted.id,
            amount=found.amount,
            currency=found.currency,
        )
    )
    return Redeemed(
        code=found.code,
        wallet_id=wallet.id,
        transaction_id=posted.id,
        amount=found.amount,
        currency=found.currency,
    )


def _find(code: str) -> DiscountCode:
    written = code.strip().upper()
    found = DiscountCode.objects.filter(code=written, is_active=True).first()
    if found is None:
        raise CodeUnknown(f"There is no code {written[:50]!r}. Check how it is written.")
    return found


def _check_open(code: DiscountCode, *, at: datetime) -> None:
    if not code.is_active:
        raise CodeUnknown(f"There is no code {code.code!r} any more.")
    if code.starts_at is not None and at < code.starts_at:
        raise CodeNotYet(f"{code} can be used from {code.starts_at:%Y-%m-%d %H:%M} UTC on.")
    if code.ends_at is not None and at >= code.ends_at:
        raise CodeExpired(f"{code} has expired on {code.ends_at:%Y-%m-%d %H:%M} UTC.")
    if code.max_uses is not None and code.used >= code.max_uses:
        raise _used_up(code)


def _discount(code: DiscountCode, *, currency: str, lines: Mapping[UUID, int]) -> int:
    if code.currency and code.currency != currency:
        raise CodeWrongCurrency(f"{code} is for {code.currency}, and this is in {currency}.")
    named = set(CodeItem.objects.filter(code=code).values_list("item_id", flat=True))
    fitting = [total for item_id, total in lines.items() if not named or item_id in named]
    if not fitting:
        raise CodeNotForItems(f"{code} is not for any of the items in this purchase.")
    total = sum(fitting)
    if total < code.minimum:
        raise MinimumNotReached(
            f"What {code} is for must cost at least {code.minimum} minor units of {currency}; "
            f"it costs {total}.",
            extra={"minimum": code.minimum, "total": total, "currency": currency},
        )
    off = total * code.percent // WHOLE if code.percent else min(code.amount or 0, total)
    if off == 0:
        raise CodeTakesNothingOff(f"{code} takes nothing off {total} minor units of {currency}.")
    return off


def _use(
    code_id: UUID, *, user_id: UUID, purchase_id: UUID | None, amount: int, at: datetime
) -> DiscountCodeUsage:
    """Write down that somebody uses a code.

    :raises CodeRefused: it can't be used now, or by this person.
    """
    counted = DiscountCode.objects.filter(id=code_id)
    # Whoever uses the same code waits here; what the others have left is read in the next statement.
    code = counted.select_for_update(no_key=True).first()
    if code is None:
        raise CodeUnknown("The code is not there any more.")
    _check_open(code, at=at)
    turn = _next_turn(code, user_id=user_id)
    with refusing(alias="commerce", constraints={"discount_codes_uses": _used_up(code)}):
        counted.update(used=F("used") + 1)
    return DiscountCodeUsage.objects.create(
        code_id=code_id,
        user_id=user_id,
        turn=turn,
        purchase_id=purchase_id,
        amount=amount,
        used_on=at,
    )


def _next_turn(code: DiscountCode, *, user_id: UUID) -> int:
    """Return the how-manieth use of a code this would be for somebody.

    :raises CodeUsedBefore: they have used it as often as anybody may.
    """
    rows = DiscountCodeUsage.objects.filter(code=code, user_id=user_id)
    taken = set(rows.values_list("turn", flat=True))
    if code.max_uses_per_user is not None and len(taken) >= code.max_uses_per_user:
        times = "once" if len(taken) == 1 else f"{len(taken)} times"
        raise CodeUsedBefore(f"You have used {code} {times}, as often as anybody may.")
    # Those that came to nothing leave gaps.
    return next(turn for turn in range(1, len(taken) + 2) if turn not in taken)


def _used_up(code: DiscountCode) -> CodeUsedUp:
    return CodeUsedUp(f"{code} could be used {code.max_uses} times, and was.")
