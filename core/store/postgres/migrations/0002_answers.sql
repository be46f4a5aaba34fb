-- Answers that are kept for the same request asked again, and a mark on those that were given from here.

ALTER TABLE messages ADD COLUMN from_cache SMALLINT NOT NULL DEFAULT 0;

CREATE TABLE answers (
    key        TEXT COLLATE "C" PRIMARY KEY,
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    kept_at    BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    answer     TEXT COLLATE "C" NOT NULL
);
CREATE INDEX answers_by_age ON answers (kept_at DESC, key, bytes);
CREATE INDEX answers_of_session ON answers (session_id);
