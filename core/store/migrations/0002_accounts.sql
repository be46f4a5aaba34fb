-- Marks, shortened texts, summaries and predictions of messages; what was spent by day and model; what was learnt
-- of models. ``casefold`` is Python's: see core/store/migrate.py.

ALTER TABLE sessions ADD COLUMN title_key TEXT NOT NULL DEFAULT '';          -- the title case-folded, for the list's filter
ALTER TABLE sessions ADD COLUMN pinned_tokens INTEGER NOT NULL DEFAULT 0;    -- the part of window_tokens that is pinned
ALTER TABLE sessions ADD COLUMN summary_id TEXT;                             -- message whose receipt keeps the summary sent
ALTER TABLE sessions ADD COLUMN summary_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN turn_tokens INTEGER NOT NULL DEFAULT 0;      -- how much a turn adds, on average
ALTER TABLE sessions ADD COLUMN cache_saved INTEGER NOT NULL DEFAULT 0;      -- picodollars
UPDATE sessions SET title_key = casefold(title);

DROP INDEX sessions_listed;
CREATE INDEX sessions_listed ON sessions (updated_at DESC, id DESC, title_key) WHERE deleted_at IS NULL;

-- How many sessions are not deleted, in one row that triggers keep.
CREATE TABLE session_count (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    listed   INTEGER NOT NULL
);
INSERT INTO session_count SELECT 1, count(*) FROM sessions WHERE deleted_at IS NULL;

CREATE TRIGGER session_added AFTER INSERT ON sessions WHEN new.deleted_at IS NULL BEGIN
    UPDATE session_count SET listed = listed + 1;
END;
CREATE TRIGGER session_binned AFTER UPDATE OF deleted_at ON sessions
WHEN (old.deleted_at IS NULL) <> (new.deleted_at IS NULL) BEGIN
    UPDATE session_count SET listed = listed + iif(new.deleted_at IS NULL, 1, -1);
END;
CREATE TRIGGER session_removed AFTER DELETE ON sessions WHEN old.deleted_at IS NULL BEGIN
    UPDATE session_count SET listed = listed - 1;
END;

-- The messages anew: ids that are unique, parents that are there, and the small columns before the long texts.
DROP INDEX messages_of_session;
DROP INDEX messages_streaming;
DROP INDEX messages_prompts;
ALTER TABLE messages RENAME TO messages_before;

CREATE TABLE messages (
    id               TEXT NOT NULL PRIMARY KEY,
    session_id       TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    parent_id        TEXT CHECK (parent_id <> id),  -- NULL for the first message
    role             TEXT NOT NULL,
    status           TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    chars            INTEGER NOT NULL,              -- of content
    lines            INTEGER NOT NULL,              -- of content
    tokens           INTEGER,
    tokens_estimated INTEGER NOT NULL,
    in_window        INTEGER NOT NULL,
    pinned           INTEGER NOT NULL,
    left_out         INTEGER NOT NULL DEFAULT 0,    -- by the person
    shortened_chars  INTEGER,                       -- how much of content is sent; NULL for all
    summary_tokens   INTEGER,                       -- of the receipt's summary; NULL without one or when undone
    writer           TEXT,                          -- who writes a streaming answer, see core/store/writers.py
    model            TEXT,
    finish_reason    TEXT,
    first_token_s    REAL,
    duration_s       REAL,
    cost             INTEGER,
    cache_saved      INTEGER,
    usage            TEXT,                          -- JSON
    prompt_parts     TEXT,                          -- JSON: what the prompt was expected to be made of
    opening          TEXT NOT NULL DEFAULT '',      -- the first characters of content
    failure          TEXT,                          -- JSON
    receipt          TEXT,                          -- JSON
    tool_calls       TEXT NOT NULL DEFAULT '[]',    -- JSON
    reasoning        TEXT NOT NULL DEFAULT '',
    content          TEXT NOT NULL DEFAULT '',
    FOREIGN KEY (session_id, parent_id) REFERENCES messages (session_id, id) ON DELETE CASCADE
);

