"""The API of codes: editors make them, buyers redeem them."""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.commerce.models import CodeItem, DiscountCode, UserWallet
from apps.commerce.operations import discounts
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.api import Caller, client_of, errors_of
from tests.commerce import shop

CODES = "/api/v1/discount-codes"
REDEEM = "/api/v1/promo-codes/redeem"
TENTH = {"code": "spring-26", "kind": "PERCENT", "percent": 1_000}
GIFT = {"code": "GIFT", "kind": "CREDIT", "amount": 700, "currency": "USD"}


@pytest.fixture
def make(editor):
    def make(**values):
        reply = editor.post(CODES, values or TENTH)
        assert reply.status_code == 201, reply.content
        return reply.json()

    return make


def use(tenant, code, person):
    with binding.bind(tenant, writes="commerce"):
        discounts.claim(
            code_id=code["id"],
            user_id=person.id,
            purchase_id=uuid7(),
            amount=5,
            used_at=timezone.now(),
        )


class TestCodes:
    def test_are_made_read_and_found(self, tenant, seller, editor, make):
        item = shop.make_item(tenant, seller)
        row = make(**TENTH, item_ids=[str(item.id)], minimum=500, currency="EUR", max_uses=9)
        make(**GIFT)

        assert row["code"] == "SPRING-26"
        assert (row["used"], row["max_uses_per_user"], row["is_active"]) == (0, 1, True)
        assert editor.get(f"{CODES}/{row['id']}").json() == row
        for query in ("search=spring", "kind=PERCENT", "is_active=true&kind=PERCENT"):
            found = editor.get(f"{CODES}?{query}&expand=items").json()["results"]
            assert [each["id"] for each in found] == [row["id"]]
            assert found[0]["items"][0]["name"] == item.name
        by_code = editor.get(f"{CODES}?ordering=code").json()["results"]
        assert [each["code"] for each in by_code] == ["GIFT", "SPRING-26"]

    def test_are_changed_and_switched_off(self, editor, make):
        url = f"{CODES}/{make()['id']}"
        tag = editor.get(url)["ETag"]

        changed = editor.patch(url, {"is_active": False}, headers={"If-Match": tag})

        assert changed.json()["is_active"] is False
        stale = editor.patch(url, {"percent": 5}, headers={"If-Match": tag})
        assert stale.status_code == 412
        whole = {"kind": "AMOUNT", "percent": None, "amount": 5, "currency": "USD", "code": "Off"}
        row = editor.patch(url, whole).json()
        assert (row["code"], row["amount"], row["percent"]) == ("OFF", 5, None)

    def test_are_written_once_however_they_are_written(self, editor, make):
        make()
        other = make(**GIFT)
        for refused in (
            editor.post(CODES, {**TENTH, "code": "Spring-26"}),
            editor.patch(f"{CODES}/{other['id']}", {"code": "spring-26"}),
        ):
            assert refused.status_code == 409
            assert refused.json()["type"].endswith("code-exists")
            assert errors_of(refused) == {"code"}

    def test_stay_what_they_are_once_used(self, tenant, buyer, editor, make):
        code = make(**TENTH, max_uses=5)
        use(tenant, code, buyer)
        url = f"{CODES}/{code['id']}"

        for values in (
            {"code": "OTHER"},
            {"currency": "USD"},
            {"kind": "AMOUNT", "percent": None, "amount": 5},
        ):
            refused = editor.patch(url, values)
            assert refused.status_code == 409
            assert refused.json()["type"].endswith("code-was-used")
        assert editor.delete(url).status_code == 409
        assert errors_of(editor.patch(url, {"max_uses": 0})) == {"max_uses"}
        row = editor.patch(url, {"max_uses": 1, "is_active": False}).json()
        assert (row["max_uses"], row["used"]) == (1, 1)
        [usage] = editor.get(f"{url}/usages?expand=user").json()["results"]
        assert (usage["user_id"], usage["amount"], usage["turn"]) == (str(buyer.id), 5, 1)
        assert usage["user"]["display_name"] == buyer.display_name

    def test_can_be_used_no_fewer_times_than_they_were(self, tenant, buyer, stranger, make, editor):
        code = make(**TENTH)
        for person in (buyer, stranger):
            use(tenant, code, person)
        refused = editor.patch(f"{CODES}/{code['id']}", {"max_uses": 1})
        assert refused.status_code == 400
        assert errors_of(refused) == {"max_uses"}

    def test_that_nobody_used_are_deleted_with_what_they_are_for(
        self, tenant, seller, editor, make
    ):
        item = shop.make_item(tenant, seller)
        url = f"{CODES}/{make(**TENTH, item_ids=[str(item.id)])['id']}"

        assert editor.delete(url).status_code == 204
        assert editor.get(url).status_code == 404
        with binding.bind(tenant):
            assert CodeItem.objects.count() == DiscountCode.objects.count() == 0

    def test_of_another_tenant_are_as_good_as_none(self, tenant, rival, make):
        url = f"{CODES}/{make()['id']}"
        theirs = client_of(rival, Caller(role="editor"))
        none = theirs.get(f"{CODES}/{uuid7()}")

        assert theirs.get(CODES).json()["results"] == []
        for reply in (
            theirs.get(url),
            theirs.patch(url, {"percent": 1}),
            theirs.delete(url),
            theirs.get(f"{url}/usages"),
        ):
            assert (reply.status_code, reply.content) == (404, none.content)
        assert theirs.post(CODES, TENTH).status_code == 201

    @pytest.mark.parametrize(
        ("role", "may"),
        [("nobody", 401), (None, 403), ("viewer", 403), ("support", 403), ("editor", 200)],
    )
    def test_are_the_editors_business(self, tenant, make, role, may):
        client = client_of(tenant, None if role == "nobody" else Caller(role=role))
        url = f"{CODES}/{make()['id']}"

        assert client.get(CODES).status_code == may
        assert client.get(url).status_code == may
        assert client.get(f"{url}/usages").status_code == may
        assert client.post(CODES, GIFT).status_code == (201 if may == 200 else may)
        assert client.patch(url, {"percent": 5}).status_code == may
        assert client.delete(url).status_code == (204 if may == 200 else may)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"code": "ab"}, "code"),
            ({"code": "-abc"}, "code"),
            ({"code": "a b c"}, "code"),
            ({"code": "ab\x00cd"}, "code"),
            ({"code": "x" * 10_000}, "code"),
            ({"code": "äöü"}, "code"),
            ({"code": 5}, "code"),
            ({"kind": "GIFT"}, "kind"),
            ({"percent": 0}, "percent"),
            ({"percent": 10_001}, "percent"),
            ({"percent": 0.5}, "percent"),
            ({"percent": None}, "percent"),
            ({"amount": 5}, "amount"),
            ({"minimum": -1}, "minimum"),
            ({"minimum": 10**13}, "minimum"),
            ({"minimum": 5}, "currency"),
            ({"currency": "XQZ"}, "currency"),
            ({"currency": "eur"}, "currency"),
            ({"max_uses": 0}, "max_uses"),
            ({"max_uses": 10**12}, "max_uses"),
            ({"max_uses_per_user": -1}, "max_uses_per_user"),
            ({"starts_at": "soon"}, "starts_at"),
            ({"starts_at": "2026-05-02T00:00:00Z", "ends_at": "2026-05-02T00:00:00Z"}, "ends_at"),
            ({"item_ids": ["018f0000-0000-7000-8000-000000000000"]}, "item_ids"),
            ({"item_ids": "all"}, "item_ids"),
            ({"used": 5}, "used"),
            ({"is_active": "maybe"}, "is_active"),
        ],
        ids=str,
    )
    def test_name_the_field_that_is_wrong(self, editor, make, body, field):
        made = make(**{**TENTH, "code": "OTHER"})

        for reply in (
            editor.post(CODES, {**TENTH, **body}),
            editor.patch(f"{CODES}/{made['id']}", body),
        ):
            assert reply.status_code == 400, reply.content
            assert errors_of(reply) == {field}

    def test_of_an_amount_need_it_and_its_currency(self, editor):
        reply = editor.post(CODES, {"code": "OFF", "kind": "AMOUNT"})
        assert errors_of(reply) == {"amount", "currency"}

    def test_are_listed_by_the_same_number_of_queries(self, tenant, seller, editor, make):
        item = shop.make_item(tenant, seller)

        def queries():
            with CaptureQueriesContext(connections["commerce"]) as captured:
                rows = editor.get(f"{CODES}?page_size=50&expand=items").json()["results"]
            return len(rows), len(captured)

        make(**TENTH, item_ids=[str(item.id)])
        one, of_one = queries()
        with binding.bind(tenant, writes="commerce"):
            codes = DiscountCode.objects.bulk_create(
                DiscountCode(code=f"CODE-{number}", kind="PERCENT", percent=5)
                for number in range(49)
            )
            CodeItem.objects.bulk_create(CodeItem(code=code, item=item) for code in codes)
        many, of_many = queries()

        assert (one, many) == (1, 50)
        assert of_one == of_many


