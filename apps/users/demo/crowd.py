"""Draws a crowd from the name pools: fans, whom they follow, how profiles came to be.

Pure functions of their arguments: the same seed gives the same crowd on every machine.
"""

import random
import unicodedata
from collections.abc import Sequence

from apps.users.demo import names, tags
from apps.users.demo.shapes import DemoFan, DemoFollow, DemoProfile, DemoStatusChange

NOTIFICATIONS = ("NEW_CONTENT", "LIVE", "OFFERS")

STATUS_NOTES: dict[str, tuple[str, ...]] = {
    "PENDING": (
        "Signed up at the stage door.",
        "Invited by a friend who is already here.",
        "Identity papers received; the photo is from another decade.",
        "Waiting for the agent to answer. The agent is at lunch.",
        "Asked for a second portrait, this time without the dog.",
        "Reference call booked for Thursday.",
    ),
    "ACTIVE": (
        "Approved. The test video made the whole office laugh.",
        "Approved after one call. Very punctual.",
        "Approved; agreed on two shoutouts a day at most.",
        "Approved, with the dog.",
    ),
    "INACTIVE": (
        "On tour until further notice.",
        "Asked for a break; the inbox was winning.",
        "Paused while a complaint is looked into.",
    ),
}
"""Notes for the status history, by status."""

_PACE = (0.42, 0.30, 0.18, 0.10)
"""Shares of fans who follow a few, some, many, nearly all."""
_FOLLOWS_WANTED = ((1, 4), (5, 10), (11, 18), (19, 30))
_OLDEST_DAYS = 900
_UNFOLLOWED = 1 / 9
_OPT_IN = 0.45
# Letters that have no decomposition into a base letter and an accent.
_BARE_LETTERS = str.maketrans(
    {"ø": "o", "\N{LATIN SMALL LETTER DOTLESS I}": "i", "ð": "d", "ł": "l"}
)


def fans(*, count: int, seed: int, tag_names: Sequence[str] = ()) -> list[DemoFan]:
    """Draw `count` fans with distinct keys, names and addresses.

    Addresses end in `.example`, which can never be delivered to. Interests are drawn from
    `tag_names` (at least four), or from the whole taxonomy.

    :raises ValueError: if `count` is negative or larger than half the number of distinct names.
    """
    most = len(names.FIRST_NAMES) * len(names.LAST_NAMES) // 2
    if not 0 <= count <= most:
        raise ValueError(f"count must be between 0 and {most}, not {count}")

    rng = random.Random(seed)
    pool = tag_names or [tag.name for tag in tags.TAGS]
    crowd: list[DemoFan] = []
    taken: set[str] = set()
    while len(crowd) < count:
        first, last = rng.choice(names.FIRST_NAMES), rng.choice(names.LAST_NAMES)
        key = _ascii_slug(text=f"{first} {last}")
        if key in taken:
            continue
        taken.add(key)
        low, high = rng.choices(_FOLLOWS_WANTED, weights=_PACE)[0]
        crowd.append(
            DemoFan(
                key=key,
                display_name=_screen_name(first=first, last=last, rng=rng),
                first_name=first,
                last_name=last,
                email=f"{key.replace('-', '.')}@fans.example",
                city=rng.choice(names.CITIES),
                interests=tuple(rng.sample(pool, rng.randint(1, 4))),
                joined_days_ago=rng.randint(3, _OLDEST_DAYS),
                follows_wanted=rng.randint(low, high),
            )
        )
    return crowd


def follows(
    *, crowd: Sequence[DemoFan], celebrities: Sequence[DemoProfile], seed: int
) -> list[DemoFollow]:
    """Draw whom each fan follows, at most once per pair, in the order of `crowd`.

    Fans prefer those who share an interest, and those of more weight. About one in nine follows
    has ended.
    """
    rng = random.Random(seed)
    drawn: list[DemoFollow] = []
    for fan in crowd:
        ranked = sorted(
            celebrities,
            key=lambda who: _appeal(fan=fan, celebrity=who) * rng.random(),
            reverse=True,
        )
        for celebrity in ranked[: fan.follows_wanted]:
            age = rng.randint(1, fan.joined_days_ago)
            has_ended = age > 1 and rng.random() < _UNFOLLOWED
            drawn.append(
                DemoFollow(
                    fan=fan.key,
                    celebrity=celebrity.key,
                    followed_days_ago=age,
                    unfollowed_days_ago=rng.randint(0, age - 1) if has_ended else None,
                    notifications=tuple(n for n in NOTIFICATIONS if rng.random() < _OPT_IN),
                )
            )
    return drawn


def status_history(*, profile: DemoProfile, seed: int) -> list[DemoStatusChange]:
    """Draw how a profile became ACTIVE: PENDING, then ACTIVE, oldest first.

    A profile that is booked out was INACTIVE once and is ACTIVE again.
    """
    # A string seed mixes the profile in, so that adding one leaves the others as they were.
    rng = random.Random(f"{seed}:{profile.key}")
    path = ["PENDING", "ACTIVE"]
    if profile.is_booked_out:
        path += ["INACTIVE", "ACTIVE"]

    days = sorted(rng.sample(range(_OLDEST_DAYS, _OLDEST_DAYS + 400), len(path)), reverse=True)
    return [
        DemoStatusChange(status=status, days_ago=age, note=rng.choice(STATUS_NOTES[status]))
        for status, age in zip(path, days, strict=True)
    ]


def _appeal(*, fan: DemoFan, celebrity: DemoProfile) -> float:
    shared = len(set(fan.interests) & set(celebrity.tags))
    return (20 + celebrity.display_weight) * (1 + 2 * shared)


def _screen_name(*, first: str, last: str, rng: random.Random) -> str:
    """Write a name the way people do: in full, with an initial, or as a nickname."""
    return rng.choice(
        (
            f"{first} {last}",
            f"{first} {last}",
            f"{first} {last[0]}.",
            f"{first}{rng.randint(7, 99)}",
        )
    )


def _ascii_slug(*, text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.lower().translate(_BARE_LETTERS))
    bare = folded.encode("ascii", "ignore").decode()
    return bare.replace(" ", "-")
