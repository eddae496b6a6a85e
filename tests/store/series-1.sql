-- series.db as the first version made it (format 1): never changed, tests/store.rs opens it with today's version.
PRAGMA application_id = 1280332626; -- "LPSR"
PRAGMA user_version = 1;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE account (month TEXT NOT NULL, link TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (month, link))
    WITHOUT ROWID;
CREATE TABLE heartbeat (one INTEGER PRIMARY KEY CHECK (one = 1), utc INTEGER NOT NULL,
                        boottime INTEGER NOT NULL, boot_id TEXT NOT NULL);
INSERT INTO meta VALUES ('written_by', '0.1.0');
INSERT INTO account VALUES ('2026-11', 'LL-0001', '{"up":7}');
INSERT INTO heartbeat VALUES (1, 1000, 5, 'the boot of then');
