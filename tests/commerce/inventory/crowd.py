"""Many at once: people, and threads in which they do something."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections

from apps.kernel.ids import uuid7
from apps.tenancy import binding
from apps.users.models import Profile, ProfileStatus, ProfileType


def make_fans(tenant: Any, count: int) -> list[Any]:
    """So many fans; return their profile ids."""
    with binding.bind(tenant, writes="users"):
        rows = Profile.objects.bulk_create(
            Profile(
                profile_type=ProfileType.FAN,
                keycloak_id=uuid7(),
                display_name=f"Fan {number}",
                status=ProfileStatus.ACTIVE,
            )
            for number in range(count)
        )
    return [row.id for row in rows]


def all_at_once(act: Callable[[Any], object], each: Iterable[Any], *, threads: int) -> Counter[str]:
    """Act on each in so many threads; count how it ended: "done", or the name of the exception."""
    waiting = deque(each)

    def work() -> list[str]:
        ended = []
        try:
            while True:
                try:
                    one = waiting.popleft()
                except IndexError:
                    return ended
                ended.append(_ending_of(act, one))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        works = [pool.submit(work) for _ in range(threads)]
        return Counter(ending for each in works for ending in each.result())


def _ending_of(act: Callable[[Any], object], one: Any) -> str:
    try:
        act(one)
    except Exception as error:
        return type(error).__name__
    return "done"
