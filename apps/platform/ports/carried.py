"""What comes of handing a message to whoever carries it, and the carriers that only write it down."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Outcome:
    """Taken, if there is no error. `is_final` means that the address will never take anything."""

    message_id: str = ""
    error: str = ""
    is_final: bool = False

    @property
    def is_taken(self) -> bool:
        """Whether the carrier took it."""
        return not self.error


def write_down(carrier: str, message: Mapping[str, Any]) -> Outcome:
    """Write a message to standard output or into a file, in place of sending it.

    :param carrier: console or file.
    """
    line = json.dumps(message, ensure_ascii=False)
    if carrier == "console":
        sys.stdout.write(f"{line}\n")
    else:
        path = Path(settings.CARRIED_FILE)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as lines:
            lines.write(f"{line}\n")
    return Outcome(message_id=str(message["id"]))
