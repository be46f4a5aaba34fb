-- The tables of core/store/migrations, as PostgreSQL keeps them. Times are microseconds since 1970 in UTC, money is
-- whole picodollars, truth values are 0 and 1, JSON is text. All texts are compared byte by byte.
-- The functions are those that the statements of core/store use and PostgreSQL does not have under these names.

CREATE FUNCTION max(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT greatest($1, $2)';
CREATE FUNCTION min(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT least($1, $2)';
CREATE FUNCTION max(numeric, numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT greatest($1, $2)';
CREATE FUNCTION min(numeric, numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT least($1, $2)';
CREATE FUNCTION iif(boolean, bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS 'SELECT CASE WHEN $1 THEN $2 ELSE $3 END';
CREATE FUNCTION instr(text, text) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT strpos($1, $2)';
CREATE FUNCTION json_each(items text) RETURNS TABLE (value text) LANGUAGE sql IMMUTABLE
    AS 'SELECT json_array_elements_text(items::json)';
CREATE FUNCTION json_array_length(items text) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS 'SELECT pg_catalog.json_array_length(items::json)::bigint';

CREATE TABLE sessions (
    id             TEXT COLLATE "C" PRIMARY KEY,
    title          TEXT COLLATE "C" NOT NULL DEFAULT '',
    title_key      TEXT COLLATE "C" NOT NULL DEFAULT '',  -- the title case-folded, for the list's filter
    model          TEXT COLLATE "C",
    system_prompt  TEXT COLLATE "C" NOT NULL DEFAULT '',
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    head_id        TEXT COLLATE "C",                      -- last message of the branch shown
    messages       BIGINT NOT NULL DEFAULT 0,             -- of all branches
    tokens         BIGINT NOT NULL DEFAULT 0,
    cost           BIGINT NOT NULL DEFAULT 0,
    cache_saved    BIGINT NOT NULL DEFAULT 0,
    turns          BIGINT NOT NULL DEFAULT 0,
    priced_turns   BIGINT NOT NULL DEFAULT 0,
    window_tokens  BIGINT NOT NULL DEFAULT 0,
    pinned_tokens  BIGINT NOT NULL DEFAULT 0,
    summary_id     TEXT COLLATE "C",
    summary_tokens BIGINT NOT NULL DEFAULT 0,
    turn_tokens    BIGINT NOT NULL DEFAULT 0,
    draft          TEXT COLLATE "C" NOT NULL DEFAULT '',
    queued         TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    deleted_at     BIGINT,
    forked_from    TEXT COLLATE "C",
    pinned         SMALLINT NOT NULL DEFAULT 0,
    archived       SMALLINT NOT NULL DEFAULT 0,
    tags           TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    parameters     TEXT COLLATE "C" NOT NULL DEFAULT '{}',
    persona        TEXT COLLATE "C" NOT NULL DEFAULT '',
    owner          TEXT COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX sessions_by_time ON sessions (archived, updated_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX sessions_by_place ON sessions (archived, pinned DESC, updated_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX sessions_in_bin ON sessions (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX sessions_by_owner ON sessions (owner, updated_at DESC, id DESC) WHERE owner <> '' AND deleted_at IS NULL;

CREATE TABLE session_tags (
    tag        TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, session_id)
);
CREATE INDEX session_tags_of ON session_tags (session_id);

CREATE TABLE messages (
    rowid            BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
    id               TEXT COLLATE "C" PRIMARY KEY,
    session_id       TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    parent_id        TEXT COLLATE "C" CHECK (parent_id <> id),
    role             TEXT COLLATE "C" NOT NULL,
    status           TEXT COLLATE "C" NOT NULL,
    created_at       BIGINT NOT NULL,
    chars            BIGINT NOT NULL,
    lines            BIGINT NOT NULL,
    tokens           BIGINT,
    tokens_estimated SMALLINT NOT NULL,
    in_window        SMALLINT NOT NULL,
    pinned           SMALLINT NOT NULL,
    left_out         SMALLINT NOT NULL DEFAULT 0,
    shortened_chars  BIGINT,
    summary_tokens   BIGINT,
    writer           TEXT COLLATE "C",                    -- the fence of the lease that a streaming answer is written under
    model            TEXT COLLATE "C",
    finish_reason    TEXT COLLATE "C",
    first_token_s    DOUBLE PRECISION,
    duration_s       DOUBLE PRECISION,
    cost             BIGINT,
    cache_saved      BIGINT,
    usage            TEXT COLLATE "C",
    prompt_parts     TEXT COLLATE "C",
    opening          TEXT COLLATE "C" NOT NULL DEFAULT '',
    failure          TEXT COLLATE "C",
    receipt          TEXT COLLATE "C",
    tool_calls       TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    attachments      TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    carried          TEXT COLLATE "C",
    reasoning        TEXT COLLATE "C" NOT NULL DEFAULT '',
    content          TEXT COLLATE "C" NOT NULL DEFAULT '',
    UNIQUE (session_id, id),
    FOREIGN KEY (session_id, parent_id) REFERENCES messages (session_id, id)
);
-- Not by session: an index that begins as the unique one does would be taken for its equal when parents are checked.
CREATE INDEX messages_children ON messages (parent_id, created_at, id);
CREATE INDEX messages_streaming ON messages (session_id) WHERE status = 'streaming';
CREATE INDEX messages_prompts ON messages (created_at DESC) WHERE role = 'user';
CREATE INDEX messages_foreseen ON messages (created_at DESC)
    WHERE prompt_parts IS NOT NULL AND usage IS NOT NULL AND (usage::json ->> 'estimated') = 'false';

CREATE TABLE journal (
    message_id TEXT COLLATE "C" NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    seq        BIGINT NOT NULL,
    text       TEXT COLLATE "C" NOT NULL,
    reasoning  TEXT COLLATE "C" NOT NULL,
    tool_calls TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (message_id, seq)
);

CREATE TABLE spending (
    day                TEXT COLLATE "C" NOT NULL,
    model              TEXT COLLATE "C" NOT NULL,
    turns              BIGINT NOT NULL,
    priced_turns       BIGINT NOT NULL,
    input_tokens       BIGINT NOT NULL,
    cache_read_tokens  BIGINT NOT NULL,
    cache_write_tokens BIGINT NOT NULL,
    output_tokens      BIGINT NOT NULL,
    reasoning_tokens   BIGINT NOT NULL,
    estimated          SMALLINT NOT NULL,
    cost               BIGINT NOT NULL,
    cache_saved        BIGINT NOT NULL,
    PRIMARY KEY (day, model)
);

CREATE TABLE models (
    model         TEXT COLLATE "C" PRIMARY KEY,
    estimator     TEXT COLLATE "C" NOT NULL,
    window_tokens BIGINT
);

CREATE TABLE attachments (
    id   TEXT COLLATE "C" PRIMARY KEY,
    data BYTEA NOT NULL
);
CREATE TABLE attachment_uses (
    attachment_id TEXT COLLATE "C" NOT NULL REFERENCES attachments (id),
    user_id       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (attachment_id, user_id)
);
CREATE INDEX attachment_uses_by ON attachment_uses (user_id);

CREATE FUNCTION let_attachments_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM attachment_uses WHERE user_id = old.id;
    RETURN NULL;
END $$;
CREATE TRIGGER attachment_message_removed AFTER DELETE ON messages FOR EACH ROW WHEN (old.attachments <> '[]')
    EXECUTE FUNCTION let_attachments_go();
CREATE TRIGGER attachment_session_removed AFTER DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION let_attachments_go();

CREATE FUNCTION drop_unused_attachment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM attachments WHERE id = old.attachment_id
        AND NOT EXISTS (SELECT 1 FROM attachment_uses WHERE attachment_id = old.attachment_id);
    RETURN NULL;
END $$;
CREATE TRIGGER attachment_unused AFTER DELETE ON attachment_uses FOR EACH ROW EXECUTE FUNCTION drop_unused_attachment();

-- The words of messages, folded as core/folding.py does it, and the messages whose words wait to be added.
CREATE TABLE message_words (
    number BIGINT PRIMARY KEY REFERENCES messages (rowid) ON DELETE CASCADE,
    words  TSVECTOR NOT NULL
);
CREATE INDEX message_words_found ON message_words USING gin (words);
CREATE TABLE search_waiting (
    number BIGINT PRIMARY KEY REFERENCES messages (rowid) ON DELETE CASCADE
);
CREATE FUNCTION await_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO search_waiting (number) VALUES (new.rowid) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER search_added AFTER INSERT ON messages FOR EACH ROW WHEN (new.status <> 'streaming')
    EXECUTE FUNCTION await_words();
CREATE TRIGGER search_changed AFTER UPDATE OF status, content ON messages FOR EACH ROW
    WHEN (new.status <> 'streaming' AND (old.status = 'streaming' OR old.content <> new.content))
    EXECUTE FUNCTION await_words();

-- Who writes an answer in a session, and until when that holds if it is not said again. A later fence is a larger one.
CREATE SEQUENCE fences;
CREATE FUNCTION next_fence() RETURNS bigint LANGUAGE sql AS 'SELECT nextval(''fences'')';
CREATE FUNCTION now_s() RETURNS double precision LANGUAGE sql
    AS 'SELECT extract(epoch FROM clock_timestamp())::double precision';
CREATE TABLE leases (
    session_id TEXT COLLATE "C" PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    store      TEXT COLLATE "C" NOT NULL,
    fence      BIGINT NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL                  -- in seconds since 1970
);
CREATE INDEX leases_of ON leases (store);

-- How often each open store has written, so that the others see that something changed.
CREATE TABLE stores (
    store   TEXT COLLATE "C" PRIMARY KEY,
    writes  BIGINT NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL
);
