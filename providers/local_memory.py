"""How much memory there is, and which models stay in it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Protocol

from brim.core.errors import AgentError
from brim.core.setting_values import bytes_of

GB = 1_000_000_000
_UNMEASURED_SHARE = 0.75
"""What models may take together of a machine that does not tell how much of its memory is free."""


class Loaded(Protocol):
    """A model that takes memory while it is loaded."""

    name: str

    @property
    def pid(self) -> int | None:
        """The process that holds it."""
        ...

    @property
    def is_busy(self) -> bool:
        """Whether it answers, or is about to."""
        ...

    async def unload(self) -> None:
        """Give its memory back; nothing happens to one that is busy."""
        ...


class LocalMemory:
    """Decides which models stay loaded when a further one is wanted.

    Args:
        limit: what all may take together, as the setting ``local_memory`` says it; empty measures what is free.
    """

    def __init__(self, limit: str = "") -> None:
        self.limit = limit
        self._taken: dict[Loaded, int] = {}
        self._waiting: Loaded | None = None
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def most_bytes(self) -> int:
        """What one model may take when it is alone."""
        total = memory_bytes()
        return bytes_of(self.limit, total) if self.limit else total

    def waits_for(self, model: Loaded) -> str:
        """Return for which other models ``model`` waits, which answer; empty if it waits for none."""
        if model is not self._waiting:
            return ""
        return " and ".join(one.name for one in self._taken if one is not model and one.is_busy)

    async def reserve(self, model: Loaded, needed_bytes: int) -> None:
        """Make room for a model: the one that was used least recently goes first, none that is answering.

        Where only those that answer are left, it waits for them.

        Raises:
            AgentError: it is larger than all the memory that there is.
        """
        if needed_bytes > self.most_bytes:
            raise AgentError(
                f"The local model {model.name} needs about {said(needed_bytes)} of memory, "
                f"and there are {said(self.most_bytes)}.",
                hint="A smaller model or window may fit; local_memory sets what models may take.",
                provider="local",
            )
        async with self._lock:
            while others := [one for one in self._taken if one is not model]:
                taken = sum(self._taken[one] for one in others)
                if taken + needed_bytes <= await asyncio.to_thread(self._together, others):
                    break
                self._changed.clear()
                if idle := next((one for one in others if not one.is_busy), None):
                    await idle.unload()
                else:
                    await self._wait(model)
            self._taken[model] = needed_bytes

    async def _wait(self, model: Loaded) -> None:
        """Wait until something has changed, as the one who waits."""
        self._waiting = model
        try:
            await self._changed.wait()
        finally:
            self._waiting = None

    def used(self, model: Loaded) -> None:
        """Take note that a model has just been used."""
        if model in self._taken:
            self._taken[model] = self._taken.pop(model)
        self._changed.set()

    def release(self, model: Loaded) -> None:
        """Take note that a model is no longer loaded."""
        self._taken.pop(model, None)
        self._changed.set()

    def _together(self, loaded: list[Loaded]) -> int:
        """Return what all models may take together, those that are loaded included."""
        if self.limit:
            return self.most_bytes
        free = free_bytes()
        if free is None:
            return int(memory_bytes() * _UNMEASURED_SHARE)
        # What they have mapped of their files counts as free already, since the kernel may drop it.
        return free + sum(_of_process(one.pid, "RssAnon") for one in loaded if one.pid is not None)


def memory_bytes() -> int:
    """Return the memory of this machine, or what its container is allowed of it."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = _container_bytes()
    return total if limit is None else min(total, limit)


def free_bytes() -> int | None:
    """Return what programs may still take of the memory, ``None`` where the system does not tell."""
    if sys.platform != "linux":
        return None
    free = _lines(Path("/proc/meminfo")).get("MemAvailable")
    limit = _container_bytes()
    if free is None or limit is None:
        return free
    own = _lines(Path("/sys/fs/cgroup/memory.stat"), unit=1).get("anon", 0)
    return min(free, max(0, limit - own))


def resident_bytes(pid: int) -> int:
    """Return how much of the files that a process has mapped is in memory; 0 where the system does not tell."""
    return _of_process(pid, "RssFile")


def said(size: int) -> str:
    """Return a size for a person."""
    return f"{size / GB:,.1f} GB" if size >= GB else f"{max(1, size // 1_000_000)} MB"


def _of_process(pid: int, name: str) -> int:
    return _lines(Path(f"/proc/{pid}/status")).get(name, 0)


def _container_bytes() -> int | None:
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="ascii").strip() if limit.exists() else ""
    return int(text) if text.isdigit() else None


def _lines(path: Path, *, unit: int = 1024) -> dict[str, int]:
    """Return the numbers of a file of the kernel by their names, in bytes."""
    with contextlib.suppress(OSError):
        fields = (
            line.replace(":", " ").split()
            for line in path.read_text(encoding="ascii", errors="replace").splitlines()
        )
        return {line[0]: int(line[1]) * unit for line in fields if len(line) > 1 and line[1].isdigit()}
    return {}
