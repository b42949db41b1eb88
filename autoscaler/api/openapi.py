"""What our objects look like, for `kubectl explain` and generated clients: OpenAPI v2 and v3.

schemas.json holds the definitions, the same for both: those of apimachinery word by word as kube-apiserver 1.37 serves
them (the aggregator merges ours with its own and would rename what differs), and ours with the version left open.
v3 writes a reference that has a description as `allOf`, since a `$ref` has no siblings there, and says that a quantity
may be a number too; those are the only differences. JSON alone: kube-aggregator fetches JSON and makes the protobuf of
v2 for old clients itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any, cast

import msgspec

from autoscaler import __version__
from autoscaler.api.call import VERSIONS
from autoscaler.api.fixed import fixed
from autoscaler.api.negotiate import JSON, PROTOBUF, YAML
from autoscaler.api.status import GROUP

Json = dict[str, Any]

_PRODUCED = (JSON, YAML, PROTOBUF)
_DISCOVERED = "io.k8s.apimachinery.pkg.apis.meta.v1.APIResourceList"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INFO = {"title": "HPA Companion", "version": __version__}
_UNAUTHORIZED = {"description": "Unauthorized"}
_DEFINED = "#/definitions/"


class OpenApi:
    """`root` is /openapi/v3, `v3` the documents it points to, by path; `v2` is /openapi/v2."""

    def __init__(self, versions: Sequence[str] = VERSIONS) -> None:
        source = _Source()
        by_version = {version: _Version(source, version) for version in versions}
        self.v2 = fixed(_v2(source, list(by_version.values())))
        self.v3 = {f"apis/{GROUP}/{name}": fixed(_v3(source, version)) for name, version in by_version.items()}
        self.root = fixed(
            {
                "paths": {
                    path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={found.hash}"}
                    for path, found in self.v3.items()
                }
            }
        )


class _Source:
    """schemas.json: `definitions` of apimachinery, `kinds` of ours, `parameters` of a list, in the words of v2."""

    def __init__(self) -> None:
        text = resources.files("autoscaler.api").joinpath("schemas.json").read_bytes()
        found = msgspec.json.decode(text, type=dict[str, dict[str, Json]])
        self.definitions, self.kinds, self.parameters = found["definitions"], found["kinds"], found["parameters"]

    def parameter(self, name: str, kind: str) -> Json:
        """A parameter of an operation on `kind`."""
        if name == "name":
            return self.parameters["namespace"] | {"name": "name", "description": f"name of the {kind}"}
        return self.parameters[name]


class _Version:
    """Definitions and operations of one version of the group, in the words of v2."""

    def __init__(self, source: _Source, version: str) -> None:
        self._source = source
        self.path = f"/apis/{GROUP}/{version}/"
        self.tag = f"metrics_{version}"
        self._version = version
        self.definitions = {
            self._model(kind): cast("Json", _filled(schema, version)) for kind, schema in source.kinds.items()
        }

    def operations(self) -> Iterator[tuple[str, Json, list[Json]]]:
        """Path, GET operation without its response's media types, parameters; `schema` is the response's."""
        title = f"Metrics{self._version.capitalize()}"
        yield self.path, _operation("get available resources", f"get{title}APIResources", self.tag, _DISCOVERED), []
        for path, action, kind, name in (
            ("nodes", "list", "NodeMetrics", "NodeMetrics"),
            ("nodes/{name}", "get", "NodeMetrics", "NodeMetrics"),
            ("namespaces/{namespace}/pods", "list", "PodMetrics", "NamespacedPodMetrics"),
            ("namespaces/{namespace}/pods/{name}", "get", "PodMetrics", "NamespacedPodMetrics"),
            ("pods", "list", "PodMetrics", "PodMetricsForAllNamespaces"),
        ):
            many = action == "list"
            verb, does = ("list", "list objects of kind") if many else ("read", "read the specified")
            answered = self._model(f"{kind}List" if many else kind)
            operation = _operation(f"{does} {kind}", f"{verb}{title}{name}", self.tag, answered)
            operation["x-kubernetes-action"] = action
            operation["x-kubernetes-group-version-kind"] = {"group": GROUP, "kind": kind, "version": self._version}
            yield self.path + path, operation, [self._source.parameter(each, kind) for each in self._names(path, many)]

    def _names(self, path: str, many: bool) -> list[str]:
        """Parameters that stand in the path, then those of the query."""
        queried = [name for name in self._source.parameters if name != "namespace"] if many else ["pretty"]
        return [name for name in ("name", "namespace") if f"{{{name}}}" in path] + queried

    def _model(self, kind: str) -> str:
        return f"io.k8s.metrics.pkg.apis.metrics.{self._version}.{kind}"


def _operation(description: str, operation_id: str, tag: str, schema: str) -> Json:
    return {"description": description, "operationId": operation_id, "tags": [tag], "schema": schema}


def _v2(source: _Source, versions: Sequence[_Version]) -> Json:
    definitions, paths = dict(source.definitions), {}
    for version in versions:
        definitions |= version.definitions
        for path, operation, parameters in version.operations():
            schema = {"$ref": _DEFINED + operation.pop("schema")}
            operation |= {"produces": list(_PRODUCED), "schemes": ["https"], "consumes": ["*/*"]}
            operation["responses"] = {"200": {"description": "OK", "schema": schema}, "401": _UNAUTHORIZED}
            paths[path] = {"get": operation, "parameters": parameters}
    return {"swagger": "2.0", "info": _INFO, "paths": paths, "definitions": definitions}


def _v3(source: _Source, version: _Version) -> Json:
    paths = {}
    for path, operation, parameters in version.operations():
        schema = {"schema": {"$ref": "#/components/schemas/" + operation.pop("schema")}}
        content = dict.fromkeys(_PRODUCED, schema)
        operation["responses"] = {"200": {"description": "OK", "content": content}, "401": _UNAUTHORIZED}
        paths[path] = {"get": operation, "parameters": [_v3_parameter(each) for each in parameters]}
    schemas = {name: _v3_schema(schema) for name, schema in (source.definitions | version.definitions).items()}
    del schemas[_QUANTITY]["type"]
    schemas[_QUANTITY]["oneOf"] = [{"type": "string"}, {"type": "number"}]
    return {"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": {"schemas": schemas}}


def _v3_parameter(parameter: Mapping[str, Any]) -> Json:
    """Type and uniqueness are the schema's there."""
    schema = {name: parameter[name] for name in ("type", "uniqueItems") if name in parameter}
    return {name: value for name, value in parameter.items() if name not in schema} | {"schema": schema}


def _v3_schema(schema: Any) -> Any:
    """The same schema with references as v3 has them."""
    if isinstance(schema, list):
        return [_v3_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _v3_schema(value) for name, value in schema.items() if name != "$ref"}
    if "$ref" not in schema:
        return made
    reference = {"$ref": schema["$ref"].replace(_DEFINED, "#/components/schemas/")}
    return made | {"allOf": [reference]} if made else reference


def _filled(schema: Any, version: str) -> Any:
    """The schema of a kind with the version it left open."""
    if isinstance(schema, dict):
        return {name: _filled(value, version) for name, value in schema.items()}
    if isinstance(schema, list):
        return [_filled(each, version) for each in schema]
    return schema.replace("{version}", version) if isinstance(schema, str) else schema
