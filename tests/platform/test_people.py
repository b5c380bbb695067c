"""People who are erased: what they said here is gone as well."""

from apps.platform.models import Comment, GroupMember, GroupMessage
from apps.tenancy import binding, relay
from tests.factories import RealtimeGroupFactory
from tests.platform.crowd import person


class TestErasingOneself:
    def test_takes_what_one_said_here_by_message(self, tenant):
        ada, ben = person(tenant, name="Ada"), person(tenant, name="Ben")
        with binding.bind(tenant, writes="platform"):
            group = RealtimeGroupFactory(created_by_id=ben.id)
        for each in (ada, ben):
            assert each.join(group).status_code < 300
            assert each.say(group, f"I am {each.id}").status_code == 201
        assert ada.comment(f"profiles/{ben.id}", "Ada was here").status_code == 201

        assert ada.client.delete("/api/v1/me").status_code == 204
        relay.relay(tenant=tenant, context="users")

        with binding.bind(tenant):
            said = dict(GroupMessage.objects.values_list("author_id", "message_content"))
            assert said == {ada.id: "", ben.id: f"I am {ben.id}"}
            assert list(Comment.objects.values_list("body", flat=True)) == [""]
            assert not GroupMember.objects.active().filter(user_id=ada.id).exists()
