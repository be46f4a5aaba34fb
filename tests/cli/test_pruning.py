"""``brim sessions``' shelves and filters, and ``brim sessions prune``."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from brim.core.paths import Paths
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Session, now
from tests.support.cli import here, here_json


def _keep(*sessions: Session) -> None:
    async def keep() -> None:
        paths = Paths.find()
        paths.make()
        store = SQLiteStore(paths.database)
        await store.open()
        for session in sessions:
            await store.add_session(session)
        await store.aclose()

    asyncio.run(keep())


def _three() -> None:
    long_ago = now() - timedelta(days=400)
    _keep(
        Session(title="old", updated_at=long_ago),
        Session(title="old and tagged", updated_at=long_ago, tags=("Work",), archived=True),
        Session(title="binned", deleted_at=now() - timedelta(days=40), model="openai:gpt-4o"),
    )


def _titles(*arguments: str) -> list[str]:
    return [session["title"] for session in here_json("sessions", "--json", *arguments)]


def test_shelves_and_filters():
    _three()
    assert _titles() == ["old"]
    assert _titles("--shelf", "archive") == ["old and tagged"]
    assert _titles("--shelf", "archive", "--tag", "work") == ["old and tagged"]
    assert _titles("--shelf", "archive", "--tag", "work", "--tag", "none") == []
    assert _titles("--shelf", "bin", "--model", "GPT") == ["binned"]
    assert _titles("--title", "nothing like it") == []
    assert "No session fits" in here("sessions", "--tag", "none").stdout


def test_a_dry_run_deletes_nothing_and_nobody_is_asked_in_a_pipe():
    _three()
    said = here("sessions", "prune", "--unused-days", "365", "--dry-run")
    assert said.returncode == 0 and "2 sessions would be deleted" in said.stdout
    assert "tagged" not in said.stdout
    refused = here("sessions", "prune")
    assert refused.returncode == 2 and "--yes" in refused.stderr
    assert _titles("--shelf", "bin") == ["binned"]


def test_what_is_pruned_is_gone():
    _three()
    assert "1 session deleted" in here("sessions", "prune", "--yes").stdout
    assert _titles("--shelf", "bin") == [] and _titles() == ["old"]
    assert "Nothing is that old" in here("sessions", "prune", "--yes").stdout
