"""Which operating-system account runs PostgreSQL, which refuses to be root."""

import errno
import os
import pwd
import struct
from dataclasses import dataclass
from pathlib import Path

from config.embedded.errors import EmbeddedServerError

# An existing account is borrowed, so that running Quintet as root never changes the machine's list
# of users. The first is for operators who would rather make one of their own.
CANDIDATES = ("quintet", "postgres", "nobody")

ACL_ATTRIBUTE = "system.posix_acl_access"
ACL_VERSION = struct.pack("<I", 2)
ACL_ENTRY = struct.Struct("<HHI")
OWNER, NAMED_USER, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
NO_ID = 0xFFFFFFFF
EXECUTE = 1


@dataclass(frozen=True)
class Account:
    """An account of the operating system; `borrowed` when this process runs as another."""

    uid: int
    gid: int
    borrowed: bool


def choose(*, data_directory: Path) -> Account:
    """Return the account to run PostgreSQL as: our own, or an unprivileged one if we are root.

    Data that is there already keeps its owner: PostgreSQL insists on it.
    """
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid(), borrowed=False)

    if data_directory.exists() and (owner := data_directory.stat()).st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid, borrowed=True)

    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid, borrowed=True)
    raise EmbeddedServerError(
        "PostgreSQL can't run as root, and this machine has none of the accounts "
        f"{', '.join(CANDIDATES)}. Run Quintet as an ordinary user, or make one of them."
    )


def let_through(path: Path, *, account: Account) -> None:
    """Let a borrowed account pass through the directories above `path`, and do nothing more there.

    Root's own directories (`/root`, `mktemp -d`) are closed to others. One access control entry for
    one account, with leave to pass and not to list, opens less than `chmod o+x` would.

    :raises EmbeddedServerError: where the file system has no access control lists.
    """
    for directory in reversed(path.resolve().parents):
        if not _may_pass(directory, account):
            try:
                _grant_passage(directory, account)
            except OSError as error:
                raise EmbeddedServerError(
                    f"PostgreSQL refuses to be root, and user id {account.uid} can't pass through "
                    f"{directory}: {error.strerror}. "
                    "Run Quintet as an ordinary user, or from another directory."
                ) from error


def _may_pass(directory: Path, account: Account) -> bool:
    found = directory.stat()
    if found.st_uid == account.uid:
        return bool(found.st_mode & 0o100)
    for tag, permissions, entry_id in _read_acl(directory):
        if tag == NAMED_USER and entry_id == account.uid:
            # Beside such entries, the group bits of the mode are a mask over them.
            return bool(permissions & (found.st_mode >> 3) & EXECUTE)
    if found.st_gid == account.gid:
        return bool(found.st_mode & 0o010)
    return bool(found.st_mode & 0o001)


def _grant_passage(directory: Path, account: Account) -> None:
    if not hasattr(os, "setxattr"):
        raise OSError(errno.ENOTSUP, "this system has no access control lists that Quintet can set")
    entries = {(tag, entry_id): permissions for tag, permissions, entry_id in _read_acl(directory)}
    if not entries:
        mode = directory.stat().st_mode
        entries = {
            (OWNER, NO_ID): mode >> 6 & 7,
            (GROUP, NO_ID): mode >> 3 & 7,
            (OTHER, NO_ID): mode & 7,
        }
    mask = entries.get((MASK, NO_ID), entries[GROUP, NO_ID])
    # Widening the mask would hand back what `chmod` took from the group and from entries of others.
    for tag, entry_id in list(entries):
        if tag == GROUP or (tag == NAMED_USER and entry_id != account.uid):
            entries[tag, entry_id] &= mask
    entries[NAMED_USER, account.uid] = EXECUTE
    entries[MASK, NO_ID] = mask | EXECUTE
    packed = (
        ACL_ENTRY.pack(tag, permissions, entry_id)
        for (tag, entry_id), permissions in sorted(entries.items())
    )
    os.setxattr(directory, ACL_ATTRIBUTE, ACL_VERSION + b"".join(packed))


def _read_acl(directory: Path) -> list[tuple[int, int, int]]:
    """The access control entries of a directory as (tag, permissions, id), if it has any."""
    try:
        packed = os.getxattr(directory, ACL_ATTRIBUTE)
    except (OSError, AttributeError):
        return []
    return list(ACL_ENTRY.iter_unpack(packed[len(ACL_VERSION) :]))
