use super::*;
use crate::id::IntentId;
use crate::store::sqlite::{audit, schema};
use sqlx::Connection as _;

const NOW: Timestamp = Timestamp(1_795_000_000_000_000);

async fn store() -> SqliteConnection {
    let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    schema::migrate(&mut conn).await.unwrap();
    conn
}

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

fn executed(row: Row) -> Conclusion {
    let (status, sent_at, took) = (200, NOW, 5);
    let what = What::Executed { status, sent_at, took, delivered: true, kept: false, excerpt: None };
    Conclusion { row, event: Event { at: NOW, what } }
}

async fn count(conn: &mut SqliteConnection, what: &str) -> usize {
    let count: i64 =
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {what}"))).fetch_one(conn).await.unwrap();
    count.try_into().unwrap()
}

async fn plan(conn: &mut SqliteConnection, of: &str) -> String {
    let steps: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {of}"))).fetch_all(conn).await.unwrap();
    steps.into_iter().map(|step| step.3).collect::<Vec<_>>().join("; ")
}

/// Every width, the edges between them, and more than one statement can take.
#[tokio::test]
async fn a_batch_of_any_size_is_written_whole() {
    let mut conn = store().await;
    let mut tree = Tree::default();
    let mut open = Vec::new();
    let (mut entered, mut ended) = (0, 0);
    for size in [1, 2, 3, 5, 16, 31, 63, 64, 65, 128, 200, 0, 1, 0] {
        let entries: Vec<Entry> = (0..size).map(|_| entry()).collect();
        let lazy: Vec<Conclusion> = open.drain(..).map(executed).collect();
        let refs: Vec<&Entry> = entries.iter().collect();
        // Also with the lock taken first.
        let begun = size % 2 == 0;
        if begun {
            assert_eq!(begin(&mut conn).await.unwrap().as_ref(), Some(&tree));
        }
        let (rows, grown) = write(&mut conn, tree, begun, 7, &refs, &lazy).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), refs.iter().map(|e| e.id).collect::<Vec<_>>());
        entered += size;
        ended += lazy.len();
        tree = grown;
        assert_eq!(audit::tree(&mut conn).await.unwrap(), tree, "after a batch of {size} and {}", lazy.len());
        assert_eq!(count(&mut conn, "events").await, entered + ended);
        assert_eq!(count(&mut conn, "intents").await, entered);
        assert_eq!(count(&mut conn, "intents WHERE state = 'executed' AND status = 200").await, ended);
        let joined = "intents i JOIN events e ON e.seq = i.last AND e.prev = i.n AND e.kind = 'intent.executed'";
        assert_eq!(count(&mut conn, joined).await, ended, "each outcome follows its own intent");
        open = rows;
    }
    assert_eq!((entered, ended), (579, 579));
}

/// One of them was declared unknown by another process: nothing of the batch stands.
#[tokio::test]
async fn an_outcome_that_is_not_this_process_s_to_write_fails_the_whole_batch() {
    let mut conn = store().await;
    let entries: Vec<Entry> = (0..100).map(|_| entry()).collect();
    let refs: Vec<&Entry> = entries.iter().collect();
    let (rows, tree) = write(&mut conn, Tree::default(), false, 7, &refs, &[]).await.unwrap();
    for stale in [0, 63, 64, 99] {
        let lazy: Vec<Conclusion> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| executed(Row { version: row.version + i64::from(at == stale), ..*row }))
            .collect();
        let new = entry();
        let error = write(&mut conn, tree.clone(), false, 7, &[&new], &lazy).await.unwrap_err();
        assert!(error.as_database_error().unwrap().is_check_violation(), "{stale}: {error}");
        sqlx::raw_sql("ROLLBACK").execute(&mut conn).await.unwrap();
        assert_eq!(audit::tree(&mut conn).await.unwrap(), tree);
        assert_eq!(count(&mut conn, "intents WHERE state = 'executing'").await, 100);
    }
}

#[tokio::test]
async fn outcomes_find_their_rows_without_a_search() {
    let mut conn = store().await;
    let text = text(4, 1);
    let update = text.split(';').find(|part| part.trim_start().starts_with("UPDATE intents")).unwrap();
    let update = plan(&mut conn, update).await;
    assert!(update.contains("SEARCH intents USING INTEGER PRIMARY KEY"), "{update}");
}
