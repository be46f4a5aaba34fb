"""What is done for every message and turn costs SQLite as many steps in a long session as in a short one."""

import sqlite3
from contextlib import closing

import pytest

from brim.core.store import accounts, message_table, queries, session_table, window_table
from brim.core.store.migrate import migrate
from brim.core.types import Message, PromptParts, Session, Status
from brim.core.usage import Usage

STEPS_SHARE = 1.5
"""How many more steps are allowed: the trees of the indexes grow by a level."""


class Counted:
    """A data file that counts the steps SQLite takes."""

    def __init__(self, file):
        self.file = file
        self.steps = 0
        file.set_progress_handler(self._step, 1)

    def _step(self):
        self.steps += 1
        return 0

    def of(self, work):
        before = self.steps
        self.file.execute("BEGIN IMMEDIATE")
        result = work(self.file)
        self.file.execute("COMMIT")
        return self.steps - before, result


@pytest.fixture
def counted(tmp_path):
    migrate(tmp_path / "brim.db")
    with closing(sqlite3.connect(tmp_path / "brim.db", isolation_level=None)) as file:
        file.row_factory = sqlite3.Row
        file.execute("PRAGMA foreign_keys = ON")
        file.execute("PRAGMA synchronous = OFF")
        yield Counted(file)


def turn(counted, session_id, head):
    """Make a turn; returns the steps of each of its writes, and the answer's id."""
    prompt = Message(role="user", content="x", tokens=3, session_id=session_id, parent_id=head)
    answer = Message(
        role="assistant", session_id=session_id, parent_id=prompt.id, status=Status.STREAMING, tokens=0
    )
    ended = answer.model_copy(
        update={
            "status": Status.COMPLETE,
            "content": "y",
            "tokens": 5,
            "usage": Usage(input_tokens=9, output_tokens=5),
            "model": "m",
        }
    )
    parts = PromptParts(history_tokens=9)
    weights = {prompt.id: (4, False), answer.id: (5, False)}
    work = {
        "prompt": lambda file: message_table.add(prompt, None, file),
        "answer": lambda file: message_table.add(answer, "w", file),
        "foresee": lambda file: message_table.foresee(answer.id, parts, file),
        "finish": lambda file: message_table.finish(ended, file),
        "weigh": lambda file: window_table.weigh(session_id, weights, file),
        "tail": lambda file: message_table.path(queries.TAIL_BACK, {"session": session_id, "limit": 2}, file),
        "count": session_table.count,
        "predictions": lambda file: accounts.predictions(2, file),
        "prompts": lambda file: message_table.prompts(1, file),
    }
    return {name: counted.of(one)[0] for name, one in work.items()}, answer.id


def test_a_turn_costs_the_same_at_the_start_and_at_the_end(counted):
    session = Session()
    counted.of(lambda file: session_table.add(session, file))
    head, costs = None, []
    for _ in range(1_000):
        steps, head = turn(counted, session.id, head)
        costs.append(steps)
    early, late = costs[3], costs[-1]
    for name, steps in early.items():
        assert late[name] <= STEPS_SHARE * steps + 20, (name, steps, late[name])
    kept = session_table.get(session.id, counted.file)
    assert (kept.messages, kept.turns, kept.window_tokens) == (2_000, 1_000, 9_000)
