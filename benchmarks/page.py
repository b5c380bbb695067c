"""A page of 50 profiles in requests per second, against plain DRF and against raw psycopg."""

import json
import re

from benchmarks import client
from benchmarks.client import Target
from benchmarks.figures import Figure, Series, alternate, compare
from benchmarks.stage import CLIENTS, PAGE_PATH, WHOLE_PATH, Stage

# Many short rounds: what else the machine does then falls on both sides alike.
ROUNDS = 24
SECONDS = 1.0
WARM_UP_SECONDS = 2.0
PAGE_SIZE = 50
NEXT = re.compile(rb'"next":"http://[^"]+[?&]cursor=[^"]+"')


def measure_page(stage: Stage) -> list[Figure]:
    """Measure the full stack against a plain ModelViewSet.

    :raises AssertionError: they do not answer alike.
    """
    plain_port = stage.serve("benchmarks.plain.wsgi:application", stage.plain_environment)
    ours = _check_same_bytes(stage, plain_port)
    theirs = Target(
        port=plain_port,
        request=stage.request(PAGE_PATH, signed_in=False),
        length=len(client.get(port=plain_port, request=stage.request(PAGE_PATH, signed_in=False))),
    )
    mine, others = _alternate(stage, ours, theirs)
    return [
        compare(
            name="page: full stack / plain DRF",
            ours=mine,
            reference=others,
            unit="req/s",
            more_is_better=True,
            target="≥ 1.0, aim 1.5",
            meets=lambda ratio: ratio >= 1.0,
        )
    ]


def measure_raw(stage: Stage) -> list[Figure]:
    """Measure the full stack against raw psycopg and PostgreSQL's JSON.

    :raises AssertionError: they do not answer alike.
    """
    raw_port = stage.serve("benchmarks.raw.wsgi:application", stage.plain_environment)
    request = stage.request(PAGE_PATH, signed_in=False)
    body = client.get(port=raw_port, request=request)
    ours = _target(stage, PAGE_PATH)
    mine = json.loads(client.get(port=ours.port, request=ours.request))
    assert json.loads(body)["results"] == mine["results"], "raw answers with other rows"
    series = _alternate(stage, ours, Target(raw_port, request, len(body)))
    return [
        compare(
            name="raw: full stack / raw psycopg + json_agg",
            ours=series[0],
            reference=series[1],
            unit="req/s",
            more_is_better=True,
        )
    ]


def _target(stage: Stage, path: str) -> Target:
    request = stage.request(path, signed_in=True)
    body = client.get(port=stage.few_port, request=request)
    return Target(port=stage.few_port, request=request, length=len(body))


def _check_same_bytes(stage: Stage, plain_port: int) -> Target:
    """Compare the measured page, and all pages as one document, byte for byte.

    Each side makes cursors of its own, so of the page's `next` only its presence is compared.
    """
    for path, has_next in ((PAGE_PATH, True), (WHOLE_PATH, False)):
        target = _target(stage, path)
        mine = client.get(port=target.port, request=target.request)
        theirs = client.get(port=plain_port, request=stage.request(path, signed_in=False))
        assert bool(NEXT.search(mine)) == bool(NEXT.search(theirs)) == has_next, mine[:300]
        assert NEXT.sub(b"", mine) == NEXT.sub(b"", theirs), _difference(mine, theirs)
    target = _target(stage, PAGE_PATH)
    page = json.loads(client.get(port=target.port, request=target.request))
    assert len(page["results"]) == PAGE_SIZE
    return target


def _difference(mine: bytes, theirs: bytes) -> str:
    at = next(
        (n for n, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b),
        min(len(mine), len(theirs)),
    )
    around = slice(max(0, at - 100), at + 100)
    return f"they differ at byte {at}:\n{mine[around]!r}\n{theirs[around]!r}"


def _alternate(stage: Stage, ours: Target, theirs: Target) -> tuple[Series, Series]:
    def speed(target: Target, seconds: float = SECONDS) -> float:
        return stage.clients.load(target, seconds=seconds, count=CLIENTS)[0]

    for target in (ours, theirs):
        speed(target, WARM_UP_SECONDS)
    return alternate(ours=lambda: speed(ours), reference=lambda: speed(theirs), rounds=ROUNDS)
