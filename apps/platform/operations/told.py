"""What the live stream has told and is not to tell again: its events stay in place, without words."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connections

FORGET_MESSAGE = """
UPDATE stream_events SET payload = payload || '{"message_content": "", "meta_data": {}}'::jsonb
WHERE created_at >= %s AND payload ->> 'id' = %s AND starts_with(kind, 'group_message.')
"""
# The words of the people, and all that the stream told them alone.
FORGET_AUTHORS = """
UPDATE stream_events SET payload = payload || '{"message_content": "", "meta_data": {}}'::jsonb
WHERE payload ->> 'author_id' = ANY(%s) AND starts_with(kind, 'group_message.')
    AND payload ->> 'message_content' <> ''
"""
FORGET_LISTENERS = """
UPDATE stream_events SET payload = '{}'::jsonb
WHERE audience = 'PERSON' AND audience_id = ANY(%s::uuid[]) AND payload <> '{}'
"""


def forget_message(*, message_id: UUID, since: datetime) -> None:
    """Empty what was told of a message's content, since it was posted."""
    with connections["platform"].cursor() as cursor:
        cursor.execute(FORGET_MESSAGE, [since, str(message_id)])


def forget_people(*, ids: Collection[UUID]) -> int:
    """Empty what was told of some profiles' words, and what was told to them; return how many events."""
    with connections["platform"].cursor() as cursor:
        cursor.execute(FORGET_AUTHORS, [[str(id_) for id_ in ids]])
        many = int(cursor.rowcount)
        cursor.execute(FORGET_LISTENERS, [list(ids)])
        return many + int(cursor.rowcount)
