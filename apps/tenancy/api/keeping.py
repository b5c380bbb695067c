"""Replies that are kept for a while: to callers whom nobody knows, who all see the same."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from rest_framework.request import Request
from rest_framework.response import Response

from apps.tenancy import binding, caching
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.api.views import ContextView, KeptReply
from apps.tenancy.caching import Keep

# Part of every key: whoever is known may be shown more, and is never answered with what is kept.
ANYBODY = "anybody"


class KeepsReplies(ContextView):
    """A view that keeps its replies to `GET` of callers who are not signed in.

    `kept` says how, by action. Of listings it is first pages that are kept. A kept reply is rendered
    with all headers as if it were new.
    """

    kept: ClassVar[Mapping[str, Keep]] = {}
    _is_filling = False
    _content: bytes | None = None

    def perform(self, request: TenantRequest, handler: Callable[..., Response]) -> Response:
        """Answer with what is kept, or run the handler and keep its reply."""
        keep = self.kept.get(self.action or "")
        if keep is None or not _is_anybody_s(request):
            return super().perform(request, handler)
        made: list[Response] = []

        def make() -> bytes | None:
            self._is_filling = True
            made.append(super(KeepsReplies, self).perform(request, handler))
            return self._content

        content = caching.cached(
            tenant_id=request.tenant.id, key=_key_of(request), keep=keep, make=make
        )
        if made:
            return made[0]
        return self.render(request, KeptReply(content))

    def bind(self, request: TenantRequest, *, writes: str | None) -> Any:
        """Bind; what is to be kept is not read from a replica, which can lag behind."""
        if self._is_filling:
            return binding.bind(request.tenant, writes=writes)
        return super().bind(request, writes=writes)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Note what is to be kept: a whole reply, before it is known whether the caller has it."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if self._is_filling and response.status_code == 200:
            self._content = bytes(response.render().content)
        return response


def _is_anybody_s(request: TenantRequest) -> bool:
    return request.method == "GET" and not request.user and "cursor" not in request.query_params


def _key_of(request: TenantRequest) -> str:
    """Return what a reply to anybody depends on: links in it name scheme and host."""
    # Of a parameter that is given twice the last value counts: their order stays.
    pairs = sorted(request.query_params.lists())
    address = request.build_absolute_uri(request.path)
    return (
        f"{ANYBODY}:{request.accepted_renderer.media_type}:{address}?{urlencode(pairs, doseq=True)}"
    )
