"""Called in a worker with the plain reference's settings."""

from typing import Any

from django.db import connection, transaction

from benchmarks import content
from benchmarks.plain.models import Counters, Profile, ProfileImage, ProfileTag

TABLES = (
    (Profile, content.PROFILE_COLUMNS, "profiles"),
    (Counters, content.COUNTER_COLUMNS, "counters"),
    (ProfileTag, content.TAG_COLUMNS, "tags"),
    (ProfileImage, content.IMAGE_COLUMNS, "images"),
)


def fill(*, rows: dict[str, list[list[Any]]]) -> None:
    """Make the tables and write the rows that Quintet's tenant has."""
    with connection.schema_editor() as editor:
        for model, _, _ in TABLES:
            editor.create_model(model)
    with transaction.atomic(), connection.cursor() as cursor:
        for model, columns, name in TABLES:
            statement = f"COPY {model._meta.db_table} ({', '.join(columns)}) FROM STDIN"
            with cursor.copy(statement) as copy:
                for row in rows[name]:
                    copy.write_row(row)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
