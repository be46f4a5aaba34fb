"""Requests in the words of Anthropic's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brim.core.attachments import Attachment
from brim.core.types import AgentConfig, AgentContext
from brim.providers.asking import asked_for
from brim.providers.carried import Behind, items_of
from brim.providers.message_reader import THOUGHTS
from brim.providers.prompts import Turn, base64_of, prompt_of
from brim.providers.thinking import is_claude, thinking_fields

if TYPE_CHECKING:
    from brim.providers.anthropic import AnthropicServer

PROTOCOL = "anthropic"

_BREAKPOINT = {"cache_control": {"type": "ephemeral"}}


def request(
    server: AnthropicServer, config: AgentConfig, context: AgentContext, *, with_thinking: bool = True
) -> tuple[dict[str, Any], str]:
    """Return the request in the words of the messages API, and the digest of what it holds before the answer.

    Args:
        server: where it goes.
        config: model and limits.
        context: what is asked.
        with_thinking: whether the signed thinking of earlier answers goes along.
    """
    lacks = server.lacks(config.model)
    asks = asked_for(context, config, server.takes(config.model))
    prompt = prompt_of(
        context,
        config,
        takes_system="system" not in lacks,
        sees=server.sees(config.model),
        protocol=PROTOCOL if with_thinking else "",
    )
    behind = Behind(prompt.system_parts)
    messages = _messages(prompt.turns, behind)
    body: dict[str, Any] = {
        "model": config.model,
        "stream": True,
        "messages": messages,
        **thinking_fields(config.model, asks.reasoning_effort, asks.max_tokens),
    }
    if config.model in server.refuses_cache:
        body["messages"] = [_plain(message) for message in messages]
        body |= {"system": prompt.system} if prompt.system else {}
    else:
        # A question without a conversation, such as one for a summary, is asked once: nothing would read it.
        if context.session_id or len(messages) > 1:
            _mark(messages)
        body |= {"system": _cached_system(prompt.system_parts)} if prompt.system else {}
    # Models of Anthropic's that think take no temperature, and of temperature and top-p only one.
    thinks = body.get("thinking", {}).get("type") in ("enabled", "adaptive")
    if not (thinks and is_claude(config.model)):
        if asks.temperature is not None:
            body["temperature"] = asks.temperature
        if asks.top_p is not None and not ("temperature" in body and is_claude(config.model)):
            body["top_p"] = asks.top_p
    if asks.stop:
        body["stop_sequences"] = list(asks.stop)
    return {**body, **server.profile.parameters}, behind.digest()


def _cached_system(parts: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the system prompt with a breakpoint behind its first part and one behind the last.

    What the person wrote outlasts the summary behind it, and both outlast a cleanup of the messages.
    """
    marked = {0, len(parts) - 1}
    return [
        {"type": "text", "text": part} | (_BREAKPOINT if place in marked else {})
        for place, part in enumerate(parts)
    ]


def _messages(turns: tuple[Turn, ...], behind: Behind) -> list[dict[str, Any]]:
    """Return the turns, each answer with its thinking first where that still fits what stands before it."""
    messages: list[dict[str, Any]] = []
    for turn in turns:
        thoughts = items_of(turn.carried, behind.digest()) if turn.carried is not None else ()
        content = [*thoughts, *map(_image, turn.images)]
        if turn.text or not content:
            content.append({"type": "text", "text": turn.text})
        messages.append({"role": turn.role, "content": content})
        behind.add(messages[-1])
    return messages


def _image(image: Attachment) -> dict[str, Any]:
    source = {"type": "base64", "media_type": image.media_type, "data": base64_of(image)}
    return {"type": "image", "source": source}


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message that is text alone as servers take it that know no blocks."""
    blocks = message["content"]
    alone = len(blocks) == 1 and blocks[0]["type"] == "text"
    return message | {"content": blocks[0]["text"]} if alone else message


def _mark(messages: list[dict[str, Any]]) -> None:
    """Put breakpoints behind the newest question and the one before it.

    The first writes what the next request reads. The second is where the last request wrote, and so is read
    however many blocks lie between: the provider looks only 20 blocks back. Both and the system prompt's are
    the four that the API allows; a prompt too short to be cached is answered as if there were none. Thinking
    takes none: it stands in answers, and is cached with what follows it.
    """
    questions = [message for message in messages if message["role"] == "user"]
    for message in questions[-2:]:
        block = message["content"][-1]
        if block["type"] != "text" or block["text"].strip():  # the API refuses one on an empty block
            message["content"][-1] = block | _BREAKPOINT


def carries(body: dict[str, Any]) -> bool:
    """Whether the thinking of earlier answers is in a request."""
    return any(
        block["type"] in THOUGHTS
        for message in body["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
    )
