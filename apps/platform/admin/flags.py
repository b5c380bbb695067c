"""Feature flags in a tenant's admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from apps.kernel import flags
from apps.platform import operations
from apps.platform.models import FeatureFlag
from apps.tenancy.admin_site import TenantModelAdmin, tenant_site
from apps.tenancy.api.permissions import Rank


class FlagForm(forms.ModelForm):
    """A flag of those that the code knows."""

    key = forms.ChoiceField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "key" in self.fields:
            choices = [(key, f"{key}: {flag.description}") for key, flag in flags.known().items()]
            self.fields["key"] = forms.ChoiceField(choices=choices)

    class Meta:
        model = FeatureFlag
        fields = ["key", "is_on", "percent", "user_ids"]


@admin.register(FeatureFlag, site=tenant_site)
class FlagAdmin(TenantModelAdmin):
    """What the tenant has switched; a flag that is not here has its default."""

    form = FlagForm
    needs = dict.fromkeys(("view", "add", "change", "delete"), Rank.ADMIN)
    list_display = ["key", "is_on", "percent", "updated_at"]
    ordering = ["key"]
    fields = ["key", "is_on", "percent", "user_ids"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Return what can't be changed: which flag it is."""
        return ["key"] if obj else []

    def save_model(self, request: HttpRequest, obj: FeatureFlag, form: Any, change: bool) -> None:
        """Switch it."""
        saved = operations.set_flag(
            key=obj.key,
            is_on=obj.is_on,
            percent=obj.percent,
            user_ids=obj.user_ids,
            updated_at=timezone.now(),
        )
        obj.pk = saved.pk

    def delete_model(self, request: HttpRequest, obj: FeatureFlag) -> None:
        """Go back to the default."""
        operations.reset_flag(key=obj.key)
