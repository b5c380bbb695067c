"""The OpenAPI document: what every operation has in common, said once."""

from dataclasses import fields
from typing import Any, get_type_hints

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import (
    ResolvedComponent,
    build_array_type,
    build_object_type,
    resolve_type_hint,
)
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from apps.kernel.api.problems import MEDIA_TYPE
from apps.kernel.references import offer_of

SAFE = ("GET", "HEAD")
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong, as RFC 9457 has it.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "Which kind of problem it is; stable, and a page that explains it.",
        },
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What to do, for the person who can."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {
                    "field": {"type": "string", "description": "Dotted for nested fields."},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
TENANT_HEADER = OpenApiParameter(
    "X-Tenant",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The tenant's slug; needed, and read, on the platform's own host only.",
)
REQUEST_ID = OpenApiParameter(
    "X-Request-ID",
    OpenApiTypes.UUID,
    OpenApiParameter.HEADER,
    description="An id of your own for this request; it is in the reply and in the audit log.",
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Sent again with the same key and body, the request is carried out only once.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag you last read; refused with 412 if the thing has changed since.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag you have; answered with 304 if it still holds.",
)
TAG_BY_PREFIX = {"tags": "platform"}


class Schema(AutoSchema):
    """Reads shape, access and paging off the view, so that no view repeats them."""

    def get_override_parameters(self) -> list[Any]:
        """Return headers and shaping parameters that this operation takes."""
        parameters = [TENANT_HEADER, REQUEST_ID]
        serializer = getattr(self.view, "row_serializer", None)
        if self.method in SAFE:
            parameters.append(IF_NONE_MATCH)
            if serializer is not None and getattr(self.view, "shapes_rows", True):
                parameters += self._shaping(serializer)
        elif self.method in {"PATCH", "PUT", "DELETE"}:
            parameters.append(IF_MATCH)
        elif self.method == "POST" and getattr(self.view, "idempotency_model", None):
            parameters.append(IDEMPOTENCY_KEY)
        return parameters

    def _shaping(self, serializer: Any) -> list[OpenApiParameter]:
        parameters = [
            OpenApiParameter(
                "fields",
                {
                    "type": "array",
                    "items": {"type": "string", "enum": list(serializer.Meta.fields)},
                },
                explode=False,
                description="Only these fields, separated by commas.",
            )
        ]
        if serializer.expansions:
            parameters.append(
                OpenApiParameter(
                    "expand",
                    {
                        "type": "array",
                        "items": {"type": "string", "enum": list(serializer.expansions)},
                    },
                    explode=False,
                    description="Add what the ids refer to, separated by commas.",
                )
            )
        orderings = getattr(self.view, "orderings", {})
        if self._is_list_view() and len(orderings) > 1:
            parameters.append(
                OpenApiParameter(
                    "ordering",
                    {
                        "type": "string",
                        "enum": list(orderings),
                        "default": getattr(self.view, "default_ordering", ""),
                    },
                    description="How the rows are ordered.",
                )
            )
        return parameters

    def get_tags(self) -> list[str]:
        """Group operations by context."""
        context = getattr(self.view, "context", None)
        return [context or "tenancy"]

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Return how to sign in; an operation that needs no token says so."""
        auth: list[dict[str, list[str]]] = super().get_auth()
        access = getattr(self.view, "access", {}).get(getattr(self.view, "action", None))
        if access is not None and not access.signed_in:
            return [*auth, {}]
        return auth


class ExpansionSchema(OpenApiSerializerFieldExtension):
    """What an expansion adds: the contract of the context that owns it."""

    target_class = "apps.kernel.api.shaping.ExpansionField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Return a reference to the contract's component, made on first use."""
        expansion = self.target.expansion
        contract = offer_of(expansion.target).contract
        component = ResolvedComponent(
            name=contract.__name__, type=ResolvedComponent.SCHEMA, object=contract
        )
        if component not in auto_schema.registry:
            hints = get_type_hints(contract)
            properties = {
                field.name: resolve_type_hint(hints[field.name]) for field in fields(contract)
            }
            component.schema = build_object_type(
                properties=properties,
                required=list(properties),
                description=" ".join((contract.__doc__ or "").split()),
            )
            auto_schema.registry.register(component)
        if expansion.many:
            return dict(build_array_type(component.ref))
        return {"oneOf": [component.ref, {"type": "null"}]}


def add_problems(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """Give every operation its error answer: one component, one media type."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    components.setdefault("responses", {})["Problem"] = {
        "description": "It was refused; the body says why.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path, operations in result["paths"].items():
        if not path.startswith("/api/"):
            continue
        for operation in operations.values():
            responses = operation["responses"]
            responses.setdefault("default", {"$ref": "#/components/responses/Problem"})
    return result
