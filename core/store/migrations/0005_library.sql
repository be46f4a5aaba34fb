-- Sessions kept at the top, put away, and labelled; lists of each shelf. What is open is neither archived nor deleted.

ALTER TABLE sessions ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';             -- JSON, in the person's order

CREATE TABLE session_tags (                                                  -- the same tags, to be found by
    tag        TEXT NOT NULL,                                                -- case-folded
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, session_id)
) WITHOUT ROWID;
CREATE INDEX session_tags_of ON session_tags (session_id);

DROP INDEX sessions_listed;
CREATE INDEX sessions_by_time ON sessions (archived, updated_at DESC, id DESC, title_key) WHERE deleted_at IS NULL;
CREATE INDEX sessions_by_place ON sessions (archived, pinned DESC, updated_at DESC, id DESC, title_key)
    WHERE deleted_at IS NULL;
CREATE INDEX sessions_in_bin ON sessions (deleted_at) WHERE deleted_at IS NOT NULL;

DROP TRIGGER session_added;
DROP TRIGGER session_binned;
DROP TRIGGER session_removed;
CREATE TRIGGER session_added AFTER INSERT ON sessions WHEN new.deleted_at IS NULL AND NOT new.archived BEGIN
    UPDATE session_count SET listed = listed + 1;
END;
CREATE TRIGGER session_moved AFTER UPDATE OF deleted_at, archived ON sessions
WHEN (old.deleted_at IS NULL AND NOT old.archived) <> (new.deleted_at IS NULL AND NOT new.archived) BEGIN
    UPDATE session_count SET listed = listed + iif(new.deleted_at IS NULL AND NOT new.archived, 1, -1);
END;
CREATE TRIGGER session_removed AFTER DELETE ON sessions WHEN old.deleted_at IS NULL AND NOT old.archived BEGIN
    UPDATE session_count SET listed = listed - 1;
END;
