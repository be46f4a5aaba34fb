"""The files that go with what is being written: weighed with the draft, and read and checked before it is sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.content import Content

from brim.core.text import visible_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from brim.core.attachments import Attachment
    from brim.core.errors import InputTooLongError
    from brim.core.gathering import Gathered, Gatherer
    from brim.core.sessions import SessionManager
    from brim.core.types import Message
    from brim.tui.screens.chat import ChatScreen

PASTED_NAME = "pasted.txt"
"""What a long prompt is called that is sent as a file."""

_AT_ONCE_S = 0.15
"""A reading that takes longer shows the text in the composer while it lasts."""
_AT_ONCE_BYTES = 20_000
_MENTION_CHARS = 30
"""About what a mention takes, with the blank lines around it."""
_SHORT_CHARS = 500
"""Of a paragraph that stays in a message of which the rest becomes a file."""


class Attaching:
    """Reads the files that a draft mentions; see `brim.core.gathering`."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._gatherer: Gatherer | None = None
        self._order = asyncio.Lock()
        self._weights: dict[tuple[str | None, str], int] = {}

    @property
    def gatherer(self) -> Gatherer:
        """What finds and reads them. It is made when it is first needed."""
        if self._gatherer is None:
            from brim.core.gathering import Gatherer

            self._gatherer = Gatherer(self._screen.composer.folder)
        return self._gatherer

    async def begin(self, name: str) -> None:
        """Put the mention of a file at the cursor; without a name, or with that of a folder, one to be completed.

        Raises:
            BrimError: a mention cannot hold this name.
        """
        mention = await asyncio.to_thread(_mention_to, name, self._screen.composer.folder) if name else "@"
        composer = self._screen.composer
        row, column = composer.cursor_location
        gap = " " if column and not composer.document.get_line(row)[column - 1].isspace() else ""
        composer.insert(f"{gap}{mention}")
        composer.focus()

    def with_mentions(self, text: str, attachments: Sequence[Attachment]) -> str:
        """Return a text that comes back into the composer, with a mention of each file that goes with it."""
        return self.gatherer.with_mentions(text, attachments) if attachments else text

    def as_file(self, text: str) -> str:
        """Return a mention that stands for a text, which then goes along as a file."""
        from brim.core.attaching import text_attachment
        from brim.core.mentions import mention_of

        return mention_of(self.gatherer.hold(text_attachment(PASTED_NAME, text)))

    # --- the draft ------------------------------------------------------------------------------------

    async def weigh(self, manager: SessionManager, model: str | None, gathered: Gathered) -> int:
        """Return about how many tokens the files of a draft add, and name them above the composer."""
        weighed = [(one, await self._weight(manager, model, one)) for one in gathered.attachments]
        # What is still being typed may yet become the name of a file.
        is_unfinished = self._screen.composer.is_mentioning
        problems = [] if is_unfinished else [error.sentence for error in gathered.problems]
        self._screen.attached_line.show(weighed, problems)
        return sum(tokens for _, tokens in weighed)

    async def _weight(self, manager: SessionManager, model: str | None, one: Attachment) -> int:
        key = (model, one.id)
        if key not in self._weights:
            if one.kind == "text" and one.size_bytes > _AT_ONCE_BYTES:
                self._weights[key] = await asyncio.to_thread(manager.estimate, model, "", [one])
            else:
                self._weights[key] = manager.estimate(model, "", [one])
        return self._weights[key]

    def forget(self) -> None:
        """Name no files: the draft is another one."""
        self._screen.attached_line.show([])

    # --- what went along ------------------------------------------------------------------------------

    async def draw(self, manager: SessionManager, message: Message) -> None:
        """Make small pictures of the images of a message, and show them in the transcript."""
        from brim.tui.thumbnails import thumbnail

        screen = self._screen
        (full,) = await manager.library.with_files([message])
        ground = screen.transcript.background_colors[1].rgb
        images = [one for one in full.attachments if one.kind == "image"]
        drawn = {one.id: await asyncio.to_thread(thumbnail, one.data, ground) for one in images}
        screen.transcript.set_pictures(drawn)

    async def show(self, manager: SessionManager, message_id: str, file_id: str) -> None:
        """Let the person look at the files of a message, one of them first."""
        from brim.tui.screens.looking import LookingScreen

        (message,) = await manager.library.with_files(await manager.messages_by_id([message_id]))
        number = next((n for n, one in enumerate(message.attachments) if one.id == file_id), 0)
        if message.attachments:
            self._screen.brim.push_screen(LookingScreen(message.attachments, number))

    # --- sending --------------------------------------------------------------------------------------

    async def take(self, text: str) -> tuple[Attachment, ...] | None:
        """Return the files that a text which is to be sent mentions; ``None`` where it is not to be sent after all.

        The text is then in the composer. Texts come out in the order in which they went in.
        """
        if "@" not in text:
            return ()
        async with self._order:
            gathered = await self._read(text)
        if gathered is None or not gathered.problems:
            return gathered.attachments if gathered else None
        return gathered.attachments if await self._goes_without(text, gathered) else None

    async def shortened(self, error: InputTooLongError, text: str) -> str | None:
        """Ask what to do with a text that is too long; return what is sent, ``None`` to go back to it.

        That is the same text where it goes as it is, else a shorter one with a mention of the rest as a file. What
        stands around a paste stays in the message, else a short paragraph at its beginning or its end: mostly the
        question about the rest. So do the mentions of files, which go along in any case.
        """
        from brim.tui.cleanup_words import ALL_THE_SAME, AS_IT_IS, BACK
        from brim.tui.screens.deciding import DecidingScreen
        from brim.tui.screens.picker import Choice
        from brim.tui.sending import ask_first

        ways = (self._screen.composer.apart(text), _parts(text), ("", text, ""))
        first, middle, last = next(
            (first, middle, last)
            for first, middle, last in filter(None, ways)
            if middle is text or len(first) + len(last) + _MENTION_CHARS <= error.limit
        )
        question = DecidingScreen(
            "The message is too long",
            Content(visible_line(error.sentence)),
            [
                Choice(AS_IT_IS, f"Send {len(middle):,} characters of it as the file {PASTED_NAME}"),
                Choice(ALL_THE_SAME, "Send it as it is, this once"),
                Choice(BACK, "Back to the message"),
            ],
        )
        chosen = await ask_first(self._screen, question, text)
        if chosen != AS_IT_IS:
            return text if chosen == ALL_THE_SAME else None
        also = " ".join([self.as_file(middle), *await self._mentioned(middle)])
        return "\n\n".join(part for part in map(str.strip, (first, also, last)) if part)

    async def _mentioned(self, text: str) -> list[str]:
        """Return the mentions in a text of files that can go along."""
        from brim.core.mentions import meant, mention_of, mentions

        words = [mention_of(meant(mention.name)) for mention in mentions(text)]
        return [word for word in words if (await self.gatherer.gather(word)).attachments]

    async def _read(self, text: str) -> Gathered | None:
        """Read what a text mentions. What takes long leaves the text in the composer, where it can be changed."""
        reading = asyncio.create_task(self.gatherer.gather(text))
        try:
            if (await asyncio.wait({reading}, timeout=_AT_ONCE_S))[0]:
                return await reading
            composer = self._screen.composer
            composer.put_back(text)
            self._screen.brim.tell("Reading the files. The message goes out when they are here.")
            gathered = await reading
        finally:
            reading.cancel()
        draft = composer.draft
        if draft != text and not draft.startswith(f"{text}\n\n"):
            self._screen.brim.tell("The message was changed while its files were read, so it was not sent.")
            return None
        composer.restore(draft[len(text) :].removeprefix("\n\n"))
        return gathered

    async def _goes_without(self, text: str, gathered: Gathered) -> bool:
        """Ask what to do about files that cannot go along."""
        from brim.tui.cleanup_words import AS_IT_IS, BACK
        from brim.tui.screens.deciding import DecidingScreen
        from brim.tui.screens.picker import Choice
        from brim.tui.sending import ask_first

        lines = []
        for error in gathered.problems:
            lines.append(Content(visible_line(error.sentence)))
            if error.hint:
                lines.append(Content.styled(visible_line(error.hint), "$dim"))
        several = len(gathered.problems) > 1
        question = DecidingScreen(
            "Files that cannot go along" if several else "A file that cannot go along",
            Content("\n").join(lines),
            [
                Choice(BACK, "Back to the message"),
                Choice(AS_IT_IS, "Send it without " + ("them" if several else "it")),
            ],
        )
        return await ask_first(self._screen, question, text) == AS_IT_IS


