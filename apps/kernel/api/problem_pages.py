"""The pages that a problem's `type` leads to."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join

from apps.kernel.api.problems import DRF_SLUGS, problem_response
from apps.kernel.errors import NotFound, Problem

PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{}</title>'
    '<body style="font:16px/1.5 system-ui;max-width:40em;margin:3em auto;padding:0 1em">{}</body></html>'
)


def kinds() -> dict[str, tuple[int, str, str]]:
    """Return every kind of problem: status, title and explanation by slug."""
    found = {
        kind.slug: (kind.status, kind.title, " ".join((kind.__doc__ or "").split()))
        for kind in _subclasses(Problem)
    }
    for exception, (slug, title) in DRF_SLUGS.items():
        found.setdefault(slug, (exception.status_code, title, ""))
    return dict(sorted(found.items()))


def _subclasses(kind: type[Problem]) -> Iterator[type[Problem]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _subclasses(child)


def listing(request: HttpRequest) -> HttpResponse:
    """Show every kind of problem."""
    items = format_html_join(
        "",
        '<li><a href="/problems/{}">{}</a> ({}): {}</li>',
        ((slug, slug, status, title) for slug, (status, title, _) in kinds().items()),
    )
    return HttpResponse(
        format_html(PAGE, "Problems", format_html("<h1>Problems</h1><ul>{}</ul>", items))
    )


def page(request: HttpRequest, slug: str) -> HttpResponse:
    """Explain one kind of problem."""
    found = kinds().get(slug)
    if found is None:
        return problem_response(request, NotFound())
    status, title, text = found
    body = format_html("<h1>{}</h1><p>Status {}</p><p>{}</p>", title, status, text)
    return HttpResponse(format_html(PAGE, title, body))
