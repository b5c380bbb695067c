"""What Django itself has to refuse, as problem documents too."""

from django.http import HttpRequest, HttpResponse

from apps.kernel.api.problems import InternalError, problem_response
from apps.kernel.errors import Forbidden, NotFound, Problem


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400."""
    return problem_response(request, Problem("The request can't be read."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403."""
    return problem_response(request, Forbidden())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404: to an address that does not exist, the same as to an id that does not."""
    return problem_response(request, NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500; the cause is in the log under the request's id."""
    return problem_response(request, InternalError())
