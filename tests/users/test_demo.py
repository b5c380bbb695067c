"""The demo data fill a tenant once."""

import pytest

from apps.kernel import demo
from apps.platform.models import Tag
from apps.tenancy import binding
from apps.users.models import FanFollow, Profile, ProfileCounters, ProfileTag


class TestLoadDemo:
    @pytest.mark.parametrize("slug", ["demo", "rival", "solo"])
    def test_writes_people_tags_and_follows_once(self, make_tenant, slug):
        tenant = make_tenant()
        # Not saved: tests of other contexts have tenants of these names.
        tenant.slug = slug
        demo.load_all(tenant=tenant, size=120, report=lambda _: None)
        with binding.bind(tenant):
            before = Profile.objects.count(), FanFollow.objects.count(), Tag.objects.count()
        demo.load_all(tenant=tenant, size=120, report=lambda _: None)
        with binding.bind(tenant):
            after = Profile.objects.count(), FanFollow.objects.count(), Tag.objects.count()
            active = FanFollow.objects.active().count()
            counted = sum(ProfileCounters.objects.values_list("follower_count", flat=True))
            assert ProfileTag.objects.exists()

        assert before == after
        assert before[0] > 130 and before[1] > 400
        assert counted == active

    def test_leaves_other_tenants_alone(self, tenant):
        demo.load_all(tenant=tenant, size=10, report=lambda _: None)

        with binding.bind(tenant):
            assert not Profile.objects.exists()
