"""Rounds, and the table they end in."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Measure = Callable[[], float]


@dataclass(frozen=True)
class Series:
    """What one side of a comparison gave, a number for each round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        if len(self.values) < 3:
            return (max(self.values) - min(self.values)) / 2 / self.median
        low, _, high = statistics.quantiles(self.values, n=4)
        return (high - low) / 2 / self.median


@dataclass(frozen=True)
class Figure:
    """One line of the table. `met` is None where there is nothing to meet."""

    name: str
    ours: str
    reference: str
    ratio: str
    target: str = ""
    met: bool | None = None


def alternate(*, ours: Measure, reference: Measure, rounds: int) -> tuple[Series, Series]:
    """Measure both sides in turn, each going first every other round."""
    mine: list[float] = []
    theirs: list[float] = []
    for number in range(rounds):
        turn = [(ours, mine), (reference, theirs)]
        for measure, kept in turn if number % 2 == 0 else reversed(turn):
            kept.append(measure())
    return Series(tuple(mine)), Series(tuple(theirs))


def ratios(ours: Series, reference: Series) -> Series:
    """Return ours / reference, round by round: what troubles the machine troubles both."""
    pairs = zip(ours.values, reference.values, strict=True)
    return Series(tuple(mine / theirs for mine, theirs in pairs))


def compare(
    *,
    name: str,
    ours: Series,
    reference: Series,
    unit: str,
    more_is_better: bool,
    target: str = "",
    meets: Callable[[float], bool] | None = None,
) -> Figure:
    """Return the line of a comparison.

    The ratio says how many times better ours is, for speeds and times alike.
    """
    ratio = ratios(ours, reference) if more_is_better else ratios(reference, ours)
    return Figure(
        name=name,
        ours=shown(ours, unit),
        reference=shown(reference, unit),
        ratio=f"{ratio.median:.2f} ±{ratio.spread:.0%}",
        target=target,
        met=meets(ratio.median) if meets else None,
    )


def shown(series: Series, unit: str) -> str:
    """Return a median with its spread."""
    return f"{_rounded(series.median)} {unit} ±{series.spread:.0%}"


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(figures: Sequence[Figure]) -> str:
    """Return the lines as a Markdown table."""
    head = ("benchmark", "ours", "reference", "ratio", "target", "met")
    verdicts = {True: "yes", False: "NO", None: ""}
    rows = [
        head,
        *((f.name, f.ours, f.reference, f.ratio, f.target, verdicts[f.met]) for f in figures),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
