"""The rows that pages are made of: plain tuples, so that every side gets the very same ones."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from apps.kernel.ids import uuid7

WORDS = (
    "stage light summer night record guitar studio voice tour morning kitchen recipe coach "
    "marathon goal painter gallery river camera script scene comedy garden design fashion letter"
).split()
NAMES = "Ada Björn Chloë Dmitri Élodie Farah Gülşen Hana Ingrid João Kwame Łukasz Mei Noor".split()

PROFILE_COLUMNS = (
    "id", "profile_type", "keycloak_id", "display_name", "first_name", "last_name", "bio",
    "company_name", "title", "status", "display_weight", "store_code", "meta_data",
    "is_approved", "field_privacy", "created_on", "updated_at", "is_deleted",
)  # fmt: skip
TAG_COLUMNS = ("id", "profile_id", "tag_id")
IMAGE_COLUMNS = ("id", "profile_id", "image_type", "url", "created_on")
COUNTER_COLUMNS = ("profile_id", "follower_count", "following_count")

NEWEST = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass
class Rows:
    """Rows of each table, in the order of its columns."""

    profiles: list[tuple[Any, ...]] = field(default_factory=list)
    tags: list[tuple[UUID, UUID, UUID]] = field(default_factory=list)
    images: list[tuple[UUID, UUID, str, str, datetime]] = field(default_factory=list)
    counters: list[tuple[UUID, int, int]] = field(default_factory=list)


def rows(*, celebrities: int, fans: int, tag_ids: Sequence[UUID], seed: int) -> Rows:
    """Return one tenant's rows: celebrities with images and tags, and fans with neither."""
    draw = random.Random(seed)
    made = Rows()
    for kind, count in (("CELEBRITY", celebrities), ("FAN", fans)):
        for _ in range(count):
            _add_profile(made, kind=kind, draw=draw, tag_ids=tag_ids)
    return made


def _add_profile(made: Rows, *, kind: str, draw: random.Random, tag_ids: Sequence[UUID]) -> None:
    is_celebrity = kind == "CELEBRITY"
    id_ = uuid7()
    first, last = draw.choice(NAMES), f"{draw.choice(WORDS).title()}son"
    created_on = NEWEST - timedelta(microseconds=draw.randrange(10**14))
    made.profiles.append(
        (
            id_, kind, uuid4(), f"{first} {last}", first, last,
            _text(draw, 30) if is_celebrity else "",
            f"{last} & Co." if is_celebrity else "",
            draw.choice(WORDS).title() if is_celebrity else "",
            "ACTIVE",
            draw.randrange(1000) if is_celebrity else 0,
            f"S{draw.randrange(10**6):06}" if is_celebrity else "",
            f'{{"city": "{draw.choice(NAMES)}ville", "languages": ["en", "fr"]}}',
            None, "{}", created_on, created_on, False,
        )
    )  # fmt: skip
    made.counters.append((id_, draw.randrange(5_000), draw.randrange(50)))
    if not is_celebrity:
        return
    made.tags += [(uuid7(), id_, tag_id) for tag_id in draw.sample(list(tag_ids), k=3)]
    made.images += [
        (uuid7(), id_, image_type, f"https://images.example/{id_}/{image_type.lower()}", created_on)
        for image_type in ("PROFILE", "BANNER")
    ]


def _text(draw: random.Random, words: int) -> str:
    return " ".join(draw.choices(WORDS, k=words)).capitalize() + "."


def tenant_rows(made: Rows, tenant_id: UUID) -> Iterator[tuple[str, tuple[str, ...], list[Any]]]:
    """Yield table, columns and rows of one tenant, as the users context keeps them."""
    for table, columns, of_table in (
        ("profiles", PROFILE_COLUMNS, made.profiles),
        ("profile_tags", TAG_COLUMNS, made.tags),
        ("profile_images", IMAGE_COLUMNS, made.images),
    ):
        yield table, ("tenant_id", *columns), [(tenant_id, *row) for row in of_table]
