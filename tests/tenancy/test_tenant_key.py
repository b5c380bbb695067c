"""The tenant key fills itself, and takes no tenant but the bound one."""

from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError

from apps.kernel.ids import uuid7
from apps.platform.models import Tag
from apps.tenancy.binding import bind
from apps.tenancy.models import Tenant
from apps.users.models import Profile, ProfileImage
from tests.tenancy.bound import add_tag, ask, fan_in, names_in


class TestTenantKey:
    def test_fills_itself_in_python(self, acme: Tenant) -> None:
        assert fan_in(acme).tenant_id == acme.id

    def test_fills_itself_in_the_database(self, acme: Tenant) -> None:
        with bind(acme, writes="platform"):
            ask(
                "platform",
                "INSERT INTO tags (id, name, description, tag_type, color, thumbnail, keywords, "
                "meta_data, created_on) VALUES (%s, 'x', '', 'TOPIC', '', '', '{}', '{}', now())",
                [uuid7()],
            )
            assert Tag.objects.get().tenant_id == acme.id

    @pytest.mark.parametrize("bulk", [False, True])
    def test_refuses_a_row_of_another_tenant(self, acme: Tenant, other: Tenant, bulk: bool) -> None:
        row = Profile(
            tenant_id=other.id, profile_type="FAN", keycloak_id=uuid4(), display_name="Planted"
        )

        with pytest.raises(DatabaseError, match="row-level security"), bind(acme, writes="users"):
            if bulk:
                Profile.objects.bulk_create([row])
            else:
                row.save(force_insert=True)

        assert names_in(other) == []

    def test_refuses_to_give_a_row_away(self, acme: Tenant, other: Tenant) -> None:
        fan_in(acme)

        with pytest.raises(DatabaseError, match="row-level security"), bind(acme, writes="users"):
            Profile.objects.update(tenant_id=other.id)

        assert names_in(acme) == ["Ada"]

    def test_update_and_delete_do_not_reach_another_tenant(
        self, acme: Tenant, other: Tenant
    ) -> None:
        theirs = fan_in(other, "Mallory")

        with bind(acme, writes="users"):
            assert Profile.objects.filter(id=theirs.id).update(display_name="Owned") == 0
            assert ask("users", "DELETE FROM profiles WHERE id = %s", [theirs.id]) is None

        assert names_in(other) == ["Mallory"]

    def test_a_foreign_key_can_t_point_at_another_tenant(self, acme: Tenant, other: Tenant) -> None:
        theirs = fan_in(other, "Mallory")

        with pytest.raises(IntegrityError), bind(acme, writes="users"):
            ProfileImage.objects.create(
                profile_id=theirs.id, url="https://x.test/1", image_type="PROFILE"
            )

    def test_the_same_unique_value_is_free_in_every_tenant(
        self, acme: Tenant, other: Tenant
    ) -> None:
        for tenant in (acme, other):
            with bind(tenant, writes="platform"):
                add_tag("the same")
        with pytest.raises(IntegrityError), bind(acme, writes="platform"):
            add_tag("the same")
