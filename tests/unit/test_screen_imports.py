"""What the first paint may not wait for."""

import subprocess
import sys

HEAVY = (
    "pydantic",
    "brim.core.types",
    "brim.core.events",
    "aiosqlite",
    "sqlite3",
    "openai",
    "anthropic",
    "pygments",
    "markdown_it",
    "genai_prices",
)
PAINT = f"""
import sys
from pathlib import Path
from brim.tui.app import BrimApp

def begin(app):
    print("painted", *sorted(set(sys.modules) & set({HEAVY!r})), file=sys.__stdout__)
    app.exit()

BrimApp._begin = begin
app = BrimApp(None, session=None, model=None, theme="", state_folder=Path("."), config_folder=Path("."))
app.run(headless=True, size=(120, 40))
"""


def test_nothing_heavy_is_imported_before_the_first_paint() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PAINT], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stdout.split() == ["painted"], done.stdout + done.stderr
