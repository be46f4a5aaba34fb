"""The SQL of the store. Statements are put together from constants and column names only, never from values."""

from __future__ import annotations

from collections.abc import Iterable

from brim.core.store.rows import MOST_PICOS
from brim.core.types import SessionFilter, Shelf

SESSION = "SELECT * FROM sessions WHERE id = ?"
SESSIONS_BY_START = """
    SELECT * FROM sessions WHERE id >= :start AND id < :end AND deleted_at IS NULL ORDER BY id LIMIT :limit
"""
COUNT_SESSIONS = "SELECT listed FROM session_count"

MESSAGE_ADDED = """
    UPDATE sessions
    SET head_id = :head, updated_at = :at, messages = messages + 1,
        window_tokens = window_tokens + :weight, pinned_tokens = pinned_tokens + :pinned
    WHERE id = :id
"""
TOUCHED = "UPDATE sessions SET updated_at = max(updated_at, :at) WHERE id = :id"


def _grown(table: str, column: str) -> str:
    """Return the sum of a column of money and a value, as far as an integer holds it."""
    grown = f"CAST({table}.{column} AS NUMERIC) + :{column}"
    return f"{column} = max(min({grown}, {MOST_PICOS}), -{MOST_PICOS})"


TURN_COUNTED = f"""
    UPDATE sessions
    SET updated_at = max(updated_at, :at), tokens = tokens + :tokens, {_grown("sessions", "cost")},
        {_grown("sessions", "cache_saved")}, turns = turns + 1, priced_turns = priced_turns + :priced_turns, turn_tokens = :turn_tokens
    WHERE id = :id
"""
BESIDES_COUNTED = (
    f"UPDATE sessions SET tokens = tokens + :tokens, {_grown('sessions', 'cost')} WHERE id = :id"
)
_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
SPENT = f"""
    INSERT INTO spending (day, model, turns, priced_turns, {", ".join(_TOKENS)}, estimated, cost, cache_saved)
    VALUES (:day, :model, :turns, :priced_turns, {", ".join(f":{name}" for name in _TOKENS)}, :estimated, :cost,
            :cache_saved)
    ON CONFLICT (day, model) DO UPDATE SET
        turns = spending.turns + :turns, priced_turns = spending.priced_turns + :priced_turns,
        {", ".join(f"{name} = spending.{name} + :{name}" for name in _TOKENS)},
        estimated = max(spending.estimated, :estimated), {_grown("spending", "cost")},
        {_grown("spending", "cache_saved")}
"""
SPENDING = "SELECT * FROM spending WHERE day >= ? ORDER BY day, model"
FORESEEN = """
    SELECT model, prompt_parts, usage FROM messages INDEXED BY messages_foreseen
    WHERE prompt_parts IS NOT NULL AND usage IS NOT NULL AND json_extract(usage, '$.estimated') = 0
    ORDER BY created_at DESC LIMIT ?
"""
MODEL_FACTS = "SELECT estimator, window_tokens FROM models WHERE model = ?"
KEEP_MODEL_FACTS = """
    INSERT INTO models (model, estimator, window_tokens) VALUES (?, ?, ?)
    ON CONFLICT (model) DO UPDATE SET estimator = excluded.estimator, window_tokens = excluded.window_tokens
"""

# A path has no forks, so its rows come as they are found: from its end back to its beginning.
_PATH = """
    WITH RECURSIVE path (id, parent_id, back) AS (
        SELECT id, parent_id, 0 FROM messages INDEXED BY messages_path WHERE id = {start}
        UNION ALL
        SELECT messages.id, messages.parent_id, back + 1
        FROM path CROSS JOIN messages INDEXED BY messages_path ON messages.id = path.parent_id {bound}
    )
"""
_HEAD = "(SELECT head_id FROM sessions WHERE id = :session)"
_BEFORE = "(SELECT parent_id FROM messages WHERE id = :before)"
_BOUND = "WHERE back < :limit - 1"
_ROWS = "FROM path CROSS JOIN messages ON messages.id = path.id"
_WEIGHTS = "FROM path CROSS JOIN messages INDEXED BY messages_path ON messages.id = path.id"

