"""`python -m benchmarks [name …]`: measure, and print one table."""

import argparse
import sys
from collections.abc import Callable

from benchmarks.binding import measure_binding
from benchmarks.expand import measure_expand
from benchmarks.figures import Figure, table
from benchmarks.page import measure_page, measure_raw
from benchmarks.provision import measure_provision
from benchmarks.stage import Clock, Stage, staged
from benchmarks.tenants import measure_tenants

BENCHMARKS: dict[str, Callable[[Stage], list[Figure]]] = {
    "page": measure_page,
    "raw": measure_raw,
    "binding": measure_binding,
    "expand": measure_expand,
    "tenants": measure_tenants,
    "provision": measure_provision,
}


def main() -> int:
    """Run what is named, or all; return 1 if a side did not answer as it should."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")

    clock = Clock()
    figures: list[Figure] = []
    wrong = 0
    with staged() as stage:
        for name in names:
            print(f"[{clock.elapsed:4.0f} s] {name} …", file=sys.stderr, flush=True)
            try:
                figures += BENCHMARKS[name](stage)
            except AssertionError as error:
                wrong += 1
                print(f"{name}: {error}", file=sys.stderr)
    print(table(figures))
    print(f"\nmedian of alternating rounds ± half the quartiles' distance; {clock.elapsed:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
