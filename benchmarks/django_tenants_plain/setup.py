"""Called in a worker with the django-tenants reference's settings."""

import io
from contextlib import redirect_stdout
from time import perf_counter

from django.core.management import call_command
from django.db import connection

from benchmarks.django_tenants_plain.customers.models import Client, Domain


def prepare() -> None:
    """Make the shared tables, and the public tenant that the tutorial asks for."""
    call_command("migrate_schemas", shared=True, verbosity=0)
    public = Client.objects.create(schema_name="public", name="Public")
    Domain.objects.create(domain="example.com", tenant=public, is_primary=True)


def create_tenants(*, start: int, count: int) -> float:
    """Run `create_tenant`, and return seconds per tenant.

    :raises AssertionError: a tenant came without its tables.
    """
    begun = perf_counter()
    # It tells of every migration, whatever its verbosity.
    with redirect_stdout(io.StringIO()):
        for number in range(start, start + count):
            call_command(
                "create_tenant",
                interactive=False,
                schema_name=f"tenant_{number}",
                name=f"Tenant {number}",
                domain_domain=f"tenant-{number}.example.com",
                domain_is_primary=True,
            )
    taken = (perf_counter() - begun) / count
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = %s AND tablename LIKE %s",
            [f"tenant_{start}", "people_%"],
        )
        assert cursor.fetchone() == (15,), "the tenant has other tables than it should"
    return taken
