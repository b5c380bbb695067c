"""`manage.py load_demo`: three tenants full of people, to look around in."""

from dataclasses import dataclass
from typing import Annotated

import typer

from apps.kernel import demo
from apps.tenancy.management.base import OperatorCommand
from apps.tenancy.models import Tenant
from apps.tenancy.operations import members, tenants


@dataclass(frozen=True)
class DemoTenant:
    """One of the tenants that `make run` sets up."""

    slug: str
    name: str
    own_home: bool
    fans: int

    @property
    def owner(self) -> str:
        """The email of the account that owns it."""
        return f"owner@{self.slug}.example"

    @property
    def operator(self) -> str:
        """The email of the platform operator."""
        return "operator@quintet.example"


DEMO_TENANTS = (
    DemoTenant("demo", "Limelight", own_home=False, fans=600),
    DemoTenant("rival", "Encore Club", own_home=False, fans=250),
    DemoTenant("solo", "Solstice Studio", own_home=True, fans=120),
)
# For development only: a machine that serves anybody else has no demo tenants.
DEMO_PASSWORD = "limelight-demo"


class Command(OperatorCommand):
    help = "Provision the tenants demo, rival and solo and fill them. Safe to run again."

    def handle(
        self,
        quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
    ) -> None:
        """Provision what is missing, then have every context fill it."""
        report = (lambda _: None) if quiet else self.stdout.write
        for wanted in DEMO_TENANTS:
            tenant = Tenant.objects.filter(slug=wanted.slug).first()
            if tenant is None or tenant.status == Tenant.Status.PROVISIONING:
                tenant = tenants.create_tenant(
                    tenants.check_order(
                        slug=wanted.slug, name=wanted.name, own_home=wanted.own_home
                    )
                )
            members.ensure_owner(tenant=tenant, email=wanted.owner, password=DEMO_PASSWORD)
            demo.load_all(tenant=tenant, size=wanted.fans, report=report)
        members.ensure_operator(email=DEMO_TENANTS[0].operator, password=DEMO_PASSWORD)
