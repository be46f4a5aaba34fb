"""The files that go with a text: found by its mentions, read, and checked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from brim.core.attaching import AttachmentError, FileReader
from brim.core.attachments import Attachment
from brim.core.mentions import Mention, meant, mention_of, mentions, path_of, place_of

MOST_FILES = 20
MOST_BYTES = 20_000_000
"""Of all files of one prompt together."""
_MOST_HELD = 100


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a text mentions, and what of it cannot go with it."""

    attachments: tuple[Attachment, ...] = ()
    problems: tuple[AttachmentError, ...] = ()


class Gatherer:
    """Finds the files that texts mention.

    Besides the files of the disk it holds attachments that are in no file, or no longer, under names of their own:
    each attachment stands in its text as a mention, so what is taken out of the text does not go with it.

    Args:
        folder: where relative names are looked for; ``None`` for the working folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path.cwd()
        self._reader = FileReader()
        self._held: dict[str, Attachment] = {}

    def hold(self, one: Attachment) -> str:
        """Keep an attachment that has its data, and return the name under which texts can mention it.

        Files of the disk come first, so it is no name of theirs.
        """
        path = PurePath(one.name)
        name, number = path.name, 1
        while self._held.get(name, one).id != one.id or (self.folder / name).exists():
            number += 1
            name = f"{path.stem}-{number}{path.suffix}"
        self._held.pop(name, None)
        self._held[name] = one.model_copy(update={"name": name})
        while len(self._held) > _MOST_HELD:
            del self._held[next(iter(self._held))]
        return name

    def with_mentions(self, text: str, attachments: Sequence[Attachment]) -> str:
        """Hold attachments, and return their text with a mention of each: added at its end where it had none."""
        named = {PurePath(meant(mention.name)).name for mention in mentions(text)}
        added = [mention_of(self.hold(one)) for one in attachments if one.name not in named]
        for one in attachments:
            if one.name in named:
                self._held[one.name] = one
        return "\n\n".join(part for part in (text, " ".join(added)) if part.strip())

    async def gather(self, text: str) -> Gathered:
        """Return the files that a text mentions. When it is cancelled, readings go on for a moment, for the next call."""
        if "@" not in text:
            return Gathered()
        found: dict[str, Attachment] = {}
        problems: list[AttachmentError] = []
        for mention, path in await asyncio.to_thread(self._look, text):
            key = str(path or mention.name)
            if key in found:
                continue
            try:
                one = _told_apart(await self._read(mention, path), mention, found.values())
                check_together((*found.values(), one))
            except AttachmentError as error:
                problems.append(error)
            else:
                found[key] = one
        return Gathered(tuple(found.values()), tuple(problems))

    async def _read(self, mention: Mention, path: Path | None) -> Attachment:
        if path is not None:
            return await self._reader.read(path)
        if (held := self._held_as(mention)) is not None:
            return held
        raise AttachmentError(f"There is no file {place_of(meant(mention.name), self.folder)}.")

    def _look(self, text: str) -> list[tuple[Mention, Path | None]]:
        """Return the mentions that mean files, each with the file that there is."""
        looked = [(mention, path_of(mention.name, self.folder)) for mention in mentions(text)]
        return [
            (mention, path)
            for mention, path in looked
            if path is not None or mention.is_meant or self._held_as(mention) is not None
        ]

    def _held_as(self, mention: Mention) -> Attachment | None:
        return self._held.get(mention.name) or self._held.get(PurePath(meant(mention.name)).name)


def _told_apart(one: Attachment, mention: Mention, others: Iterable[Attachment]) -> Attachment:
    """Return a file by its name, or as it was mentioned where another one has that name."""
    is_taken = any(other.name == one.name for other in others)
    return one.model_copy(update={"name": meant(mention.name)}) if is_taken else one


def check_together(attachments: Sequence[Attachment]) -> None:
    """Raise `AttachmentError` where the last of the files of one prompt is too much."""
    name = attachments[-1].name
    if len(attachments) > MOST_FILES:
        raise AttachmentError(f"{name} is one too many: {MOST_FILES} files go with one message.")
    if (size := sum(one.size_bytes for one in attachments)) > MOST_BYTES:
        raise AttachmentError(
            f"{name} is too much: the files together have {size / 1e6:,.1f} MB, "
            f"and {MOST_BYTES // 10**6} are the most."
        )
