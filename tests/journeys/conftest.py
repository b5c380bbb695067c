"""A server of its own for journeys: the real one, on a free port, on this test's databases."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections

from tests.environment import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_serves(process: "subprocess.Popen[bytes]", *, port: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, "the server did not start"
            time.sleep(0.1)
    raise AssertionError("the server did not answer in time")


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    """The port of a running API."""
    number = free_port()
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "granian"), "--interface", "wsgi", "--host", "127.0.0.1",
         "--port", str(number), "--workers", "1", "--blocking-threads", "4", "--no-ws",
         "--log-level", "warning", "config.wsgi:application"],
        cwd=ROOT, stdin=subprocess.DEVNULL,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
    )  # fmt: skip
    wait_until_it_serves(process, port=number)
    try:
        yield number
    finally:
        process.terminate()
        process.wait(timeout=15)


@pytest.fixture
def page(port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A page of a real browser, for which every host of the tests is this machine."""
    # Playwright keeps an event loop running in this thread, and nothing of Django runs in it.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                f"--host-resolver-rules=MAP *.{settings.PLATFORM_HOST} 127.0.0.1,"
                f"MAP {settings.PLATFORM_HOST} 127.0.0.1",
            ],
        )  # fmt: skip
        try:
            yield browser.new_page()
        finally:
            browser.close()
            # Under a running loop Django keeps connections of their own, which nobody else sees to.
            connections.close_all()


@pytest.fixture
def address(port: int) -> Callable[[str], str]:
    """Return the address of a host of this server."""
    return lambda host: f"http://{host}:{port}"
