use crate::clock::Timestamp;
use crate::id::IntentId;
use crate::intent::{Event, State, What};
use crate::store::sqlite::SqliteStore;
use crate::store::{Entry, Store as _};

const NOW: Timestamp = Timestamp(1_795_000_000_000_000);

fn entry() -> Entry {
    Entry {
        id: IntentId::new(NOW),
        at: NOW,
        state: State::Executing { at: NOW },
        people: false,
        project: "default".to_owned(),
        action: "read".to_owned(),
        fingerprint: "billing".to_owned(),
        call: None,
        content: None,
        facts: "{}".to_owned(),
        body: None,
        durable: false,
    }
}

fn denied() -> Entry {
    let why = Some("no".to_owned());
    Entry { state: State::Denied(crate::intent::Resolution { by: None, at: NOW, why }), ..entry() }
}

/// However this process writes, it is not taken for another one; and another one is noticed, whoever writes last.
#[tokio::test]
async fn only_what_another_process_wrote_is_foreign() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("holdshort.db");
    let (here, there) = (SqliteStore::open(&path).await.unwrap(), SqliteStore::open(&path).await.unwrap());
    assert!(here.foreign().await.unwrap(), "what others did before is not known");
    assert!(!here.foreign().await.unwrap());
    let row = here.enter(entry()).await.unwrap();
    here.enter(denied()).await.unwrap();
    here.conclude(row, Event { at: NOW, what: What::Failed { why: "x".to_owned() } });
    here.flush().await.unwrap();
    assert!(!here.foreign().await.unwrap());
    there.enter(denied()).await.unwrap();
    here.enter(entry()).await.unwrap();
    assert!(here.foreign().await.unwrap(), "between two of ours");
    there.enter(entry()).await.unwrap();
    assert!(here.foreign().await.unwrap(), "after ours");
    assert!(!here.foreign().await.unwrap());
}

/// Whoever stops the gate can tell which outcomes nobody will know.
#[tokio::test]
async fn outcomes_that_the_store_does_not_take_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("holdshort.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let row = store.enter(entry()).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.conclude(row, Event { at: NOW, what: What::Failed { why: "x".to_owned() } });
    let error = store.flush().await.unwrap_err().to_string();
    assert!(error.contains(&format!("1 outcomes are not written: {}", row.id)), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    store.flush().await.unwrap();
}
