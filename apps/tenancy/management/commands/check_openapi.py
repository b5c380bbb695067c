"""`manage.py check_openapi`: the committed OpenAPI document says what the API does."""

import difflib
from pathlib import Path
from typing import Annotated

import typer
from django.core.management import CommandError, call_command

from apps.tenancy.management.base import OperatorCommand

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "openapi.yaml"


class Command(OperatorCommand):
    help = "Compare the API with docs/openapi.yaml; --write brings the document up to date."

    def handle(
        self,
        write: Annotated[bool, typer.Option("--write", help="Write the document.")] = False,
    ) -> None:
        """Make the document without a warning, then compare or write it."""
        made = DOCUMENT.with_suffix(".new")
        try:
            call_command("spectacular", file=str(made), validate=True, fail_on_warn=True)
            new = made.read_text()
        finally:
            made.unlink(missing_ok=True)
        old = DOCUMENT.read_text() if DOCUMENT.exists() else ""
        if write:
            DOCUMENT.write_text(new)
        elif new != old:
            lines = difflib.unified_diff(
                old.splitlines(), new.splitlines(), "docs/openapi.yaml", "the API", lineterm="", n=2
            )
            self.stdout.write("\n".join(list(lines)[:80]))
            raise CommandError(
                "docs/openapi.yaml is not what the API does. If the change is meant, run "
                "`manage.py check_openapi --write` and commit the document."
            )
        self.stdout.write("docs/openapi.yaml is what the API does.")
