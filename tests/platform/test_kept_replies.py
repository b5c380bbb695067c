"""Replies that are kept: found again, and never old, another tenant's, or of somebody erased."""

import subprocess
import sys

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from redis import Redis

from apps.kernel.ids import uuid7
from apps.platform import operations
from apps.tenancy import binding, caching, erasure, relay
from apps.users import operations as users
from tests.api import Caller, client_of, token_of
from tests.environment import ROOT
from tests.factories import CelebrityFactory, FanFactory

READ_ELSEWHERE = """
import sys, django
django.setup()
from rest_framework.test import APIClient
client = APIClient(HTTP_HOST=sys.argv[1])
for line in sys.stdin:
    print(client.get(line.strip()).json()["display_name"], flush=True)
"""


@pytest.fixture(autouse=True)
def nothing_near():
    caching.leave_near()
    yield
    caching.leave_near()


@pytest.fixture
def person():
    return Caller()


@pytest.fixture
def profile(tenant, person):
    token_of(tenant, person)
    with binding.bind(tenant, writes="users"):
        return users.create_profile(
            profile_type="CELEBRITY",
            values={
                "keycloak_id": person.id,
                "display_name": "Ada",
                "bio": "hidden bio",
                "status": "ACTIVE",
            },
            created_on=timezone.now(),
        )


@pytest.fixture
def url(profile):
    return f"/api/v1/profiles/{profile.id}"


def queries_of(client, url, **headers):
    with CaptureQueriesContext(connections["users"]) as captured:
        reply = client.get(url, **headers)
    return len(captured), reply


def rename(tenant, profile, name):
    with binding.bind(tenant, writes="users"):
        users.update_profile(
            profile_id=profile.id, changes={"display_name": name}, updated_at=timezone.now()
        )


class TestAnybody:
    @pytest.mark.parametrize("path", ["", "?expand=tags", "?fields=id,display_name"])
    def test_is_answered_without_the_database_and_the_same(self, tenant, url, path):
        anybody = client_of(tenant)
        cost, first = queries_of(anybody, url + path)
        none, second = queries_of(anybody, url + path)

        assert cost > 0
        assert none == 0
        assert second.content == first.content
        for header in ("ETag", "Vary", "Content-Type", "Cache-Control"):
            assert second.headers.get(header) == first.headers.get(header)

    @pytest.mark.parametrize("path", ["/api/v1/profiles", "/api/v1/tags"])
    def test_gets_first_pages_of_lists_that_are_kept(self, tenant, url, path):
        anybody = client_of(tenant)
        first = anybody.get(path)

        with CaptureQueriesContext(connections["platform"]) as platform:
            none, second = queries_of(anybody, path)

        assert (none, len(platform)) == (0, 0)
        assert second.content == first.content

    def test_is_told_that_nothing_has_changed(self, tenant, url):
        anybody = client_of(tenant)
        etag = anybody.get(url)["ETag"]

        for _ in range(2):
            assert anybody.get(url, HTTP_IF_NONE_MATCH=etag).status_code == 304
        caching.forget(tenant_id=tenant.id, kinds=["users.profile"])
        assert anybody.get(url, HTTP_IF_NONE_MATCH=etag).status_code == 304
        assert anybody.get(url).json()["display_name"] == "Ada"

    def test_is_told_each_time_what_is_not_there(self, tenant):
        anybody = client_of(tenant)
        missing = f"/api/v1/profiles/{uuid7()}"

        assert [anybody.get(missing).status_code for _ in range(2)] == [404, 404]

    def test_gets_links_to_the_host_that_was_asked(self, tenant, url):
        with binding.bind(tenant, writes="users"):
            CelebrityFactory()
        tenant.domains.create(domain=f"other-{tenant.slug}.quintet.test")
        path = "/api/v1/profiles?page_size=1"

        hosts = [client_of(tenant).get(path).json()["next"] for _ in range(2)]
        other = client_of(tenant)
        other.defaults["HTTP_HOST"] = f"other-{tenant.slug}.quintet.test"

        assert hosts[0].split("?")[0] == hosts[1].split("?")[0]
        assert f"//other-{tenant.slug}." in other.get(path).json()["next"]

    def test_gets_what_the_last_of_two_values_asks_for(self, tenant):
        with binding.bind(tenant, writes="users"):
            CelebrityFactory(display_name="CELEBRITY")
            FanFactory(display_name="FAN")
        anybody = client_of(tenant)

        for first, last in (("CELEBRITY", "FAN"), ("FAN", "CELEBRITY")):
            asked = f"/api/v1/profiles?profile_type={first}&profile_type={last}"
            rows = anybody.get(asked).json()["results"]
            assert [row["display_name"] for row in rows] == [last]