_WHOLE = _PATH.format(start=_HEAD, bound="")
TAIL_BACK = _PATH.format(start=_HEAD, bound=_BOUND) + f"SELECT messages.* {_ROWS} WHERE back < :limit"
TAIL_BEFORE_BACK = (
    _PATH.format(start=_BEFORE, bound=_BOUND) + f"SELECT messages.* {_ROWS} WHERE back < :limit"
)
OUTLINE_BACK = _WHOLE + f"SELECT messages.id, role, chars, lines {_WEIGHTS}"
CONTEXT_BACK = _WHOLE + (
    "SELECT messages.id, role, status, created_at, opening, tokens, tokens_estimated, in_window, pinned, left_out, "
    f"shortened_chars, prompt_parts, usage, receipt {_ROWS}"
)
TRANSCRIPT_BACK = _WHOLE + f"SELECT messages.* {_ROWS}"
WINDOW_BACK = (
    _WHOLE
    + """
    SELECT messages.* FROM path CROSS JOIN messages AS weights INDEXED BY messages_path ON weights.id = path.id
    CROSS JOIN messages ON messages.id = path.id WHERE weights.in_window = 1
"""
)
PATH_TO_BACK = _PATH.format(start=":message", bound="") + f"SELECT messages.* {_ROWS}"
PATH_BACK = _WHOLE + "SELECT id FROM path"
WEIGHTS_BACK = _WHOLE + f"SELECT messages.id, in_window, pinned, tokens, summary_tokens {_WEIGHTS}"
MESSAGE = "SELECT * FROM messages WHERE id = ?"
WEIGHT = "SELECT in_window, pinned, tokens FROM messages WHERE id = ? AND session_id = ?"
STATE = "SELECT session_id, parent_id, status, in_window, pinned, tokens FROM messages WHERE id = ?"
IS_ON_PATH = """
    WITH RECURSIVE path (id, parent_id) AS (
        SELECT id, parent_id FROM messages INDEXED BY messages_path WHERE id = :end
        UNION ALL
        SELECT messages.id, messages.parent_id
        FROM path CROSS JOIN messages INDEXED BY messages_path ON messages.id = path.parent_id
    )
    SELECT EXISTS (SELECT 1 FROM path WHERE id = :sought)
"""
PROMPTS = """
    SELECT content FROM messages INDEXED BY messages_prompts
    CROSS JOIN sessions ON sessions.id = messages.session_id
    WHERE role = 'user' AND deleted_at IS NULL ORDER BY messages.created_at DESC
"""

STREAMING_WRITERS = "SELECT DISTINCT writer FROM messages WHERE status = 'streaming'"
STREAMING_ELSEWHERE = """
    SELECT session_id FROM messages INDEXED BY messages_streaming WHERE status = 'streaming' AND writer IS NOT ?
"""
STREAMING_OF_WRITER = "SELECT * FROM messages WHERE status = 'streaming' AND writer IS ?"
JOURNAL = "SELECT text, reasoning, tool_calls FROM journal WHERE message_id = ? ORDER BY seq"
APPEND_TO_JOURNAL = """
    INSERT INTO journal (message_id, seq, text, reasoning, tool_calls)
    SELECT id, coalesce((SELECT max(seq) FROM journal WHERE message_id = :id), 0) + 1, :text, :reasoning, :calls
    FROM messages WHERE id = :id AND status = 'streaming'
"""
DROP_JOURNAL = "DELETE FROM journal WHERE message_id = ?"

