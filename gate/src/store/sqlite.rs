//! The store on SQLite: WAL, one writer task with group commit, a few readers.
