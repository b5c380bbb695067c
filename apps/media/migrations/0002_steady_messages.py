"""Recording messages is planned the same whatever the statistics say."""

from django.db import migrations

from apps.tenancy.postgresql.operations import HomeSQL

# A session keeps the plan it made first, and with a log that was empty then, that plan reads all of it.
STEADY = """
ALTER FUNCTION {home}.record_messages(jsonb) SET enable_seqscan = off SET enable_sort = off
    SET enable_bitmapscan = off SET jit = off
"""
UNDO = """
ALTER FUNCTION {home}.record_messages(jsonb) RESET enable_seqscan RESET enable_sort
    RESET enable_bitmapscan RESET jit
"""


class Migration(migrations.Migration):
    """Recording messages is planned the same whatever the statistics say."""

    dependencies = [("media", "0001_messages")]

    operations = [HomeSQL(STEADY, UNDO)]
