"""A transcript in an app of its own, and sessions of any length for it to read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from textual.app import App, ComposeResult
from textual.message import Message as TextualMessage

from brim.core.types import Message, OutlineRow
from brim.tui.widgets.transcript import Transcript


def conversation(count: int) -> list[Message]:
    """Return ``count`` messages, prompts and answers in turn, that differ in length and form."""
    messages = []
    for number in range(count):
        if number % 2 == 0:
            text = f"Question {number}: why is the sky blue?" + "\nAnd the sea?" * (number % 3)
            messages.append(Message(id=f"m{number}", role="user", content=text))
        else:
            parts = [f"Answer {number}.", "", "It is **light** that scatters, see `sky.py`:", ""]
            parts += ["```python", *(f"value_{line} = {number}" for line in range(number % 7)), "```"]
            parts += ["", *(f"- point {line} of {number}" for line in range(number % 5)), "", "So it is."]
            text = "\n".join(parts)
            messages.append(
                Message(id=f"m{number}", role="assistant", content=text, model="scripted:one", tokens=12)
            )
    return messages


class ListSource:
    """A source that reads from a list and counts what was asked of it."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = {message.id: message for message in messages}
        self.fetched: list[str] = []
        self.outlines = 0

    async def outline(self) -> list[OutlineRow]:
        """Return the sizes of all messages."""
        self.outlines += 1
        return [
            OutlineRow(message.id, message.role, len(message.content), message.content.count("\n") + 1)
            for message in self.messages.values()
        ]

    async def messages_by_id(self, ids: Sequence[str]) -> list[Message]:
        """Return the messages with these ids."""
        self.fetched += ids
        return [self.messages[key] for key in ids if key in self.messages]


class TranscriptHost(App[None]):
    """A screen with nothing but a transcript; keeps the messages that reach it."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[TextualMessage] = []

    def compose(self) -> ComposeResult:
        yield Transcript()

    def on_mount(self) -> None:
        self.transcript.focus()

    @property
    def transcript(self) -> Transcript:
        """The transcript."""
        return self.query_one(Transcript)

    def copy_to_clipboard(self, text: str) -> None:
        """Keep the text; no test touches a clipboard."""
        self._clipboard = text

    def on_transcript_copied(self, message: Transcript.Copied) -> None:
        self.posted.append(message)

    def on_transcript_mark_wanted(self, message: Transcript.MarkWanted) -> None:
        self.posted.append(message)

    def on_transcript_retry_wanted(self, message: Transcript.RetryWanted) -> None:
        self.posted.append(message)

    def on_transcript_link_clicked(self, message: Transcript.LinkClicked) -> None:
        self.posted.append(message)

    def on_transcript_find_changed(self, message: Transcript.FindChanged) -> None:
        self.posted.append(message)

    def on_transcript_troubled(self, message: Transcript.Troubled) -> None:
        self.posted.append(message)

    def of(self, kind: type[Any]) -> list[Any]:
        """Return the messages of one kind that reached the app."""
        return [message for message in self.posted if isinstance(message, kind)]

    async def open(self, messages: Sequence[Message], *, tail: int = 30) -> ListSource:
        """Show a session in the transcript until all that is seen is laid out; returns its source."""
        source = ListSource(messages)
        await self.transcript.show(source, len(messages), messages[-tail:])
        async with asyncio.timeout(25):
            while not is_laid_out(self.transcript):
                await asyncio.sleep(0.001)
        return source


def is_laid_out(transcript: Transcript) -> bool:
    """Whether all that is seen is laid out: what takes too long for one paint is laid out after it."""
    return transcript.column.width > 0 and transcript.column.measure(0.0)[0]


def is_idle(transcript: Transcript) -> bool:
    """Whether the transcript has nothing left to do."""
    fetcher = transcript._fetcher
    return transcript._chore_timer is None and (fetcher is None or not fetcher.is_running)


def shown(transcript: Transcript) -> list[str]:
    """Return the text of the rows that are painted, without the blanks at their ends."""
    return [transcript.render_line(y).text.rstrip() for y in range(transcript.size.height)]
