"""What holds for the whole API, shown on the directory of profiles."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core import signing
from django.db import connections
from django.test import Client
from rest_framework.test import APIClient

from apps.kernel import idempotency
from apps.tenancy import binding
from apps.tenancy.models import Tenant
from apps.users.models import Profile
from tests.api import Caller, client_of, errors_of, token_of
from tests.factories import CelebrityFactory

PROFILES = "/api/v1/profiles"
GROUP = {"profile_type": "GROUP", "display_name": "The Lighthouse Keepers"}


@pytest.fixture
def client(tenant: Tenant) -> APIClient:
    return client_of(tenant, Caller(name="Edith", role="editor"))


def make_celebrities(tenant: Tenant, count: int, **values: Any) -> list[Profile]:
    with binding.bind(tenant, writes="users"):
        return [CelebrityFactory(**values) for _ in range(count)]


def follow_link(client: APIClient, link: str) -> dict[str, Any]:
    parts = urlsplit(link)
    return dict(client.get(f"{parts.path}?{parts.query}").json())


class TestPages:
    @pytest.mark.parametrize("ordering", ["-display_weight", "display_name", "-created_on"])
    def test_neither_repeat_nor_skip_a_row_where_all_are_equal(
        self, tenant: Tenant, client: APIClient, ordering: str
    ) -> None:
        made = make_celebrities(tenant, 23, display_weight=7, display_name="Same")
        page = client.get(f"{PROFILES}?page_size=5&ordering={ordering}").json()
        assert page["previous"] is None
        seen = [row["id"] for row in page["results"]]
        while page["next"]:
            page = follow_link(client, page["next"])
            seen += [row["id"] for row in page["results"]]

        assert len(seen) == 23
        assert set(seen) == {str(profile.id) for profile in made}

    def test_lead_back_the_way_they_came(self, tenant: Tenant, client: APIClient) -> None:
        make_celebrities(tenant, 12)
        first = client.get(f"{PROFILES}?page_size=5").json()
        second = follow_link(client, first["next"])
        third = follow_link(client, second["next"])

        assert follow_link(client, third["previous"])["results"] == second["results"]
        assert follow_link(client, second["previous"])["results"] == first["results"]
        assert third["next"] is None

    def test_stay_put_while_rows_are_added(self, tenant: Tenant, client: APIClient) -> None:
        make_celebrities(tenant, 6, display_weight=5)
        first = client.get(f"{PROFILES}?page_size=3").json()
        make_celebrities(tenant, 3, display_weight=9)

        second = follow_link(client, first["next"])

        assert len(second["results"]) == 3
        assert not {row["id"] for row in first["results"]} & {
            row["id"] for row in second["results"]
        }

    def test_refuse_a_cursor_that_was_changed(self, tenant: Tenant, client: APIClient) -> None:
        make_celebrities(tenant, 3)
        link = client.get(f"{PROFILES}?page_size=1").json()["next"]
        cursor = link.rpartition("cursor=")[2]

        for broken in (cursor[:-1], cursor[1:], cursor.swapcase(), "x", f"{cursor}A"):
            response = client.get(f"{PROFILES}?page_size=1&cursor={broken}")
            assert response.status_code == 400, broken
            assert errors_of(response) == {"cursor"}

    def test_refuse_the_cursor_of_another_ordering_or_tenant(
        self, tenant: Tenant, rival: Tenant, client: APIClient
    ) -> None:
        make_celebrities(tenant, 3)
        make_celebrities(rival, 3)
        cursor = client.get(f"{PROFILES}?page_size=1").json()["next"].rpartition("cursor=")[2]

        other_order = client.get(f"{PROFILES}?page_size=1&ordering=display_name&cursor={cursor}")
        other_tenant = client_of(rival).get(f"{PROFILES}?page_size=1&cursor={cursor}")

        assert errors_of(other_order) == errors_of(other_tenant) == {"cursor"}

    def test_refuse_a_well_signed_cursor_of_the_wrong_shape(self, client: APIClient) -> None:
        payload = signing.b64_encode(b'{"not": "a list"}').decode()
        forged = signing.Signer(salt="cursor", sep=":").sign(payload)

        assert client.get(f"{PROFILES}?cursor={forged}").status_code == 400

    @pytest.mark.parametrize("size", ["0", "-1", "201", "ten", "1e3", "", "9" * 400, "٣"])
    def test_refuse_a_size_that_is_none(self, client: APIClient, size: str) -> None:
        response = client.get(f"{PROFILES}?page_size={size}")

        assert response.status_code == 400
        assert errors_of(response) == {"page_size"}


class TestShaping:
    def test_shows_the_fields_asked_for_in_their_own_order(
        self, tenant: Tenant, client: APIClient
    ) -> None:
        make_celebrities(tenant, 1)

        (row,) = client.get(f"{PROFILES}?fields=display_name,id").json()["results"]

        assert list(row) == ["id", "display_name"]

    @pytest.mark.parametrize("query", ["fields=password", "expand=secrets", "fields=id,nothing"])
    def test_names_what_can_be_asked_for(self, client: APIClient, query: str) -> None:
        response = client.get(f"{PROFILES}?{query}")

        assert response.status_code == 400
        assert errors_of(response) == {query.partition("=")[0]}

    @pytest.mark.usefixtures("long_memory")
    def test_costs_the_same_queries_for_one_row_and_for_fifty(
        self, tenant: Tenant, client: APIClient
    ) -> None:
        editor = Caller(role="editor")
        as_editor = client_of(tenant, editor)
        tags = [
            as_editor.post("/api/v1/tags", {"name": f"Tag {n}", "tag_type": "TOPIC"}).json()["id"]
            for n in range(4)
        ]
        for number, profile in enumerate(make_celebrities(tenant, 50)):
            body = {"tag_ids": tags[: 1 + number % 4]}
            assert as_editor.put(f"{PROFILES}/{profile.id}/tags", body).status_code == 200
        url = f"{PROFILES}?expand=tags,parent_group&page_size="
        as_editor.get(f"{url}1")

        counted = {}
        for size in (1, 50):
            queries = count_queries(lambda size=size: as_editor.get(f"{url}{size}"))
            counted[size] = queries

        assert counted[1] == counted[50]


def count_queries(call: Any) -> dict[str, int]:
    from django.test.utils import CaptureQueriesContext

    captures = {alias: CaptureQueriesContext(connections[alias]) for alias in connections}
    for capture in captures.values():
        capture.__enter__()
    response = call()
    for capture in captures.values():
        capture.__exit__(None, None, None)
    assert response.status_code == 200
    assert all(len(row["tags"]) >= 1 for row in response.json()["results"])
    return {alias: len(capture) for alias, capture in captures.items()}


class TestConditionalRequests:
    def test_answers_304_while_nothing_has_changed(self, tenant: Tenant, client: APIClient) -> None:
        (profile,) = make_celebrities(tenant, 1)
        url = f"{PROFILES}/{profile.id}"
        etag = client.get(url)["ETag"]

        again = client.get(url, HTTP_IF_NONE_MATCH=etag)
        assert (again.status_code, again.content) == (304, b"")

        client.patch(url, {"title": "Changed"})
        assert client.get(url, HTTP_IF_NONE_MATCH=etag).status_code == 200

    @pytest.mark.parametrize("header", ["W/{}", '"other", {}', "*"])
    def test_reads_every_form_of_the_header(
        self, tenant: Tenant, client: APIClient, header: str
    ) -> None:
        (profile,) = make_celebrities(tenant, 1)
        url = f"{PROFILES}/{profile.id}"
        etag = client.get(url)["ETag"]

        assert client.get(url, HTTP_IF_NONE_MATCH=header.format(etag)).status_code == 304

    def test_of_two_changes_to_the_same_reading_one_is_refused(
        self, tenant: Tenant, client: APIClient
    ) -> None:
        (profile,) = make_celebrities(tenant, 1)
        url = f"{PROFILES}/{profile.id}"
        etag = client.get(url)["ETag"]
        start = threading.Barrier(4)

        def change(number: int) -> int:
            start.wait(60)
            try:
                return int(
                    client.patch(url, {"title": f"T{number}"}, HTTP_IF_MATCH=etag).status_code
                )
            finally:
                connections.close_all()

        with ThreadPoolExecutor(4) as pool:
            statuses = sorted(pool.map(change, range(4)))

        assert statuses == [200, 412, 412, 412]


class TestIdempotency:
    def test_carries_out_many_at_once_exactly_once(self, tenant: Tenant) -> None:
        caller = Caller(role="editor")
        token = token_of(tenant, caller)
        host = tenant.domains.get().domain

        def create(_: int) -> tuple[int, bytes]:
            client = APIClient(HTTP_HOST=host, HTTP_AUTHORIZATION=f"Bearer {token}")
            try:
                response = client.post(PROFILES, GROUP, HTTP_IDEMPOTENCY_KEY="one-and-only")
                return response.status_code, response.content
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(create, range(16)))

        created = {body for status, body in answers if status == 201}
        assert len(created) == 1
        assert {status for status, _ in answers} <= {201, 409}
        with binding.bind(tenant):
            assert Profile.objects.filter(profile_type="GROUP").count() == 1

    def test_answers_409_while_the_first_is_worked_on(
        self, tenant: Tenant, client: APIClient
    ) -> None:
        caller = Caller(role="editor")
        busy = client_of(tenant, caller)
        held, release = threading.Event(), threading.Event()

        def hold() -> None:
            try:
                with binding.bind(tenant, writes="users"):
                    idempotency.claim(
                        alias="users", tenant_id=tenant.id, actor_id=caller.id, key="slow"
                    )
                    held.set()
                    release.wait(60)
            finally:
                connections.close_all()

        thread = threading.Thread(target=hold)
        thread.start()
        try:
            assert held.wait(60)
            response = busy.post(PROFILES, GROUP, HTTP_IDEMPOTENCY_KEY="slow")
            asked = busy.get("/api/v1/idempotency-keys/slow")
            other = client.post(PROFILES, GROUP, HTTP_IDEMPOTENCY_KEY="slow")
        finally:
            release.set()
            thread.join()

        assert response.status_code == 409
        assert response.json()["type"] == "/problems/idempotency-key-in-flight"
        assert response["Retry-After"] == "1"
        assert asked.status_code == 409
        assert other.status_code == 201
        assert busy.post(PROFILES, GROUP, HTTP_IDEMPOTENCY_KEY="slow").status_code == 201

    def test_keeps_no_refusal(self, tenant: Tenant, client: APIClient) -> None:
        refused = client.post(PROFILES, {**GROUP, "display_name": []}, HTTP_IDEMPOTENCY_KEY="k")
        corrected = client.post(PROFILES, GROUP, HTTP_IDEMPOTENCY_KEY="k")

        assert (refused.status_code, corrected.status_code) == (400, 201)

    @pytest.mark.parametrize("key", [" ", "x" * 256, "clé", "tab\there"])
    def test_refuses_what_can_be_no_key(self, client: APIClient, key: str) -> None:
        response = client.post(PROFILES, GROUP, HTTP_IDEMPOTENCY_KEY=key)

        assert response.status_code == 400
        assert response.json()["type"] == "/problems/bad-idempotency-key"


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [b"{", b"", b"[1,2", b"\xff\xfe", b'{"a": 1e999}', b"nul", b'{"a":"\\ud800"}', b"NaN"],
    )
    def test_that_are_no_json_are_refused(self, client: APIClient, body: bytes) -> None:
        response = client.generic("POST", PROFILES, body, content_type="application/json")

        assert response.status_code == 400
        assert response["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize("body", ["[]", "3", '"text"', "null", "true"])
    def test_that_are_no_object_are_refused(self, client: APIClient, body: str) -> None:
        assert (
            client.generic("POST", PROFILES, body, content_type="application/json").status_code
            == 400
        )

    def test_that_nest_too_deeply_are_refused(self, client: APIClient) -> None:
        body = '{"meta_data":' + '{"a":' * 5_000 + "1" + "}" * 5_001

        assert (
            client.generic("POST", PROFILES, body, content_type="application/json").status_code
            == 400
        )

    @pytest.mark.parametrize("admits_it", [True, False])
    def test_that_are_too_large_are_refused(self, client: APIClient, admits_it: bool) -> None:
        body = json.dumps({**GROUP, "bio": "x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE})
        extra = {} if admits_it else {"CONTENT_LENGTH": str(2**40)}

        response = client.generic("POST", PROFILES, body, content_type="application/json", **extra)

        assert response.status_code == 413
        assert response.json()["type"] == "/problems/body-too-large"

    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x"]
    )
    def test_of_another_kind_are_refused(self, client: APIClient, kind: str) -> None:
        assert client.generic("POST", PROFILES, b"x", content_type=kind).status_code == 415

    def test_name_every_wrong_field_at_once(self, client: APIClient) -> None:
        body = {"profile_type": "ROBOT", "display_name": "x" * 300, "zzz": 1}

        response = client.post(PROFILES, body)

        assert response.status_code == 400
        assert "zzz" in errors_of(response)

    def test_of_a_method_that_is_not_offered_are_refused(self, client: APIClient) -> None:
        response = client.put(PROFILES, GROUP)

        assert response.status_code == 405
        assert response["Content-Type"] == "application/problem+json"


class TestDocumentation:
    def test_works_without_the_internet(self, tenant: Tenant) -> None:
        page = Client(HTTP_HOST=tenant.domains.get().domain).get("/api/docs/").content.decode()

        assert "swagger-ui" in page
        assert "https://" not in page
        assert "cdn" not in page

    def test_explains_every_kind_of_problem(self, tenant: Tenant) -> None:
        client = Client(HTTP_HOST=tenant.domains.get().domain)
        listing = client.get("/problems/")

        assert "validation-error" in listing.content.decode()
        assert client.get("/problems/slug-taken").status_code == 200
        assert client.get("/problems/no-such-kind").status_code == 404
