"""A table whose changes nobody would know of is reported, of models that no migration makes."""

import pytest
from django.core.checks import Error
from django.db import models
from django.test.utils import isolate_apps

from apps.audit import checks
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited


class TestChecks:
    def faults(self, model) -> list[str]:
        found = list(checks.faults_of(model))
        assert all(isinstance(fault, Error) and fault.hint for fault in found)
        return [fault.id for fault in found]

    @isolate_apps("apps.users", "apps.tenancy")
    @pytest.mark.parametrize("label", ["users", "tenancy"])
    def test_reports_a_table_that_nobody_audits(self, label):
        class Unseen(TenantModel if label == "users" else models.Model):
            class Meta:
                app_label = label

        assert self.faults(Unseen) == ["audit.E001"]

    @isolate_apps("apps.users")
    def test_takes_a_reason_for_it_but_not_an_empty_one(self):
        class Cache(TenantModel):
            unaudited = "It is a cache."

            class Meta:
                app_label = "users"

        class Silent(TenantModel):
            unaudited = " "

            class Meta:
                app_label = "users"

        assert self.faults(Cache) == []
        assert self.faults(Silent) == ["audit.E001"]

    @isolate_apps("apps.users")
    @pytest.mark.parametrize("part", ["subject", "personal", "tenant"])
    def test_reports_columns_that_are_not_there(self, part):
        said = {"subject": "id", "personal": ["note"], "tenant": "tenant_id"}
        said[part] = ["nothing"] if part == "personal" else "nothing"

        class Odd(TenantModel):
            note = models.TextField()

            class Meta:
                app_label = "users"
                constraints = [Audited(name="odd_audit", **said)]

        assert self.faults(Odd) == ["audit.E002"]

    @isolate_apps("apps.users")
    def test_reports_a_reason_that_is_none(self):
        class Both(TenantModel):
            unaudited = "It is a cache."

            class Meta:
                app_label = "users"
                constraints = [Audited(name="both_audit")]

        assert self.faults(Both) == ["audit.E003"]

    @isolate_apps("apps.users")
    def test_leaves_proxies_and_unmanaged_tables_alone(self):
        class View(TenantModel):
            class Meta:
                app_label = "users"
                managed = False

        assert self.faults(View) == []
