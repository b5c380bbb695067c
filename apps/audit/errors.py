"""Why sealing, verifying or proving can't be done."""

from apps.kernel.errors import NotFound, Problem


class SealKeyMissing(Problem):
    """There is no key to sign seals with."""

    status = 503
    slug = "seal-key-missing"
    title = "The audit log can't be sealed: there is no key."

    def __init__(self) -> None:
        super().__init__(
            "There is no key to sign seals with: set QUINTET_SEAL_KEYS; "
            "`manage.py rotate_seal_key` makes a key and prints the value."
        )


class SealKeyMalformed(Problem):
    """A configured key is none."""

    status = 503
    slug = "seal-key-malformed"
    title = "A key for the audit log's seals is malformed."

    def __init__(self, *, where: str, position: int) -> None:
        super().__init__(
            f"Key {position} of {where} is not a key: it has to be 32 bytes in base64, "
            "as `manage.py rotate_seal_key` prints them."
        )


class LogRestored(Problem):
    """The seals are of another cluster than the one that holds them now."""

    status = 503
    slug = "audit-log-restored"
    title = "The audit log was restored on another server."

    def __init__(self, *, log: str, to_xid: int, next_xid: int) -> None:
        super().__init__(
            f"{log} is sealed up to transaction {to_xid}, and this server has only come to {next_xid}: "
            "the database was restored where transaction numbers began anew, and a seal would not say "
            "what it covers. Restore it with its transaction numbers (a physical copy keeps them; "
            "pg_resetwal --next-transaction-id sets them)."
        )


class LastSealForged(Problem):
    """The seal that the next one would have to follow was not made by sealing."""

    status = 503
    slug = "last-seal-forged"
    title = "The audit log can't be sealed: its last seal is forged or was altered."

    def __init__(self, *, log: str, number: int) -> None:
        super().__init__(
            f"{log} can't be sealed: seal {number}, its last, does not say what its row says or is not "
            "signed by its key. Nothing can follow it. Run `manage.py verify_audit`, find out who wrote "
            "it, and have the database's superuser take it out."
        )


class NoPlaceForAnchors(Problem):
    """The platform's own anchors lie in a pool, and there is none."""

    status = 503
    slug = "no-place-for-anchors"
    title = "The platform's own seals can't be anchored: there is no pool."


class EntryNotFound(NotFound):
    """The log has no such entry."""

    slug = "audit-entry-not-found"
    title = "There is no such entry in the audit log."


class NotSealedYet(Problem):
    """The entry's transaction is not under a seal."""

    status = 409
    slug = "audit-entry-not-sealed-yet"
    title = "The entry is not sealed yet: ask again after the next sealing."


class EntryUnprovable(Problem):
    """The entry, or the seal over it, is not what was sealed."""

    status = 409
    slug = "audit-entry-unprovable"
    title = "The entry is not as it was sealed: run `manage.py verify_audit`."
