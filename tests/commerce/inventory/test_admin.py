"""The tenant's admin makes and changes items and codes by the same rules as the API."""

import pytest
from django.test import Client
from django.utils import timezone

from apps.commerce.models import (
    CodeItem,
    ContentSeries,
    DiscountCode,
    DomainEvent,
    InventoryItem,
    InventoryPriceHistory,
    ItemSeries,
    RestrictedUser,
    StockLevel,
    SubscriptionPlan,
)
from apps.commerce.operations import codes, discounts
from apps.kernel.ids import uuid7
from apps.platform import operations as platform
from apps.tenancy import binding
from tests.api import signed_in
from tests.commerce import shop
from tests.factories import TagFactory

ITEMS = "/admin/commerce/inventoryitem/"
CODES = "/admin/commerce/discountcode/"


@pytest.fixture
def staff(tenant) -> Client:
    return signed_in(tenant, "admin")


@pytest.fixture
def read(tenant):
    """Read something of commerce."""

    def read(look):
        with binding.bind(tenant):
            return look()

    return read


def inlines(*prefixes):
    return {
        f"{prefix}-{name}": 0 for prefix in prefixes for name in ("TOTAL_FORMS", "INITIAL_FORMS")
    }


def item_form(seller, **values):
    return {
        "item_id": "A-1",
        "item_type": "PRODUCT",
        "name": "A mug",
        "created_by_id": str(seller.id),
        "state": "DRAFT",
        "price": 900,
        "currency": "USD",
        "is_refundable": "on",
        "keywords": "tea,kitchen",
        "metadata": "{}",
        "quantity": "",
        **inlines(
            "tags",
            "series",
            "plans",
            "restricted_users",
            "-1",
            "-2",
            "-3",
        ),
        **values,
    }


def faults(page):
    """What a form says is wrong."""
    context = page.context_data
    return [
        context["adminform"].form.errors,
        *(each.formset.errors for each in context["inline_admin_formsets"]),
    ]


