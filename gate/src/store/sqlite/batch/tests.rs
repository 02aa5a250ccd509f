use super::*;
use crate::id::IntentId;
use crate::store::sqlite::{audit, options, schema};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

const NOW: Timestamp = Timestamp(1_795_000_000_000_000);

struct Store {
    conn: SqliteConnection,
    batches: Batches,
    _folder: tempfile::TempDir,
}

async fn store() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("holdshort.db");
    let mut conn = SqliteConnection::connect_with(&options(&path)).await.unwrap();
    schema::migrate(&mut conn).await.unwrap();
    Store { conn, batches: Batches::open(&path, Arc::default()).unwrap(), _folder: folder }
}

fn entry() -> Box<Entry> {
    Box::new(Entry {
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
    })
}

fn executed(row: Row) -> Conclusion {
    let (status, sent_at, took) = (200, NOW, 5);
    let what = What::Executed { status, sent_at, took, delivered: true, kept: false, excerpt: None };
    Conclusion { row, event: Event { at: NOW, what } }
}

impl Store {
    async fn count(&mut self, what: &str) -> usize {
        let count = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {what}")));
        let count: i64 = count.fetch_one(&mut self.conn).await.unwrap();
        count.try_into().unwrap()
    }

    async fn size(&mut self) -> u64 {
        audit::tree(&mut self.conn).await.unwrap().size()
    }

    /// Writes a batch in which nothing goes wrong.
    fn write(&mut self, batch: Batch) -> Vec<Row> {
        let written = self.batches.write(7, &batch).unwrap();
        assert_eq!(written.late, []);
        written.rows.into_iter().map(Result::unwrap).collect()
    }
}

