"""Called in a worker with Quintet's settings: counting queries."""

from contextlib import ExitStack

from django.conf import settings
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks.quintet import SLUG


def count_queries(*, token: str, size: int) -> int:
    """Return how many statements a page of `size` rows with its tags expanded sends, in all databases.

    :raises AssertionError: the page is not as large, or has no tags.
    """
    client = Client(
        HTTP_HOST=settings.PLATFORM_HOST, HTTP_X_TENANT=SLUG, HTTP_AUTHORIZATION=f"Bearer {token}"
    )
    path = f"/api/v1/profiles?profile_type=CELEBRITY&expand=tags&page_size={size}"
    client.get(path)  # what is remembered of tenant, role and keys is read here
    with ExitStack() as stack:
        captured = [
            stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in connections
        ]
        rows = client.get(path).json()["results"]
    assert len(rows) == size, f"{len(rows)} rows"
    assert all(row["tags"] for row in rows), "rows without tags"
    return sum(len(queries) for queries in captured)
