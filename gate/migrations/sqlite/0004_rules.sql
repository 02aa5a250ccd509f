-- Rules that people keep in the store: policies, namespaces, stop switches. What they say is JSON.
CREATE TABLE kept_rules (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    kind TEXT NOT NULL CHECK (kind IN ('policy', 'namespace', 'stop')),
    name TEXT NOT NULL,
    data TEXT NOT NULL,
    -- Who wrote it last, as the log names them.
    actor TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    UNIQUE (kind, name)
) STRICT;
