"""The parameters of one request: which of them a model takes, and what is done where a server takes one not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from brim.core.events import Waiting
from brim.core.parameters import Parameters
from brim.core.types import AgentConfig, AgentContext
from brim.providers.answers import mapping, text

if TYPE_CHECKING:
    from brim.providers.server import Server

EVERY = frozenset(Parameters.model_fields)

_REFUSES = re.compile(
    r"unsupported|not supported|(?:does|do)(?: not|n't) (?:support|take|accept)|unrecogni[sz]ed|unknown|"
    r"not permitted|not allowed|extra (?:inputs|fields)|unexpected|cannot both be|deprecated|is not compatible",
    re.IGNORECASE,
)
_FIELDS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "stop": "stop",
    "stop_sequences": "stop",
    "seed": "seed",
    "random_seed": "seed",
    "reasoning_effort": "reasoning_effort",
    "reasoning.effort": "reasoning_effort",
    "thinking": "reasoning_effort",
    "output_config.effort": "reasoning_effort",
}
"""The parameters that models may refuse, by what requests call them."""


def asked_for(context: AgentContext, config: AgentConfig, takes: Iterable[str]) -> Parameters:
    """Return what holds for a request: the session's word, then the configuration's, of what the model takes."""
    given = context.parameters.over(config).given()
    return Parameters.model_construct(**{name: given[name] for name in takes if name in given})


def learn_refusal(error: Exception, body: dict[str, Any], server: Server[Any], model: str) -> Waiting | None:
    """Take in that a model takes no such parameter; ``None`` where the error says nothing like that.

    Args:
        error: what the SDK raised.
        body: the request.
        server: keeps it in mind, so that a request made anew goes without.
        model: the provider's name of the model.
    """
    field = _refused(error, [name for name in _FIELDS if _holds(body, name)])
    if not field:
        return None
    server.learn_refusal(model, _FIELDS[field])
    words = _FIELDS[field].replace("_", " ")
    return Waiting(f"{server.name} takes no {words} for {model}; asking without it")


def _holds(body: dict[str, Any], name: str) -> bool:
    outer, _, inner = name.partition(".")
    return inner in mapping(body.get(outer)) if inner else outer in body


def _names(field: str) -> list[str]:
    """Return what a field is called anywhere: a gateway complains in the words of the server behind it."""
    return [name for name, parameter in _FIELDS.items() if parameter == _FIELDS[field]]


def _refused(error: Exception, sent: Iterable[str]) -> str:
    """Return the field that a server says it does not take, empty if it says nothing like that.

    A field of which the value alone is refused is none, temperature apart: models that think take it at 1 only.
    """
    if getattr(error, "status_code", None) not in (400, 422):
        return ""
    body = mapping(getattr(error, "body", None))
    fields = mapping(body.get("error")) or body
    said = f"{getattr(error, 'message', '')} {getattr(error, 'body', '')}"
    if not _REFUSES.search(said):
        return ""
    named = text(fields.get("param"))
    is_value = "value" in text(fields.get("code")) or "supported values" in said.lower()
    return next(
        (
            field
            for field in sent
            if any(
                named == name or re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", said)
                for name in _names(field)
            )
            and (field == "temperature" or not is_value)
        ),
        "",
    )
