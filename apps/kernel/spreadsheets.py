"""Cells of CSV that spreadsheets take for texts."""

# What makes a spreadsheet take a cell for a formula, at its beginning; full-width signs do too.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def inert(text: str) -> str:
    """Return a text as a cell that is not run: one that would be is led by an apostrophe."""
    return f"'{text}" if text.startswith(FORMULA) else text
