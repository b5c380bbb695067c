"""A page listens to the live stream with the browser's own EventSource."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apps.tenancy.models import Tenant
from tests.api import client_of, token_of
from tests.platform.stream.conftest import group_of, person_in, serving, tell

pytestmark = pytest.mark.browser

# As docs/stream.md has it.
LISTEN = """
async ({api, stream, token}) => {
  window.heard = [];
  let last = "";
  async function listen() {
    const reply = await fetch(`${api}/api/v1/stream/tickets`,
      {method: "POST", headers: {Authorization: `Bearer ${token}`}});
    const {ticket} = await reply.json();
    const source = new EventSource(
      `${stream}/api/v1/stream?ticket=${ticket}&last_event_id=${last}`);
    const hear = (event) => {
      last = event.lastEventId || last;
      window.heard.push([event.type, JSON.parse(event.data)]);
    };
    for (const kind of ["ready", "reset", "group_message.posted", "test.said"])
      source.addEventListener(kind, hear);
    source.onerror = () => { source.close(); setTimeout(listen, 200); };
    window.source = source;
  }
  await listen();
}
"""


@pytest.fixture(scope="module")
def stream_port(port: int) -> Iterator[int]:
    """The port of a running stream, beside the API's."""
    with serving() as (number, _):
        yield number


class TestEventSource:
    def test_shows_what_somebody_else_posts_and_comes_back_for_what_it_missed(
        self, page: Any, address: Callable[[str], str], stream_port: int, tenant: Tenant
    ) -> None:
        (ada, ada_fan), (ben, ben_fan) = person_in(tenant), person_in(tenant)
        group = group_of(tenant, ada_fan, ben_fan)
        host = tenant.domains.get().domain
        page.goto(f"{address(host)}/")
        page.evaluate(
            LISTEN,
            {
                "api": address(host),
                "stream": f"http://{host}:{stream_port}",
                "token": token_of(tenant, ada),
            },
        )
        page.wait_for_function("window.heard.length == 1")

        posted = client_of(tenant, ben).post(
            f"/api/v1/groups/{group.id}/messages", {"message_content": "Can you hear me?"}
        )
        page.wait_for_function("window.heard.length == 2")
        # The page loses its connection, and something happens in the meantime.
        page.evaluate("window.source.close()")
        tell(tenant, "while you were away")
        page.evaluate("window.source.onerror()")
        page.wait_for_function("window.heard.length == 3")

        assert posted.status_code == 201, posted.content
        heard = page.evaluate("window.heard")
        assert [kind for kind, _ in heard] == ["ready", "group_message.posted", "test.said"]
        assert heard[1][1]["message_content"] == "Can you hear me?"
        assert heard[2][1]["text"] == "while you were away"
