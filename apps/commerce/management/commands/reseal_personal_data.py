"""`manage.py reseal_personal_data`: have the newest key be the only one that is needed."""

from apps.commerce.operations.purchases import recipients
from apps.tenancy import binding
from apps.tenancy.management.base import Format, FormatOption, OperatorCommand
from apps.tenancy.models import Tenant


class Command(OperatorCommand):
    help = (
        "Seal what is personal in purchases with the first of QUINTET_PERSONAL_DATA_KEYS, wherever an older "
        "key has sealed it; afterwards the older ones can go. Safe to run again."
    )

    def handle(self, format: FormatOption = Format.TEXT) -> None:
        """Go through all tenants; print how many rows it sealed anew."""
        tenants = list(Tenant.objects.exclude(status=Tenant.Status.PROVISIONING).in_order())
        resealed = 0
        with self.progress("Tenants", total=len(tenants)) as advance:
            for tenant in tenants:
                resealed += _reseal(tenant)
                advance()
        self.say(f"{resealed} recipients sealed anew.", as_format=format, resealed=resealed)


def _reseal(tenant: Tenant) -> int:
    resealed = 0
    while True:
        with binding.bind(tenant, writes="commerce"):
            found = recipients.reseal_recipients()
        resealed += found
        if not found:
            return resealed