class TestOthers:
    def test_never_get_another_tenant_s(self, tenant, rival, profile, url):
        with binding.bind(rival, writes="users"):
            CelebrityFactory(id=profile.id, display_name="Rival's")
        assert client_of(tenant).get(url).json()["display_name"] == "Ada"

        assert client_of(rival).get(url).json()["display_name"] == "Rival's"

    def test_see_more_without_leaving_it_to_anybody(self, tenant, profile, person, url):
        with binding.bind(tenant, writes="users"):
            users.set_privacy(
                profile_id=profile.id, privacy={"bio": "private"}, updated_at=timezone.now()
            )
        anybody, own = client_of(tenant), client_of(tenant, person)
        staff, member = client_of(tenant, Caller(role="viewer")), client_of(tenant, Caller())

        for _ in range(2):
            assert own.get(url).json()["bio"] == "hidden bio"
            assert staff.get(url).json()["bio"] == "hidden bio"
            assert anybody.get(url).json()["bio"] == ""
            assert member.get(url).json()["bio"] == ""


class TestChanges:
    def test_are_seen_at_once(self, tenant, profile, url):
        anybody = client_of(tenant)
        assert anybody.get(url).json()["display_name"] == "Ada"

        rename(tenant, profile, "Ada the Second")

        assert anybody.get(url).json()["display_name"] == "Ada the Second"
        rows = anybody.get("/api/v1/profiles").json()["results"]
        assert [row["display_name"] for row in rows] == ["Ada the Second"]

    def test_of_one_process_are_seen_in_another(self, tenant, profile, person, url):
        host = tenant.domains.get(is_primary=True).domain
        with subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", READ_ELSEWHERE, host],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as other:

            def read() -> str:
                other.stdin.write(f"{url}\n")
                other.stdin.flush()
                return other.stdout.readline().strip()

            assert [read(), read()] == ["Ada", "Ada"]
            for name in ("Bea", "Cleo"):
                written = client_of(tenant, person).patch(url, {"display_name": name})
                assert written.status_code == 200, written.content
                assert read() == name
            other.stdin.close()

    def test_that_are_taken_back_forget_nothing(self, tenant, profile, url):
        anybody = client_of(tenant)
        anybody.get(url)

        with binding.bind(tenant, writes="users") as bound:
            users.update_profile(
                profile_id=profile.id, changes={"display_name": "X"}, updated_at=timezone.now()
            )
            bound.rollback()

        assert queries_of(anybody, url)[0] == 0

    def test_of_a_tag_are_seen_in_what_names_it(self, tenant, profile, url):
        at = timezone.now()
        with binding.bind(tenant, writes="platform"):
            tag = operations.create_tag(values={"name": "Bees", "tag_type": "TOPIC"}, created_on=at)
        with binding.bind(tenant, writes="users"):
            users.set_tags(profile_id=profile.id, tag_ids=[tag.id])
        anybody = client_of(tenant)
        assert anybody.get(f"{url}?expand=tags").json()["tags"][0]["name"] == "Bees"

        with binding.bind(tenant, writes="platform"):
            operations.update_tag(tag_id=tag.id, changes={"name": "Wasps"}, updated_at=at)

        assert anybody.get(f"{url}?expand=tags").json()["tags"][0]["name"] == "Wasps"

    def test_show_nobody_who_was_erased(self, tenant, profile, person, url):
        anybody = client_of(tenant)
        paths = [url, "/api/v1/profiles", f"{url}?expand=tags"]
        for path in paths:
            assert b"Ada" in anybody.get(path).content

        erasure.erase_in_tenant(tenant=tenant, person_id=person.id, erased_at=timezone.now())

        for path in paths:
            assert b"Ada" not in anybody.get(path).content

    def test_that_valkey_was_not_told_of_are_told_by_message(
        self, tenant, profile, url, monkeypatch
    ):
        anybody = client_of(tenant)
        anybody.get(url)
        with monkeypatch.context() as away:
            nobody = Redis.from_url("redis://127.0.0.1:1/0")
            away.setattr(caching, "_client", lambda: nobody)
            rename(tenant, profile, "Bea")
            assert anybody.get(url).json()["display_name"] == "Bea"
        caching.leave_near()

        relay.relay(tenant=tenant, context="users", handlers=["users.forget_cached"])

        assert anybody.get(url).json()["display_name"] == "Bea"
