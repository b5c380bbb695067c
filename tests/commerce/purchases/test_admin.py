"""Purchases in a tenant's admin."""

import pytest

from apps.audit.models import AuditEntry
from apps.commerce.models import PurchaseRecipient
from apps.tenancy import binding
from tests.api import signed_in
from tests.commerce import shop
from tests.commerce.purchases import buying

PAGE = "/admin/commerce/purchase/"


@pytest.fixture
def poster(tenant, seller):
    return shop.make_item(tenant, seller, quantity=5)


def act(client, action, *ids, **values):
    return client.post(
        PAGE,
        {"action": action, "_selected_action": [str(id_) for id_ in ids], **values},
        follow=True,
    )


class TestPurchasePages:
    def test_are_for_support_and_change_nothing(self, tenant, anna, poster):
        bought = anna.buy(poster, recipients=[{"first_name": "Ylvandra"}])
        desk = signed_in(tenant, "support")

        listed = desk.get(PAGE)
        shown = desk.get(f"{PAGE}{bought['id']}/change/")

        assert (listed.status_code, shown.status_code) == (200, 200)
        assert str(poster.id).encode() in shown.content
        assert b"COMPLETED" in shown.content
        assert b"Ylvandra" not in shown.content
        assert desk.post(f"{PAGE}{bought['id']}/change/", {"state": "CANCELLED"}).status_code == 403
        assert desk.get(f"{PAGE}add/").status_code == 403
        assert signed_in(tenant, "viewer").get(PAGE).status_code == 403

    def test_show_no_carts(self, tenant, anna, poster):
        cart = anna.cart(poster)
        assert cart["id"].encode() not in signed_in(tenant, "owner").get(PAGE).content

    def test_cancel(self, tenant, anna, poster):
        waiting = buying.check_out_now(tenant, anna.id, poster).purchase
        paid = anna.buy(poster)
        desk = signed_in(tenant, "support")

        refused = act(desk, "cancel", waiting.id, paid["id"])
        assert b"can be refunded, not cancelled" in refused.content
        assert buying.purchase_of(tenant, waiting.id).state == "PENDING"

        assert b"1 purchases cancelled" in act(desk, "cancel", waiting.id).content
        assert buying.purchase_of(tenant, waiting.id).state == "CANCELLED"

    def test_refund_what_is_asked_for(self, tenant, anna, wallet, poster):
        bought = anna.buy(poster)
        desk = signed_in(tenant, "support")

        asked = act(desk, "refund", bought["id"])
        assert b"1000 minor units of USD" in asked.content
        assert buying.purchase_of(tenant, bought["id"]).refunded == 0

        done = act(desk, "refund", bought["id"], apply="1", amount="300", reason="REQUESTED")
        assert b"300 minor units refunded" in done.content
        assert shop.balance(tenant, wallet) == (9_300, 0)
        too_much = act(desk, "refund", bought["id"], apply="1", amount="701", reason="REQUESTED")
        assert b"more than the 700" in too_much.content
        wrong = act(desk, "refund", bought["id"], apply="1", amount="-1", reason="REQUESTED")
        assert b"greater than or equal to 1" in wrong.content
        assert shop.balance(tenant, wallet) == (9_300, 0)

    def test_force_a_refund_for_admins_alone(self, tenant, anna, seller):
        final = shop.make_item(tenant, seller, is_refundable=False)
        bought = anna.buy(final)
        form = {"apply": "1", "reason": "REQUESTED", "force": "on"}

        refused = act(signed_in(tenant, "support"), "refund", bought["id"], **form)
        assert b"Only admins force" in refused.content
        done = act(signed_in(tenant, "admin"), "refund", bought["id"], **form)
        assert b"1000 minor units refunded" in done.content

    def test_show_recipients_by_a_noted_look(self, tenant, anna, poster):
        bought = anna.buy(poster, recipients=[{"first_name": "Ylvandra"}])

        shown = act(signed_in(tenant, "support"), "show_recipients", bought["id"])

        assert b"Ylvandra" in shown.content
        with binding.bind(tenant):
            row = PurchaseRecipient.objects.get(purchase_id=bought["id"])
            looks = AuditEntry.objects.using("commerce").filter(action="READ")
            assert [look.entity_id for look in looks] == [str(row.id)]
