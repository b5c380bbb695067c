"""Topics: what people can be told of, and how they are told unless they say otherwise."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from apps.platform.models import Channel, Frequency

# What can't wait for a digest, or makes no sense in one.
AT_ONCE_OR_NEVER = (Frequency.AT_ONCE, Frequency.NEVER)
FREQUENCIES: Mapping[str, Collection[Frequency]] = {
    Channel.EMAIL: tuple(Frequency),
    Channel.PUSH: AT_ONCE_OR_NEVER,
    Channel.SMS: AT_ONCE_OR_NEVER,
    Channel.IN_APP: AT_ONCE_OR_NEVER,
}


class UnknownTopic(LookupError):
    """Code names a topic that is not registered here."""

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no topic {key!r}. Add it to the registry of topics.")


@dataclass(frozen=True, slots=True)
class Topic:
    """Something to be told of. Channels that `defaults` leaves out are switched off at first.

    One that is not `is_optional` can't be switched off; one that `is_urgent` is told in quiet hours too.
    An `is_internal` one is the product's own business, and no choice of anybody's.
    """

    key: str
    title: str
    defaults: Mapping[str, Frequency]
    is_optional: bool = True
    is_urgent: bool = False
    is_internal: bool = False

    def default(self, channel: str) -> Frequency:
        """Return how somebody is told who has not said anything."""
        return self.defaults.get(channel, Frequency.NEVER)


_IN_APP: Mapping[str, Frequency] = {Channel.IN_APP: Frequency.AT_ONCE}

TOPICS: Mapping[str, Topic] = {
    topic.key: topic
    for topic in (
        Topic("new_follower", "Somebody follows you", _IN_APP),
        Topic("new_comment", "Somebody comments on what is yours", _IN_APP),
        Topic("new_like", "Somebody likes what is yours", _IN_APP),
        Topic(
            "purchases",
            "What you have bought, and what was refunded",
            {Channel.IN_APP: Frequency.AT_ONCE, Channel.EMAIL: Frequency.AT_ONCE},
        ),
        Topic(
            "subscriptions",
            "Your subscriptions and their payments",
            {Channel.IN_APP: Frequency.AT_ONCE, Channel.EMAIL: Frequency.AT_ONCE},
        ),
        Topic(
            "account",
            "Your account and its safety",
            {Channel.IN_APP: Frequency.AT_ONCE, Channel.EMAIL: Frequency.AT_ONCE},
            is_optional=False,
            is_urgent=True,
        ),
        Topic(
            "contact_code",
            "Codes that verify a telephone number",
            {},
            is_optional=False,
            is_urgent=True,
            is_internal=True,
        ),
        Topic("digest", "Digests", {}, is_internal=True),
    )
}


def find(key: str) -> Topic:
    """Return a topic.

    :raises UnknownTopic: there is none of this key.
    """
    try:
        return TOPICS[key]
    except KeyError:
        raise UnknownTopic(key) from None


def choosable() -> list[Topic]:
    """Return the topics that people have a say in, in order."""
    return [topic for topic in TOPICS.values() if not topic.is_internal]


def is_urgent(key: str) -> bool:
    """Return whether a topic is told in quiet hours too; one that code has dropped since is not."""
    return key in TOPICS and TOPICS[key].is_urgent
