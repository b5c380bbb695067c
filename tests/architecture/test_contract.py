"""The API against its own document: whatever is sent, the answer is one that the document knows."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from requests import Request

from apps.tenancy import binding
from apps.tenancy.models import Tenant
from tests.api import Caller, token_of
from tests.factories import CelebrityFactory, GroupFactory, TagFactory

EXAMPLES = 12
PREFIX = "/api/v1/"
# Valid on the wire, and refused for a reason that a schema can't say.
REFUSALS = {400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429}


def document() -> dict[str, Any]:
    made = SchemaGenerator().get_schema(public=True)
    return dict(json.loads(json.dumps(made, default=str)))


def operations() -> list[Any]:
    schema = schemathesis.openapi.from_dict(document())
    return [found.ok() for found in schema.get_all_operations() if PREFIX in found.ok().path]


OPERATIONS = operations()


@pytest.fixture
def ids(tenant: Tenant) -> dict[str, Iterator[str]]:
    """Ids that exist, in turn: half of the requests name one."""
    with binding.bind(tenant, writes="users"):
        profiles = [*CelebrityFactory.create_batch(6), *GroupFactory.create_batch(6)]
    with binding.bind(tenant, writes="platform"):
        tags = TagFactory.create_batch(12)
    return {
        "profiles": itertools.cycle(str(profile.id) for profile in profiles),
        "tags": itertools.cycle(str(tag.id) for tag in tags),
    }


def with_real_ids(path: str, ids: dict[str, Iterator[str]]) -> str:
    for kind, known in ids.items():
        path = re.sub(
            rf"(/{kind}/)[0-9a-f-]{{36}}", lambda found, known=known: found[1] + next(known), path
        )
    return path


class TestEveryOperation:
    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
    def test_answers_as_the_document_says(
        self, operation: Any, tenant: Tenant, ids: dict[str, Iterator[str]]
    ) -> None:
        host = tenant.domains.get().domain
        token = token_of(tenant, Caller(name="Olga", role="owner"))
        client = Client(HTTP_HOST=host, raise_request_exception=False)
        documented = set(operation.definition.raw["responses"])
        turns = itertools.cycle((True, False))
        seen: Counter[int] = Counter()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def send(case: Any) -> None:
            request = prepared(case, host)
            if request is None:
                return
            parts = urlsplit(request.url)
            path = with_real_ids(parts.path, ids) if next(turns) else parts.path
            response = client.generic(
                request.method,
                f"{path}?{parts.query}" if parts.query else path,
                body_of(request),
                content_type=request.headers.get("Content-Type", "application/json"),
                HTTP_AUTHORIZATION=f"Bearer {token}",
            )
            seen[response.status_code] += 1
            check(response, documented)

        send()

        assert seen


def prepared(case: Any, host: str) -> Any:
    """Return the request as it goes over the wire, or None for one that HTTP can't carry."""
    sent = case.as_transport_kwargs(base_url=f"http://{host}")
    known = ("method", "url", "headers", "json", "data", "params", "cookies")
    try:
        return Request(**{name: sent[name] for name in known if name in sent}).prepare()
    except (ValueError, UnicodeError):
        return None


def body_of(request: Any) -> bytes:
    body = request.body or b""
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body


def check(response: Any, documented: set[str]) -> None:
    assert response.status_code < 500, response.content
    if response.status_code >= 400:
        assert response.status_code in {*REFUSALS, 405}, response.content
        assert response["Content-Type"] == "application/problem+json"
        problem = response.json()
        assert problem["status"] == response.status_code
        assert {"type", "title", "detail"} <= set(problem)
    elif response.status_code != 304:
        assert str(response.status_code) in documented, response.status_code
