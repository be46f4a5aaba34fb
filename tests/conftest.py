"""No test leaves the loopback interface or touches the person's folders, keys or clipboard."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path
from typing import Any

import pytest

_KEPT = {"PATH", "HOME", "LANG", "LC_ALL", "TERM", "TMPDIR", "VIRTUAL_ENV", "CI", "PYTHONPATH", "SYSTEMROOT"}


@pytest.fixture(autouse=True)
def person(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a home of its own: no keys, no settings, no sessions, an empty working folder."""
    home = tmp_path_factory.mktemp("home")
    for name in set(os.environ) - _KEPT:
        ours = (
            "BRIM",
            "OPENAI",
            "ANTHROPIC",
            "DEFAULT_MODEL",
            "XDG_",
            "NO_COLOR",
            "COLOR",
            "OLLAMA",
            "HF_",
            "HUGGINGFACE",
        )
        if name.startswith(ours) or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("BRIM_HOME", str(home / "brim"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    work = home / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return home


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            assert ipaddress.ip_address(address[0]).is_loopback, f"a test tried to reach {address[0]}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
