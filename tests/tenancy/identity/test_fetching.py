"""Issuers' URLs are chosen by admins of tenants, and must not lead to what only this machine reaches."""

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from apps.tenancy import outbound
from apps.tenancy.identity import fetching
from apps.tenancy.identity.fetching import Unfetchable, fault_of_url, fetch_json


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path: a document, a redirect to it, too much, or slowly."""

    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.path)
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/document")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        try:
            if self.path == "/endless":
                for _ in range(2_000):
                    self.wfile.write(b" " * 1_024)
            elif self.path == "/slow":
                for _ in range(100):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    threading.Event().wait(0.05)
            elif self.path == "/deep":
                self.wfile.write(b"[" * 100_000)
            else:
                self.wfile.write(b'{"answer": 42}')
        except OSError:
            return

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def site() -> Iterator[Any]:
    _Handler.seen = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def url_of(site: Any, path: str, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{site.server_address[1]}{path}"


class TestFetching:
    def test_returns_a_document(self, site: Any) -> None:
        assert fetch_json(url_of(site, "/document")) == {"answer": 42}

    def test_follows_no_redirect(self, site: Any) -> None:
        with pytest.raises(Unfetchable):
            fetch_json(url_of(site, "/redirect"))
        assert site.RequestHandlerClass.seen == ["/redirect"]

    @pytest.mark.parametrize("path", ["/endless", "/slow", "/deep"])
    def test_gives_up_on_what_is_too_large_too_slow_or_too_deep(
        self, site: Any, settings: Any, path: str
    ) -> None:
        settings.ISSUER_TIMEOUT_SECONDS = 0.5

        with pytest.raises(Unfetchable):
            fetch_json(url_of(site, path))

    def test_does_not_even_connect_to_what_a_name_must_not_lead_to(
        self, settings: Any, site: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.ALLOW_INSECURE_ISSUERS = False
        connected = []
        monkeypatch.setattr(
            outbound.socket, "create_connection", lambda *args: connected.append(args)
        )

        with pytest.raises(Unfetchable, match="public"):
            fetch_json(f"https://localhost:{site.server_address[1]}/document")

        assert connected == []

    def test_refuses_a_name_that_leads_to_this_machine_before_asking_it(
        self, site: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.ALLOW_INSECURE_ISSUERS = False
        # The URL itself looks harmless; only where it leads does not.
        monkeypatch.setattr(fetching, "fault_of_url", lambda url: None)

        with pytest.raises(Unfetchable, match="public"):
            fetch_json(url_of(site, "/document", "localhost"))
        assert site.RequestHandlerClass.seen == []


class TestURLs:
    @pytest.mark.parametrize(
        "url",
        [
            "http://login.example.com",
            "ftp://login.example.com",
            "file:///etc/passwd",
            "https://",
            "https://user:secret@login.example.com",
            "https://login.example.com/?a=b",
            "https://login.example.com/#a",
            "https://login.example.com:port",
            "https://[::1",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://192.168.1.1/",
            "https://0.0.0.0/",
            "https://224.0.0.1/",
            "https://login.exämple.com",
            "https://login.example.com/a b",
            "https://login.example.com/\n",
            "https://login.example.com/" + "x" * 600,
        ],
    )
    def test_a_dangerous_one_is_refused(self, settings: Any, url: str) -> None:
        settings.ALLOW_INSECURE_ISSUERS = False

        assert fault_of_url(url)

    @pytest.mark.parametrize(
        "url",
        [
            "https://login.example.com",
            "https://login.example.com:8443/realms/a",
            "https://8.8.8.8/",
        ],
    )
    def test_a_public_one_is_fine(self, settings: Any, url: str) -> None:
        settings.ALLOW_INSECURE_ISSUERS = False

        assert fault_of_url(url) is None

    def test_private_addresses_can_be_allowed_without_this_machine(self, settings: Any) -> None:
        settings.ALLOW_INSECURE_ISSUERS = False
        settings.ALLOW_PRIVATE_ISSUERS = True

        assert fault_of_url("https://10.0.0.1/") is None
        assert fault_of_url("https://127.0.0.1/")
        assert fault_of_url("https://169.254.169.254/")