-- Of rows with one id the first keeps it. A parent that is missing, or in another session, is none.
INSERT INTO messages (
    id, session_id, parent_id, role, status, created_at, chars, lines, tokens, tokens_estimated, in_window,
    pinned, writer, model, finish_reason, first_token_s, duration_s, cost, usage, opening, failure, receipt,
    tool_calls, reasoning, content
)
SELECT
    iif(row_number() OVER (PARTITION BY id ORDER BY rowid) = 1, id, id || '-' || rowid),
    session_id,
    (
        SELECT parent.id FROM messages_before AS parent
        WHERE parent.id = message.parent_id AND parent.session_id = message.session_id AND parent.id <> message.id
    ),
    role, status, created_at, chars, lines, min(tokens, 1000000000000), tokens_estimated, in_window, pinned, writer,
    model, finish_reason, first_token_s, duration_s, min(cost, 1000000000000000000), usage, substr(content, 1, 120),
    failure, receipt, tool_calls, reasoning, content
FROM messages_before AS message ORDER BY rowid;
DROP TABLE messages_before;

-- All that a walk along a path needs, so that it never touches the texts.
CREATE INDEX messages_path
    ON messages (id, parent_id, role, chars, lines, in_window, pinned, tokens, summary_tokens);
CREATE UNIQUE INDEX messages_of_session ON messages (session_id, id);
CREATE INDEX messages_children ON messages (parent_id);
CREATE INDEX messages_streaming ON messages (writer) WHERE status = 'streaming';
CREATE INDEX messages_prompts ON messages (created_at DESC, session_id) WHERE role = 'user';
CREATE INDEX messages_foreseen ON messages (created_at DESC)
    WHERE prompt_parts IS NOT NULL AND usage IS NOT NULL AND json_extract(usage, '$.estimated') = 0;

UPDATE sessions SET
    tokens = min(tokens, 1000000000000000),
    (window_tokens, pinned_tokens) = (
        WITH RECURSIVE path (parent_id, weight, pinned) AS (
            SELECT parent_id, iif(in_window, coalesce(tokens, 0), 0), pinned
            FROM messages INDEXED BY messages_path WHERE id = sessions.head_id
            UNION ALL
            SELECT messages.parent_id, iif(messages.in_window, coalesce(messages.tokens, 0), 0), messages.pinned
            FROM path CROSS JOIN messages INDEXED BY messages_path ON messages.id = path.parent_id
        )
        SELECT coalesce(sum(weight), 0), coalesce(sum(weight * pinned), 0) FROM path
    );

ALTER TABLE journal RENAME TO journal_before;
CREATE TABLE journal (
    message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    seq        INTEGER NOT NULL,
    text       TEXT NOT NULL,
    reasoning  TEXT NOT NULL,
    tool_calls TEXT NOT NULL,                       -- JSON
    PRIMARY KEY (message_id, seq)
) WITHOUT ROWID;
INSERT INTO journal SELECT * FROM journal_before
    WHERE message_id IN (SELECT id FROM messages WHERE status = 'streaming');
DROP TABLE journal_before;

-- What turns took, deleted sessions included.
CREATE TABLE spending (
    day                TEXT NOT NULL,               -- where the person was when the turn ended, as 2027-01-31
    model              TEXT NOT NULL,
    turns              INTEGER NOT NULL,
    priced_turns       INTEGER NOT NULL,
    input_tokens       INTEGER NOT NULL,
    cache_read_tokens  INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    output_tokens      INTEGER NOT NULL,
    reasoning_tokens   INTEGER NOT NULL,
    estimated          INTEGER NOT NULL,            -- whether the figures of a turn among them are
    cost               INTEGER NOT NULL,
    cache_saved        INTEGER NOT NULL,
    PRIMARY KEY (day, model)
) WITHOUT ROWID;
INSERT INTO spending
SELECT
    date(created_at / 1000000 + coalesce(duration_s, 0), 'unixepoch', 'localtime') AS on_day,
    coalesce(model, '') AS of_model,
    count(*),
    count(cost),
    coalesce(sum(min(json_extract(usage, '$.input_tokens'), 1000000000000)), 0),
    coalesce(sum(min(json_extract(usage, '$.cache_read_tokens'), 1000000000000)), 0),
    coalesce(sum(min(json_extract(usage, '$.cache_write_tokens'), 1000000000000)), 0),
    coalesce(sum(min(json_extract(usage, '$.output_tokens'), 1000000000000)), 0),
    coalesce(sum(min(json_extract(usage, '$.reasoning_tokens'), 1000000000000)), 0),
    coalesce(max(json_extract(usage, '$.estimated')), 0),
    coalesce(sum(cost), 0),
    0
FROM messages WHERE usage IS NOT NULL GROUP BY on_day, of_model;

-- What was learnt of models from their answers.
CREATE TABLE models (
    model         TEXT PRIMARY KEY,
    estimator     TEXT NOT NULL,                    -- JSON
    window_tokens INTEGER
) WITHOUT ROWID;
