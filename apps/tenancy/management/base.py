"""The base of operators' commands: one clear line when something can't be done, JSON for scripts."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import IO, Annotated, Any, cast

import typer
from django.core.management import CommandError
from django.db import Error as DatabaseFault
from django_typer.management import TyperCommand
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.exceptions import TyperException

from apps.kernel.api.renderers import to_json
from apps.kernel.errors import Problem
from apps.tenancy import origin
from apps.tenancy.errors import TenancyError
from apps.tenancy.provisioning import Unprovisionable
from apps.tenancy.roles import UnsafeRole


class Format(StrEnum):
    """How a command answers."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="text for people, json for scripts.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


class OperatorCommand(TyperCommand):
    """A management command for operators."""

    # The checks import every url and view; a command that writes nothing to models can do without.
    requires_system_checks: Any = []

    def execute(self, *args: Any, **options: Any) -> Any:
        """Run; turn a refusal into one line and a non-zero exit.

        :raises CommandError: with the sentence that says what to do.
        """
        actor = origin.Actor("command", self._name_on_command_line)
        with one_clear_line(), origin.acting(origin.Origin(actor=actor, source="command")):
            return super().execute(*args, **options)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
        """End; answer what was given wrongly on the command line in one line.

        The library would print the whole help before it.
        """
        if not (isinstance(error, TyperException) and self._called_from_command_line):
            return super().__exit__(kind, error, trace)
        super().__exit__(None, None, None)
        option = " / ".join(getattr(getattr(error, "param", None), "opts", ()))
        said = " ".join(str(error).split())
        line = said if option in said else f"{option}: {said}"
        command = f"./manage.py {self._name_on_command_line}"
        sys.exit(f"CommandError: {line} ({command} --help says what it takes)")

    @property
    def _name_on_command_line(self) -> str:
        return type(self).__module__.rpartition(".")[2]

    def answer(self, rows: Sequence[Mapping[str, Any]], *, as_format: Format) -> None:
        """Print rows: a table, or a JSON array."""
        if as_format is Format.JSON:
            self.stdout.write(json.dumps(json.loads(to_json(list(rows))), indent=2))
            return
        if not rows:
            self.stdout.write("Nothing.")
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in rows[0]:
            table.add_column(name, no_wrap=True)
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row.values()))
        console = Console(
            file=cast(IO[str], self.stdout), width=200 if not self.stdout.isatty() else None
        )
        console.print(table)

    def say(self, line: str, *, as_format: Format = Format.TEXT, **members: Any) -> None:
        """Print one line, or its members as a JSON object."""
        if as_format is Format.JSON:
            self.stdout.write(to_json({"message": line, **members}).decode())
        else:
            self.stdout.write(line)

    @contextmanager
    def progress(self, label: str, *, total: int) -> Iterator[Any]:
        """Show a progress bar on standard error while the block runs; give it `advance()`."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda: bar.advance(task)


@contextmanager
def one_clear_line() -> Iterator[None]:
    """Turn refusals into a CommandError of one line.

    :raises CommandError: for a Problem, a misuse of tenancy or a database that refuses.
    """
    try:
        yield
    except Problem as problem:
        texts = [f"{name}: {' '.join(details)}" for name, details in problem.fields.items()]
        raise CommandError(" ".join([problem.detail, *texts])) from problem
    except (TenancyError, UnsafeRole, Unprovisionable) as error:
        raise CommandError(str(error)) from error
    except DatabaseFault as error:
        line = " ".join(str(error).split())
        raise CommandError(f"The database refused: {line}") from error
