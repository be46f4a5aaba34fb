"""Reading files that are to go with a prompt: what they are, and whether they can."""

from __future__ import annotations

import asyncio
import codecs
import mimetypes
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path

from brim.core.attachments import Attachment, attachment
from brim.core.errors import BrimError
from brim.core.images import BrokenImageError, media_type_of, other_kind, picture
from brim.core.pdf import NoPdfTextError, pdf_text

LARGEST_FILE_BYTES = 20_000_000
LARGEST_TEXT_BYTES = 1_000_000
"""As UTF-8; about a quarter of a million tokens."""

_PIECE = 1 << 20
_MOST_KEPT_BYTES = 50_000_000
_PATIENCE_S = 1.0
"""How long a reading goes on while nobody waits for it: whoever types asks again with each key."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = bytes({*range(0x20)} - {*b"\t\n\v\f\r\b\x1b"})
_SPECIAL = (
    (stat.S_ISDIR, "is a folder", "Attach the files in it one by one."),
    (stat.S_ISFIFO, "is a pipe, not a file", ""),
    (stat.S_ISSOCK, "is a socket, not a file", ""),
    (stat.S_ISCHR, "is a device, not a file", ""),
    (stat.S_ISBLK, "is a device, not a file", ""),
)


class AttachmentError(BrimError):
    """A file cannot go with a prompt. The sentence names the file and says why."""


class _StoppedError(Exception):
    """Nobody waits for the file any more."""


def text_attachment(name: str, text: str) -> Attachment:
    """Return an attachment of a text that is in no file, such as a long prompt."""
    return attachment(name, text.encode("utf-8", "replace"), kind="text", media_type="text/plain")


def read_file(path: Path, stop: threading.Event | None = None) -> Attachment:
    """Read a file, in a thread: it may take as long as the disk does.

    Args:
        path: the file.
        stop: ends the reading early when it is set.

    Raises:
        AttachmentError: there is no such file, it cannot be read, is too large or of a kind no model takes.
    """
    stop = stop or threading.Event()
    name = path.name or str(path)
    data = _bytes_of(path, name, stop)
    if not data:
        raise AttachmentError(f"{name} is empty.")
    if media_type_of(data):
        return _image(name, data)
    if b"%PDF-" in data[:1024]:
        return _pdf(name, data, stop)
    if kind := other_kind(data):
        raise AttachmentError(
            f"{name} is a {kind} image.", hint="Models take PNG, JPEG, GIF and WebP; convert it first."
        )
    text = text_of(data)
    if text is None:
        raise AttachmentError(f"{name} is neither text nor an image nor a PDF file.")
    guessed = mimetypes.MimeTypes().guess_type(name)[0] or ""
    known = guessed.startswith("text/") or guessed.endswith(("json", "xml", "javascript", "yaml", "toml"))
    return attachment(
        name, _small(name, text.encode()), kind="text", media_type=guessed if known else "text/plain"
    )


def text_of(data: bytes) -> str | None:
    """Return the text that a file holds, ``None`` where it holds something else.

    A byte order mark names the encoding; without one it is UTF-8, or Latin-1 where it cannot be that.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding)
            except UnicodeDecodeError:
                return None
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        odd = len(data) - len(data.translate(None, _CONTROLS))
        return None if odd else data.decode("cp1252", "replace")


def _bytes_of(path: Path, name: str, stop: threading.Event) -> bytes:
    try:
        _refuse_special(path.stat(), name)
        # Between the look and the opening it may have become something else, so no open may wait or act.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(handle, "rb", buffering=0) as file:
            _refuse_special(os.fstat(handle), name)
            pieces: list[bytes] = []
            size = 0
            while piece := file.read(_PIECE):
                _go_on(stop)
                pieces.append(piece)
                size += len(piece)
                if size > LARGEST_FILE_BYTES:
                    raise _too_large(name, size, "more than ")
    except FileNotFoundError:
        raise AttachmentError(f"There is no file {path}.") from None
    except PermissionError:
        raise AttachmentError(f"You may not read {name}.", hint="Its permissions say so.") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its name cannot be one"
        raise AttachmentError(f"{name} cannot be read: {why}.") from None
    return b"".join(pieces)


def _refuse_special(state: os.stat_result, name: str) -> None:
    for is_it, why, hint in _SPECIAL:
        if is_it(state.st_mode):
            raise AttachmentError(f"{name} {why}.", hint=hint)
    if state.st_size > LARGEST_FILE_BYTES:
        raise _too_large(name, state.st_size)


