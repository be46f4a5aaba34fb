"""Makes the README's picture from a scripted conversation, and pictures for review.

uv run --group dev python docs/make_picture.py                 writes docs/brim.svg
uv run --group dev python docs/make_picture.py --all FOLDER    every theme at every size, for people to look at
"""

from __future__ import annotations

import argparse
import asyncio
import re
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from brim import SessionManager, SQLiteStore, Usage, themes
from brim.core.agent import OneAgent
from brim.core.types import Message, ModelInfo, Session, Status
from brim.providers.scripted import ScriptedAgent
from brim.tui.app import BrimApp

MODEL = "anthropic:claude-sonnet-4-5"
SIZE = (120, 36)
SIZES = ((80, 24), (120, 40), (200, 60))
TITLES = (
    "Trip to Lisbon",
    "SQL window functions",
    "Names for a boat",
    "Budget 2027",
    "Sourdough, day three",
    "日本の電車",
)

QUESTION = (
    'Why does this borrow fail?\n\n```rust\nlet first = &items[0];\nitems.push(4);\nprintln!("{first}");\n```'
)
ANSWER = """\
Because `first` still borrows `items` when `push` wants to change it. A `Vec` that grows may move its \
elements, and **`first` would point at nothing**.

| line | needs | held until |
|:-----|:------|:-----------|
| `&items[0]` | shared borrow | the last use of `first` |
| `items.push(4)` | unique borrow | end of the line |

Copy the value, or use it before you push:

```rust
let first = items[0]; // i32 is Copy: no borrow is left
items.push(4);
println!("{first}");
```
"""
FOLLOW_UP = "And if the elements are Strings?"
SECOND = 'Then `clone()` it, or keep the **index** instead of a reference:\n\n```rust\nlet first = 0;\nitems.push("four".into());\nprintln!("{}", items[first]);\n```\n'


class Priced(ScriptedAgent):
    """Costs what the model costs that it is named like."""

    is_priced = True


class Pictured(OneAgent):
    """The scripted agent under the name of a model that people know."""

    async def models(self) -> list[ModelInfo]:
        return [ModelInfo(id=MODEL, window_tokens=200_000)]

    async def default_model(self) -> str:
        return MODEL


async def fill(store: SQLiteStore) -> str:
    """Keep the sessions of the picture; returns the one to show."""
    now = datetime.now(UTC)
    for age, title in enumerate(TITLES):
        at = now - timedelta(hours=1 + 14 * age)
        await store.add_session(Session(title=title, model=MODEL, created_at=at, updated_at=at))
    session = Session(
        title="Rust lifetimes explained", model=MODEL, system_prompt="Answer like a patient teacher."
    )
    await store.add_session(session)
    parent = None
    told = ((QUESTION, ANSWER, 96_000, 212), (FOLLOW_UP, SECOND, 97_100, 64))
    for prompt, answer, cached, output in told:
        asked = Message(
            role="user",
            content=prompt,
            tokens=48,
            tokens_estimated=False,
            session_id=session.id,
            parent_id=parent,
        )
        await store.add_message(asked)
        reply = Message(
            role="assistant",
            content=answer,
            tokens=61_000,
            tokens_estimated=False,
            session_id=session.id,
            parent_id=asked.id,
            model=MODEL,
            usage=Usage(input_tokens=1_840, cache_read_tokens=cached, output_tokens=output),
            cost_usd=Decimal("0.0375"),
            cache_saved_usd=Decimal("0.2609"),
            first_token_s=0.41,
            duration_s=0.41 + output / 84,
            finish_reason="stop",
        )
        begun = {"status": Status.STREAMING, "usage": None, "cost_usd": None}
        await store.add_message(reply.model_copy(update=begun))
        await store.finish_message(reply)
        parent = reply.id
    return session.id


async def picture(theme: str, size: tuple[int, int]) -> str:
    """Return the app with its conversation as SVG."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = SQLiteStore(folder / "brim.db")
        await store.open()
        shown = await fill(store)
        await store.aclose()

        async def connect() -> SessionManager:
            manager = SessionManager(Pictured(Priced("")), store=SQLiteStore(folder / "brim.db"))
            await manager.open()
            return manager

        app = BrimApp(
            connect, session=shown, model=None, theme=theme, state_folder=folder, config_folder=folder
        )
        async with app.run_test(size=size) as pilot:
            while app.chat.controller is None or app.chat.meter.usage is None:
                await pilot.pause(0.05)
            app.chat.composer.insert("So a reference is a promise that nobody moves the thing?")
            await pilot.pause(0.8)
            drawn = app.export_screenshot(title="brim", simplify=True)
            app.leave()
            while not app.is_left:
                await pilot.pause(0.05)
    # The exporter makes up a new id for each picture; with a fixed one the same screen is the same file. Its
    # fonts come from the network: the reader's own monospace font will do.
    drawn = re.sub(r"terminal-\d+", "terminal-brim", drawn)
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL).replace(
        "Fira Code, monospace", "monospace"
    )


async def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every theme at every size")
    folder = parser.parse_args().all
    if folder is None:
        Path(__file__).with_name("brim.svg").write_text(
            await picture(themes.DEFAULT_THEME, SIZE), encoding="utf-8"
        )
        return
    folder.mkdir(parents=True, exist_ok=True)
    for theme in themes.load(Path("/nonexistent")).found:
        for columns, rows in SIZES:
            drawn = await picture(theme.name, (columns, rows))
            (folder / f"{theme.name}-{columns}x{rows}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
