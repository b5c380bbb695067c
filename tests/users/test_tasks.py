"""What the users context does by the clock."""

from datetime import timedelta

from django.utils import timezone

from apps.kernel.ids import uuid7
from apps.platform import tasks as platform_tasks
from apps.tenancy import binding
from apps.tenancy.tasks import schedule
from apps.users import tasks
from apps.users.models import IdempotencyKey


def make_reply(age: timedelta) -> None:
    IdempotencyKey.objects.create(
        actor_id=uuid7(), key="k", request_hash="", status_code=201, reply=b"{}",
        created_at=timezone.now() - age,
    )  # fmt: skip


class TestForgetOldReplies:
    def test_deletes_what_is_older_than_a_day_and_of_this_tenant(self, tenant, rival):
        for each in (tenant, rival):
            with binding.bind(each, writes="users"):
                make_reply(timedelta(hours=25))
                make_reply(timedelta(hours=23))

        with binding.bind(tenant, writes="users"):
            tasks.forget_old_replies.run()

        with binding.bind(tenant):
            assert IdempotencyKey.objects.count() == 1
        with binding.bind(rival):
            assert IdempotencyKey.objects.count() == 2

    def test_is_scheduled_in_every_context_that_keeps_replies(self):
        assert {tasks.forget_old_replies.name, platform_tasks.forget_old_replies.name} <= set(
            schedule()
        )
