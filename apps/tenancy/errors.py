"""What goes wrong when tenant rows are reached for in the wrong way.

These are mistakes of the calling code, never of a person at the keyboard: they are not caught
and answered, they surface as a failed test or an alert.
"""


class TenancyError(RuntimeError):
    """Base of every misuse of a binding."""


class Unbound(TenancyError):
    """Tenant rows were reached for outside `tenancy.bind(…)`."""

    def __init__(self, alias: str) -> None:
        super().__init__(
            f"The database {alias!r} holds tenants' rows, and no tenant is bound. "
            f"Wrap the work in `with bind(tenant, writes=…):`."
        )


class BindingClosed(TenancyError):
    """A binding was used after its block had ended, through a copied context."""

    def __init__(self, alias: str) -> None:
        super().__init__(
            f"The database {alias!r} was reached through a binding whose block has ended. "
            f"Bind again where the work is done."
        )


class BindingElsewhere(TenancyError):
    """A binding was used from another thread than the one that opened it."""

    def __init__(self, alias: str) -> None:
        super().__init__(
            f"The database {alias!r} was reached through a binding that another thread opened. "
            f"A binding is one transaction on one thread: bind again in this one."
        )


class TenantMismatch(TenancyError):
    """A second tenant was bound inside the block of a first."""

    def __init__(self, *, bound: object, wanted: object) -> None:
        super().__init__(
            f"Tenant {wanted} can't be bound inside the block of tenant {bound}: "
            f"one bound block is one tenant. Leave the first block before entering the second."
        )


class WritesElsewhere(TenancyError):
    """A write was asked for in a context other than the one this block writes in."""

    def __init__(self, *, declared: str | None, wanted: str) -> None:
        super().__init__(
            f"This block is bound with writes={declared!r} and can't write in {wanted!r}. "
            f"A bound block writes in one context; reach the other by recording a message."
        )


class SwallowedFailure(TenancyError):
    """A statement failed and the error was caught, so that the block would seem to have committed."""

    def __init__(self, alias: str) -> None:
        super().__init__(
            f"A statement failed on {alias!r} and the error was caught inside the bound block: "
            f"PostgreSQL undoes all of it. Catch it outside, or around `transaction.atomic(using=…)`."
        )


class UnknownContext(TenancyError):
    """A database alias was named that holds no homes."""

    def __init__(self, alias: str) -> None:
        super().__init__(f"{alias!r} is not a database with homes; choose one of the contexts.")
