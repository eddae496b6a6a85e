-- journal.db as the first version made it (format 1): never changed, tests/store.rs opens it with today's version.
PRAGMA application_id = 1280330316; -- "LPJL"
PRAGMA user_version = 1;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE incident (id TEXT PRIMARY KEY, phase TEXT NOT NULL, began INTEGER NOT NULL, closed INTEGER,
                       json TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX incident_closed ON incident (closed);
CREATE TABLE point (link TEXT NOT NULL, role TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (link, role))
    WITHOUT ROWID;
CREATE TABLE outbox (key TEXT PRIMARY KEY, channel TEXT NOT NULL, created INTEGER NOT NULL, json TEXT NOT NULL,
                     attempts INTEGER NOT NULL DEFAULT 0, done INTEGER, outcome TEXT) WITHOUT ROWID;
CREATE INDEX outbox_done ON outbox (done);
CREATE TABLE log (number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, event TEXT NOT NULL,
                  subject TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX log_at ON log (at);
INSERT INTO meta VALUES ('written_by', '0.1.0');
INSERT INTO incident VALUES
    ('01A', 'open', 1000, NULL, '{"id":"01A","merged_into":null,"phase":"open","tier":2,"scope":{"kind":"link","id":"LL-0001"},"inferred":false,"kind":"outage","began":1000,"opened":2000,"restored":null,"closed":null,"acknowledged":null,"closed_by":null,"clocks":[],"links":[["LL-0001",true]],"timeline":[]}'),
    ('01B', 'closed', 1000, 5000, '{"id":"01B","merged_into":null,"phase":"closed","tier":2,"scope":{"kind":"link","id":"LL-0001"},"inferred":false,"kind":"outage","began":1000,"opened":2000,"restored":4000,"closed":5000,"acknowledged":null,"closed_by":null,"clocks":[],"links":[["LL-0001",false]],"timeline":[]}');
INSERT INTO point VALUES ('LL-0001', 'far', '{"losses":3}');
INSERT INTO outbox VALUES
    ('waits', 'am', 3000, '{"key":"waits","channel":"am","kind":"opened","incident":{"id":"01A","merged_into":null,"phase":"open","tier":2,"scope":{"kind":"link","id":"LL-0001"},"inferred":false,"kind":"outage","began":1000,"opened":2000,"restored":null,"closed":null,"acknowledged":null,"closed_by":null,"clocks":[],"links":[["LL-0001",true]],"timeline":[]},"created":3000}', 1, NULL, 'connection refused'),
    ('told', 'am', 3000, '{}', 1, 4000, 'delivered 250 ok');
INSERT INTO log (at, event, subject, detail) VALUES (1, 'test', '', '{"number":1}'), (2, 'test', '', '{"number":2}');
