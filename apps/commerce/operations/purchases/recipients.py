"""Recipients: for whom a purchase is. What is personal of them is sealed, and opened for those who may see it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import BinaryField, Func, Value

from apps.commerce.models import Purchase, PurchaseRecipient
from apps.commerce.ports import personal
from apps.kernel.errors import Invalid
from apps.kernel.ids import uuid7
from apps.tenancy import binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody a purchase is for, or one line of it."""

    line_id: UUID | None = None
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone_number: str = ""
    linked_in_address: str = ""


PERSONAL = ("first_name", "last_name", "email", "phone_number", "linked_in_address")


def replace_recipients(
    *,
    purchase: Purchase,
    line_ids: Collection[UUID],
    recipients: Iterable[Recipient],
    created_on: datetime,
) -> None:
    """Write down for whom a held purchase is, instead of whom it was for before.

    :param line_ids: the lines of the purchase.
    :raises Invalid: a recipient names a line that is not in it.
    """
    tenant_id = binding.require().tenant_id
    rows = []
    for each in recipients:
        if each.line_id is not None and each.line_id not in line_ids:
            raise Invalid(fields={"recipients": [f"There is no line {each.line_id} in the cart."]})
        row_id = uuid7()
        sealed = personal.seal(_personal(each), tenant_id=tenant_id, row_id=row_id)
        rows.append(
            PurchaseRecipient(
                id=row_id,
                purchase=purchase,
                line_id=each.line_id,
                sealed=sealed,
                created_on=created_on,
            )
        )
    PurchaseRecipient.objects.filter(purchase_id=purchase.id).delete()
    PurchaseRecipient.objects.bulk_create(rows)


def open_recipients(sealed: Mapping[UUID, bytes]) -> dict[UUID, dict[str, str]]:
    """Return what is personal of recipients, by their ids.

    :param sealed: what is kept of them, by their ids. Whoever shows what this returns notes the look.
    :raises Unsealable: it was tampered with, or its key is gone.
    """
    tenant_id = binding.require().tenant_id
    return {
        row_id: personal.unseal(bytes(each), tenant_id=tenant_id, row_id=row_id)
        for row_id, each in sealed.items()
    }


def reseal_recipients(*, limit: int = 1_000) -> int:
    """Seal with the newest key what an older one has sealed; return how many rows these were, `limit` at most.

    :raises Unsealable: the key of one of them is not known any more.
    """
    tenant_id, ring = binding.require().tenant_id, personal.ring()
    head = Func(
        "sealed",
        Value(1),
        Value(len(ring.head)),
        function="substring",
        output_field=BinaryField(),
    )
    old = PurchaseRecipient.objects.annotate(head=head).exclude(head=ring.head)
    rows = list(old.order_by("id").select_for_update()[:limit])
    for row in rows:
        opened = ring.unseal(bytes(row.sealed), tenant_id=tenant_id, row_id=row.id)
        row.sealed = ring.seal(opened, tenant_id=tenant_id, row_id=row.id)
    PurchaseRecipient.objects.bulk_update(rows, ["sealed"])
    return len(rows)


def _personal(recipient: Recipient) -> dict[str, str]:
    values = asdict(recipient)
    return {name: values[name] for name in PERSONAL}
