"""Every operation of the OpenAPI document, with requests made out of its schemas."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import uuid4

from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "put", "post", "patch", "delete")
_numbers = itertools.count(1)

# Texts with rules that a schema does not tell, by the name of the field.
TEXTS = {
    "color": "#0a0b0c",
    "currency": "USD",
    "url": "https://pictures.test/1",
    "thumbnail": "https://pictures.test/1",
    "audience": "quintet",
    "jwks_uri": "",
    "token": "nobody-was-sent-this-token",
    "time_zone": "UTC",
    "locale": "en",
    "slug": "",
    "code": "",
}


@dataclass(frozen=True)
class Operation:
    """One method on one path."""

    method: str
    path: str
    spec: Any

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    def parameters(self, place: str) -> list[dict[str, Any]]:
        """The parameters in the path or in the query."""
        return [p for p in self.spec.get("parameters", []) if p["in"] == place]

    @property
    def names(self) -> list[str]:
        """The names of the path's parameters."""
        return [parameter["name"] for parameter in self.parameters("path")]

    @property
    def body_schema(self) -> dict[str, Any] | None:
        """The schema of the body, or None where there is none."""
        content = self.spec.get("requestBody", {}).get("content", {})
        return resolve(content["application/json"]["schema"]) if content else None

    def id_fields(self) -> Iterator[tuple[str, bool]]:
        """The fields of the body that hold ids: name, and whether it is a list of them."""
        for name, schema in (self.body_schema or {}).get("properties", {}).items():
            shape = resolve(schema)
            if shape.get("format") == "uuid":
                yield name, False
            elif resolve(shape.get("items", {})).get("format") == "uuid":
                yield name, True


@cache
def document() -> Any:
    """The document, made of the URL conf as it is."""
    return SchemaGenerator(urlconf="config.urls_tenant").get_schema(request=None, public=True)


def operations() -> list[Operation]:
    """Every operation there is."""
    return [
        Operation(method, path, spec)
        for path, methods in document()["paths"].items()
        for method, spec in methods.items()
        if method in METHODS
    ]


def resolve(schema: Any) -> dict[str, Any]:
    """Follow references and take the first of alternatives."""
    if "$ref" in schema:
        return resolve(document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    for key in ("allOf", "oneOf", "anyOf"):
        if key in schema:
            return resolve(schema[key][0])
    return dict(schema)


def sample(schema: Any, *, name: str = "") -> Any:
    """Make a value that the schema takes; of an object, the required members."""
    shape = resolve(schema)
    kind = shape.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if "enum" in shape:
        return shape["enum"][0]
    if kind == "object":
        properties = shape.get("properties", {})
        return {key: sample(properties[key], name=key) for key in shape.get("required", ())}
    if kind == "array":
        return [sample(shape["items"], name=name)]
    if kind == "integer":
        return max(shape.get("minimum", 1), 1)
    if kind == "boolean":
        return True
    return _text(shape, name)


def _text(shape: dict[str, Any], name: str) -> str:
    if name in TEXTS:
        return TEXTS[name]
    by_format = {
        "uuid": str(uuid4()),
        "email": f"somebody-{next(_numbers)}@people.example",
        "uri": f"https://issuer-{next(_numbers)}.test",
        "date-time": "2030-01-01T00:00:00Z",
    }
    return by_format.get(str(shape.get("format")), f"sample {next(_numbers)}")
