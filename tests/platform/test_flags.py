"""Feature flags: who they are on for, and who may switch them."""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.kernel import flags
from apps.kernel.ids import uuid7
from apps.platform import interface, operations, queries
from apps.platform.models import FeatureFlag
from apps.tenancy import binding, caching
from tests.api import Caller, client_of, errors_of, signed_in
from tests.factories import CelebrityFactory, FanFactory

FLAGS = "/api/v1/flags"
KEY = "tests.shine"
ONE = f"{FLAGS}/{KEY}"


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """A flag that is off unless it is switched on."""
    flag = flags.Flag(key=KEY, description="Shines.", default=False)
    monkeypatch.setitem(flags._flags, KEY, flag)
    caching.leave_near()


@pytest.fixture
def as_admin(tenant):
    return client_of(tenant, Caller(role="admin"))


def switch(tenant, **values):
    with binding.bind(tenant, writes="platform"):
        operations.set_flag(key=KEY, updated_at=timezone.now(), **{"is_on": True, **values})


def is_on(tenant, user_id=None):
    with binding.bind(tenant):
        return interface.is_on(key=KEY, user_id=user_id)


class TestIsOn:
    def test_is_the_default_where_nothing_is_set(self, tenant):
        assert is_on(tenant) is False
        with binding.bind(tenant):
            assert interface.is_on(key="platform.similar_search") is True

    def test_holds_for_everybody_once_switched(self, tenant):
        switch(tenant)

        assert is_on(tenant)
        assert is_on(tenant, uuid7())

    def test_holds_in_one_tenant_alone(self, tenant, rival):
        assert not is_on(rival)

        switch(tenant)

        assert is_on(tenant)
        assert not is_on(rival)

    def test_gives_everybody_the_same_answer_each_time(self, tenant):
        people = [uuid7() for _ in range(400)]
        switch(tenant, percent=30)

        first = [is_on(tenant, person) for person in people]
        caching.leave_near()
        switch(tenant, percent=30)

        assert [is_on(tenant, person) for person in people] == first
        assert 0.2 < sum(first) / len(people) < 0.4

    def test_takes_nobody_away_as_the_share_grows(self, tenant):
        people = [uuid7() for _ in range(200)]
        lucky: set = set()

        for percent in (0, 10, 50, 100):
            switch(tenant, percent=percent)
            now = {person for person in people if is_on(tenant, person)}
            assert lucky <= now
            lucky = now

        assert len(lucky) == 200

    def test_draws_anew_for_each_tenant_and_flag(self, tenant, rival):
        people = [uuid7() for _ in range(100)]

        def buckets(**changes):
            asked = {"tenant_id": tenant.id, "key": KEY, **changes}
            return [queries.bucket_of(**asked, user_id=person) for person in people]

        assert buckets() == buckets()
        assert buckets() != buckets(tenant_id=rival.id)
        assert buckets() != buckets(key="tests.other")

    def test_holds_for_those_who_are_named(self, tenant):
        with binding.bind(tenant, writes="users"):
            fan = FanFactory()
        switch(tenant, percent=0, user_ids=[fan.id])

        assert is_on(tenant, fan.id)
        assert not is_on(tenant, uuid7())
        assert not is_on(tenant)

    def test_is_off_for_all_where_it_is_switched_off(self, tenant):
        with binding.bind(tenant, writes="users"):
            fan = FanFactory()
        switch(tenant, is_on=False, user_ids=[fan.id])

        assert not is_on(tenant, fan.id)

    def test_asks_the_database_once(self, tenant):
        is_on(tenant)

        with CaptureQueriesContext(connections["platform"]) as captured:
            is_on(tenant)

        assert len(captured) == 0

    def test_sees_what_its_own_block_has_switched(self, tenant):
        assert not is_on(tenant)

        with binding.bind(tenant, writes="platform"):
            operations.set_flag(key=KEY, is_on=True, updated_at=timezone.now())
            assert interface.is_on(key=KEY)

    def test_refuses_a_flag_that_no_code_knows(self, tenant):
        with binding.bind(tenant), pytest.raises(flags.UnknownFlag, match=r"tests\.shine"):
            interface.is_on(key="tests.shone")


