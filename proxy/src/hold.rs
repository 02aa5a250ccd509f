//! Waiting for people, on the caller's open connection.
//!
//! Ends with a verdict, with the caller hanging up or taking the call back, or with its patience. Draining reaches a
//! held call through the gate, which wakes it.

use std::time::{Duration, Instant};

use gate::{Approved, Hold, Refusal, StoredAnswer, Wake};
use tokio::time::{MissedTickBehavior, interval_at, sleep_until};

use crate::answer::Stop;
use crate::caller::Caller;
use crate::mcp::{Cancellable, Progress};
use crate::signs::HeldCall;

/// How often a caller that reads an event stream gets a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// What a hold ended with, where it goes on.
#[derive(Debug)]
pub(crate) enum Woken {
    Approved(Approved),
    Answered(StoredAnswer),
    /// The client has taken the call back; people may go on deciding.
    Cancelled(Refusal),
    /// It will not wait any longer on this connection.
    Over(Refusal),
}

/// Waits until `until`, which is no later than `last`, when the patience of the caller is over.
///
/// # Errors
/// The verdict is no, or the caller is gone.
pub(crate) async fn wait(
    hold: &mut Hold,
    caller: &mut Caller<'_>,
    (until, last): (Instant, Instant),
    mut progress: Option<&mut Progress>,
    cancellable: Option<&Cancellable>,
    _held: HeldCall,
) -> Result<Woken, Stop> {
    let mut over = std::pin::pin!(sleep_until(until.into()));
    // Whoever asked for progress is told at once what is waited for.
    let asked = progress.as_ref().is_some_and(|progress| progress.is_asked_for());
    let first = if asked { Duration::ZERO } else { SIGN_OF_LIFE };
    let mut sign = interval_at(tokio::time::Instant::now() + first, SIGN_OF_LIFE);
    sign.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            woken = hold.wake() => return match woken {
                Wake::Connect(approved) => Ok(Woken::Approved(approved)),
                Wake::Answered(answer) => Ok(Woken::Answered(answer)),
                Wake::Refused(refusal) => Err(refusal.into()),
            },
            () = caller.hung_up() => return Err(Stop::Gone),
            () = taken_back(cancellable) => return Ok(Woken::Cancelled(hold.pending())),
            () = &mut over => return Ok(Woken::Over(hold.pending())),
            _ = sign.tick(), if progress.is_some() => {
                if let Some(progress) = progress.as_deref_mut() {
                    let event = progress.next(&hold.waiting_for(), last.saturating_duration_since(Instant::now()));
                    caller.sign(event).await;
                }
            }
        }
    }
}

async fn taken_back(cancellable: Option<&Cancellable>) {
    match cancellable {
        Some(cancellable) => cancellable.cancelled().await,
        None => std::future::pending().await,
    }
}
