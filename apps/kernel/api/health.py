"""Probes: `live` says the process answers, `ready` says it can do its work."""

from django.core.cache import cache
from django.db import connections
from django.http import HttpResponse

from apps.kernel.api.renderers import to_json


def live() -> HttpResponse:
    """Answer 200 as long as the process can answer at all."""
    return HttpResponse(b'{"status":"ok"}', content_type="application/json")


def ready() -> HttpResponse:
    """Answer 200 when every database and the cache answer, 503 and which ones do not otherwise."""
    faults: dict[str, str] = {}
    for alias in connections:
        try:
            connections[alias].ensure_connection()
            connections[alias].is_usable() or faults.setdefault(alias, "does not answer")
        except Exception:  # noqa: BLE001 - a probe reports whatever went wrong
            faults[alias] = "does not answer"
    try:
        cache.get("ready")
    except Exception:  # noqa: BLE001 - the same
        faults["cache"] = "does not answer"
    body = {"status": "unavailable" if faults else "ok", "faults": faults}
    return HttpResponse(
        to_json(body), status=503 if faults else 200, content_type="application/json"
    )
