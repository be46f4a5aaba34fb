"""Keyrings of the tests' own, in place of the person's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class MemoryKeyring(KeyringBackend):
    """Keeps keys as long as the test runs."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


class LockedKeyring(MemoryKeyring):
    """Refuses, and its error says too much."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("sk-secret-in-an-error")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked(f"cannot keep {password}")


class SilentKeyring(MemoryKeyring):
    """Waits for a password that nobody types, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.let_go = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.set()
        self.let_go.wait(30)
        return None


@contextmanager
def system_keyring(backend: KeyringBackend) -> Iterator[None]:
    """Let the system's keyring be ``backend``."""
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    try:
        yield
    finally:
        keyring.set_keyring(before)
