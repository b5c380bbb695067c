"""Metrics for Prometheus: requests as they come, and what waits to be delivered when somebody looks.

`/metrics` is answered before the host is looked at: who collects knows no tenant. It tells nothing of
tenants either, and nothing to anybody without the token.
"""

import os
from collections.abc import Callable, Iterator
from secrets import compare_digest
from threading import Lock
from time import monotonic, perf_counter

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from apps.kernel.api.problems import problem_response
from apps.kernel.errors import NotFound, Problem
from apps.tenancy import waiting
from config.databases import CONTEXTS

PATH = "/metrics"
# What waits is counted in every home: a query each, so not for each look.
WAITING_SECONDS = 15.0
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

REQUESTS = Counter("quintet_requests_total", "Requests answered.", ["method", "route", "status"])
LATENCY = Histogram(
    "quintet_request_seconds",
    "Seconds from a request's arrival to its answer.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


class WrongMetricsToken(Problem):
    """Metrics were asked for with another token, or with none."""

    status = 401
    slug = "wrong-metrics-token"
    title = "The token for metrics is missing or wrong."

    def __init__(self) -> None:
        super().__init__("Send it as a Bearer token.", headers={"WWW-Authenticate": "Bearer"})


class MetricsMiddleware:
    """Counts requests, and answers `/metrics` to who has the token; without one set, to nobody."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == PATH:
            return _answer(request)
        begun = perf_counter()
        response = self.get_response(request)
        # Routes, never addresses: those carry ids, and there is no end of them.
        match = getattr(request, "resolver_match", None)
        route = match.route if match is not None else "(none)"
        method = request.method if request.method in METHODS else "(other)"
        REQUESTS.labels(method, route, str(response.status_code)).inc()
        LATENCY.labels(method, route).observe(perf_counter() - begun)
        return response


def _answer(request: HttpRequest) -> HttpResponse:
    if not settings.METRICS_TOKEN:
        return problem_response(request, NotFound())
    given = request.headers.get("Authorization", "").encode()
    if not compare_digest(given, f"Bearer {settings.METRICS_TOKEN}".encode()):
        return problem_response(request, WrongMetricsToken())
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def _registry() -> CollectorRegistry:
    """Return this process's metrics, or, where processes share a directory, those of all of them."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    registry.register(MESSAGES)
    return registry


class MessagesCollector:
    """What waits to be delivered, by context."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counted: dict[str, tuple[int, int, float]] = {}
        self._counted_at = float("-inf")

    def describe(self) -> list[GaugeMetricFamily]:
        """Say nothing ahead: to register must not ask a database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges, counted at most so many seconds ago."""
        counted = self._count()
        for number, (name, text) in enumerate(
            (
                ("quintet_messages_waiting", "Messages that wait to be delivered."),
                ("quintet_messages_dead", "Messages that were given up."),
                ("quintet_messages_oldest_seconds", "How long the longest overdue has been due."),
            )
        ):
            gauge = GaugeMetricFamily(name, text, labels=["context"])
            for context, values in counted.items():
                gauge.add_metric([context], values[number])
            yield gauge

    def _count(self) -> dict[str, tuple[int, int, float]]:
        with self._lock:
            if monotonic() - self._counted_at > WAITING_SECONDS:
                sums = dict.fromkeys(CONTEXTS, (0, 0, 0.0))
                for each in waiting.everything_waiting():
                    alive, dead, oldest = sums[each.context]
                    sums[each.context] = (
                        alive + each.waiting,
                        dead + each.dead,
                        max(oldest, each.oldest_seconds),
                    )
                self._counted, self._counted_at = sums, monotonic()
            return self._counted


MESSAGES = MessagesCollector()
REGISTRY.register(MESSAGES)
