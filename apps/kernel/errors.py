"""Problems: refusals that a caller is told of, in the shape of RFC 9457.

An operation raises a subclass defined beside it; one handler turns it into a response. The class
says which kind of problem it is (status, slug, title); the instance says what happened this time.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class Problem(Exception):
    """A refusal with a stable type.

    :param detail: one sentence for the person who can act: what is wrong, with which value, what to do.
    :param fields: problems of single fields: name (dotted for nested ones) to sentences.
    :param extra: further members of the document; they never carry another tenant's data.
    """

    status: ClassVar[int] = 400
    slug: ClassVar[str] = "bad-request"
    title: ClassVar[str] = "The request can't be carried out."

    def __init__(
        self,
        detail: str = "",
        *,
        fields: Mapping[str, Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.fields = dict(fields or {})
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


class NotFound(Problem):
    """There is no such thing, or it is another tenant's: the two are told apart by nobody."""

    status = 404
    slug = "not-found"
    title = "There is nothing here."


class Invalid(Problem):
    """A value, or a combination of values, that the rules do not allow."""

    status = 400
    slug = "validation-error"
    title = "Some values are not valid."


class Forbidden(Problem):
    """The caller is known, and may not do this."""

    status = 403
    slug = "forbidden"
    title = "You may not do this."


class Conflict(Problem):
    """The state of things does not allow it now."""

    status = 409
    slug = "conflict"
    title = "The current state does not allow this."


class PreconditionFailed(Problem):
    """The thing has changed since the caller last read it."""

    status = 412
    slug = "precondition-failed"
    title = "It has changed since you read it."


class Unavailable(Problem):
    """Something that the answer depends on does not answer."""

    status = 503
    slug = "unavailable"
    title = "Something this depends on does not answer right now."


class BodyTooLarge(Problem):
    """The body is larger than this server takes."""

    status = 413
    slug = "body-too-large"
    title = "The body is too large."

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The body is larger than {limit} bytes. Send less, or in several requests."
        )
