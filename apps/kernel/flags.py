"""Feature flags that the code knows. What a tenant has switched is the platform context's to say."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A switch. `key` is "<context>.<what>"; `default` holds wherever a tenant has set nothing."""

    key: str
    description: str
    default: bool


class UnknownFlag(LookupError):
    """No code asks for a flag of this key."""

    def __init__(self, key: str) -> None:
        there = ", ".join(sorted(_flags)) or "none"
        super().__init__(f"There is no flag {key!r}; there are: {there}.")
        self.key = key


_flags: dict[str, Flag] = {}


def register(*flags: Flag) -> None:
    """Make flags known, from the `ready()` of the context that asks for them."""
    for flag in flags:
        _flags[flag.key] = flag


def known() -> Mapping[str, Flag]:
    """Return every flag by its key, in the order of keys."""
    return dict(sorted(_flags.items()))


def get(key: str) -> Flag:
    """Return a flag.

    :raises UnknownFlag: there is none.
    """
    try:
        return _flags[key]
    except KeyError:
        raise UnknownFlag(key) from None