def _too_large(name: str, size: int, more: str = "") -> AttachmentError:
    return AttachmentError(
        f"{name} is too large: it has {more}{size / 1e6:,.1f} MB, and {LARGEST_FILE_BYTES // 10**6} are the most."
    )


def _small(name: str, text: bytes) -> bytes:
    if not text.strip():
        raise AttachmentError(f"{name} holds no text.")
    if len(text) > LARGEST_TEXT_BYTES:
        raise AttachmentError(
            f"{name} holds too much text: {len(text):,} bytes, and {LARGEST_TEXT_BYTES:,} are the most.",
            hint="Attach the part that matters.",
        )
    return text


def _image(name: str, data: bytes) -> Attachment:
    try:
        found = picture(data)
    except BrokenImageError as error:
        raise AttachmentError(f"{name} {error}.") from None
    return attachment(
        name,
        found.data,
        kind="image",
        media_type=found.media_type,
        width_px=found.width_px,
        height_px=found.height_px,
    )


def _pdf(name: str, data: bytes, stop: threading.Event) -> Attachment:
    try:
        text = pdf_text(data, most_chars=LARGEST_TEXT_BYTES, go_on=lambda: _go_on(stop))
    except NoPdfTextError as error:
        raise AttachmentError(f"{name} {error}.") from None
    return attachment(
        name, _small(name, text.encode("utf-8", "replace")), kind="text", media_type="application/pdf"
    )


def _go_on(stop: threading.Event) -> None:
    if stop.is_set():
        raise _StoppedError


class _Reading:
    """A file that is being read, and how many wait for it."""

    def __init__(self, read: Callable[[threading.Event], Attachment]) -> None:
        self._stop = threading.Event()
        self._waiting = 0
        self._patience: asyncio.TimerHandle | None = None
        self.task = asyncio.create_task(asyncio.to_thread(read, self._stop))
        self.task.add_done_callback(_take_notice)

    async def wait(self) -> Attachment:
        """Return the file. Where nobody waits for a while, the reading ends."""
        self._waiting += 1
        if self._patience is not None:
            self._patience.cancel()
        try:
            return await asyncio.shield(self.task)
        finally:
            self._waiting -= 1
            if not self._waiting and not self.task.done():
                self._patience = asyncio.get_running_loop().call_later(_PATIENCE_S, self._stop.set)

    @property
    def is_given_up(self) -> bool:
        """Whether it will come to nothing."""
        return self._stop.is_set()


class FileReader:
    """Reads files in threads, and keeps what it has read for as long as the files stay as they are."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, tuple[tuple[int, ...], Attachment]] = OrderedDict()
        self._reading: dict[Path, _Reading] = {}

    async def read(self, path: Path) -> Attachment:
        """Return a file as an attachment; those who ask for the same one wait for one reading.

        Raises `AttachmentError`. Once all who asked are cancelled, the reading ends soon.
        """
        reading = self._reading.get(path)
        if reading is None or reading.is_given_up:
            reading = self._reading[path] = _Reading(partial(self._read, path))
            reading.task.add_done_callback(partial(self._done, path, reading))
        return await reading.wait()

    def _done(self, path: Path, reading: _Reading, _: object) -> None:
        if self._reading.get(path) is reading:
            del self._reading[path]

    def _read(self, path: Path, stop: threading.Event) -> Attachment:
        state = _state(path)
        kept = self._kept.get(path)
        if kept is not None and state and kept[0] == state:
            return kept[1]
        found = read_file(path, stop)
        if state:
            self._kept[path] = (state, found)
            self._forget()
        return found

    def _forget(self) -> None:
        kept = 0
        for path, (_, one) in reversed(list(self._kept.items())):
            kept += one.size_bytes
            if kept > _MOST_KEPT_BYTES:
                self._kept.pop(path, None)


def _take_notice(task: asyncio.Task[Attachment]) -> None:
    """Look at the error of a reading that nobody waits for, so that it is not reported as forgotten."""
    if not task.cancelled():
        task.exception()


def _state(path: Path) -> tuple[int, ...]:
    """Return what tells whether a file has changed; nothing where it cannot be looked at."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return ()
    return state.st_ino, state.st_dev, state.st_size, state.st_mtime_ns