def _mention_to(name: str, folder: Path) -> str:
    """Return a mention of what a person named, in quotation marks or without; one of no file can mean nothing else.

    Asks the disk. Raises `BrimError` for a name that a mention cannot hold.
    """
    from brim.core.errors import BrimError
    from brim.core.mentions import mention_of, path_of, place_of

    for mark in ('"', "'"):
        if len(name) > 2 and name.startswith(mark) and name.endswith(mark):
            name = name[1:-1]
    if '"' in name:
        raise BrimError(
            f"{name} has a quotation mark in its name, so it cannot be mentioned.", hint="Rename the file."
        )
    try:
        if place_of(name, folder).is_dir():
            return mention_of(f"{name.rstrip('/')}/", is_open=True)
    except (OSError, ValueError):
        return f'@"{name}" '
    return f"{mention_of(name)} " if path_of(name, folder) else f'@"{name}" '


def _parts(text: str) -> tuple[str, str, str]:
    """Return a short first paragraph, what stands between, and a short last one; empty where it is not short."""
    first, gap, rest = text.partition("\n\n")
    if not gap or len(first) > _SHORT_CHARS:
        first, rest = "", text
    middle, gap, last = rest.rpartition("\n\n")
    if not gap or len(last) > _SHORT_CHARS or not middle.strip():
        middle, last = rest, ""
    return first, middle, last
