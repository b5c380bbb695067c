"""The tenant's admin shows and changes its profiles, and never another tenant's."""

import pytest
from django.test import Client

from apps.platform.models import Tag
from apps.tenancy import binding
from apps.users.models import Profile
from tests.api import signed_in
from tests.factories import CelebrityFactory, FollowFactory, GroupFactory, TagFactory


@pytest.fixture
def staff(tenant) -> Client:
    return signed_in(tenant, "admin")


def form_of(profile, **values):
    return {
        "profile_type": profile.profile_type,
        "display_name": profile.display_name,
        "status": profile.status,
        "display_weight": 0,
        "meta_data": "{}",
        "field_privacy": "{}",
        **{
            f"{prefix}-{name}": 0
            for prefix in ("images", "short_links", "offers")
            for name in ("TOTAL_FORMS", "INITIAL_FORMS")
        },
        **values,
    }


class TestProfileAdmin:
    def test_lists_and_searches_this_tenants_profiles_only(self, rival, committed, staff):
        with binding.bind(rival, writes="users"):
            CelebrityFactory(display_name="Rival Star")
        committed(lambda: CelebrityFactory(display_name="Own Star"))

        for query in ("", "?q=star", "?status=ACTIVE&profile_type=CELEBRITY"):
            page = staff.get(f"/admin/users/profile/{query}")
            assert page.status_code == 200
            assert b"Own Star" in page.content
            assert b"Rival Star" not in page.content

    def test_changes_a_profile_and_notes_the_status(self, committed, staff):
        star = committed(lambda: CelebrityFactory(status="PENDING"))
        url = f"/admin/users/profile/{star.id}/change/"
        form = form_of(star, display_name="Renamed", status="ACTIVE", display_weight=7)

        assert staff.get(url).status_code == 200
        saved = staff.post(url, form)

        assert saved.status_code == 302, saved.content.decode()[-3000:]

        def now():
            star.refresh_from_db()
            return star.display_name, star.status, star.status_history.count()

        assert committed(now) == ("Renamed", "ACTIVE", 2)

    def test_approves_groups_and_deletes_softly(self, committed, staff):
        group = committed(lambda: GroupFactory(status="PENDING", is_approved=None))
        url = "/admin/users/profile/"
        chosen = {"_selected_action": str(group.id)}

        staff.post(url, {"action": "approve_groups", **chosen})
        assert committed(lambda: Profile.objects.get(id=group.id).is_approved)
        staff.post(url, {"action": "delete_selected", "post": "yes", **chosen})
        assert committed(lambda: Profile.objects.get(id=group.id).is_deleted)

    def test_lets_only_editors_approve(self, tenant, committed):
        group = committed(lambda: GroupFactory(status="PENDING", is_approved=None))
        form = {"action": "approve_groups", "_selected_action": str(group.id)}

        signed_in(tenant, "support").post("/admin/users/profile/", form)

        assert committed(lambda: Profile.objects.get(id=group.id).is_approved) is None

    def test_adds_what_hangs_on_a_profile(self, tenant, committed, staff):
        star = committed(CelebrityFactory)
        url = f"/admin/users/profile/{star.id}/change/"
        offer = {"offer_type": "CAMEO", "price": 5000, "currency": "USD", "delivery_days": 3}
        link = {"slug": "the-star"}
        form = {
            **form_of(star),
            "offers-TOTAL_FORMS": 1,
            "short_links-TOTAL_FORMS": 1,
            **{f"offers-0-{name}": value for name, value in offer.items()},
            **{f"short_links-0-{name}": value for name, value in link.items()},
            "short_links-0-created_on_0": "2026-05-04",
            "short_links-0-created_on_1": "10:00",
        }

        assert b"offers-TOTAL_FORMS" in staff.get(url).content
        assert signed_in(tenant, "support").post(url, form).status_code == 403
        saved = staff.post(url, form)

        assert saved.status_code == 302, saved.content.decode()[-3000:]
        assert committed(lambda: star.offers.get().price) == 5000
        assert committed(lambda: star.short_links.get().slug) == "the-star"

    def test_says_why_an_operation_refuses(self, committed, staff):
        group = committed(lambda: GroupFactory(status="PENDING", is_approved=None))
        url = f"/admin/users/profile/{group.id}/change/"

        refused = staff.post(url, form_of(group, status="ACTIVE", display_name="X"), follow=True)

        assert refused.status_code == 200
        assert b"Approve it; that makes it active." in refused.content
        assert committed(lambda: Profile.objects.get(id=group.id).display_name) != "X"

    @pytest.mark.parametrize(
        "page",
        [
            "users/profile/?status__exact=%00",
            "autocomplete/?app_label=users&model_name=profile&field_name=owner&term=%00",
            "search/?s=pro&page=abc",
            "search/?s=pro&page=99",
            "r/1/none/",
        ],
    )
    def test_answers_nonsense_without_an_error_of_its_own(self, staff, page):
        assert staff.get(f"/admin/{page}").status_code in {400, 404}

    @pytest.mark.parametrize(
        "page",
        [
            "profilestatushistory",
            "fanfollow",
            "fanfollowchange",
            "block",
            "referralcode",
            "referraluse",
        ],
    )
    def test_shows_every_page(self, committed, staff, page):
        committed(FollowFactory)

        assert staff.get(f"/admin/users/{page}/").status_code == 200

    def test_offers_no_way_to_change_history(self, committed, staff):
        committed(FollowFactory)

        assert staff.get("/admin/users/fanfollowchange/add/").status_code == 403


class TestTagAdmin:
    def test_lists_and_deletes(self, tenant, staff):
        with binding.bind(tenant, writes="platform"):
            tag = TagFactory(name="Opera")

        assert b"Opera" in staff.get("/admin/platform/tag/?q=ope").content
        assert staff.get(f"/admin/platform/tag/{tag.id}/change/").status_code == 200
        gone = staff.post(f"/admin/platform/tag/{tag.id}/delete/", {"post": "yes"})
        assert gone.status_code == 302
        with binding.bind(tenant):
            assert not Tag.objects.exists()
