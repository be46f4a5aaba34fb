"""Keys in the system keyring, through the package ``keyring`` where it is installed.

A keyring may be locked and ask for its password in a window, or never answer at all. So it is asked in a
thread of its own, which nobody waits for at the end of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from brim.core.errors import SettingsError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

TIMEOUT_S = 15.0
"""How long a keyring may take: it may be asking the person for its password."""

T = TypeVar("T")


async def read(entry: str) -> str | None:
    """Return what the keyring holds for an entry ``service/user``, ``None`` where there is nothing.

    Raises:
        SettingsError: there is no keyring, or it does not give it.
    """
    return await _asked(lambda keyring: keyring.get_password(*_named(entry)))


async def write(entry: str, key: str) -> None:
    """Put a key into the keyring, in place of what is there. Raises `SettingsError` as `read` does."""
    await _asked(lambda keyring: keyring.set_password(*_named(entry), key))


async def forget(entry: str) -> None:
    """Take an entry out of the keyring, where it is in it. Raises `SettingsError` as `read` does."""

    def delete(keyring: KeyringBackend) -> None:
        service, user = _named(entry)
        if keyring.get_password(service, user) is not None:
            keyring.delete_password(service, user)

    await _asked(delete)


async def is_there() -> bool:
    """Whether there is a keyring that could be asked."""
    try:
        return await _asked(lambda _: True)
    except SettingsError:
        return False


def _named(entry: str) -> tuple[str, str]:
    service, _, user = entry.rpartition("/")
    return service, user


def _backend() -> KeyringBackend:
    """Return the keyring of this system."""
    import keyring
    from keyring.backends import fail, null

    found = keyring.get_keyring()
    if isinstance(found, fail.Keyring | null.Keyring) or not getattr(found, "backends", True):
        raise SettingsError("There is no system keyring here.", hint="Keep the key in a file of yours.")
    return found


async def _asked(ask: Callable[[KeyringBackend], T]) -> T:
    if find_spec("keyring") is None:
        raise SettingsError(
            "The system keyring cannot be asked: keyring is not installed.",
            hint="pip install 'brim[keyring]', or keep the key in a file of yours.",
        )
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[Any, Exception | None]] = loop.create_future()

    def deliver(said: Any, error: Exception | None) -> None:
        if not answer.done():
            answer.set_result((said, error))

    def work() -> None:
        said, failed = None, None
        try:
            said = ask(_backend())
        except Exception as error:  # each keyring has errors of its own
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(deliver, said, failed)

    threading.Thread(target=work, name="keyring", daemon=True).start()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            said, error = await answer
    except TimeoutError:
        raise SettingsError(
            f"The system keyring did not answer within {TIMEOUT_S:g} s.",
            hint="It may be locked, or be asking for its password in another window.",
        ) from None
    if error is None:
        return said  # type: ignore[no-any-return]
    if isinstance(error, SettingsError):
        raise error
    raise SettingsError(
        f"The system keyring refused: {type(error).__name__}.",
        hint="Unlock it, or keep the key in a file of yours.",
    ) from None
