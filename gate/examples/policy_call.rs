//! What a call that policy approves costs the gate: CPU of the whole process for `submit` and its outcome.
//!
//! `cargo run --release -p holdshort-gate --example policy_call [CALLS] [AT ONCE]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, unreachable_pub)]

extern crate holdshort_gate as gate;

#[path = "../tests/gate/harness.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use the rest")]
mod harness;

use std::time::{Duration, Instant};

use gate::Submitted;
use harness::{house, sent};

/// User and system time of this process.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<usize>().unwrap());
    let (calls, at_once) = (args.next().unwrap_or(100_000), args.next().unwrap_or(64));
    let house = house().await;
    let call = house.call("GET /refunds/1");
    let (before, started) = (cpu(), Instant::now());
    let workers: Vec<_> = (0..at_once)
        .map(|_| {
            let (gate, call) = (house.gate.clone(), call.clone());
            tokio::spawn(async move {
                for _ in 0..calls / at_once {
                    let Submitted::Released(released) = gate.submit(call.clone()).await else { panic!() };
                    released.executed(sent(true, None)).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    house.gate.drain().await;
    let (cpu, took) = (cpu() - before, started.elapsed());
    let each = |span: Duration| span.as_secs_f64() * 1e6 / calls as f64;
    println!("{calls} calls, {at_once} at once: {:.1} us CPU and {:.1} us each", each(cpu), each(took));
    let started = Instant::now();
    let report = house.gate.verify_audit(None).await.unwrap();
    println!("verified {} events in {:.2} s: {:?}", report.events, started.elapsed().as_secs_f64(), report.problems);
}
