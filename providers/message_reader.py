"""The events of one streamed answer of Anthropic's messages, read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from brim.core.events import Done, ReasoningDelta, StreamEvent, TextDelta, UsageReported
from brim.core.usage import Usage
from brim.providers.answers import count, mapping, text
from brim.providers.faults import Asked, cut, no_answer, refused

THOUGHTS = ("thinking", "redacted_thinking")
"""The kinds of blocks that hold thinking."""


class MessageReader:
    """Reads the events of one streamed answer."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._model: str | None = None
        self._counts: dict[str, Any] = {}
        self._explanation = ""
        self._heard = False
        self._thoughts: dict[object, dict[str, Any]] = {}
        self.began = False
        """Whether text of the answer has come."""
        self.stop_reason = ""
        """The provider's word, empty until it has come."""

    def read(self, event: object) -> Iterator[StreamEvent]:
        """Yield what is new in an event. What cannot be understood in it is passed over."""
        fields = mapping(event)
        self._heard = True
        match fields.get("type"):
            case "message_start":
                message = mapping(fields.get("message"))
                self._model = text(message.get("model")) or None
                self._count(message.get("usage"))
                # Of an answer that is stopped nothing more will come. Hardly anything of it is counted yet.
                if (usage := usage_of(self._counts)) is not None:
                    yield UsageReported(replace(usage, output_tokens=0, reasoning_tokens=0))
            case "content_block_start":
                block = mapping(fields.get("content_block"))
                if block.get("type") in THOUGHTS and not self.began:
                    self._thoughts[fields.get("index")] = dict(block)
                yield from self._read_block(block)
            case "content_block_delta":
                delta = mapping(fields.get("delta"))
                self._keep(fields.get("index"), delta)
                yield from self._read_block(delta)
            case "message_delta":
                delta = mapping(fields.get("delta"))
                self.stop_reason = text(delta.get("stop_reason")) or self.stop_reason
                self._explanation = text(mapping(delta.get("stop_details")).get("explanation"))
                self._count(fields.get("usage"))
                if (usage := usage_of(self._counts)) is not None:
                    yield UsageReported(usage)

    def _read_block(self, block: dict[str, Any]) -> Iterator[StreamEvent]:
        if reasoning := text(block.get("thinking")):
            yield ReasoningDelta(reasoning)
        if words := text(block.get("text")):
            self.began = True
            yield TextDelta(words)

    def _keep(self, index: object, delta: dict[str, Any]) -> None:
        """Take what belongs to a block of thinking into what is kept of it."""
        block = self._thoughts.get(index)
        if block is None or self.began:
            return
        for name in ("thinking", "signature"):
            if new := text(delta.get(name)):
                block[name] = text(block.get(name)) + new

    @property
    def thoughts(self) -> list[dict[str, Any]]:
        """The blocks of thinking before the text, as they have to come back; empty where one is not signed."""
        blocks = list(self._thoughts.values())
        return (
            blocks if all(text(block.get("signature")) or text(block.get("data")) for block in blocks) else []
        )

    def _count(self, usage: object) -> None:
        """Take in a count: each replaces the earlier one, and what it leaves out stays.

        Counts only grow, so a later 0 is a server's way to leave something out.
        """
        self._counts |= {
            name: value for name, value in mapping(usage).items() if value or name not in self._counts
        }

    def done(self) -> Done:
        """Return the end of the answer.

        Raises:
            AgentError: the stream has ended and the answer has not, or it was withheld.
        """
        if not self.stop_reason:
            raise cut(self._asked, began=self.began) if self._heard else no_answer(self._asked)
        if self.stop_reason == "refusal" and not self.began:
            raise refused(self._asked, self._explanation)
        return Done(finish_reason=self.stop_reason, model=self._model)


def usage_of(reported: object) -> Usage | None:
    """Map a server's count onto `Usage`; ``None`` where it did not count the prompt.

    ``input_tokens`` exclude those read from the cache and written to it. Thinking is part of
    ``output_tokens``.
    """
    fields = mapping(reported)
    # What was written is told as a sum and by how long it is kept; some servers leave out the sum.
    kept = mapping(fields.get("cache_creation"))
    usage = Usage(
        input_tokens=count(fields.get("input_tokens")),
        cache_read_tokens=count(fields.get("cache_read_input_tokens")),
        cache_write_tokens=count(fields.get("cache_creation_input_tokens")) or sum(map(count, kept.values())),
        output_tokens=(output := count(fields.get("output_tokens"))),
        reasoning_tokens=min(
            output, count(mapping(fields.get("output_tokens_details")).get("thinking_tokens"))
        ),
    )
    return usage if usage.prompt_tokens else None
