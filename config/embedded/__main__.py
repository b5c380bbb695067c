"""`python -m config.embedded start|stop|status [--var DIR]`: the servers by hand."""

import argparse
import os
import sys
from pathlib import Path

from config import embedded

DEFAULT_VAR = Path(__file__).resolve().parents[2] / "var"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m config.embedded", description=embedded.__doc__)
    parser.add_argument("action", choices=("start", "stop", "status"))
    parser.add_argument(
        "--var",
        type=Path,
        default=Path(os.environ.get("QUINTET_VAR") or DEFAULT_VAR),
        help="where the servers keep their data (default: QUINTET_VAR, else %(default)s)",
    )
    options = parser.parse_args()
    try:
        if options.action == "start":
            embedded.ensure_postgres(var=options.var)
            embedded.ensure_valkey(var=options.var)
        elif options.action == "stop":
            embedded.stop(var=options.var)
        pids = embedded.status(var=options.var)
    except embedded.EmbeddedServerError as error:
        print(error, file=sys.stderr)
        return 1

    for server, pid in pids.items():
        print(f"{server}: {'not running' if pid is None else f'running, pid {pid}'}")
    return 0 if options.action != "status" or all(pids.values()) else 3


if __name__ == "__main__":
    sys.exit(main())