#[tokio::test]
async fn a_batch_of_any_size_is_written_whole() {
    let mut store = store().await;
    let mut open = Vec::new();
    let (mut entered, mut ended) = (0, 0);
    for size in [1, 2, 3, 200, 0, 1, 0] {
        let entries: Vec<Box<Entry>> = (0..size).map(|_| entry()).collect();
        let ids: Vec<IntentId> = entries.iter().map(|entry| entry.id).collect();
        let outcomes: Vec<Conclusion> = open.drain(..).map(executed).collect();
        entered += size;
        ended += outcomes.len();
        open = store.write(Batch { entries, outcomes });
        assert_eq!(open.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
        assert_eq!(store.size().await, (entered + ended) as u64);
        assert_eq!(store.count("events").await, entered + ended);
        assert_eq!((store.count("calls").await, store.count("intents").await), (entered, 0));
        assert_eq!(store.count("labels").await, 1);
        let joined = "calls c JOIN events e ON e.seq = c.last AND e.prev = c.n AND e.kind = 'intent.executed'";
        assert_eq!(store.count(joined).await, ended, "each outcome follows its own intent");
    }
    assert_eq!((entered, ended), (207, 207));
}

/// One of them was declared unknown by another process: that stands, and the rest of the batch as well.
#[tokio::test]
async fn an_outcome_that_is_not_this_process_s_to_write_is_left_out() {
    let mut store = store().await;
    let rows = store.write(Batch { entries: (0..5).map(|_| entry()).collect(), outcomes: Vec::new() });
    let outcomes = rows.iter().enumerate();
    let outcomes =
        outcomes.map(|(at, row)| executed(Row { version: row.version + i64::from(at == 2), ..*row })).collect();
    let written = store.batches.write(7, &Batch { entries: vec![entry()], outcomes }).unwrap();
    assert_eq!(written.late.iter().map(|row| row.id).collect::<Vec<_>>(), [rows[2].id]);
    assert_eq!(written.log, (5, 10));
    assert_eq!(store.count("calls WHERE last = n").await, 2);
    assert_eq!(store.count("events WHERE kind = 'intent.executed'").await, 4);
    assert_eq!(store.size().await, 10);
}

/// A call that failed is told of where all that can be told has a place; one more outcome of it comes too late.
#[tokio::test]
async fn a_call_that_was_not_executed_moves_to_the_intents() {
    let mut store = store().await;
    let rows = store.write(Batch { entries: vec![entry(), entry()], outcomes: Vec::new() });
    let what = What::Failed { why: "x".to_owned() };
    let failed = Conclusion { row: rows[0], event: Event { at: NOW, what } };
    store.write(Batch { entries: Vec::new(), outcomes: vec![failed] });
    assert_eq!(store.count("calls").await, 1);
    assert_eq!(store.count("intents WHERE n = 0 AND state = 'failed' AND why = 'x' AND action = 'read'").await, 1);
    let written = store.batches.write(7, &Batch { entries: Vec::new(), outcomes: vec![executed(rows[0])] }).unwrap();
    assert_eq!(written.late, [rows[0]]);
    assert_eq!((store.count("intents").await, store.count("events").await), (1, 3));
}

/// What a process was sending when it went is found above its mark, however much it has sent since.
#[tokio::test]
async fn what_a_process_that_has_gone_was_sending_is_found() {
    let mut store = store().await;
    let first = store.write(Batch { entries: vec![entry()], outcomes: Vec::new() });
    for _ in 0..6 {
        let rows = store.write(Batch { entries: (0..256).map(|_| entry()).collect(), outcomes: Vec::new() });
        let outcomes = rows.into_iter().map(executed).collect();
        store.write(Batch { entries: Vec::new(), outcomes });
    }
    assert_eq!(store.count("boots WHERE boot = 7 AND settled = 0").await, 1, "the first is still on its way");
    store.write(Batch { entries: Vec::new(), outcomes: vec![executed(first[0])] });
    let rows = store.write(Batch { entries: vec![entry(), entry()], outcomes: Vec::new() });
    assert_eq!(store.count(&format!("boots WHERE boot = 7 AND settled = {}", rows[0].n)).await, 1);
    calls::abandon(&mut store.conn, &[8]).await.unwrap();
    assert_eq!(store.count("intents").await, 0, "they are not another's");
    calls::abandon(&mut store.conn, &[7]).await.unwrap();
    assert_eq!(store.count("intents WHERE state = 'executing' AND boot = 7").await, 2);
    assert_eq!((store.count("calls WHERE last = n").await, store.count("boots").await), (0, 0));
    assert_eq!(store.count("calls").await, 1 + 6 * 256);
}

/// Two tries of one idempotency key in one batch: the first has it, and nothing of the second stands.
#[tokio::test]
async fn what_cannot_enter_fails_alone() {
    let mut store = store().await;
    let named = || Box::new(Entry { call: Some([1; 32]), content: Some([2; 32]), ..*entry() });
    let batch = Batch { entries: vec![entry(), named(), named(), entry()], outcomes: Vec::new() };
    let written = store.batches.write(7, &batch).unwrap();
    let places: Vec<Result<i64, String>> =
        written.rows.into_iter().map(|row| row.map(|row| row.n).map_err(|error| error.to_string())).collect();
    assert_eq!(places, [Ok(0), Ok(1), Err("already there: the same call".to_owned()), Ok(2)]);
    let counted = (store.count("calls").await, store.count("intents").await, store.count("events").await);
    assert_eq!(counted, (2, 1, 3));
    assert_eq!(store.size().await, 3);
}

/// A log that is longer than its tree says: nothing is written until somebody has looked.
#[tokio::test]
async fn a_place_that_is_taken_fails_the_whole_batch() {
    let mut store = store().await;
    store.write(Batch { entries: vec![entry(), entry()], outcomes: Vec::new() });
    sqlx::raw_sql("UPDATE tree SET size = 1, frontier = zeroblob(32)").execute(&mut store.conn).await.unwrap();
    let error = store.batches.write(7, &Batch { entries: vec![entry()], outcomes: Vec::new() }).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    let named = Box::new(Entry { call: Some([1; 32]), content: Some([2; 32]), ..*entry() });
    let error = store.batches.write(7, &Batch { entries: vec![named], outcomes: Vec::new() }).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert_eq!((store.count("calls").await, store.count("events").await), (2, 2));
    assert_eq!(store.count("intents").await, 0);
}

#[tokio::test]
async fn outcomes_find_their_rows_without_a_search() {
    let store = store().await;
    for (sql, values, table) in [(OUTCOME, 8, "intents"), (CALLED, 2, "calls")] {
        let mut plan = store.batches.conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let nulls = rusqlite::params_from_iter(vec![rusqlite::types::Null; values]);
        let steps: Vec<String> = plan.query_map(nulls, |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        assert_eq!(steps, [format!("SEARCH {table} USING INTEGER PRIMARY KEY (rowid=?)")]);
    }
}

/// Each would be made, filled and dropped for every row.
#[tokio::test]
async fn no_row_needs_a_table_of_its_own() {
    let store = store().await;
    for (sql, values) in [(INTENT, 9), (CALL, 4), (EVENT, 9), (OUTCOME, 8), (CALLED, 2)] {
        let mut program = store.batches.conn.prepare(&format!("EXPLAIN {sql}")).unwrap();
        let nulls = rusqlite::params_from_iter(vec![rusqlite::types::Null; values]);
        let steps: Vec<String> = program.query_map(nulls, |row| row.get(1)).unwrap().map(Result::unwrap).collect();
        assert!(steps.len() > 10 && !steps.contains(&"OpenEphemeral".to_owned()), "{sql}: {steps:?}");
    }
}
