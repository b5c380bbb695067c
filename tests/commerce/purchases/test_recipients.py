"""Recipients: sealed in the database, opened for the buyer and support, and every look of support noted."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connections

from apps.audit.models import AuditEntry
from apps.commerce.models import PurchaseRecipient
from apps.commerce.operations.purchases import recipients
from apps.commerce.ports import personal
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.commerce import shop
from tests.commerce.purchases import buying
from tests.commerce.purchases.buying import PURCHASES

BO = {
    "first_name": "Bobelina",
    "last_name": "Quist",
    "email": "bo@quist.example",
    "phone_number": "+49 30 1234567",
    "linked_in_address": "https://www.linkedin.com/in/bobelina",
}


@pytest.fixture
def poster(tenant, seller):
    return shop.make_item(tenant, seller)


@pytest.fixture
def bought(anna, poster):
    cart = anna.cart(poster)
    line = {"line_id": cart["lines"][0]["id"]}
    return anna.check_out(cart, recipients=[{**BO, **line}, {"first_name": "Cy"}]).json()


def looks(tenant, purchase_id):
    with binding.bind(tenant):
        ids = PurchaseRecipient.objects.filter(purchase_id=purchase_id).values_list("id", flat=True)
        keys = [str(id_) for id_ in ids]
        found = AuditEntry.objects.using("commerce").filter(entity_id__in=keys, action="READ")
        return sorted(found.values_list("entity_id", flat=True)), sorted(keys)


class TestRecipients:
    def test_are_read_by_the_buyer(self, tenant, anna, bought):
        rows = anna.client.get(f"{PURCHASES}/{bought['id']}/recipients").json()["results"]

        assert {name: rows[0][name] for name in BO} == BO
        assert rows[0]["line_id"] == bought["lines"][0]["id"]
        assert (rows[1]["first_name"], rows[1]["email"], rows[1]["line_id"]) == ("Cy", "", None)
        assert looks(tenant, bought["id"])[0] == []

    def test_are_read_by_support_and_that_is_noted(self, tenant, support, bought):
        url = f"{PURCHASES}/{bought['id']}/recipients"
        assert support.get(f"{url}?fields=id,line_id").status_code == 200
        assert looks(tenant, bought["id"])[0] == []

        rows = support.get(f"{url}?fields=email").json()["results"]

        assert rows == [{"email": BO["email"]}, {"email": ""}]
        noted, keys = looks(tenant, bought["id"])
        assert noted == keys[:1]

    def test_are_read_by_nobody_else(self, tenant, stranger, bought):
        url = f"{PURCHASES}/{bought['id']}/recipients"
        assert buying.shopper(tenant, stranger).client.get(url).status_code == 404
        assert buying.staff(tenant, "viewer").get(url).status_code == 404

    def test_are_written_down_nowhere_in_clear(self, tenant, bought):
        """Not in any row of the context's database, the log and the kept replies among them."""
        item_id = bought["lines"][0]["item_id"]
        # The search would find them.
        assert {"purchase_lines", "audit_log", "domain_events"} <= tables_with(tenant, item_id)
        assert tables_with(tenant, "Bobelina|quist|" + b"Bobelina".hex()) == set()


def tables_with(tenant, pattern):
    """The tables of the context in which a row holds something."""
    with binding.bind(tenant), connections["commerce"].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p') "
            "AND NOT c.relispartition AND has_table_privilege(c.oid, 'SELECT') "
            "AND c.relnamespace = current_schema()::regnamespace"
        )
        tables = [name for (name,) in cursor.fetchall()]
        found = set()
        for table in tables:
            cursor.execute(f"SELECT FROM {table} t WHERE t::text ~ %s LIMIT 1", [pattern])
            if cursor.fetchall():
                found.add(table)
    return found


class TestSealing:
    @pytest.fixture
    def row(self, tenant, bought):
        with binding.bind(tenant):
            return PurchaseRecipient.objects.filter(purchase_id=bought["id"]).order_by("id").first()

    def test_opens_for_its_own_row_and_tenant_alone(self, tenant, rival, row):
        sealed = bytes(row.sealed)
        assert personal.unseal(sealed, tenant_id=tenant.id, row_id=row.id) == BO
        for wrong in (
            {"tenant_id": rival.id, "row_id": row.id},
            {"tenant_id": tenant.id, "row_id": uuid7()},
        ):
            with pytest.raises(personal.Unsealable, match="another row"):
                personal.unseal(sealed, **wrong)

    @pytest.mark.parametrize("place", [0, 1, 8, 9, 20, 21, -1])
    def test_notices_every_change(self, tenant, row, place):
        sealed = bytearray(row.sealed)
        sealed[place] ^= 1
        with pytest.raises(personal.Unsealable):
            personal.unseal(bytes(sealed), tenant_id=tenant.id, row_id=row.id)

    @pytest.mark.parametrize("length", [0, 1, 9, 20, 30])
    def test_notices_what_is_missing(self, tenant, row, length):
        with pytest.raises(personal.Unsealable):
            personal.unseal(bytes(row.sealed)[:length], tenant_id=tenant.id, row_id=row.id)

    def test_is_never_twice_the_same(self, tenant):
        row_id = uuid7()
        made = {personal.seal({"a": 1}, tenant_id=tenant.id, row_id=row_id) for _ in range(50)}
        assert len(made) == 50

    def test_goes_on_under_new_keys(self, tenant, settings, row):
        old, new = "b2xk" * 10 + "b2w=", "bmV3" * 10 + "bmU="
        settings.PERSONAL_DATA_KEYS = [old]
        under_old = personal.seal(BO, tenant_id=tenant.id, row_id=row.id)
        settings.PERSONAL_DATA_KEYS = [new, old]
        under_new = personal.seal(BO, tenant_id=tenant.id, row_id=row.id)

        # What was sealed before there were keys, what the old one sealed, and what the new one did.
        for sealed in (row.sealed, under_old, under_new):
            assert personal.unseal(sealed, tenant_id=tenant.id, row_id=row.id) == BO
        settings.PERSONAL_DATA_KEYS = [new]
        with pytest.raises(personal.Unsealable, match="QUINTET_PERSONAL_DATA_KEYS"):
            personal.unseal(under_old, tenant_id=tenant.id, row_id=row.id)

    def test_is_renewed_under_the_newest_key(self, tenant, settings, row):
        settings.PERSONAL_DATA_KEYS = ["bmV3" * 10 + "bmU="]
        with binding.bind(tenant, writes="commerce"):
            assert recipients.reseal_recipients(limit=1) == 1
        assert self._reseal() >= 1
        assert self._reseal() == 0

        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", []
        with binding.bind(tenant):
            row.refresh_from_db()
        assert personal.unseal(row.sealed, tenant_id=tenant.id, row_id=row.id) == BO

    @staticmethod
    def _reseal() -> int:
        out = StringIO()
        call_command("reseal_personal_data", "--format", "json", stdout=out, stderr=out)
        return json.loads(out.getvalue()[out.getvalue().index("{") :])["resealed"]

    @pytest.mark.parametrize("key", ["", "short", "not base64!", "YWFh" * 20])
    def test_refuses_what_is_no_key(self, tenant, settings, key):
        settings.PERSONAL_DATA_KEYS = [key]
        with pytest.raises(personal.ImproperlyConfigured, match="openssl rand"):
            personal.ring()
