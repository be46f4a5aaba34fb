-- Walking from a message to its children, in the order in which they were made; where a copied session came from.

DROP INDEX messages_children;
CREATE INDEX messages_children ON messages (session_id, parent_id, created_at, id);

ALTER TABLE sessions ADD COLUMN forked_from TEXT;                            -- message of another session that it was copied up to