COUNT_WINDOW = """
    UPDATE sessions
    SET window_tokens = :window, pinned_tokens = :pinned, summary_id = :summary_id, summary_tokens = :summary
    WHERE id = :id
"""
GROW_WINDOW = """
    UPDATE sessions SET window_tokens = window_tokens + :window, pinned_tokens = pinned_tokens + :pinned
    WHERE id = :id
"""
WEIGH = "UPDATE messages SET tokens = ?, tokens_estimated = ? WHERE id = ? AND session_id = ?"
LEAVE = "UPDATE messages SET in_window = 0 WHERE id = ? AND session_id = ? AND pinned = 0"
RETURN = "UPDATE messages SET in_window = 1 WHERE id = ? AND session_id = ? AND left_out = 0"
SHORTEN = """
    UPDATE messages SET shortened_chars = ?, tokens = ?, tokens_estimated = 1 WHERE id = ? AND session_id = ?
"""
FORESEE = "UPDATE messages SET prompt_parts = ? WHERE id = ?"


def insert(table: str, columns: Iterable[str]) -> str:
    """Return the statement that adds a row from named values."""
    names = list(columns)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"


def update(table: str, columns: Iterable[str]) -> str:
    """Return the statement that sets columns of the row ``:id`` from named values."""
    return f"UPDATE {table} SET {', '.join(f'{name} = :{name}' for name in columns if name != 'id')} WHERE id = :id"


def list_sessions(only: SessionFilter, *, is_continued: bool) -> str:
    """Return the query for a page of a list, whose values are ``:limit`` and those of its conditions.

    Args:
        only: what is listed; each of its fields is a value, case-folded, those with several as JSON.
        is_continued: whether it begins after the session with ``:after_pinned``, ``:after_at`` and ``:after_id``.
    """
    order = ["pinned"] * only.pinned_first + ["updated_at", "id"]
    conditions = [_ON_SHELF[only.shelf]]
    if is_continued:
        after = {"pinned": ":after_pinned", "updated_at": ":after_at", "id": ":after_id"}
        conditions.append(f"({', '.join(order)}) < ({', '.join(after[name] for name in order)})")
    conditions += [sql for name, sql in _FITS.items() if getattr(only, name)]
    if only.owner is not None:
        conditions.append("owner = :owner AND owner <> ''" if only.owner else "owner = ''")
    descending = ", ".join(f"{name} DESC" for name in order)
    return f"SELECT * FROM sessions WHERE {' AND '.join(conditions)} ORDER BY {descending} LIMIT :limit"


_HAS_TAG = "SELECT session_id FROM session_tags WHERE tag IN (SELECT value FROM json_each({tags}))"
_FITS = {
    "title": "instr(title_key, :title) > 0",
    "tags": f"id IN ({_HAS_TAG.format(tags=':tags')} GROUP BY session_id HAVING count(*) = json_array_length(:tags))",
    "models": "EXISTS (SELECT 1 FROM json_each(:models) WHERE instr(lower(model), value) > 0)",
    "after": "updated_at >= :after",
    "before": "created_at < :before",
    "not_title": "NOT EXISTS (SELECT 1 FROM json_each(:not_title) WHERE instr(title_key, value) > 0)",
    "not_tags": f"id NOT IN ({_HAS_TAG.format(tags=':not_tags')})",
    "not_models": "NOT EXISTS (SELECT 1 FROM json_each(:not_models) WHERE instr(lower(coalesce(model, '')), value) > 0)",
}
_ON_SHELF = {
    Shelf.OPEN: "deleted_at IS NULL AND archived = 0",
    Shelf.ARCHIVE: "deleted_at IS NULL AND archived = 1",
    Shelf.BIN: "deleted_at IS NOT NULL",
}
NEWEST_SESSION = """
    SELECT * FROM (
        SELECT * FROM (SELECT * FROM sessions WHERE deleted_at IS NULL AND archived = 0
                       ORDER BY updated_at DESC, id DESC LIMIT 1)
        UNION ALL
        SELECT * FROM (SELECT * FROM sessions WHERE deleted_at IS NULL AND archived = 1
                       ORDER BY updated_at DESC, id DESC LIMIT 1)
    ) ORDER BY updated_at DESC, id DESC LIMIT 1
"""
TAGS = """
    SELECT session_tags.tag AS tag, count(*) AS sessions FROM session_tags
    CROSS JOIN sessions ON sessions.id = session_id WHERE deleted_at IS NULL GROUP BY tag ORDER BY sessions DESC, tag
"""
