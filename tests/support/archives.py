"""Archives of other programs, in the shapes that they are published in, small and by hand."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

AT = 1_700_000_000.0


def node(
    parent: str | None, role: str, content: Any, *, at: float | None = None, **message: Any
) -> dict[str, Any]:
    """Return a node of ChatGPT's tree; a text stands for its content."""
    if isinstance(content, str):
        content = {"content_type": "text", "parts": [content]}
    author = {"role": role, "name": message.pop("name", None), "metadata": {}}
    said = {
        "author": author,
        "content": content,
        "create_time": at,
        "recipient": "all",
        "metadata": {},
        **message,
    }
    return {"parent": parent, "children": [], "message": said}


def chatgpt(mapping: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """Return a conversation of ChatGPT; without nodes of one's own a question with two answers."""
    mapping = mapping or {
        "root": {"parent": None, "children": ["q"], "message": None},
        "q": node("root", "user", "Why?", at=AT),
        "a1": node("q", "assistant", "First answer", at=AT + 1, metadata={"model_slug": "gpt-4"}),
        "a2": node("q", "assistant", "Second answer", at=AT + 2, metadata={"model_slug": "gpt-4o"}),
    }
    return {
        "title": "Whys",
        "create_time": AT,
        "update_time": AT + 9,
        "mapping": mapping,
        "current_node": [*mapping][-1],
        "conversation_id": "c-1",
        **fields,
    }


def claude(messages: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    """Return a conversation of Claude's export."""
    return {
        "uuid": "u-1",
        "name": "Hows",
        "created_at": "2026-01-02T03:04:05.678901Z",
        "updated_at": "2026-01-02T04:00:00Z",
        "account": {"uuid": "me"},
        "chat_messages": messages
        or [
            {"uuid": "m-1", "sender": "human", "text": "How?", "created_at": "2026-01-02T03:04:06Z"},
            {"uuid": "m-2", "sender": "assistant", "text": "So.", "created_at": "2026-01-02T03:04:09+00:00"},
        ],
        **fields,
    }


def write(path: str, value: Any) -> Path:
    """Write JSON to a file."""
    file = Path(path)
    file.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return file


def zipped(path: str, files: dict[str, Any]) -> Path:
    """Write a zip of JSON files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in files.items():
            text = value if isinstance(value, str) else json.dumps(value)
            archive.writestr(f"{name}.json", text)
    return Path(path)


_LLM = """
CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT);
CREATE TABLE responses (
    id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, prompt_json TEXT, options_json TEXT, response TEXT,
    response_json TEXT, conversation_id TEXT REFERENCES conversations(id), duration_ms INTEGER, datetime_utc TEXT,
    input_tokens INTEGER, output_tokens INTEGER, token_details TEXT, schema_id TEXT, resolved_model TEXT
);
CREATE TABLE attachments (id TEXT PRIMARY KEY, type TEXT, path TEXT, url TEXT, content BLOB);
CREATE TABLE prompt_attachments (response_id TEXT, attachment_id TEXT, "order" INTEGER);
CREATE TABLE fragments (id INTEGER PRIMARY KEY, hash TEXT, content TEXT, datetime_utc TEXT, source TEXT);
CREATE TABLE prompt_fragments (response_id TEXT, fragment_id INTEGER, "order" INTEGER);
CREATE TABLE system_fragments (response_id TEXT, fragment_id INTEGER, "order" INTEGER);
CREATE TABLE tool_calls (
    id INTEGER PRIMARY KEY, response_id TEXT, tool_id INTEGER, name TEXT, arguments TEXT, tool_call_id TEXT
);
CREATE TABLE tool_results (
    id INTEGER PRIMARY KEY, response_id TEXT, tool_id INTEGER, name TEXT, output TEXT, tool_call_id TEXT,
    instance_id INTEGER, exception TEXT
);
"""


def llm_log(path: str) -> Path:
    """Write a log of ``llm`` with two conversations and one response that is in none."""
    with closing(sqlite3.connect(path)) as file, file:
        file.executescript(_LLM)
        file.executemany(
            "INSERT INTO conversations VALUES (?, ?, ?)",
            [("k1", "Pelicans", "gpt-4o-mini"), ("k2", "Weather", "anthropic/claude-sonnet-4-0")],
        )
        details = json.dumps(
            {
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 1},
            }
        )
        file.executemany(
            "INSERT INTO responses (id, model, prompt, system, response, conversation_id, duration_ms, datetime_utc, "
            "input_tokens, output_tokens, token_details) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    "r1",
                    "gpt-4o-mini",
                    "Names?",
                    "Be brief.",
                    "Pelly.",
                    "k1",
                    1500,
                    "2026-01-01T10:00:00+00:00",
                    10,
                    3,
                    details,
                ),
                (
                    "r3",
                    "claude-sonnet-4-0",
                    "Rain?",
                    None,
                    "Looking.",
                    "k2",
                    10,
                    "2026-01-02T10:00:00",
                    7,
                    2,
                    None,
                ),
                (
                    "r2",
                    "gpt-4o-mini",
                    "More?",
                    None,
                    "Polly.",
                    "k1",
                    500,
                    "2026-01-01T10:01:00+00:00",
                    20,
                    4,
                    "{",
                ),
                (
                    "r4",
                    "claude-sonnet-4-0",
                    "",
                    None,
                    "It rains.",
                    "k2",
                    20,
                    "2026-01-02T10:00:05",
                    9,
                    5,
                    None,
                ),
                ("r5", "llama3.2", "Alone?", None, "Yes.", None, None, None, None, None, None),
            ],
        )
        file.execute("INSERT INTO tool_calls VALUES (1, 'r3', 1, 'weather', '{\"in\": \"Lisbon\"}', 't1')")
        file.execute("INSERT INTO tool_results VALUES (1, 'r4', 1, 'weather', 'wet', 't1', NULL, NULL)")
        file.execute("INSERT INTO attachments VALUES ('x', 'image/png', '/tmp/p.png', NULL, NULL)")
        file.execute("INSERT INTO prompt_attachments VALUES ('r1', 'x', 0)")
        file.execute("INSERT INTO fragments VALUES (1, 'h', 'A long text.', NULL, NULL)")
        file.execute("INSERT INTO prompt_fragments VALUES ('r2', 1, 0)")
    return Path(path)
