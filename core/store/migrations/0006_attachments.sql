-- Files that go with prompts, parameters of sessions, and what providers want back with an answer.

ALTER TABLE sessions ADD COLUMN parameters TEXT NOT NULL DEFAULT '{}';       -- JSON of those that are set
ALTER TABLE sessions ADD COLUMN persona TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN owner TEXT NOT NULL DEFAULT '';              -- whose it is, where many share the data
ALTER TABLE messages ADD COLUMN attachments TEXT NOT NULL DEFAULT '[]';      -- JSON of what each is, without its data
ALTER TABLE messages ADD COLUMN carried TEXT;                                -- JSON

CREATE TABLE attachments (
    id   TEXT PRIMARY KEY,                                                   -- SHA-256 of the data
    data BLOB NOT NULL
);
CREATE TABLE attachment_uses (
    attachment_id TEXT NOT NULL REFERENCES attachments (id),
    user_id       TEXT NOT NULL,                                             -- a message, or a session whose queue has it
    PRIMARY KEY (attachment_id, user_id)
) WITHOUT ROWID;
CREATE INDEX attachment_uses_by ON attachment_uses (user_id);

CREATE INDEX sessions_by_owner ON sessions (owner, updated_at DESC, id DESC) WHERE owner <> '' AND deleted_at IS NULL;

CREATE TRIGGER attachment_message_removed AFTER DELETE ON messages WHEN old.attachments <> '[]' BEGIN
    DELETE FROM attachment_uses WHERE user_id = old.id;
END;
CREATE TRIGGER attachment_session_removed AFTER DELETE ON sessions BEGIN
    DELETE FROM attachment_uses WHERE user_id = old.id;
END;
CREATE TRIGGER attachment_unused AFTER DELETE ON attachment_uses
WHEN NOT EXISTS (SELECT 1 FROM attachment_uses WHERE attachment_id = old.attachment_id) BEGIN
    DELETE FROM attachments WHERE id = old.attachment_id;
END;
