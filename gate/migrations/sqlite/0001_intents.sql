-- Events are the truth: each is a leaf of the audit tree, and the row of an intent says only where its
-- events have led. Times are Unix microseconds.

CREATE TABLE events (
  seq     INTEGER PRIMARY KEY,          -- from 0, without gaps: the leaf's index
  at      INTEGER NOT NULL,
  kind    TEXT    NOT NULL,
  actor   TEXT    NOT NULL,
  subject TEXT,
  prev    INTEGER,                      -- the event before it of the same intent
  leaf    BLOB    NOT NULL CHECK (length(leaf) = 32),
  salt    BLOB    CHECK (length(salt) = 16),
  data    TEXT    NOT NULL,             -- the facts; once pruned, what is left of them
  -- Of the facts, once they are pruned; before, it is computed from salt and data.
  commitment BLOB CHECK (length(commitment) = 32),
  CHECK ((salt IS NULL) <> (commitment IS NULL))
) STRICT;

-- The one change: facts give way to their commitment, which the leaf holds.
CREATE TRIGGER events_stay BEFORE UPDATE ON events
  WHEN NEW.salt IS NOT NULL OR OLD.salt IS NULL OR NEW.seq <> OLD.seq OR NEW.at <> OLD.at OR NEW.kind <> OLD.kind
    OR NEW.actor <> OLD.actor OR NEW.subject IS NOT OLD.subject OR NEW.prev IS NOT OLD.prev OR NEW.leaf <> OLD.leaf
  BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_remain BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

-- The tree over the events: how many leaves, and the roots of its perfect subtrees, largest first.
-- `whole` is false, and the transaction fails, when a statement before it did not do all it should.
CREATE TABLE tree (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  size     INTEGER NOT NULL,
  frontier BLOB    NOT NULL,
  whole    INTEGER NOT NULL DEFAULT 1 CHECK (whole)
) STRICT;
INSERT INTO tree (id, size, frontier) VALUES (1, 0, x'');

-- One row per intent; what was asked stands in the data of its first event, whose `seq` is `n`.
CREATE TABLE intents (
  n           INTEGER PRIMARY KEY,
  id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
  version     INTEGER NOT NULL,         -- how many events it has had after the first
  last        INTEGER NOT NULL,         -- its latest event
  state       TEXT    NOT NULL,
  at          INTEGER NOT NULL,         -- when it came into this state
  expires_at  INTEGER,
  releases_at INTEGER,
  status      INTEGER,
  by          BLOB,
  why         TEXT,
  people      INTEGER NOT NULL,         -- 1: people decide, 0: policy decided
  project     TEXT    NOT NULL,
  action      TEXT    NOT NULL,
  fingerprint TEXT    NOT NULL,
  call        BLOB,                     -- what makes it the same call
  content     BLOB,                     -- what was asked, where an idempotency key names the call
  boot        INTEGER,                  -- which process is sending it
  cleared     INTEGER NOT NULL DEFAULT 0,
  votes       TEXT,
  outcome     TEXT,
  CHECK (CASE state
    WHEN 'pending'           THEN expires_at IS NOT NULL AND releases_at IS NULL     AND status IS NULL     AND by IS NULL AND why IS NULL     AND boot IS NULL AND people
    WHEN 'approved'          THEN expires_at IS NOT NULL AND releases_at IS NOT NULL AND status IS NULL     AND by IS NULL AND why IS NULL     AND boot IS NULL
    WHEN 'executing'         THEN expires_at IS NULL     AND releases_at IS NULL     AND status IS NULL     AND by IS NULL AND why IS NULL     AND boot IS NOT NULL
    WHEN 'executed'          THEN expires_at IS NULL     AND releases_at IS NULL     AND status IS NOT NULL AND by IS NULL AND why IS NULL     AND boot IS NULL
    WHEN 'failed'            THEN expires_at IS NULL     AND releases_at IS NULL     AND status IS NULL     AND by IS NULL AND why IS NOT NULL AND boot IS NULL
    WHEN 'unknown'           THEN expires_at IS NULL     AND releases_at IS NULL     AND status IS NULL     AND by IS NULL AND why IS NOT NULL AND boot IS NULL
    WHEN 'denied'            THEN expires_at IS NULL     AND releases_at IS NULL     AND status IS NULL                                      AND boot IS NULL
    WHEN 'changes_requested' THEN expires_at IS NULL     AND releases_at IS NULL     AND status IS NULL                    AND why IS NOT NULL AND boot IS NULL
    WHEN 'expired'           THEN expires_at IS NULL     AND releases_at IS NULL     AND status IS NULL     AND by IS NULL AND why IS NULL     AND boot IS NULL
    WHEN 'cancelled'         THEN expires_at IS NULL     AND releases_at IS NULL     AND status IS NULL                                      AND boot IS NULL
    ELSE 0 END)
) STRICT;

-- Written out, not `IN`: for a list SQLite makes and drops a table each time it tests the condition.
CREATE INDEX intents_open ON intents (state) WHERE state = 'pending' OR state = 'approved' OR state = 'executing';
CREATE INDEX intents_rare ON intents (state, n) WHERE state NOT IN ('executing', 'executed');
CREATE INDEX intents_call ON intents (call, n) WHERE call IS NOT NULL;
-- At most one open intent per same call.
CREATE UNIQUE INDEX intents_one_open ON intents (call)
  WHERE call IS NOT NULL AND (state = 'pending' OR state = 'approved' OR state = 'executing');

-- The bodies that people are shown.
CREATE TABLE bodies (n INTEGER PRIMARY KEY REFERENCES intents (n), body BLOB NOT NULL) STRICT;

-- Answers of upstreams kept for a caller who was gone.
CREATE TABLE answers (
  n       INTEGER PRIMARY KEY REFERENCES intents (n),
  until   INTEGER NOT NULL,
  status  INTEGER NOT NULL,
  headers TEXT    NOT NULL,
  body    BLOB    NOT NULL
) STRICT;

-- Single values: the secret that calls are compared with.
CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
