"""A manager as every command gets it."""

from __future__ import annotations

from pathlib import Path

from brim.cli.assembly import connect
from brim.core.paths import Paths


async def test_a_new_session_takes_the_model_of_the_last_one_of_the_same_person(tmp_path: Path) -> None:
    paths = Paths.find({"BRIM_HOME": str(tmp_path)})
    manager = await connect(paths, logs=False, warn=lambda _: None)
    try:
        await manager.create(model="scripted:demo")
        await manager.create(model="scripted:echo", owner="somebody else")
        assert (await manager.create()).model == "scripted:demo"
    finally:
        await manager.aclose()
