"""Every error of the API as a problem document (RFC 9457), made in one place."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.paginator import InvalidPage
from django.db import DatabaseError, IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from psycopg import errors as pg
from rest_framework import exceptions
from rest_framework.response import Response

from apps.kernel.api.renderers import to_json
from apps.kernel.errors import (
    BodyTooLarge,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    Unavailable,
)

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "/problems/"


class NotAuthenticated(Problem):
    """The request carries no token where one is needed."""

    status = 401
    slug = "not-authenticated"
    title = "Sign in first."


class InternalError(Problem):
    """A fault of this server; its cause is in the log under the request id."""

    status = 500
    slug = "internal-error"
    title = "Something went wrong on our side."


# DRF's own exceptions that need no more than a name of their own.
DRF_SLUGS: dict[type[exceptions.APIException], tuple[str, str]] = {
    exceptions.ParseError: ("malformed-body", "The body can't be read."),
    exceptions.AuthenticationFailed: ("invalid-token", "The token is not accepted."),
    exceptions.NotAuthenticated: ("not-authenticated", "Sign in first."),
    exceptions.PermissionDenied: ("forbidden", "You may not do this."),
    exceptions.MethodNotAllowed: ("method-not-allowed", "This is not done this way."),
    exceptions.NotAcceptable: ("not-acceptable", "This can't be sent in the form asked for."),
    exceptions.UnsupportedMediaType: ("unsupported-media-type", "This form of body is not read."),
    exceptions.Throttled: ("too-many-requests", "Too many requests."),
}

# SQLSTATEs that bad input can cause: the class of answer, and what to tell. Never the raw message,
# which names rows.
CONSTRAINT_TEXT: dict[type[pg.Error], tuple[type[Problem], str]] = {
    pg.UniqueViolation: (Conflict, "Something with the same value exists already."),
    pg.ForeignKeyViolation: (Invalid, "It refers to something that does not exist, or is in use."),
    pg.CheckViolation: (Invalid, "A value breaks a rule of the table."),
    pg.ExclusionViolation: (Conflict, "It overlaps with something that exists already."),
    pg.NotNullViolation: (Invalid, "A value is missing."),
    pg.StringDataRightTruncation: (Invalid, "A text is too long."),
    pg.NumericValueOutOfRange: (Invalid, "A number is too large."),
    pg.InvalidTextRepresentation: (Invalid, "A value is not of the right kind."),
    pg.UntranslatableCharacter: (Invalid, "A text holds a character that can't be stored."),
    pg.CharacterNotInRepertoire: (Invalid, "A text holds a character that can't be stored."),
    pg.LockNotAvailable: (Conflict, "Somebody else is changing this right now; try again."),
    pg.DeadlockDetected: (Conflict, "Somebody else is changing this right now; try again."),
    pg.SerializationFailure: (Conflict, "Somebody else is changing this right now; try again."),
    # What is left of SQLSTATE class 22: NUL in an address or in a query, above all.
    pg.DataError: (Invalid, "A value can't be stored or looked for."),
}


def document(problem: Problem) -> dict[str, Any]:
    """Return the members of a problem document. No path and no id: a 404 must say nothing more."""
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + problem.slug,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.fields:
        body["errors"] = [
            {"field": field, "detail": detail}
            for field, details in problem.fields.items()
            for detail in details
        ]
    body.update(problem.extra)
    return body


def handle(exc: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: every exception becomes a problem document."""
    problem = to_problem(exc)
    # A problem that was raised on purpose, such as 503, is an answer; its raiser logs what it knows.
    if problem.status >= 500 and problem is not exc:
        logger.error("unhandled error in the API", exc_info=exc)
    response = Response(document(problem), status=problem.status, headers=problem.headers)
    response.content_type = MEDIA_TYPE
    return response


def to_problem(exc: Exception) -> Problem:  # noqa: PLR0911, PLR0912 - one table of kinds
    """Return the problem an exception amounts to."""
    match exc:
        case Problem():
            return exc
        case Http404() | InvalidPage():
            return NotFound()
        case PermissionDenied():
            return Forbidden()
        case exceptions.ValidationError():
            return Invalid(fields=dict(_flatten(exc.detail)))
        case DjangoValidationError():
            return Invalid(fields=_django_fields(exc))
        case RequestDataTooBig():
            return BodyTooLarge(0)
        case exceptions.NotFound():
            return NotFound()
        case exceptions.APIException():
            return _from_drf(exc)
        case IntegrityError() | DatabaseError():
            return _from_database(exc)
        case SuspiciousOperation() | UnicodeError():
            return Invalid("The request holds something that can't be read.")
        case _:
            return InternalError()


def problem_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Return a problem document outside DRF, for middleware and for Django's error views."""
    return HttpResponse(
        to_json(document(problem)),
        status=problem.status,
        content_type=MEDIA_TYPE,
        headers=problem.headers,
    )


def _from_drf(exc: exceptions.APIException) -> Problem:
    slug, title = "bad-request", Problem.title
    for kind, named in DRF_SLUGS.items():
        if isinstance(exc, kind):
            slug, title = named
            break
    problem = Problem(str(exc.detail))
    # DRF exceptions carry their status per class; a document needs it per instance.
    problem.status, problem.slug, problem.title = exc.status_code, slug, title  # type: ignore[misc]
    if header := getattr(exc, "auth_header", None):
        problem.headers["WWW-Authenticate"] = header
    if (wait := getattr(exc, "wait", None)) is not None:
        problem.headers["Retry-After"] = str(int(wait) + 1)
    return problem


def _from_database(exc: DatabaseError) -> Problem:
    cause = exc.__cause__
    for kind, (problem, text) in CONSTRAINT_TEXT.items():
        if isinstance(cause, kind):
            return problem(text)
    if isinstance(exc, OperationalError):
        logger.error("database unavailable", exc_info=exc)
        return Unavailable("The database does not answer. Try again shortly.")
    return InternalError()


def _flatten(detail: Any, prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            name = "" if key == "non_field_errors" else str(key)
            yield from _flatten(value, ".".join(part for part in (prefix, name) if part))
    elif isinstance(detail, list):
        texts = [str(item) for item in detail if not isinstance(item, (Mapping, list))]
        if texts:
            yield prefix, texts
        for index, item in enumerate(detail):
            if isinstance(item, (Mapping, list)) and item:
                yield from _flatten(item, f"{prefix}.{index}" if prefix else str(index))
    else:
        yield prefix, [str(detail)]


def _django_fields(exc: DjangoValidationError) -> dict[str, list[str]]:
    if hasattr(exc, "error_dict"):
        return {
            "" if name == "__all__" else name: [str(text) for text in texts]
            for name, texts in exc.message_dict.items()
        }
    return {"": [str(text) for text in exc.messages]}
