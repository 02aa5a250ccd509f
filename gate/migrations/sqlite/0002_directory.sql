-- Who is who: projects, agents, keys, people, teams, sessions, one-time links.
-- Times are Unix microseconds, ids the 16 bytes of a UUIDv7, secrets SHA-256 or argon2id.

-- Counts every change that a snapshot of the directory shows, so that a reader knows when to read again.
CREATE TABLE directory_version (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO directory_version (only_row, version) VALUES (1, 0);

CREATE TABLE projects (
    name TEXT PRIMARY KEY,
    from_files INTEGER NOT NULL CHECK (from_files IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE agents (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    project TEXT NOT NULL REFERENCES projects (name),
    owner TEXT,
    framework TEXT,
    risk_sensitivity TEXT CHECK (risk_sensitivity IN ('low', 'medium', 'high', 'critical')),
    trust TEXT NOT NULL CHECK (trust IN ('unregistered', 'new', 'active', 'established', 'verified')),
    source_type TEXT NOT NULL CHECK (source_type IN ('ai_agent', 'devops', 'automation')),
    status TEXT NOT NULL CHECK (status IN ('active', 'paused', 'revoked')),
    -- Defined in files: what they say of it goes before what stands here, and without them it is refused.
    from_files INTEGER NOT NULL CHECK (from_files IN (0, 1)),
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER
) STRICT;
-- Two agents whose names differ in case only would be one to the people who decide.
CREATE UNIQUE INDEX agents_by_name ON agents (project, lower(name));
CREATE UNIQUE INDEX agents_by_fingerprint ON agents (project, lower(fingerprint));

CREATE TABLE people (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    email TEXT NOT NULL UNIQUE CHECK (email = lower(email)),
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'approver', 'admin')),
    disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    password_hash TEXT,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER
) STRICT;

CREATE TABLE team_members (
    team TEXT NOT NULL,
    person BLOB NOT NULL REFERENCES people (id),
    PRIMARY KEY (team, person)
) STRICT;

CREATE TABLE keys (
    -- In the order they were made: the oldest live key is the one that rotation revokes.
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    kind TEXT NOT NULL CHECK (kind IN ('agent', 'project', 'user')),
    agent BLOB REFERENCES agents (id),
    project TEXT REFERENCES projects (name),
    person BLOB REFERENCES people (id),
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    hint TEXT NOT NULL,
    label TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    CHECK ((kind = 'agent') = (agent IS NOT NULL)),
    CHECK ((kind = 'project') = (project IS NOT NULL)),
    CHECK ((kind = 'user') = (person IS NOT NULL))
) STRICT;

CREATE TABLE sessions (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    person BLOB NOT NULL REFERENCES people (id),
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    browser TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_person ON sessions (person);

CREATE TABLE links (
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    -- NULL: whoever uses it becomes the first admin.
    person BLOB REFERENCES people (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;
