"""What the service's OpenAPI document says beyond the types of requests: refusals, event streams, who may ask."""

from __future__ import annotations

from typing import Any, get_args

from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter

from brim.core.events import (
    ContextChanged,
    ReasoningAdded,
    SummarySkipped,
    TextAdded,
    ToolCallChanged,
    TurnFailed,
    TurnFinished,
    TurnProgressed,
    WindowCleaned,
)
from brim.serve.stream import event_name

EVENT_STREAM = "text/event-stream"

Responses = dict[int | str, dict[str, Any]]

_SENT = (
    TextAdded
    | ReasoningAdded
    | ToolCallChanged
    | TurnProgressed
    | ContextChanged
    | WindowCleaned
    | SummarySkipped
    | TurnFinished
    | TurnFailed
)
_HIDDEN = {"Session": ("owner", "draft", "queued"), "Message": ("carried",)}
"""Fields of the core's types that no answer holds."""
_REFERENCE = "#/components/schemas/{model}"


class FaultDetail(BaseModel):
    """What went wrong."""

    type: str
    """A word for programs."""
    code: str
    """The same, in OpenAI's words where it has some."""
    param: None
    message: str
    """The sentence and the hint."""
    sentence: str
    hint: str


class Fault(BaseModel):
    """An answer that says why there is no other."""

    error: FaultDetail


_WORDS = {
    400: "The request cannot be read.",
    401: "There is no key, or a wrong one.",
    402: "A budget is used up.",
    403: "This is not for the caller.",
    404: "There is no such thing, or it is another's.",
    408: "The request did not come whole in time.",
    409: "The session is being answered, or a cleanup has to be decided on.",
    413: "The request, or the prompt, is too long.",
    422: "Something in the request is not right, or it is not let through.",
    429: "A limit is reached.",
    500: "Something in the service is broken.",
    502: "The model's provider failed.",
    503: "The store, a key, a check or the provider cannot be reached now, or the service is ending.",
    504: "Nothing came from the model's provider for too long.",
}
_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds until it may be asked again.", "schema": {"type": "integer"}}
}
_EVERYWHERE = (400, 401, 403, 408, 413, 422, 429, 500, 503)


def refusals(*statuses: int) -> Responses:
    """Return how refusals are described: those that every request with a key may get, and these."""
    found: Responses = {}
    for status in sorted({*_EVERYWHERE, *statuses}):
        found[status] = {"model": Fault, "description": _WORDS[status]}
        if status in (429, 503):
            found[status]["headers"] = _RETRY_AFTER
    return found


def event_stream(description: str, *names: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return how an answer is described that comes as server-sent events.

    Args:
        description: what they are.
        names: the names that they may have; none where they have none.
        data: the schema of what stands in their data as JSON; ``None`` for text.
    """
    text: dict[str, Any] = {"type": "string"}
    if data is not None:
        text |= {"contentMediaType": "application/json", "contentSchema": data}
    event = {"type": "string", **({"enum": list(names)} if names else {})}
    schema = {
        "type": "object",
        "description": "One event.",
        "properties": {"id": {"type": "string"}, "event": event, "data": text},
        "required": ["data"],
    }
    return {"content": {EVENT_STREAM: {"schema": schema}}, "description": description}


def turn_events(description: str) -> dict[str, Any]:
    """Return how an answer is described that comes as the events of a turn."""
    names = [event_name(kind) for kind in get_args(_SENT)]
    data = {"anyOf": [{"$ref": f"#/components/schemas/Event_{name}"} for name in names]}
    return event_stream(description, *names, data=data)


class Documented(FastAPI):
    """An application whose document tells what the core's types become in its answers."""

    def openapi(self) -> dict[str, Any]:
        """Return the document; it is made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document["components"]["schemas"]
            for name, schema in _events().items():
                schemas.setdefault(name, schema)
            for name, hidden in _HIDDEN.items():
                _without(schemas[name], hidden)
            self.openapi_schema = document
        return self.openapi_schema


def _events() -> dict[str, Any]:
    """Return the schemas of the data of all events, by name, and of the types in them."""
    found: dict[str, Any] = {}
    for kind in get_args(_SENT):
        schema = TypeAdapter(kind).json_schema(ref_template=_REFERENCE, mode="serialization")
        found |= schema.pop("$defs", {})
        _without(schema, ("session_id",))
        schema["title"] = f"Event {event_name(kind)}"
        found[f"Event_{event_name(kind)}"] = schema
    return found


def _without(schema: dict[str, Any], fields: tuple[str, ...]) -> None:
    for field in fields:
        schema["properties"].pop(field, None)
    schema["required"] = [field for field in schema.get("required", ()) if field not in fields]
