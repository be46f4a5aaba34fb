"""Where a key comes from. It is fetched when it is first needed, and is nowhere in what is shown or logged."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from brim.core.errors import SettingsError

COMMAND_TIMEOUT_S = 10.0
_LARGEST_KEY_BYTES = 16_384
_LAST_WORDS_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """One place that a key is in."""

    place: str = field(compare=False)
    """Where a person finds it, e.g. ``GROQ_API_KEY in the environment``."""
    value: SecretStr | None = None
    command: str = ""
    file: Path | None = None
    keyring: str = ""
    """An entry of the system keyring, as ``service/user``."""

    async def fetch(self) -> SecretStr:
        """Return the key.

        Raises:
            SettingsError: there is none to be had. The sentence holds no part of what was read.
        """
        if self.value is not None:
            what, said = "is", self.value.get_secret_value().encode(errors="surrogateescape")
        elif self.file is not None:
            what, said = "names a file with", await asyncio.to_thread(_start_of, self.file, self.place)
        elif self.keyring:
            what, said = "names an entry with", await self._from_keyring()
        else:
            what, said = "printed", await self._printed()
        try:
            return checked_key(said.decode("utf-8-sig"))
        except ValueError:
            raise SettingsError(
                f"{self.place} {what} no usable key{_reason(said)}.", hint=f"A key is {KEY_WORDS}."
            ) from None

    def is_there(self) -> bool:
        """Whether there seems to be a key; a command is not run for that."""
        return self.file is None or self.file.is_file()

    async def _from_keyring(self) -> bytes:
        from brim.core import keyrings

        try:
            key = await keyrings.read(self.keyring)
        except SettingsError as error:
            raise SettingsError(f"{self.place} cannot be read: {error.sentence}", hint=error.hint) from None
        if key is None:
            raise SettingsError(
                f"{self.place} names an entry that the system keyring does not have: {self.keyring}."
            )
        return key.encode(errors="surrogateescape")

    async def _printed(self) -> bytes:
        """Run the command, without a shell, and return what it prints."""
        arguments = split_command(self.command)
        try:
            transport, printed = await asyncio.get_running_loop().subprocess_exec(
                _Printed,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise SettingsError(f"{self.place} cannot be run: {error.strerror}.") from None
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT_S):
                await printed.over.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await printed.shut.wait()
            code = transport.get_returncode()
        except TimeoutError:
            raise SettingsError(
                f"{self.place} printed no key within {COMMAND_TIMEOUT_S:g} s.",
                hint="Run it in a terminal: it may be waiting for a password.",
            ) from None
        finally:
            if transport.get_returncode() is None:
                _end(transport.get_pid())
                await printed.ended.wait()
            transport.close()
        if code:
            raise SettingsError(
                f"{self.place} failed with exit code {code}.",
                hint="Run it in a terminal to see why.",
            )
        return bytes(printed.said)


class _Printed(asyncio.SubprocessProtocol):
    """What a command prints, as far as that can be a key."""

    def __init__(self) -> None:
        self.said = bytearray()
        self.over = asyncio.Event()
        """The command has ended, or has printed more than any key has."""
        self.ended = asyncio.Event()
        self.shut = asyncio.Event()
        """Nothing more can come. What the command has left running may keep its output open for good."""

    def pipe_data_received(self, _fd: int, data: bytes) -> None:
        room = _LARGEST_KEY_BYTES + 1 - len(self.said)
        self.said += data[:room]
        if len(self.said) > _LARGEST_KEY_BYTES:
            self.over.set()
            self.shut.set()

    def pipe_connection_lost(self, _fd: int, _error: Exception | None) -> None:
        self.shut.set()

    def process_exited(self) -> None:
        self.ended.set()
        self.over.set()


KEY_WORDS = "printable ASCII characters without a space"


def checked_key(text: str) -> SecretStr:
    """Return a key without the space around it.

    Raises:
        ValueError: the text is no key.
    """
    key = text.strip()
    if len(key) > _LARGEST_KEY_BYTES:
        raise ValueError("too long for a key")
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("not a key")
    return SecretStr(key)


def split_command(command: str) -> Sequence[str]:
    """Return the arguments of a command, as a shell would cut them; no shell is asked.

    Raises:
        ValueError: it is empty, or a quotation mark has no second one.
    """
    arguments = shlex.split(command)
    if not arguments:
        raise ValueError("no command")
    return arguments


def _reason(said: bytes) -> str:
    """Return what is wrong with it, as far as that tells nothing of it."""
    if not said.strip():
        return ": nothing is there"
    if len(said) > _LARGEST_KEY_BYTES:
        return f": there are more than {_LARGEST_KEY_BYTES:,} bytes"
    return ": there are several lines" if b"\n" in said.strip() else ""


def _start_of(file: Path, place: str) -> bytes:
    try:
        if not file.is_file():
            raise SettingsError(
                f"{place} names no file: {file} {'is none' if file.exists() else 'is not there'}."
            )
        with file.open("rb") as opened:
            return opened.read(_LARGEST_KEY_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{place} cannot be read ({file}): {error.strerror}.") from None


def _end(pid: int) -> None:
    """End a command and whatever it has started: it is the first of a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)
        else:
            os.killpg(pid, signal.SIGKILL)