class TestItemAdmin:
    def test_lists_and_searches_this_tenant_s_items_only(self, tenant, rival, seller, staff):
        shop.make_item(rival, shop.make_seller(rival), name="Their mug")
        shop.make_item(tenant, seller, name="Own mug", quantity=7)
        for _ in range(5):
            shop.make_item(tenant, seller)

        for query in ("", "?q=mug", "?state__exact=ACTIVE&item_type__exact=PRODUCT"):
            page = staff.get(f"{ITEMS}{query}")
            assert page.status_code == 200
            assert b"Own mug" in page.content
            assert b"Their mug" not in page.content

    def test_makes_an_item_with_what_hangs_on_it(self, tenant, seller, buyer, staff, read):
        with binding.bind(tenant, writes="platform"):
            tag = TagFactory()
        with binding.bind(tenant, writes="commerce"):
            series = ContentSeries.objects.create(name="Songs", created_by_id=seller.id)
        assert staff.get(f"{ITEMS}add/").status_code == 200

        saved = staff.post(
            f"{ITEMS}add/",
            item_form(
                seller,
                **{
                    "quantity": 12,
                    "tags-TOTAL_FORMS": 1,
                    "tags-0-tag_id": str(tag.id),
                    "series-TOTAL_FORMS": 1,
                    "series-0-series": str(series.id),
                    "restricted_users-TOTAL_FORMS": 1,
                    "restricted_users-0-user_id": str(buyer.id),
                },
            ),
        )

        assert saved.status_code == 302, faults(saved)
        item = read(InventoryItem.objects.get)
        assert (item.name, item.price, item.keywords) == ("A mug", 900, ["tea", "kitchen"])
        assert read(lambda: StockLevel.objects.get().quantity) == 12
        assert read(lambda: item.tags.get().tag_id) == tag.id
        assert read(lambda: item.series.get().series_id) == series.id
        assert read(lambda: item.restricted_users.get().user_id) == buyer.id
        assert read(lambda: DomainEvent.objects.get().payload["change"]) == "CREATED"

    def test_changes_an_item_and_shows_what_has_changed(self, tenant, seller, staff, read):
        item = shop.make_item(tenant, seller, quantity=3, price=555_123)
        url = f"{ITEMS}{item.id}/change/"
        form = item_form(seller, item_id=item.item_id, state="PAUSED", quantity=4, price=700)

        saved = staff.post(url, form)

        assert saved.status_code == 302, faults(saved)
        assert read(lambda: StockLevel.objects.get().quantity) == 4
        assert read(lambda: InventoryItem.objects.get().state) == "PAUSED"
        assert read(lambda: DomainEvent.objects.get().payload["change"]) == "CHANGED"
        page = staff.get(url)
        assert b"555123" in page.content
        forged = {
            **form,
            "-1-TOTAL_FORMS": 2,
            "-1-INITIAL_FORMS": 1,
            "-1-0-id": str(read(lambda: InventoryPriceHistory.objects.get().id)),
            "-1-0-old_value": 1,
        }
        assert staff.post(url, forged).status_code == 302
        assert read(lambda: InventoryPriceHistory.objects.get().old_value) == 555_123

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"state": "DRAFT"}, b"it can become PAUSED or ARCHIVED"),
            ({"state": "ACTIVE", "currency": "EUR"}, b"and stays so"),
            ({"state": "ACTIVE", "price": -1}, b"greater than or equal to 0"),
            ({"state": "ACTIVE", "quantity": -1}, b"greater than or equal to 0"),
        ],
    )
    def test_says_why_an_operation_refuses(self, tenant, seller, staff, read, values, said):
        item = shop.make_item(tenant, seller)
        url = f"{ITEMS}{item.id}/change/"

        refused = staff.post(url, item_form(seller, item_id=item.item_id, **values), follow=True)

        assert refused.status_code == 200
        assert said in refused.content
        assert read(lambda: InventoryItem.objects.get().name) == item.name

    def test_deletes_softly(self, tenant, seller, staff, read):
        one, two = shop.make_item(tenant, seller, quantity=1), shop.make_item(tenant, seller)

        assert staff.get(f"{ITEMS}{one.id}/delete/").status_code == 200
        staff.post(f"{ITEMS}{one.id}/delete/", {"post": "yes"})
        chosen = {"action": "delete_selected", "post": "yes", "_selected_action": str(two.id)}
        staff.post(ITEMS, chosen)

        assert read(lambda: InventoryItem.objects.filter(deleted_at=None).count()) == 0
        assert staff.get(f"{ITEMS}{one.id}/change/").status_code == 302

    @pytest.mark.parametrize(
        ("prefix", "column", "target"),
        [
            ("tags", "tag_id", "tag"),
            ("series", "series", "series"),
            ("plans", "plan", "plan"),
            ("restricted_users", "user_id", "profile"),
        ],
    )
    def test_says_what_is_none_of_what_a_list_is_of(
        self, tenant, seller, staff, read, prefix, column, target
    ):
        item = shop.make_item(tenant, seller)
        with binding.bind(tenant, writes="commerce"):
            gone = {
                "series": ContentSeries(name="Songs", created_by_id=seller.id),
                "plan": SubscriptionPlan(
                    name="Gold", recurring_payment="MONTHLY", price=5, created_by_id=seller.id
                ),
            }.get(column)
            if gone:
                gone.deleted_at = timezone.now()
                gone.save()
        id_ = gone.id if gone else uuid7()
        form = item_form(seller, item_id=item.item_id, state="ACTIVE")
        form |= {f"{prefix}-TOTAL_FORMS": 1, f"{prefix}-0-{column}": str(id_)}

        refused = staff.post(f"{ITEMS}{item.id}/change/", form)

        assert refused.status_code == 200
        assert f"There is no {target} with the id {id_}." in refused.content.decode()
        assert read(lambda: getattr(item, prefix).count()) == 0

    def test_takes_no_more_into_a_list_than_the_api(self, tenant, seller, staff, read):
        item = shop.make_item(tenant, seller)
        with binding.bind(tenant, writes="platform"):
            tags = [TagFactory() for _ in range(51)]
        form = item_form(seller, item_id=item.item_id, state="ACTIVE")
        form |= {"tags-TOTAL_FORMS": 51}
        form |= {f"tags-{index}-tag_id": str(tag.id) for index, tag in enumerate(tags)}

        refused = staff.post(f"{ITEMS}{item.id}/change/", form)

        assert refused.status_code == 200
        assert b"There are at most 50 of these." in refused.content
        assert read(lambda: item.tags.count()) == 0

    def test_keeps_what_is_gone_and_takes_what_a_merged_tag_became(
        self, tenant, seller, staff, read
    ):
        item = shop.make_item(tenant, seller)
        with binding.bind(tenant, writes="platform"):
            merged, other = TagFactory(), TagFactory()
            platform.merge_tags(tag_id=merged.id, into_tag_id=other.id, merged_at=timezone.now())
        with binding.bind(tenant, writes="commerce"):
            series = ContentSeries.objects.create(
                name="Songs", created_by_id=seller.id, deleted_at=timezone.now()
            )
            row = ItemSeries.objects.create(item=item, series=series)
        form = item_form(seller, item_id=item.item_id, state="ACTIVE")
        form |= {
            "series-TOTAL_FORMS": 1,
            "series-INITIAL_FORMS": 1,
            "series-0-id": str(row.id),
            "series-0-item": str(item.id),
            "series-0-series": str(series.id),
            "tags-TOTAL_FORMS": 1,
            "tags-0-tag_id": str(merged.id),
        }

        saved = staff.post(f"{ITEMS}{item.id}/change/", form)

        assert saved.status_code == 302, faults(saved)
        assert read(lambda: item.tags.get().tag_id) == other.id
        assert read(lambda: item.series.get().series_id) == series.id

    @pytest.mark.parametrize("role", ["viewer", "support"])
    def test_lets_others_than_editors_look_only(self, tenant, seller, role):
        item = shop.make_item(tenant, seller)
        client = signed_in(tenant, role)

        assert client.get(f"{ITEMS}{item.id}/change/").status_code == 200
        assert client.post(f"{ITEMS}add/", item_form(seller)).status_code == 403
        changed = client.post(f"{ITEMS}{item.id}/change/", item_form(seller))
        assert changed.status_code == 403

    @pytest.mark.parametrize(("role", "is_shown"), [("support", False), ("editor", True)])
    def test_shows_editors_whom_it_is_not_sold_to(self, tenant, seller, buyer, role, is_shown):
        item = shop.make_item(tenant, seller)
        with binding.bind(tenant, writes="commerce"):
            RestrictedUser.objects.create(item=item, user_id=buyer.id)

        shown = signed_in(tenant, role).get(f"{ITEMS}{item.id}/change/")

        assert (str(buyer.id) in shown.content.decode()) is is_shown


