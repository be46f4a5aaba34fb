-- Times are microseconds since 1970 in UTC. Money is whole picodollars (1e-12 USD), so that sums are exact.
-- Truth values are 0 and 1. JSON columns hold what the models in core/types.py make of themselves.

CREATE TABLE sessions (
    id            TEXT PRIMARY KEY,
    title         TEXT NOT NULL DEFAULT '',
    model         TEXT,
    system_prompt TEXT NOT NULL DEFAULT '',
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    head_id       TEXT,                        -- last message of the branch shown
    messages      INTEGER NOT NULL DEFAULT 0,  -- of all branches
    tokens        INTEGER NOT NULL DEFAULT 0,  -- usage of all turns
    cost          INTEGER NOT NULL DEFAULT 0,
    turns         INTEGER NOT NULL DEFAULT 0,
    priced_turns  INTEGER NOT NULL DEFAULT 0,
    window_tokens INTEGER NOT NULL DEFAULT 0,  -- weights of the path's messages that are in the window
    draft         TEXT NOT NULL DEFAULT '',
    queued        TEXT NOT NULL DEFAULT '[]',
    deleted_at    INTEGER                      -- in the bin since then
);

CREATE INDEX sessions_listed ON sessions (updated_at DESC, id DESC) WHERE deleted_at IS NULL;

-- Small columns come first: what lies behind a long text is costly to reach.
CREATE TABLE messages (
    id               TEXT NOT NULL,
    session_id       TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    parent_id        TEXT,
    role             TEXT NOT NULL,
    status           TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    chars            INTEGER NOT NULL,          -- of content
    lines            INTEGER NOT NULL,          -- of content
    tokens           INTEGER,
    tokens_estimated INTEGER NOT NULL,
    in_window        INTEGER NOT NULL,
    pinned           INTEGER NOT NULL,
    writer           TEXT,                      -- who writes a streaming answer, see core/store/writers.py
    model            TEXT,
    finish_reason    TEXT,
    first_token_s    REAL,
    duration_s       REAL,
    cost             INTEGER,
    usage            TEXT,                      -- JSON
    failure          TEXT,                      -- JSON
    receipt          TEXT,                      -- JSON
    tool_calls       TEXT NOT NULL DEFAULT '[]',-- JSON
    reasoning        TEXT NOT NULL DEFAULT '',
    content          TEXT NOT NULL DEFAULT ''
);

CREATE UNIQUE INDEX messages_tree ON messages (id, parent_id);
CREATE INDEX messages_of_session ON messages (session_id);
CREATE INDEX messages_streaming ON messages (writer) WHERE status = 'streaming';
CREATE INDEX messages_prompts ON messages (created_at DESC) WHERE role = 'user';

-- What has come of answers that are being written, in pieces.
CREATE TABLE journal (
    message_id TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    text       TEXT NOT NULL,
    reasoning  TEXT NOT NULL,
    tool_calls TEXT NOT NULL,                   -- JSON
    PRIMARY KEY (message_id, seq)
) WITHOUT ROWID;
