-- Answers that are kept for the same request asked again, and a mark on those that were given from here.

ALTER TABLE messages ADD COLUMN from_cache INTEGER NOT NULL DEFAULT 0;

CREATE TABLE answers (
    key        TEXT PRIMARY KEY,                                             -- SHA-256 of the request
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,     -- in which it was asked first
    kept_at    INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,                                             -- of answer
    answer     TEXT NOT NULL                                                 -- JSON
);
CREATE INDEX answers_by_age ON answers (kept_at DESC, key, bytes);
CREATE INDEX answers_of_session ON answers (session_id);
