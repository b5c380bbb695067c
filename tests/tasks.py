"""Tasks for the tests of tasks; the worker under test is told to include them."""

from celery import shared_task
from django.core.cache import cache

from apps.tenancy.errors import Unbound
from apps.tenancy.tasks import TenantTask
from apps.users.models import Profile


@shared_task(name="tests.count_profiles", base=TenantTask)
def count_profiles(*, key: str) -> None:
    """Say how many profiles the task sees."""
    cache.set(key, Profile.objects.count())


@shared_task(name="tests.rename_profiles", base=TenantTask, writes="users")
def rename_profiles(*, name: str) -> None:
    """Write something."""
    Profile.objects.update(display_name=name)


@shared_task(name="tests.fail_after_writing", base=TenantTask, writes="users")
def fail_after_writing(*, name: str, key: str) -> None:
    """Write something, and fail."""
    Profile.objects.update(display_name=name)
    cache.set(key, True)
    raise RuntimeError("on purpose")


@shared_task(name="tests.read_unbound", base=TenantTask, tenantless="It shows what happens.")
def read_unbound(*, key: str) -> None:
    """Reach for tenant rows without a tenant."""
    try:
        Profile.objects.count()
    except Unbound:
        cache.set(key, "Unbound")