class TestApi:
    def test_tells_everybody_who_has_signed_in_what_is_on_for_them(self, tenant, as_admin):
        fan, nobody = client_of(tenant, Caller()), client_of(tenant)
        assert {"key": KEY, "is_on": False} in fan.get(FLAGS).json()

        assert as_admin.put(ONE, {"is_on": True}).status_code == 200

        assert {"key": KEY, "is_on": True} in fan.get(FLAGS).json()
        assert nobody.get(FLAGS).status_code == 401

    def test_tells_those_who_are_named(self, tenant, as_admin):
        caller = Caller()
        with binding.bind(tenant, writes="users"):
            fan = FanFactory(keycloak_id=caller.id)
        as_admin.put(ONE, {"is_on": True, "percent": 0, "user_ids": [str(fan.id)]})

        assert {"key": KEY, "is_on": True} in client_of(tenant, caller).get(FLAGS).json()
        assert {"key": KEY, "is_on": False} in client_of(tenant, Caller()).get(FLAGS).json()

    def test_goes_back_to_the_default(self, as_admin):
        as_admin.put(ONE, {"is_on": True})

        for _ in range(2):
            assert as_admin.delete(ONE).status_code == 204
        assert {"key": KEY, "is_on": False} in as_admin.get(FLAGS).json()

    @pytest.mark.parametrize("role", [None, "viewer", "support", "editor"])
    def test_lets_only_admins_switch(self, tenant, role):
        client = client_of(tenant, Caller(role=role))

        assert client.put(ONE, {"is_on": True}).status_code == 403
        assert client.delete(ONE).status_code == 403

    def test_names_the_flags_there_are(self, as_admin):
        for reply in (
            as_admin.put(f"{FLAGS}/tests.shone", {"is_on": True}),
            as_admin.delete(f"{FLAGS}/tests.shone"),
        ):
            assert reply.status_code == 404
            assert reply.json()["type"] == "/problems/no-such-flag"
            assert KEY in reply.json()["detail"]

    def test_refuses_a_profile_of_another_tenant(self, as_admin, rival):
        with binding.bind(rival, writes="users"):
            theirs = CelebrityFactory()

        reply = as_admin.put(ONE, {"is_on": True, "user_ids": [str(theirs.id)]})

        assert reply.status_code == 400
        assert errors_of(reply) == {"user_ids"}

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "is_on"),
            ({"is_on": "maybe"}, "is_on"),
            ({"is_on": True, "percent": 101}, "percent"),
            ({"is_on": True, "percent": -1}, "percent"),
            ({"is_on": True, "user_ids": ["x"]}, "user_ids.0"),
            ({"is_on": True, "share": 3}, "share"),
        ],
    )
    def test_names_the_field_that_is_wrong(self, as_admin, body, field):
        reply = as_admin.put(ONE, body)

        assert reply.status_code == 400
        assert errors_of(reply) == {field}


class TestAdmin:
    PAGE = "/admin/platform/featureflag/"

    def test_switches_and_goes_back_to_the_default(self, tenant):
        staff = signed_in(tenant, "admin")
        values = {"key": KEY, "is_on": "on", "percent": 100, "user_ids": ""}

        assert KEY.encode() in staff.get(f"{self.PAGE}add/").content
        assert staff.post(f"{self.PAGE}add/", values).status_code == 302
        assert is_on(tenant)

        with binding.bind(tenant):
            flag = FeatureFlag.objects.get(key=KEY)
        page = f"{self.PAGE}{flag.id}/change/"
        assert staff.post(page, {"percent": 100, "user_ids": ""}).status_code == 302
        assert not is_on(tenant)
        staff.post(page, {"is_on": "on", "percent": 100, "user_ids": ""})
        assert is_on(tenant)

        staff.post(f"{self.PAGE}{flag.id}/delete/", {"post": "yes"})
        assert not is_on(tenant)
        assert staff.get(self.PAGE).status_code == 200

    def test_offers_no_flag_that_no_code_knows(self, tenant):
        staff = signed_in(tenant, "admin")
        values = {"key": "tests.shone", "is_on": "on", "percent": 100, "user_ids": ""}

        assert staff.post(f"{self.PAGE}add/", values).status_code == 200
        with binding.bind(tenant):
            assert not FeatureFlag.objects.exists()

    def test_is_for_admins(self, tenant):
        assert signed_in(tenant, "editor").get(self.PAGE).status_code == 403
