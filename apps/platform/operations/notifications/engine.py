"""The language of templates: names of values, conditions and a few filters, and nothing that runs.

A template is parsed by Jinja and refused unless each part of it is of a kind that is named here. There
are no loops, calls, attributes, arithmetic, includes or macros, so that what a template costs is known
from its length, and it can reach nothing but the values it is given.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_SOURCE_LENGTH = 20_000
# Each may bring a value of VALUE_LENGTH.
MAX_PARTS = 200
MAX_DEPTH = 10
VALUE_LENGTH = 500

_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.If,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Filter,
)
_FILTERS = ("lower", "upper", "capitalize", "trim")

# It optimizes nothing, since that would run parts of a template while it is only looked at.
_environment = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, optimized=False, keep_trailing_newline=False
)
_environment.globals.clear()
_environment.tests.clear()
_environment.filters = {name: _environment.filters[name] for name in _FILTERS}


class BadTemplate(ValueError):
    """A template that is not taken; the text is a sentence for whoever wrote it."""


def check(source: str, *, variables: Collection[str]) -> None:
    """Refuse what is not in the language, or names what is not among the variables.

    :raises BadTemplate: says what, and names it.
    """
    tree = _parsed(source)
    for part in _parts(tree):
        if isinstance(part, nodes.Name) and part.name not in variables:
            known = ", ".join(sorted(variables))
            raise BadTemplate(f"There is no variable “{part.name}” here. There are: {known}.")
    _compiled(source)


def render(source: str, values: Mapping[str, object], *, value_length: int = VALUE_LENGTH) -> str:
    """Return the text of a template; values that are longer than `value_length` are cut.

    :raises BadTemplate: it is not in the language, or a value is missing.
    """
    _check_parts(source)
    shown = {
        name: value if isinstance(value, int) else str(value)[:value_length]
        for name, value in values.items()
    }
    try:
        return str(_compiled(source).render(shown))
    except (TemplateError, TypeError) as error:
        raise BadTemplate(f"It can't be rendered: {error}") from error


@lru_cache(maxsize=512)
def _check_parts(source: str) -> None:
    for _ in _parts(_parsed(source)):
        pass


def _parsed(source: str) -> nodes.Template:
    if len(source) > MAX_SOURCE_LENGTH:
        raise BadTemplate(f"A template has at most {MAX_SOURCE_LENGTH} characters.")
    try:
        return _environment.parse(source)
    # A number that is too long, and nesting that is too deep, end its parser in other ways.
    except (TemplateError, ValueError, SyntaxError, RecursionError, OverflowError) as error:
        raise BadTemplate(f"It can't be read: {error}") from error


def _parts(tree: nodes.Node) -> Iterator[nodes.Node]:
    """Yield the parts of a template, the outer ones first.

    :raises BadTemplate: one is not of the language, or there are too many.
    """
    count = 0
    waiting = [(tree, 0)]
    while waiting:
        part, depth = waiting.pop()
        _check_part(part)
        count += not isinstance(part, nodes.TemplateData | nodes.Output)
        if count > MAX_PARTS or depth > 3 * MAX_DEPTH:
            raise BadTemplate("It has too many parts, or they are nested too deeply.")
        yield part
        waiting.extend((child, depth + 1) for child in part.iter_child_nodes())


def _check_part(part: nodes.Node) -> None:
    if not isinstance(part, _ALLOWED):
        word = type(part).__name__
        raise BadTemplate(
            f"“{_name_in(part)}”: templates know variables, if and the filters {', '.join(_FILTERS)} "
            f"alone (found: {word})."
        )
    if isinstance(part, nodes.Filter) and (part.name not in _FILTERS or part.args or part.kwargs):
        raise BadTemplate(
            f"There is no filter “{part.name}” here; there are {', '.join(_FILTERS)}."
        )


def _name_in(part: nodes.Node) -> str:
    """Return what of a part its writer will know it by: the variable that it begins with."""
    names = [name.name for name in part.find_all(nodes.Name)]
    attribute = getattr(part, "attr", None) or getattr(part, "name", None)
    return ".".join(str(text) for text in [*names[:1], attribute] if text) or f"line {part.lineno}"


@lru_cache(maxsize=512)
def _compiled(source: str) -> Template:
    try:
        return _environment.from_string(source)
    except (TemplateError, ValueError, SyntaxError, RecursionError, OverflowError) as error:
        raise BadTemplate(f"It can't be read: {error}") from error
