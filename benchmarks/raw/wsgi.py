"""A WSGI application of one query, on the plain reference's tables."""

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

import psycopg

from benchmarks.environment import PLAIN_DATABASE

PAGE = """
SELECT json_build_object('results', json_agg(row_to_json(page)))::text FROM (
    SELECT p.id, p.profile_type, p.keycloak_id, p.display_name, p.first_name, p.last_name, p.bio,
        p.company_name, p.title, p.status, p.display_weight, p.store_code, p.parent_group_id,
        p.owner_id, p.is_approved, p.meta_data,
        to_char(p.created_on AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_on,
        to_char(p.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS updated_at,
        p.is_deleted, c.follower_count, c.following_count,
        (SELECT coalesce(json_agg(t.tag_id ORDER BY t.id), '[]')
            FROM plain_profiletag t WHERE t.profile_id = p.id) AS tag_ids,
        (SELECT coalesce(json_agg(json_build_object(
                'id', i.id, 'image_type', i.image_type, 'url', i.url, 'created_on',
                to_char(i.created_on AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            ) ORDER BY i.created_on, i.id), '[]')
            FROM plain_profileimage i WHERE i.profile_id = p.id) AS images
    FROM plain_profile p JOIN plain_counters c ON c.profile_id = p.id
    WHERE p.profile_type = 'CELEBRITY' AND NOT p.is_deleted
    ORDER BY p.display_weight DESC, p.id DESC LIMIT 50
) page
"""

_local = threading.local()


def _connection() -> psycopg.Connection:
    if not hasattr(_local, "connection"):
        _local.connection = psycopg.connect(
            host=os.environ["BENCH_SOCKET_DIR"],
            user=os.environ["BENCH_USER"],
            dbname=PLAIN_DATABASE,
            autocommit=True,
        )
    connection: psycopg.Connection = _local.connection
    return connection


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer every request with the page."""
    row = _connection().execute(PAGE, prepare=True).fetchone()
    assert row is not None
    body = row[0].encode()
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]
