-- That another brim wants an answer stopped is told to its writer in the lease.
ALTER TABLE leases ADD COLUMN stop_asked INTEGER NOT NULL DEFAULT 0;
