"""Payments and providers in a tenant's admin."""

import pytest

from apps.commerce.models import ProviderAccount, ProviderEvent
from apps.tenancy import binding
from tests.api import signed_in
from tests.commerce.payments import paying

COMMERCE = "/admin/commerce"


@pytest.fixture
def desk(tenant):
    return signed_in(tenant, "admin")


class TestPayments:
    def test_are_looked_at_and_not_changed(self, tenant, account, desk, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)
        account.confirm(paying.begin(tenant, account, payment))
        paying.sweep(tenant)
        refund = paying.refund(tenant, payment, 400)

        for name, row in (("payment", payment), ("providerrefund", refund)):
            assert desk.get(f"{COMMERCE}/{name}/").status_code == 200
            assert desk.get(f"{COMMERCE}/{name}/{row.id}/change/").status_code == 200
            assert desk.post(f"{COMMERCE}/{name}/{row.id}/delete/").status_code == 403
            assert desk.get(f"{COMMERCE}/{name}/add/").status_code == 403

    def test_are_nothing_for_editors_who_are_no_support(self, tenant):
        assert signed_in(tenant, "viewer").get(f"{COMMERCE}/payment/").status_code == 403


class TestEvents:
    def test_are_worked_off_again(self, tenant, account, desk, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)
        intent_id = paying.begin(tenant, account, payment)
        paying.deliver_all(tenant, account)
        account.confirm(intent_id)
        with binding.bind(tenant):
            [event] = ProviderEvent.objects.all()

        done = desk.post(
            f"{COMMERCE}/providerevent/",
            {"action": "work_off_again", "_selected_action": [str(event.id)]},
        )
        assert done.status_code == 302, done.content.decode()[-2_000:]
        paying.sweep(tenant)

        assert paying.reload(tenant, payment).state == "SUCCEEDED"


class TestAccounts:
    def test_take_keys_and_never_show_them(self, tenant, desk):
        values = {"provider": "stripe", "publishable_key": "pk_test_1", "is_enabled": "on"}

        refused = desk.post(f"{COMMERCE}/provideraccount/add/", values)
        made = desk.post(
            f"{COMMERCE}/provideraccount/add/",
            {**values, "secret_key": "sk_test_mine", "webhook_secret": "whsec_mine"},
        )

        assert refused.status_code == 200
        assert b"Put a key first" in refused.content
        assert made.status_code == 302, made.content.decode()[-2_000:]
        with binding.bind(tenant):
            account = ProviderAccount.objects.get()
        page = desk.get(f"{COMMERCE}/provideraccount/{account.id}/change/")
        assert b"mine" not in page.content
        assert account.sealed_keys["secret_key"] not in page.content.decode()

    def test_keep_the_keys_that_are_left_empty(self, tenant, account, desk):
        with binding.bind(tenant):
            before = ProviderAccount.objects.get()

        done = desk.post(
            f"{COMMERCE}/provideraccount/{before.id}/change/", {"publishable_key": "pk_test_2"}
        )

        assert done.status_code == 302, done.content.decode()[-2_000:]
        with binding.bind(tenant):
            after = ProviderAccount.objects.get()
        assert (after.publishable_key, after.is_enabled) == ("pk_test_2", False)
        assert after.sealed_keys == before.sealed_keys

    def test_are_deleted_once_nothing_of_theirs_is_open(self, tenant, account, desk, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)
        intent_id = paying.begin(tenant, account, payment)
        with binding.bind(tenant):
            address = f"{COMMERCE}/provideraccount/{ProviderAccount.objects.get().id}/delete/"

        refused = desk.post(address, {"post": "yes"}, follow=True)

        assert b"1 payments of stripe are open" in refused.content
        with binding.bind(tenant):
            assert ProviderAccount.objects.count() == 1
        account.confirm(intent_id)
        paying.sweep(tenant)
        done = desk.post(address, {"post": "yes"})
        assert done.status_code == 302, done.content.decode()[-2_000:]
        with binding.bind(tenant):
            assert ProviderAccount.objects.count() == 0
