"""Webhooks lead out and never in: not by their URL, their name, a changed name or a redirect."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from apps.kernel.errors import Invalid
from apps.platform.operations import webhooks
from apps.platform.ports import outbound_http
from apps.tenancy import binding, outbound
from apps.tenancy.outbound import Reach
from tests.api import errors_of
from tests.platform.webhooks.conftest import Hooks
from tests.platform.webhooks.receiver import Receiver

URL = "https://hooks.example.com/"
PUBLIC = "93.184.215.14"
INSIDE = [
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
    "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fec0::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::",
    "2001:0:7f00::1",
]  # fmt: skip


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Have names lead to addresses: to each list of them in turn, the last for ever."""

    def set_up(*answers: list[str]) -> list[str]:
        asked: list[str] = []

        def getaddrinfo(host: str, port: int, **values: Any) -> Any:
            asked.append(host)
            found = answers[min(len(asked), len(answers)) - 1]
            if not found:
                raise socket.gaierror("no such name")
            return [
                (socket.AF_INET6 if ":" in each else socket.AF_INET, 1, 6, "", (each, port))
                for each in found
            ]

        monkeypatch.setattr(outbound.socket, "getaddrinfo", getaddrinfo)
        return asked

    return set_up


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where connections go; none is made."""
    places: list[Any] = []

    def create_connection(place: Any, *args: Any) -> Any:
        places.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(outbound.socket, "create_connection", create_connection)
    return places


class TestURLs:
    @pytest.mark.parametrize("address", INSIDE)
    def test_that_name_an_address_inside_are_refused(self, hooks: Hooks, address: str) -> None:
        host = f"[{address}]" if ":" in address else address

        with pytest.raises(Invalid) as refused:
            hooks.add(f"https://{host}/hook")
        assert refused.value.fields == {"url": ["It leads to an address that is not public."]}

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "hooks.example.com",
            "//hooks.example.com/",
            "http://hooks.example.com/",
            "ftp://hooks.example.com/",
            "file:///etc/passwd",
            "gopher://hooks.example.com/",
            "https://",
            "https:///path",
            "https://user@hooks.example.com/",
            "https://user:secret@hooks.example.com/",
            "https://@hooks.example.com/",
            "https://hooks.example.com\\@10.0.0.1/",
            "https://hooks.example.com/#part",
            "https://hooks.example.com:22/",
            "https://hooks.example.com:25/",
            "https://hooks.example.com:0/",
            "https://hooks.example.com:70000/",
            "https://hooks.example.com:port/",
            "https://[::1",
            "https://hooks.exämple.com/",
            "https://hooks.example.com/a b",
            "https://hooks.example.com/\r\nX: y",
            "https://hooks.example.com/\x00",
            "https://localhost/",
            "https://a.LOCALHOST./",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://1.2.3.4.5/",
            "https://hooks.example.com/" + "x" * 2_000,
        ],
    )
    def test_that_are_odd_are_refused(self, hooks: Hooks, url: str) -> None:
        with pytest.raises(Invalid) as refused:
            hooks.add(url)
        assert set(refused.value.fields) == {"url"}

    @pytest.mark.parametrize(
        "url",
        [
            URL,
            "https://hooks.example.com",
            "https://hooks.example.com:8443/a?b=c&d=e",
            "https://hooks.example.com:443/",
            "https://xn--exmple-cua.com/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
        ],
    )
    def test_that_lead_out_are_fine(self, hooks: Hooks, url: str) -> None:
        endpoint, _ = hooks.add(url)

        assert hooks.endpoint(endpoint).url == url

    def test_may_not_be_changed_to_lead_inside(self, hooks: Hooks) -> None:
        endpoint, _ = hooks.add(URL)

        with pytest.raises(Invalid):
            hooks.do(
                webhooks.change_endpoint,
                endpoint_id=endpoint.id,
                changes={"url": "https://10.0.0.1/"},
                changed_at=timezone.now(),
            )
        assert hooks.endpoint(endpoint).url == URL

    def test_metadata_is_out_of_reach_even_where_private_addresses_are_not(
        self, hooks: Hooks, inside: None
    ) -> None:
        hooks.add("https://10.0.0.1/")
        for address in ("169.254.169.254", "100.100.100.200", "[fe80::1]", "224.0.0.1"):
            with pytest.raises(Invalid):
                hooks.add(f"https://{address}/")


class TestNames:
    @pytest.mark.parametrize("found", [["10.0.0.1"], [PUBLIC, "10.0.0.1"], ["::ffff:7f00:1"], []])
    def test_that_lead_inside_or_nowhere_are_refused_alike_when_named(
        self, as_admin: Any, resolve: Any, found: list[str]
    ) -> None:
        resolve(found)

        replies = [as_admin.post("/api/v1/webhooks", {"url": URL})]
        resolve([PUBLIC])
        made = as_admin.post("/api/v1/webhooks", {"url": URL})
        assert made.status_code == 201
        resolve(found)
        replies.append(as_admin.patch(f"/api/v1/webhooks/{made.json()['id']}", {"url": URL}))

        for reply in replies:
            assert reply.status_code == 400 and errors_of(reply) == {"url"}
            [error] = reply.json()["errors"]
            assert error["detail"] == outbound_http.LEADS_INSIDE

    def test_are_looked_up_in_no_unit_of_work(
        self, as_admin: Any, resolve: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resolve([PUBLIC])
        bound = []
        look = outbound_http.fault_of_place

        def watched(url: str) -> Any:
            bound.append(binding.current())
            return look(url)

        monkeypatch.setattr(outbound_http, "fault_of_place", watched)
        assert as_admin.post("/api/v1/webhooks", {"url": URL}).status_code == 201

        assert bound == [None]

    @pytest.mark.parametrize("found", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["64:ff9b::a00:1"], []])
    def test_that_have_come_to_lead_inside_are_not_even_connected_to(
        self, hooks: Hooks, resolve: Any, connected: list[Any], found: list[str]
    ) -> None:
        hooks.add(URL)
        hooks.record()
        resolve(found)

        hooks.send()

        assert connected == []
        [delivery] = hooks.deliveries()
        assert (delivery.last_error, delivery.response_status) == (outbound_http.LEADS_INSIDE, None)
        assert delivery.response_excerpt == ""

    def test_are_looked_up_once_and_the_connection_goes_to_what_was_judged(
        self, hooks: Hooks, resolve: Any, connected: list[Any]
    ) -> None:
        hooks.add(URL)
        hooks.record()
        # Public when it is judged, and inside a moment later.
        asked = resolve([PUBLIC], ["127.0.0.1"])

        hooks.send()

        assert asked == ["hooks.example.com"]
        assert connected == [(PUBLIC, 443)]

    def test_all_of_whose_addresses_are_tried(
        self, hooks: Hooks, resolve: Any, connected: list[Any]
    ) -> None:
        hooks.add(URL)
        hooks.record()
        resolve(["2606:4700::1111", PUBLIC])
        hooks.send()

        assert connected == [("2606:4700::1111", 443), (PUBLIC, 443)]

    def test_that_lead_to_very_many_addresses_hold_a_sender_no_longer(
        self, hooks: Hooks, resolve: Any, connected: list[Any]
    ) -> None:
        hooks.add(URL)
        hooks.record()
        resolve([f"93.184.215.{number}" for number in range(1, 101)])

        hooks.send()

        assert len(connected) == 3


class TestRedirects:
    def test_to_the_inside_are_not_followed_and_nothing_of_it_is_shown(
        self, hooks: Hooks, receiver: Receiver
    ) -> None:
        inside = f"http://127.0.0.1:{receiver.port}/inside"
        for status in (301, 302, 303, 307, 308):
            receiver.answer = lambda _, status=status: (status, {"Location": inside}, b"")
            hooks.add(receiver.url)
            hooks.record()
            hooks.send()

        assert {each.path for each in receiver.received} == {"/hook"}
        assert {each.response_excerpt for each in hooks.deliveries()} == {""}


class TestPermissionToReachInside:
    def test_taken_back_holds_for_endpoints_that_are_there(
        self, hooks: Hooks, receiver: Receiver, settings: Any
    ) -> None:
        hooks.add(receiver.url)
        hooks.record()
        settings.WEBHOOKS_ALLOW_PRIVATE = False
        hooks.send()

        assert receiver.received == []
        assert [each.last_error for each in hooks.deliveries()] == [
            "It leads to an address that is not public."
        ]

    @pytest.mark.parametrize("address", INSIDE)
    def test_is_needed_for_every_address_inside(self, address: str) -> None:
        given = outbound.ipaddress.ip_address(address)

        assert not outbound.may_connect(given, reach=Reach.PUBLIC)
        assert outbound.may_connect(given, reach=Reach.ANYWHERE)
