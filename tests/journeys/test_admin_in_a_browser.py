"""An admin of a tenant, an operator of the platform and a developer, each in a real browser."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from apps.tenancy import binding
from apps.tenancy.models import Tenant
from apps.tenancy.operations import members
from apps.users.models import Profile
from tests.factories import CelebrityFactory

pytestmark = pytest.mark.browser
PASSWORD = "a-long-enough-phrase"


def sign_in(page: Any, address: str, email: str) -> None:
    page.goto(f"{address}/admin/")
    page.fill("input[name=username]", email)
    page.fill("input[name=password]", PASSWORD)
    with page.expect_navigation():
        page.click("button[type=submit]")


@pytest.fixture
def owner(tenant: Tenant) -> str:
    email = f"owner@{tenant.slug}.example"
    members.ensure_owner(tenant=tenant, email=email, password=PASSWORD)
    return email


class TestTenantAdmin:
    def test_shows_and_changes_the_own_tenant_and_no_other(
        self,
        page: Any,
        address: Callable[[str], str],
        tenant: Tenant,
        rival: Tenant,
        owner: str,
    ) -> None:
        with binding.bind(tenant, writes="users"):
            mine = CelebrityFactory(display_name="Marisol Quintero")
        with binding.bind(rival, writes="users"):
            theirs = CelebrityFactory(display_name="Somebody Else")
        site = address(tenant.domains.get().domain)

        sign_in(page, site, owner)
        page.goto(f"{site}/admin/users/profile/")
        listed = page.content()
        page.goto(f"{site}/admin/users/profile/{mine.id}/change/")
        page.fill("input[name=title]", "Flamenco guitarist")
        with page.expect_navigation():
            page.click("button[name=_save]")
        foreign = page.goto(f"{site}/admin/users/profile/{theirs.id}/change/")

        assert "Marisol Quintero" in listed
        assert "Somebody Else" not in listed
        assert "Somebody Else" not in foreign.text()
        with binding.bind(tenant):
            assert Profile.objects.get().title == "Flamenco guitarist"

    def test_of_another_tenant_lets_nobody_in(
        self, page: Any, address: Callable[[str], str], rival: Tenant, owner: str
    ) -> None:
        site = address(rival.domains.get().domain)

        sign_in(page, site, owner)
        page.goto(f"{site}/admin/users/profile/")

        assert "/login/" in page.url


class TestPlatformAdmin:
    def test_lists_tenants_for_an_operator(
        self, page: Any, address: Callable[[str], str], tenant: Tenant
    ) -> None:
        email = f"operator@{tenant.slug}.example"
        members.ensure_operator(email=email, password=PASSWORD)
        site = address(settings.PLATFORM_HOST)

        sign_in(page, site, email)
        page.goto(f"{site}/admin/tenancy/tenant/?q={tenant.slug}")

        assert tenant.slug in page.content()

    def test_lets_no_tenant_s_owner_in(
        self, page: Any, address: Callable[[str], str], owner: str
    ) -> None:
        site = address(settings.PLATFORM_HOST)

        sign_in(page, site, owner)
        page.goto(f"{site}/admin/tenancy/tenant/")

        assert "/login/" in page.url


class TestDocumentationPage:
    def test_lists_every_operation_without_the_internet(
        self, page: Any, address: Callable[[str], str], tenant: Tenant
    ) -> None:
        site = address(tenant.domains.get().domain)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))

        page.goto(f"{site}/api/docs/")
        page.locator(".opblock-summary-path").first.wait_for(timeout=120_000)
        # What is out of sight is not there yet: read the page as somebody does.
        listed: set[str] = set()
        for _ in range(80):
            listed |= set(page.locator(".opblock-summary-path").all_inner_texts())
            page.mouse.wheel(0, 600)
            page.wait_for_timeout(50)
        assert len(listed) > 50
        assert [url for url in asked if not url.startswith((site, "data:"))] == []
