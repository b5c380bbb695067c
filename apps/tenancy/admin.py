"""The control plane's admin pages, on the platform's own host."""

from django.contrib import admin
from unfold.admin import ModelAdmin, TabularInline

from apps.tenancy.admin_site import platform_site
from apps.tenancy.models import Domain, Home, Tenant


class DomainInline(TabularInline):
    """The hosts of a tenant."""

    model = Domain
    extra = 0


@admin.register(Tenant, site=platform_site)
class TenantAdmin(ModelAdmin):
    """Tenants. They are made, suspended and moved by commands, which do what belongs to it."""

    list_display = ["slug", "name", "status", "home", "created_at"]
    list_filter = ["status", "home"]
    search_fields = ["slug", "name", "domains__domain"]
    readonly_fields = ["id", "slug", "home", "status", "created_at", "suspended_at"]
    inlines = [DomainInline]

    def has_add_permission(self, request: object) -> bool:
        """Return False: `manage.py create_tenant`."""
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        """Return False: erasing a tenant reaches into every database."""
        return False


@admin.register(Home, site=platform_site)
class HomeAdmin(ModelAdmin):
    """Homes, and how many tenants live in each."""

    list_display = ["name", "kind", "state", "population", "created_at"]
    readonly_fields = ["name", "kind", "created_at"]

    @admin.display(description="tenants")
    def population(self, home: Home) -> int:
        """Return how many tenants live there."""
        return home.tenants.count()

    def has_add_permission(self, request: object) -> bool:
        """Return False: `manage.py create_pool`."""
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        """Return False: a home goes when its last tenant has."""
        return False
