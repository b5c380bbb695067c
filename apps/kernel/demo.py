"""Demo data: each context registers how it fills a tenant, and a command calls them in order."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Demo:
    """One context's part of the demo data; `order` puts what others refer to first."""

    context: str
    order: int
    load: Callable[..., None]


_demos: list[Demo] = []


def register(*, context: str, order: int, load: Callable[..., None]) -> None:
    """Register `load(tenant=…, size=…)`, which is safe to call again."""
    _demos.append(Demo(context=context, order=order, load=load))


def load_all(*, tenant: Any, size: int, report: Callable[[str], object]) -> None:
    """Fill a tenant with every context's demo data.

    :param size: how many fans there are; everything else is in proportion.
    """
    for demo in sorted(_demos, key=lambda demo: demo.order):
        report(f"{tenant.slug}: {demo.context}")
        demo.load(tenant=tenant, size=size)


_tell: list[Callable[[], Any]] = []


def offer_content(tell: Callable[[], Any]) -> None:
    """Offer the story that the contexts' demo data share: who there is, and what they do.

    :param tell: imports and returns it; not called before it is needed.
    """
    _tell[:] = [tell]


def content() -> Any:
    """Return the shared story.

    :raises LookupError: nobody offers one.
    """
    if not _tell:
        raise LookupError("No demo content is offered; the users context does, when installed.")
    return _tell[0]()
