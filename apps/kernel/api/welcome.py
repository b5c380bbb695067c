"""What a person sees who opens a host in a browser: where the documentation and the admin are."""

from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title></head>
<body style="font:17px/1.6 system-ui;max-width:36em;margin:4em auto;padding:0 1em">
<h1>{name}</h1>
<p>This host speaks an API. There is <a href="/api/docs/">its documentation</a>,
<a href="/api/openapi.yaml">its OpenAPI document</a>, and <a href="/admin/">the admin</a>.</p>
</body></html>"""


def page(request: HttpRequest) -> HttpResponse:
    """Greet, by the tenant's name where the host is a tenant's."""
    tenant = getattr(request, "tenant", None)
    return HttpResponse(format_html(PAGE, name=tenant.name if tenant else "Quintet"))
