"""Secrets of a development machine: made once, kept beside its data, readable by nobody else."""

import os
import secrets
from pathlib import Path


def local_secret(*, var: Path, name: str) -> str:
    """Return the secret kept under `name` in `var`, making one of 256 bits if there is none."""
    path = var / name
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        var.mkdir(parents=True, exist_ok=True)
    value = secrets.token_urlsafe(32)
    # Of two processes that make it at the same time, the second takes what the first made.
    draft = path.with_name(f".{name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(value)
    try:
        os.link(draft, path)
    except FileExistsError:
        value = path.read_text().strip()
    finally:
        draft.unlink()
    return value
