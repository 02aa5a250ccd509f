//! Holds whose clients are between two polls. Their places in the line are kept, so that to whoever decides they are
//! connected; who does not come back within the lease has gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gate::IntentId;

/// When a client asks again for the rest of its stream.
pub(crate) const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// It is late, or its network was away for a moment.
const LEASE: Duration = Duration::from_secs(30);

/// `T` is what is needed to go on.
#[derive(Debug)]
pub(crate) struct Parked<T> {
    by_intent: Arc<Mutex<Places<T>>>,
}

#[derive(Debug)]
struct Places<T> {
    last: u64,
    taken: HashMap<IntentId, (u64, T)>,
}

impl<T> Default for Parked<T> {
    fn default() -> Parked<T> {
        Parked { by_intent: Arc::new(Mutex::new(Places { last: 0, taken: HashMap::new() })) }
    }
}

impl<T: Send + 'static> Parked<T> {
    /// Keeps it until it is taken or the lease is over.
    pub(crate) fn park(&self, intent: IntentId, waiting: T) {
        let mut places = self.by_intent.lock().unwrap_or_else(PoisonError::into_inner);
        places.last += 1;
        let number = places.last;
        let before = places.taken.insert(intent, (number, waiting));
        drop(places);
        drop(before);
        let all = self.by_intent.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LEASE).await;
            let mut places = all.lock().unwrap_or_else(PoisonError::into_inner);
            let over = match places.taken.get(&intent) {
                Some((kept, _)) if *kept == number => places.taken.remove(&intent),
                _ => None,
            };
            drop(places);
            drop(over);
        });
    }

    pub(crate) fn take(&self, intent: IntentId) -> Option<T> {
        let mut places = self.by_intent.lock().unwrap_or_else(PoisonError::into_inner);
        places.taken.remove(&intent).map(|(_, waiting)| waiting)
    }

    /// Nobody can come back any more.
    pub(crate) fn clear(&self) {
        let mut places = self.by_intent.lock().unwrap_or_else(PoisonError::into_inner);
        let all = std::mem::take(&mut places.taken);
        drop(places);
        drop(all);
    }
}

#[cfg(test)]
mod tests {
    use gate::{IntentId, Timestamp};

    use super::{LEASE, Parked};

    #[tokio::test(start_paused = true)]
    async fn a_lease_ends_unless_the_client_came_back() {
        let parked: Parked<&str> = Parked::default();
        let intent = IntentId::new(Timestamp(1));
        parked.park(intent, "first");
        tokio::time::sleep(LEASE / 2).await;
        assert_eq!(parked.take(intent), Some("first"));
        parked.park(intent, "second");
        // The first lease would be over now; the second is not.
        tokio::time::sleep(LEASE * 3 / 4).await;
        assert_eq!(parked.take(intent), Some("second"));
        parked.park(intent, "third");
        tokio::time::sleep(LEASE * 2).await;
        assert_eq!(parked.take(intent), None);
    }
}