class TestRedeeming:
    def test_fills_the_caller_s_wallet_once(self, tenant, buyer, as_buyer, make):
        make(**GIFT)

        first = as_buyer.post(REDEEM, {"code": "gift"})
        again = as_buyer.post(REDEEM, {"code": "GIFT"})

        assert first.status_code == 201, first.content
        reply = first.json()
        assert (reply["code"], reply["amount"], reply["currency"]) == ("GIFT", 700, "USD")
        assert again.status_code == 409
        assert again.json()["type"].endswith("code-used-before")
        with binding.bind(tenant):
            wallet = UserWallet.objects.get(user_id=buyer.id)
        assert str(wallet.id) == reply["wallet_id"]
        assert shop.balance(tenant, wallet) == (700, 0)

    def test_answers_a_repeated_request_as_it_did(self, tenant, buyer, as_buyer, make):
        make(**GIFT)
        replies = [
            as_buyer.post(REDEEM, {"code": "GIFT"}, headers={"Idempotency-Key": "one"})
            for _ in range(2)
        ]
        assert replies[0].json() == replies[1].json()
        assert replies[1]["Idempotency-Replayed"] == "true"

    @pytest.mark.parametrize(
        ("values", "kind", "detail"),
        [
            (TENTH, "code-wrong-kind", "with a cart"),
            ({**GIFT, "is_active": False}, "code-unknown", "There is no code 'GIFT'"),
            ({**GIFT, "ends_at": "2026-01-02T03:04:00Z"}, "code-expired", "2026-01-02 03:04 UTC"),
            ({**GIFT, "starts_at": "2999-01-02T03:04:00Z"}, "code-not-yet-valid", "2999-01-02"),
        ],
        ids=str,
    )
    def test_says_why_it_does_not(self, as_buyer, make, values, kind, detail):
        make(**values)
        reply = as_buyer.post(REDEEM, {"code": values["code"]})
        assert reply.status_code == 409
        assert reply.json()["type"].endswith(kind)
        assert detail in reply.json()["detail"]

    def test_knows_no_code_of_another_tenant(self, rival, as_buyer):
        client_of(rival, Caller(role="editor")).post(CODES, GIFT)
        assert as_buyer.post(REDEEM, {"code": "GIFT"}).json()["type"].endswith("code-unknown")

    def test_is_for_people_with_a_profile(self, tenant, anybody, make):
        make(**GIFT)
        assert anybody.post(REDEEM, {"code": "GIFT"}).status_code == 401
        without = client_of(tenant, Caller()).post(REDEEM, {"code": "GIFT"})
        assert without.status_code == 409
        assert without.json()["type"].endswith("no-profile")

    @pytest.mark.parametrize(
        "body", [{}, {"code": ""}, {"code": "x" * 51}, {"code": "a\x00b"}, {"code": ["GIFT"]}]
    )
    def test_names_the_code_where_it_is_wrong(self, as_buyer, body):
        reply = as_buyer.post(REDEEM, body)
        assert reply.status_code == 400
        assert errors_of(reply) == {"code"}
