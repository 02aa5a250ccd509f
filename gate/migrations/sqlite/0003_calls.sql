-- Calls that policy approved, on their way and executed. They are most of what is written, so a row is as small as it
-- can be: what was asked stands in the event `n`, what came of it in the event `last`. A call of which more is to be told
-- (it failed, it is unknown, its process has gone) moves to `intents`, and one with an idempotency key is there from the start.
CREATE TABLE calls (
  n     INTEGER PRIMARY KEY,            -- its first event
  id    BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
  boot  INTEGER NOT NULL,               -- which process sends it, or did
  label INTEGER NOT NULL,
  last  INTEGER NOT NULL                -- its latest event: `n` while it is on its way
) STRICT;

-- What calls are filtered by, each combination once. None is ever deleted.
CREATE TABLE labels (
  id          INTEGER PRIMARY KEY,
  project     TEXT NOT NULL,
  action      TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  UNIQUE (project, action, fingerprint)
) STRICT;

-- The processes that send calls. Below `settled` none of the process's calls is on its way: what has to be looked through
-- for those that are.
CREATE TABLE boots (boot INTEGER PRIMARY KEY, settled INTEGER NOT NULL) STRICT;
