-- What was said, to be found by its words. The words themselves are in tables named search_0, search_1 …, which
-- core/store/search_table.py makes and fills a moment after a message was written; these triggers note what waits.
-- A message is known there by its row's number. Nothing here depends on functions of Python.

CREATE TABLE search_state (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    backlog  INTEGER NOT NULL                       -- messages up to this number were there before and still wait
);
INSERT INTO search_state SELECT 1, coalesce(max(rowid), 0) FROM messages;

CREATE TABLE search_parts (
    part     INTEGER PRIMARY KEY,                   -- of which there is a table of words
    first_at INTEGER NOT NULL,                      -- no message in it was made before
    last_at  INTEGER NOT NULL                       -- or after
);

-- Messages whose words wait to be added.
CREATE TABLE search_waiting (
    number INTEGER PRIMARY KEY
);

-- What was said in messages whose words wait to be taken out.
CREATE TABLE search_gone (
    place      INTEGER PRIMARY KEY,
    number     INTEGER NOT NULL,
    role       TEXT NOT NULL,
    model      TEXT,
    created_at INTEGER NOT NULL,
    content    TEXT NOT NULL
);

CREATE TRIGGER search_added AFTER INSERT ON messages
WHEN new.status <> 'streaming' AND new.rowid > (SELECT backlog FROM search_state) BEGIN
    INSERT OR IGNORE INTO search_waiting VALUES (new.rowid);
END;

CREATE TRIGGER search_changed AFTER UPDATE OF status, role, model, created_at, content ON messages
WHEN new.rowid > (SELECT backlog FROM search_state)
    AND (old.status = 'streaming', old.role, old.model, old.created_at, old.content)
        IS NOT (new.status = 'streaming', new.role, new.model, new.created_at, new.content)
BEGIN
    INSERT INTO search_gone (number, role, model, created_at, content)
    SELECT old.rowid, old.role, old.model, old.created_at, old.content
    WHERE old.status <> 'streaming' AND NOT EXISTS (SELECT 1 FROM search_waiting WHERE number = old.rowid);
    DELETE FROM search_waiting WHERE number = new.rowid;
    INSERT INTO search_waiting SELECT new.rowid WHERE new.status <> 'streaming';
END;

CREATE TRIGGER search_removed AFTER DELETE ON messages
WHEN old.status <> 'streaming' AND old.rowid > (SELECT backlog FROM search_state) BEGIN
    INSERT INTO search_gone (number, role, model, created_at, content)
    SELECT old.rowid, old.role, old.model, old.created_at, old.content
    WHERE NOT EXISTS (SELECT 1 FROM search_waiting WHERE number = old.rowid);
    DELETE FROM search_waiting WHERE number = old.rowid;
END;
