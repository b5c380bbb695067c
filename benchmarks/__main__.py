"""`python -m benchmarks [name …]`: measure, and print one table."""

import argparse
import sys
import traceback
from collections.abc import Callable
from time import monotonic

from benchmarks.audit import measure_audit
from benchmarks.binding import measure_binding
from benchmarks.caching import measure_caching
from benchmarks.expand import measure_expand
from benchmarks.figures import Figure, table
from benchmarks.ledger import measure_ledger
from benchmarks.messages import measure_messages
from benchmarks.page import measure_page, measure_raw
from benchmarks.provision import measure_provision
from benchmarks.purchases import measure_purchases
from benchmarks.search import measure_search
from benchmarks.stage import Stage, staged
from benchmarks.stream import measure_stream
from benchmarks.tenants import measure_tenants

BENCHMARKS: dict[str, Callable[[Stage], list[Figure]]] = {
    "page": measure_page,
    "raw": measure_raw,
    "binding": measure_binding,
    "expand": measure_expand,
    "tenants": measure_tenants,
    "provision": measure_provision,
    "audit": measure_audit,
    "search": measure_search,
    "caching": measure_caching,
    "stream": measure_stream,
    "messages": measure_messages,
    "ledger": measure_ledger,
    "purchases": measure_purchases,
}


def main() -> int:
    """Run what is named, or all; return 1 if one can't be measured or a side answers wrongly."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")

    begun = monotonic()
    figures: list[Figure] = []
    wrong = 0
    with staged() as stage:
        for name in names:
            print(f"[{monotonic() - begun:4.0f} s] {name} …", file=sys.stderr, flush=True)
            try:
                figures += BENCHMARKS[name](stage)
            except Exception:  # noqa: BLE001 - the others are measured all the same
                wrong += 1
                traceback.print_exc()
    print(table(figures))
    print(
        f"\nMedians of alternating rounds, ± half the distance of the quartiles; "
        f"{monotonic() - begun:.0f} s in all."
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
