//! `holds`: callers that wait on their connections, and the approver who lets them go one by one.
//!
//! For each of `--counts` (ascending) it opens calls until so many wait, reads the resident memory of the gate
//! (`--pid`), and approves `--approvals` of them, measuring from just before the approve request is written to the
//! first byte at the upstream, which is in this process: both moments are read from one clock. Between two approvals it
//! measures one `fdatasync` of a small append in `--folder`, where the store is, so that both see the same disk. At
//! the end everything that still waits is approved and every caller must have got its 200. Prints one JSON object.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use holdshort_bench::arguments::Arguments;
use holdshort_bench::http::{self, Message};
use holdshort_bench::{listen, service};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Approvers at once, where only the number of answers matters.
const APPROVERS: usize = 16;
/// Calls that are held and let go before the first measurement, so that the gate's own start is not counted.
const WARM_UP: usize = 50;
/// Calls that are opened before those opened earlier are known to wait.
const OPENED_AT_ONCE: usize = 2000;
/// What a frame of the store's log is about.
const APPEND: usize = 4096;

/// Tells which call's first byte came when. Bodies start with `{"call":N,`.
struct Arrivals(mpsc::UnboundedSender<(usize, Instant)>);

impl service::Witness for Arrivals {
    fn saw(&self, first_byte_at: Instant, request: &[u8]) {
        const MARK: &[u8] = b"{\"call\":";
        let number = request.windows(MARK.len()).position(|window| window == MARK).and_then(|at| {
            let rest = request.get(at + MARK.len()..)?;
            let digits = rest.split(|byte| !byte.is_ascii_digit()).next()?;
            std::str::from_utf8(digits).ok()?.parse().ok()
        });
        if let Some(number) = number {
            let _ = self.0.send((number, first_byte_at));
        }
    }
}

struct Bench {
    gate: SocketAddr,
    admin: SocketAddr,
    key: String,
    token: String,
    path: String,
    pid: u32,
    callers: JoinSet<Result<u16, Failure>>,
    /// Statuses of the callers that were answered.
    answered: HashMap<u16, usize>,
    next_call: usize,
}

impl Bench {
    /// Opens calls until `count` of this process wait, some at a time: the store has room for 8 192 that are to be
    /// written, and refuses what comes beyond. Returns their intents by the number in their bodies.
    async fn hold(&mut self, count: usize) -> Result<HashMap<usize, String>, Failure> {
        loop {
            let next = (self.callers.len() + OPENED_AT_ONCE).min(count);
            let waiting = self.hold_at_once(next).await?;
            if next == count {
                return Ok(waiting);
            }
        }
    }

