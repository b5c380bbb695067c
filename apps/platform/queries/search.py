"""Searching across contexts: the documents that a text means, best first."""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connections
from django.db.models import F, Func, IntegerField, QuerySet, UUIDField, Value

from apps.kernel.errors import Invalid
from apps.platform.models import SearchDocument
from apps.platform.models.search import Kind

# Whoever looks for something looks at the first pages; what is ranked lower is not fetched.
SEARCH_LIMIT = 200
TEXT_LENGTH = 200
"""In characters: the longest text that can be looked for."""

FIND = "SELECT document_id, rank FROM find_documents(%s, %s::uuid[], %s::text[], %s, %s, %s)"
# Groups are shown to people who have signed in; so are their names.
KINDS_FOR_ANYBODY = (Kind.PROFILE, Kind.TAG, Kind.ITEM)


def check_text(text: str) -> str:
    """Return a text that can be looked for.

    :raises Invalid: it is too long, or holds the character NUL.
    """
    if len(text) > TEXT_LENGTH:
        raise Invalid(
            fields={
                "q": [f"Give at most {TEXT_LENGTH} characters; these are {len(text):,} characters."]
            }
        )
    if "\x00" in text:
        raise Invalid(fields={"q": ["A text can't hold the character NUL."]})
    return text


def find(
    *,
    text: str,
    tag_ids: Collection[UUID] | None = None,
    kinds: Collection[str] | None = None,
    public_only: bool = True,
    with_alike: bool = True,
) -> dict[UUID, int]:
    """Return the ranks of the documents that a text means, at most SEARCH_LIMIT, the best first.

    Every word is in a document, or begins one of its words. Where that finds few, names that are
    spelled alike are found too. Without a word in it, a text finds what has the tags.

    :param tag_ids: only what has one of these tags; None for everything.
    :param kinds: only these kinds of entities; None for all.
    :param with_alike: whether to find what is spelled alike.
    """
    if tag_ids is not None and not tag_ids:
        return {}
    wanted = None if kinds is None else [str(kind) for kind in kinds]
    with connections["platform"].cursor() as cursor:
        cursor.execute(
            FIND,
            [text, list(tag_ids or ()), wanted, public_only, with_alike, SEARCH_LIMIT],
        )
        return dict(cursor.fetchall())


def documents(ranks: dict[UUID, int]) -> QuerySet[SearchDocument]:
    """Return documents, each with its `rank`."""
    place = Func(
        _array(ranks.keys(), UUIDField()),
        F("id"),
        function="array_position",
        output_field=IntegerField(),
    )
    rank = Func(
        _array(ranks.values(), IntegerField()),
        place,
        template="(%(expressions)s]",
        arg_joiner="::integer[])[",
        output_field=IntegerField(),
    )
    return SearchDocument.objects.filter(id__in=list(ranks)).annotate(rank=rank)


def _array(values: Iterable[object], field: UUIDField | IntegerField) -> Value:
    return Value(list(values), output_field=ArrayField(field))
