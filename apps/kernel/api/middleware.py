"""What surrounds every request: its id, probes that need no tenant, refusals of any view."""

from collections.abc import Callable
from uuid import UUID

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse

from apps.kernel.api.health import live, ready
from apps.kernel.api.problems import InternalError, problem_response, to_problem
from apps.kernel.ids import uuid7

HEADER = "X-Request-ID"
PROBES = {"/health/live": live, "/health/ready": ready}


class RequestIdMiddleware:
    """Gives every request an id: the caller's own if it is a UUID, otherwise a new one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.request_id = _own_or_new(request.headers.get(HEADER, ""))  # type: ignore[attr-defined]
        response = self.get_response(request)
        response[HEADER] = str(request.request_id)  # type: ignore[attr-defined]
        return response


def _own_or_new(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        return uuid7()


class HealthMiddleware:
    """Answers the probes before the host is looked at: a load balancer knows no tenant."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path)
        return probe() if probe else self.get_response(request)


class RefusalMiddleware:
    """Answers what views outside the API trip over (admin, sign-in, issuer) as the API would."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the problem that an exception amounts to; None for what Django knows to answer."""
        if isinstance(error, Http404 | PermissionDenied | SuspiciousOperation):
            return None
        problem = to_problem(error)
        return None if isinstance(problem, InternalError) else problem_response(request, problem)