class TestStaff:
    @pytest.mark.parametrize(
        ("page", "needed"),
        [
            ("stockreservation", "support"),
            ("donation", "support"),
            ("discountcode", "editor"),
            ("discountcodeusage", "editor"),
        ],
    )
    def test_sees_as_much_of_people_and_codes_as_by_the_api(self, tenant, page, needed):
        roles = ["viewer", "support", "editor", "admin"]

        seen = [
            role
            for role in roles
            if signed_in(tenant, role).get(f"/admin/commerce/{page}/").status_code == 200
        ]

        assert seen == roles[roles.index(needed) :]


def code_form(**values):
    return {
        "code": "spring",
        "kind": "PERCENT",
        "percent": 1_000,
        "minimum": 0,
        "max_uses_per_user": 1,
        "is_active": "on",
        **inlines("items"),
        **values,
    }


class TestCodeAdmin:
    def test_makes_and_changes_a_code(self, tenant, seller, staff, read):
        item = shop.make_item(tenant, seller)
        named = {"items-TOTAL_FORMS": 1, "items-0-item": str(item.id)}
        assert staff.get(f"{CODES}add/").status_code == 200

        saved = staff.post(f"{CODES}add/", code_form(**named))

        assert saved.status_code == 302, faults(saved)
        code = read(DiscountCode.objects.get)
        assert (code.code, code.percent) == ("SPRING", 1_000)
        assert read(lambda: CodeItem.objects.get().item_id) == item.id
        url = f"{CODES}{code.id}/change/"
        assert staff.get(url).status_code == 200
        kept = {
            "items-TOTAL_FORMS": 1,
            "items-INITIAL_FORMS": 1,
            "items-0-id": str(read(lambda: CodeItem.objects.get().id)),
            "items-0-code": str(code.id),
            "items-0-item": str(item.id),
        }
        saved = staff.post(url, code_form(percent=2_000, **kept))
        assert saved.status_code == 302, faults(saved)
        assert read(lambda: DiscountCode.objects.get().percent) == 2_000
        assert b"SPRING" in staff.get(CODES).content

    def test_says_why_an_operation_refuses(self, staff, read):
        form = code_form(kind="AMOUNT", percent="", amount=5)
        refused = staff.post(f"{CODES}add/", form, follow=True)
        assert b"Say in which currency" in refused.content
        assert read(DiscountCode.objects.count) == 0

    def test_deletes_what_nobody_used_and_shows_who_used_the_rest(self, tenant, buyer, staff, read):
        now = timezone.now()
        with binding.bind(tenant, writes="commerce"):
            unused, used = (
                codes.create_code(
                    values={"code": name, "kind": "PERCENT", "percent": 5}, created_on=now
                )
                for name in ("UNUSED", "USED")
            )
            discounts.claim(
                code_id=used.id, user_id=buyer.id, purchase_id=uuid7(), amount=5, used_at=now
            )

        for code in (unused, used):
            assert staff.get(f"{CODES}{code.id}/delete/").status_code == 200
            staff.post(f"{CODES}{code.id}/delete/", {"post": "yes"}, follow=True)

        assert read(lambda: DiscountCode.objects.get().code) == "USED"
        page = staff.get("/admin/commerce/discountcodeusage/")
        assert str(buyer.id).encode() in page.content
        assert staff.get("/admin/commerce/stockreservation/").status_code == 200
