"""Nothing that a process remembers of one test is left for the next."""

from collections.abc import Iterator

import pytest

from tests.tenancy.people import forget_everything


@pytest.fixture(autouse=True)
def forgetting() -> Iterator[None]:
    forget_everything()
    yield
    forget_everything()
