"""A person's own agent, and every way in which it cannot be had."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from brim.core.errors import AgentLoadError
from brim.core.types import AgentContext
from brim.providers.custom import load_agent

GOOD = """
from brim.core.agent import AgentInterface
from brim.core.types import AgentResponse

class Shout(AgentInterface):
    def __init__(self, mark="!"):
        self.mark = mark
    async def process(self, context):
        return AgentResponse(output=context.input.upper() + self.mark)

class Picky(Shout):
    def __init__(self, mark):
        super().__init__(mark)

class Broken(Shout):
    def __init__(self):
        raise RuntimeError("[/foo] no key")

class Unfinished(AgentInterface):
    pass

class Space:
    Inner = Shout

asked = Picky("?")
number = 5
"""


@pytest.fixture(autouse=True)
def modules() -> Iterator[None]:
    """Forget what a test has imported."""
    path = list(sys.path)
    yield
    sys.path[:] = path
    for name in ("shouting", "faulty"):
        sys.modules.pop(name, None)


@pytest.fixture
def here() -> Path:
    """Return the working folder, with agents in it."""
    Path("shouting.py").write_text(GOOD, encoding="utf-8")
    return Path.cwd()


@pytest.mark.parametrize(
    ("name", "output"),
    [("shouting:Shout", "HI!"), ("shouting:asked", "HI?"), ("shouting:Space.Inner", "HI!")],
)
async def test_a_class_or_an_instance_in_the_working_folder(here: Path, name: str, output: str) -> None:
    answer = await load_agent(name).process(AgentContext(input="hi"))
    assert answer.output == output


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shouting", "does not name an agent"),
        ("", "does not name an agent"),
        (":Shout", "does not name an agent"),
        ("shouting:", "does not name an agent"),
        ("nowhere:Shout", "There is no module nowhere"),
        ("nowhere.below:Shout", "There is no module nowhere.below"),
        ("shouting.below:Shout", "There is no module shouting.below"),
        ("../shouting:Shout", "does not name an agent"),
        (".shouting:Shout", "does not name an agent"),
        ("shouting:Whisper", "has no Whisper"),
        ("shouting:number", "is no agent"),
        ("shouting:Space", "is no agent"),
        ("shouting:Unfinished", "it lacks process"),
        ("shouting:Picky", "without arguments"),
        ("shouting:Broken", r"RuntimeError: \[/foo\] no key"),
    ],
)
def test_what_cannot_be_had_is_said_in_a_sentence(here: Path, name: str, said: str) -> None:
    with pytest.raises(AgentLoadError, match=said) as caught:
        load_agent(name)
    assert caught.value.sentence.endswith(".")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nothing_of_that_name", "needs the module nothing_of_that_name"),
        ("1 / 0", "ZeroDivisionError"),
        ("def (", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("x = '\\ud800'\nprint(undefined)", "NameError"),
    ],
)
def test_a_module_that_cannot_be_imported(code: str, said: str) -> None:
    Path("faulty.py").write_text(code, encoding="utf-8")
    with pytest.raises(AgentLoadError, match=said):
        load_agent("faulty:Agent")


def test_a_wrong_class_name_is_answered_with_the_right_ones(here: Path) -> None:
    with pytest.raises(AgentLoadError) as caught:
        load_agent("shouting:shout")
    assert "Shout" in caught.value.hint
    assert "AgentInterface" not in caught.value.hint


def test_a_file_in_the_working_folder_takes_no_library_s_place(here: Path) -> None:
    load_agent("shouting:Shout")
    assert sys.path[-1] == str(here)
