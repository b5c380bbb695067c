"""Codes: made, changed, switched off, and deleted while nobody has used them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.commerce.models import (
    CodeItem,
    CodeKind,
    DiscountCode,
    DiscountCodeUsage,
    InventoryItem,
    Purchase,
)
from apps.commerce.queries import currencies
from apps.kernel.errors import Conflict, Invalid, NotFound, Problem
from apps.kernel.refusals import refusing

MAX_ITEMS = 200
"""That one code names."""

# What those who have used it were promised.
FIXED_ONCE_USED = ("code", "kind", "currency")


class CodeExists(Conflict):
    """A code stands for one thing in a tenant, however it is written."""

    slug = "code-exists"
    title = "There is such a code already."


class CodeWasUsed(Conflict):
    """What was used stays: what a code is and gives is part of what was bought with it."""

    slug = "code-was-used"
    title = "The code was used."


def create_code(
    *, values: Mapping[str, Any], item_ids: Collection[UUID] = (), created_on: datetime
) -> DiscountCode:
    """Make a code, written in capitals.

    :param values: by field name: code, kind, percent or amount, and what else it has.
    :param item_ids: the items it is for; all of them when there are none.
    :raises CodeExists: there is one written like this.
    :raises Invalid: its kind and what it gives don't go together, or the currency or an item is none.
    """
    code = DiscountCode(**values, created_on=created_on, updated_at=created_on)
    code.code = code.code.upper()
    check_sense(code)
    with refusing(alias="commerce", constraints=_refusals(code)):
        code.save(force_insert=True)
    _replace_items(code, set(item_ids))
    return code


def update_code(
    *,
    code_id: UUID,
    changes: Mapping[str, Any],
    item_ids: Collection[UUID] | None = None,
    updated_at: datetime,
) -> DiscountCode:
    """Change what `changes` names.

    :param item_ids: exactly these afterwards; None leaves them.
    :raises NotFound: there is no such code.
    :raises CodeExists: there is another written like this.
    :raises CodeWasUsed: it was used, and what it is was to change.
    :raises Invalid: its kind and what it gives don't go together, or the currency or an item is none.
    """
    code = _hold(code_id)
    fixed = [
        name
        for name in FIXED_ONCE_USED
        if changes.get(name, getattr(code, name)) != getattr(code, name)
    ]
    if fixed and code.used:
        raise CodeWasUsed(
            "Switch it off, and make another.",
            fields={name: [f"It is {getattr(code, name)}, and was used."] for name in fixed},
        )
    for name, value in changes.items():
        setattr(code, name, value)
    code.code, code.updated_at = code.code.upper(), updated_at
    check_sense(code)
    with refusing(alias="commerce", constraints=_refusals(code)):
        code.save(update_fields=[*changes, "updated_at"])
    if item_ids is not None:
        _replace_items(code, set(item_ids))
    return code


def delete_code(*, code_id: UUID) -> None:
    """Delete a code that nobody has used.

    :raises NotFound: there is no such code.
    :raises CodeWasUsed: somebody has, or has it in a cart.
    """
    code = _hold(code_id)
    if (
        code.used
        or DiscountCodeUsage.objects.filter(code=code).exists()
        or Purchase.objects.filter(discount_code=code).exists()
    ):
        raise CodeWasUsed(f"{code} was used, or is in a cart. Switch it off: is_active=false.")
    CodeItem.objects.filter(code=code).delete()
    code.delete()


def check_sense(code: DiscountCode) -> None:
    """Refuse what the database would refuse too, by field.

    :raises Invalid: names the fields.
    """
    faults: dict[str, list[str]] = {}
    is_share = code.kind == CodeKind.PERCENT
    given, other = ("percent", "amount") if is_share else ("amount", "percent")
    if getattr(code, given) is None:
        faults[given] = [f"A code of the kind {code.kind} needs it."]
    if getattr(code, other) is not None:
        faults[other] = [f"A code of the kind {code.kind} has none."]
    if not code.currency and (not is_share or code.minimum):
        faults["currency"] = ["Say in which currency: amounts and a minimum are of one."]
    if code.starts_at and code.ends_at and code.ends_at <= code.starts_at:
        faults["ends_at"] = ["It can't end before it starts: give a later time."]
    if code.max_uses is not None and code.max_uses < code.used:
        faults["max_uses"] = [f"It was used {code.used} times: give that at least."]
    if faults:
        raise Invalid(fields=faults)
    if code.currency:
        currencies.check_currency(code=code.currency)


def _hold(code_id: UUID) -> DiscountCode:
    code = DiscountCode.objects.select_for_update().filter(id=code_id).first()
    if code is None:
        raise NotFound
    return code


def _refusals(code: DiscountCode) -> dict[str, Problem]:
    return {
        "discount_codes_code": CodeExists(
            "Choose another.", fields={"code": [f"There is a code {code.code} already."]}
        )
    }


def _replace_items(code: DiscountCode, wanted: set[UUID]) -> None:
    if len(wanted) > MAX_ITEMS:
        raise Invalid(fields={"item_ids": [f"A code names at most {MAX_ITEMS} items."]})
    rows = CodeItem.objects.filter(code=code)
    present = set(rows.values_list("item_id", flat=True))
    added = wanted - present
    found = InventoryItem.objects.present().filter(id__in=added).values_list("id", flat=True)
    if missing := added - set(found):
        listed = ", ".join(sorted(map(str, missing)))
        raise Invalid(fields={"item_ids": [f"There is no item with the id {listed}."]})
    rows.filter(item_id__in=present - wanted).delete()
    CodeItem.objects.bulk_create(CodeItem(code=code, item_id=id_) for id_ in sorted(added))
