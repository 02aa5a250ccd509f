//! The life of an intent, and everybody who has a part in it.
//!
//! [`Gate`] is what the proxy, the admin and the command line talk to. It decides by the current
//! [`rules::Ruleset`], records through a [`Store`], wakes held calls, and is the only maker of
//! [`Released`], without which no permit is signed and no route's call is sent.
//!
//! INVARIANT: an event and the state it leads to are written in one transaction; the audit row *is*
//! the event.

pub mod agent;
pub mod approval;
pub mod audit;
mod backoff;
pub mod call;
pub mod clock;
pub mod declaration;
pub mod deed;
pub mod directory;
pub mod feed;
pub mod gate;
pub mod hold;
pub mod id;
pub mod intent;
pub mod kept;
pub mod key;
mod password;
pub mod person;
pub mod refusal;
pub mod refusals;
pub mod release;
mod same_call;
mod shown;
mod signs;
pub mod store;
pub mod unmatched;

pub use agent::{Agent, AgentStatus, LabelRefused, Principal};
pub use approval::{Approval, Can, DecideError, Verdict, VerdictWith};
pub use call::{Call, StoredAnswer, Submitted};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use declaration::{Declaration, DeclareError, DeclaredBy, IntentPermit, PermitCheck};
pub use deed::{Actor, Deed};
pub use directory::Directory;
pub use gate::{AnotherCall, Gate, GateError};
pub use hold::{Approved, Hold, Wake};
pub use id::{AgentId, IntentId, KeyId, PersonId, RuleId, SessionId};
pub use intent::{Event, Intent, IntentFilter, Page, State, What};
pub use kept::{KeptRule, RuleKind};
pub use key::{KeyKind, KeySecret};
pub use person::{Person, Role, Session};
pub use refusal::Refusal;
pub use refusals::RefusedCall;
pub use release::Released;
pub use store::{Store, StoreError};
pub use unmatched::{UnmatchedCalls, Unrouted};