    async fn hold_at_once(&mut self, count: usize) -> Result<HashMap<usize, String>, Failure> {
        for _ in self.callers.len()..count {
            let mut stream = TcpStream::connect(self.gate).await?;
            let request = post(self.gate, &self.path, ("holdshort-key", &self.key), &body(self.next_call));
            self.next_call += 1;
            stream.write_all(request.as_bytes()).await?;
            self.callers.spawn(async move {
                let mut buffer = Vec::new();
                Ok(http::read(&mut stream, &mut buffer).await?.status())
            });
        }
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            if let Some(early) = self.callers.try_join_next() {
                return Err(format!("a call was answered instead of held: {:?}", early?).into());
            }
            let waiting = self.pending().await?;
            if waiting.len() == count {
                return Ok(waiting);
            }
            if Instant::now() > until {
                return Err(format!("{} of {count} calls wait; the rest never came", waiting.len()).into());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn pending(&self) -> Result<HashMap<usize, String>, Failure> {
        let mut api = Api::connect(self.admin, &self.token).await?;
        let mut waiting = HashMap::new();
        let mut cursor = String::new();
        loop {
            let page = api.get(&format!("/api/intents?status=pending&limit=200{cursor}")).await?;
            for intent in page.pointer("/data").and_then(Value::as_array).into_iter().flatten() {
                let call = intent.pointer("/parameters/call").and_then(Value::as_u64);
                let call = call.ok_or("an intent without its parameter `call`")?;
                let id = intent.pointer("/id").and_then(Value::as_str).ok_or("an intent without id")?;
                waiting.insert(usize::try_from(call)?, id.to_owned());
            }
            match page.pointer("/next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(waiting),
            }
        }
    }

    /// Approves one by one. The spans from approval to first byte, and those of `fdatasync`.
    async fn approve_and_time(
        &mut self,
        ids: &[(usize, String)],
        arrivals: &mut mpsc::UnboundedReceiver<(usize, Instant)>,
        log: &mut File,
    ) -> Result<(Vec<Duration>, Vec<Duration>), Failure> {
        let mut api = Api::connect(self.admin, &self.token).await?;
        let (mut approvals, mut syncs) = (Vec::new(), Vec::new());
        for (call, id) in ids {
            let asked_at = Instant::now();
            api.post(&format!("/api/intents/{id}/approve")).await?;
            let (came, first_byte_at) =
                tokio::time::timeout(Duration::from_secs(10), arrivals.recv()).await?.ok_or("the upstream is gone")?;
            if came != *call {
                return Err(format!("call {call} was approved, but call {came} reached the upstream").into());
            }
            approvals.push(first_byte_at.saturating_duration_since(asked_at));
            self.answers(1).await?;
            let began = Instant::now();
            log.write_all(&[7; APPEND])?;
            log.sync_data()?;
            syncs.push(began.elapsed());
        }
        Ok((approvals, syncs))
    }

    /// Approves the rest, several at a time; returns how long that took.
    async fn approve_all(&mut self, ids: Vec<(usize, String)>) -> Result<Duration, Failure> {
        let began = Instant::now();
        let count = ids.len();
        let ids = Arc::new(Mutex::new(ids.into_iter()));
        let mut approvers = JoinSet::new();
        for _ in 0..APPROVERS {
            let (ids, mut api) = (ids.clone(), Api::connect(self.admin, &self.token).await?);
            approvers.spawn(async move {
                loop {
                    let Some((_, id)) = ids.lock().map_err(|_| "an approver panicked")?.next() else { return Ok(()) };
                    api.post(&format!("/api/intents/{id}/approve")).await?;
                }
            });
        }
        while let Some(approver) = approvers.join_next().await {
            approver?.map_err(|failure: Failure| failure)?;
        }
        self.answers(count).await?;
        Ok(began.elapsed())
    }

    async fn answers(&mut self, count: usize) -> Result<(), Failure> {
        for _ in 0..count {
            let answer = tokio::time::timeout(Duration::from_secs(60), self.callers.join_next()).await?;
            *self.answered.entry(answer.ok_or("no caller is left")???).or_default() += 1;
        }
        Ok(())
    }

    /// Resident memory of the gate, in bytes.
    fn memory(&self) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
    }
}

/// One kept connection to the admin.
struct Api {
    stream: TcpStream,
    buffer: Vec<u8>,
    host: SocketAddr,
    authority: String,
}

impl Api {
    async fn connect(host: SocketAddr, token: &str) -> Result<Api, Failure> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Api { stream, buffer: Vec::new(), host, authority: format!("Bearer {token}") })
    }

    async fn get(&mut self, path: &str) -> Result<Value, Failure> {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\n\r\n", self.host, self.authority);
        Ok(serde_json::from_slice(&self.ask(request).await?.body)?)
    }

    async fn post(&mut self, path: &str) -> Result<(), Failure> {
        self.ask(post(self.host, path, ("authorization", &self.authority), "{}")).await.map(|_| ())
    }

    async fn ask(&mut self, request: String) -> Result<Message, Failure> {
        self.stream.write_all(request.as_bytes()).await?;
        let answer = http::read(&mut self.stream, &mut self.buffer).await?;
        match answer.status() {
            200 => Ok(answer),
            _ => Err(format!("the admin said {}{}", answer.head, String::from_utf8_lossy(&answer.body)).into()),
        }
    }
}

