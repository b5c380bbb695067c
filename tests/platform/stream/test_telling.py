"""What is told to whom, on a real server."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from apps.platform import operations
from apps.platform.operations import stream
from apps.tenancy import binding
from apps.tenancy.models import Tenant
from apps.users.models import Block
from tests.api import client_of
from tests.platform.stream.conftest import group_of, host_of, person_in, tell
from tests.platform.stream.reader import Reader

Listen = Callable[..., Reader]


class TestTelling:
    def test_a_message_that_is_posted_by_rest_arrives(self, tenant: Tenant, listen: Listen) -> None:
        (ada, ada_fan), (ben, ben_fan) = person_in(tenant), person_in(tenant)
        group = group_of(tenant, ada_fan, ben_fan)
        reader = listen(tenant, ada)
        assert reader.take().kind == "ready"

        posted = client_of(tenant, ben).post(
            f"/api/v1/groups/{group.id}/messages", {"message_content": "Good evening"}
        )
        told = reader.take()

        assert posted.status_code == 201, posted.content
        assert told.kind == "group_message.posted"
        assert told.data["message_content"] == "Good evening"
        assert told.data["id"] == posted.json()["id"]

    def test_is_kept_alive_and_says_when_to_come_back(self, tenant: Tenant, listen: Listen) -> None:
        ada, _ = person_in(tenant)
        reader = listen(tenant, ada)
        reader.take("ready")

        assert reader.comment() == ""
        assert reader.retry == 3000
        assert reader.headers["cache-control"] == "no-store"

    def test_a_line_break_in_a_payload_stays_inside_its_event(
        self, tenant: Tenant, listen: Listen
    ) -> None:
        ada, _ = person_in(tenant)
        reader = listen(tenant, ada)
        reader.take("ready")

        tell(tenant, "a\n\nevent: expired\ndata: {}\r\n\u2028")

        assert reader.take().data["text"] == "a\n\nevent: expired\ndata: {}\r\n\u2028"

    def test_a_number_that_json_may_hold_and_64_bits_may_not_is_told(
        self, tenant: Tenant, listen: Listen
    ) -> None:
        (ada, ada_fan), (ben, ben_fan) = person_in(tenant), person_in(tenant)
        group = group_of(tenant, ada_fan, ben_fan)
        reader = listen(tenant, ada)
        reader.take("ready")

        posted = client_of(tenant, ben).post(
            f"/api/v1/groups/{group.id}/messages",
            {"message_content": "Far", "meta_data": {"metres": 1e300}},
        )
        tell(tenant, "and on it goes")

        assert posted.status_code == 201, posted.content
        assert reader.take().data["meta_data"] == {"metres": 1e300}
        assert reader.take().data["text"] == "and on it goes"


class TestAudience:
    def test_of_a_group_is_its_members(self, tenant: Tenant, listen: Listen) -> None:
        (ada, ada_fan), (stranger, _) = person_in(tenant), person_in(tenant)
        group = group_of(tenant, ada_fan)
        member, outsider = listen(tenant, ada), listen(tenant, stranger)
        member.take("ready")
        outsider.take("ready")

        tell(tenant, "for the group", group=group)
        tell(tenant, "for all")

        assert member.texts(until="for all") == ["for the group", "for all"]
        assert outsider.texts(until="for all") == ["for all"]

    def test_of_a_person_is_that_person(self, tenant: Tenant, listen: Listen) -> None:
        (ada, ada_fan), (stranger, _) = person_in(tenant), person_in(tenant)
        own, other = listen(tenant, ada), listen(tenant, stranger)
        own.take("ready")
        other.take("ready")

        tell(tenant, "for ada", to=ada_fan.id)
        tell(tenant, "for all")

        assert own.texts(until="for all") == ["for ada", "for all"]
        assert other.texts(until="for all") == ["for all"]

    def test_is_the_same_for_who_comes_back(self, tenant: Tenant, listen: Listen) -> None:
        (ada, ada_fan), (stranger, _) = person_in(tenant), person_in(tenant)
        group = group_of(tenant, ada_fan)
        tell(tenant, "for the group", group=group)
        tell(tenant, "for ada", to=ada_fan.id)
        tell(tenant, "for all")

        assert listen(tenant, ada, last=0).texts(until="for all") == [
            "for the group", "for ada", "for all",
        ]  # fmt: skip
        assert listen(tenant, stranger, last=0).texts(until="for all") == ["for all"]

    def test_who_joins_hears_it_from_then_on_and_who_leaves_hears_nothing_more(
        self, tenant: Tenant, listen: Listen
    ) -> None:
        (ada, ada_fan), (_, ben_fan) = person_in(tenant), person_in(tenant)
        group = group_of(tenant, ben_fan)
        reader = listen(tenant, ada)
        reader.take("ready")

        tell(tenant, "before", group=group)
        with binding.bind(tenant, writes="platform"):
            operations.join_group(
                group_id=group.id, profile_id=ada_fan.id, own_ids=[ada_fan.id],
                joined_on=timezone.now(),
            )  # fmt: skip
        tell(tenant, "inside", group=group)
        with binding.bind(tenant, writes="platform"):
            operations.remove_member(
                group_id=group.id, profile_id=ada_fan.id, removed_on=timezone.now()
            )
        tell(tenant, "after", group=group)
        end = tell(tenant, "end")

        heard = []
        while not heard or heard[-1].id != end:
            heard.append(reader.take())
        assert [told.data.get("text", told.kind) for told in heard] == [
            "group_member.joined", "inside", "group_member.removed", "end",
        ]  # fmt: skip

    def test_who_was_removed_is_not_told_what_they_missed(
        self, tenant: Tenant, listen: Listen
    ) -> None:
        ada, ada_fan = person_in(tenant)
        group = group_of(tenant, ada_fan)
        tell(tenant, "inside", group=group)
        with binding.bind(tenant, writes="platform"):
            operations.remove_member(
                group_id=group.id, profile_id=ada_fan.id, removed_on=timezone.now()
            )
        tell(tenant, "end")

        assert listen(tenant, ada, last=0).texts(until="end") == ["end"]

    def test_of_an_invited_member_begins_with_the_invitation(
        self, tenant: Tenant, listen: Listen
    ) -> None:
        (_, ada_fan), (ben, ben_fan) = person_in(tenant), person_in(tenant)
        group = group_of(tenant, ada_fan, joining="INVITED")
        tell(tenant, "among ourselves", group=group)
        with binding.bind(tenant, writes="platform"):
            operations.add_member(group_id=group.id, profile_id=ben_fan.id, added_on=timezone.now())
        tell(tenant, "welcome", group=group)

        assert listen(tenant, ben, last=0).texts(until="welcome") == ["welcome"]

    def test_hears_nothing_of_people_it_is_kept_apart_from(
        self, tenant: Tenant, listen: Listen
    ) -> None:
        (ada, ada_fan), (_, ben_fan) = person_in(tenant), person_in(tenant)
        group = group_of(tenant, ada_fan, ben_fan)
        with binding.bind(tenant, writes="users"):
            Block.objects.create(blocker=ben_fan, blocked=ada_fan)
        reader = listen(tenant, ada)
        reader.take("ready")

        tell(tenant, "of ben", group=group, author_id=str(ben_fan.id))
        tell(tenant, "end", group=group)

        assert reader.texts(until="end") == ["end"]
        assert listen(tenant, ada, last=0).texts(until="end") == ["end"]


class TestIsolation:
    def test_nothing_of_one_tenant_is_told_in_another(
        self, tenant: Tenant, rival: Tenant, listen: Listen
    ) -> None:
        (ada, ada_fan), (zoe, _) = person_in(tenant), person_in(rival)
        mine, theirs = listen(tenant, ada), listen(rival, zoe)
        mine.take("ready")
        theirs.take("ready")

        tell(tenant, "mine, to all")
        tell(tenant, "mine, to ada", to=ada_fan.id)
        tell(rival, "theirs")
        tell(tenant, "end")

        assert mine.texts(until="end") == ["mine, to all", "mine, to ada", "end"]
        assert theirs.texts(until="theirs") == ["theirs"]

    def test_the_numbers_of_another_tenant_lead_to_one_s_own_rows(
        self, tenant: Tenant, rival: Tenant, listen: Listen
    ) -> None:
        ada, _ = person_in(tenant)
        for number in range(3):
            tell(tenant, f"mine {number}")
        for number in range(9):
            theirs = tell(rival, f"theirs {number}")

        within = listen(tenant, ada, last=1)
        ahead = listen(tenant, ada, last=theirs)

        assert within.texts(until="mine 2") == ["mine 1", "mine 2"]
        assert ahead.take().kind == "reset"
        tell(tenant, "end")
        assert ahead.texts(until="end") == ["end"]

    def test_a_ticket_of_another_tenant_is_refused_and_stays_good_at_home(
        self, tenant: Tenant, rival: Tenant, stream_port: int
    ) -> None:
        ada, _ = person_in(tenant)
        ticket = client_of(tenant, ada).post("/api/v1/stream/tickets").json()["ticket"]
        secret = ticket.partition(".")[2]

        for used in (ticket, f"{rival.slug}.{secret}"):
            with Reader(
                stream_port, host=host_of(rival), path=f"/api/v1/stream?ticket={used}"
            ) as refused:
                assert refused.status == 401
                assert refused.problem()["type"] == "/problems/ticket-refused"
        with Reader(
            stream_port, host=host_of(tenant), path=f"/api/v1/stream?ticket={ticket}"
        ) as reader:
            assert reader.take().kind == "ready"

    def test_a_token_of_another_tenant_is_refused(
        self, tenant: Tenant, rival: Tenant, listen: Listen, stream_port: int
    ) -> None:
        from tests.api import token_of

        ada, _ = person_in(tenant)
        headers = {"Authorization": f"Bearer {token_of(tenant, ada)}"}

        with Reader(stream_port, host=host_of(rival), headers=headers) as refused:
            assert refused.status == 401
            assert refused.problem()["type"] == "/problems/token-for-another-tenant"


class TestComingBack:
    @pytest.mark.parametrize("given", ["nonsense", "-1", "9" * 30, "1; DROP", "999"])
    def test_with_a_position_that_was_never_given_out_starts_anew(
        self, tenant: Tenant, listen: Listen, given: str
    ) -> None:
        ada, _ = person_in(tenant)
        here = tell(tenant, "before")
        reader = listen(tenant, ada, last=given)

        told = reader.take()

        assert (told.kind, told.id) == ("reset", here)
        assert told.data == {"position": here, "reason": "unknown-position"}
        tell(tenant, "after")
        assert reader.texts(until="after") == ["after"]
        assert listen(tenant, ada, last=reader.last_id - 1).take().kind == "test.said"

    def test_after_what_is_kept_starts_anew(self, tenant: Tenant, listen: Listen) -> None:
        ada, _ = person_in(tenant)
        for number in range(4):
            tell(tenant, f"old {number}")
        with binding.bind(tenant, writes="platform"):
            assert stream.forget_old_events(now=timezone.now() + stream.KEPT_FOR) == 4
        tell(tenant, "new")

        assert listen(tenant, ada, last=3).take().data == {"position": 5, "reason": "too-old"}
        assert listen(tenant, ada, last=4).texts(until="new") == ["new"]
        assert listen(tenant, ada, last=5).status == 200

    def test_after_more_than_a_page_repeats_and_skips_nothing(
        self, tenant: Tenant, listen: Listen
    ) -> None:
        ada, ada_fan = person_in(tenant)
        group = group_of(tenant, ada_fan)
        with binding.bind(tenant, writes="platform"):
            for number in range(450):
                audience_id = group.id if number % 3 else None
                stream.tell(
                    kind="test.said",
                    audience="GROUP" if audience_id else "EVERYBODY",
                    audience_id=audience_id,
                    payload={"text": str(number)},
                )

        said = listen(tenant, ada, last=0).texts(until="449")

        assert said == [str(number) for number in range(450)]


class TestForgetting:
    def test_keeps_what_is_young_and_leaves_no_gap(self, tenant: Tenant) -> None:
        from apps.platform.models import StreamEvent

        for number in range(4):
            tell(tenant, str(number))
        with binding.bind(tenant, writes="platform"):
            past = timezone.now() - 2 * stream.KEPT_FOR
            StreamEvent.objects.filter(position__in=[1, 3]).update(created_at=past)
            stream.forget_old_events(now=timezone.now())
            left = list(StreamEvent.objects.order_by("position").values_list("position", flat=True))

        assert left == [4]
