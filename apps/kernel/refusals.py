"""Turning the database's refusal into one that names the field."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import IntegrityError, transaction

from apps.kernel.errors import Problem


@contextmanager
def refusing(*, alias: str, constraints: Mapping[str, Problem]) -> Iterator[None]:
    """Run the block in a savepoint; a violation of a named constraint raises its problem instead.

    :param constraints: the problem to raise, by the name of the constraint.
    :raises IntegrityError: any other constraint was violated.
    """
    try:
        with transaction.atomic(using=alias):
            yield
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        problem = constraints.get(getattr(diagnosis, "constraint_name", None) or "")
        if problem is None:
            raise
        raise problem from error