fn post(host: SocketAddr, path: &str, (name, value): (&str, &str), body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\n{name}: {value}\r\ncontent-type: application/json\r\ncontent-length: \
         {length}\r\n\r\n{body}"
    )
}

/// 1 KiB of JSON, different for each call.
fn body(call: usize) -> String {
    let start = format!("{{\"call\":{call},\"amount\":4200,\"memo\":\"");
    let memo = "m".repeat(1024 - start.len() - 2);
    format!("{start}{memo}\"}}")
}

fn spans(mut spans: Vec<Duration>) -> Value {
    spans.sort_unstable();
    let at = |share: usize| {
        let span = spans.get((spans.len() * share / 100).min(spans.len().saturating_sub(1)));
        span.map_or(Value::Null, |span| json!(span.as_secs_f64() * 1e3))
    };
    json!({ "count": spans.len(), "p50_ms": at(50), "p99_ms": at(99), "max_ms": at(100) })
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::read()?;
    let upstream: SocketAddr = arguments.get("upstream")?;
    let (heard, arrivals) = mpsc::unbounded_channel();
    // A thread of its own: what this process does meanwhile must not delay the moment that is measured.
    std::thread::spawn(move || -> Result<(), std::io::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            service::serve(listen::bind(upstream)?, Arc::new(Arrivals(heard))).await;
            Ok(())
        })
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{}", runtime.block_on(run(&arguments, arrivals))?);
    Ok(())
}

async fn run(arguments: &Arguments, mut arrivals: mpsc::UnboundedReceiver<(usize, Instant)>) -> Result<Value, Failure> {
    let counts: String = arguments.get("counts")?;
    let timed: usize = arguments.get("approvals")?;
    let folder: String = arguments.get("folder")?;
    let mut log = OpenOptions::new().create(true).append(true).open(Path::new(&folder).join("append.probe"))?;
    let mut bench = Bench {
        gate: arguments.get("gate")?,
        admin: arguments.get("admin")?,
        key: arguments.get("key")?,
        token: arguments.get("token")?,
        path: arguments.get("path")?,
        pid: arguments.get("pid")?,
        callers: JoinSet::new(),
        answered: HashMap::new(),
        next_call: 0,
    };

    let warm: Vec<_> = bench.hold(WARM_UP).await?.into_iter().collect();
    bench.approve_all(warm).await?;
    let before = bench.memory()?;

    let mut steps = Vec::new();
    for count in counts.split(',') {
        let count: usize = count.parse()?;
        let began = Instant::now();
        let mut waiting: Vec<_> = bench.hold(count).await?.into_iter().collect();
        let opened_in = began.elapsed();
        let memory = bench.memory()?;
        waiting.sort_unstable();
        waiting.truncate(timed);
        while arrivals.try_recv().is_ok() {}
        let (approvals, syncs) = bench.approve_and_time(&waiting, &mut arrivals, &mut log).await?;
        steps.push(json!({
            "held": count,
            "opened_s": opened_in.as_secs_f64(),
            "rss_bytes": memory,
            "per_call_bytes": memory.saturating_sub(before) / u64::try_from(count)?,
            "approve_to_first_byte": spans(approvals),
            "fdatasync": spans(syncs),
        }));
    }
    let rest: Vec<_> = bench.pending().await?.into_iter().collect();
    let released = rest.len();
    let released_in = bench.approve_all(rest).await?;
    Ok(json!({
        "rss_before_bytes": before,
        "steps": steps,
        "last": { "released": released, "seconds": released_in.as_secs_f64(), "approvers": APPROVERS },
        "answers": bench.answered.iter().map(|(status, count)| (status.to_string(), json!(count))).collect::<serde_json::Map<_, _>>(),
    }))
}
