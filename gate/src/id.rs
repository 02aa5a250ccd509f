//! Names of things: UUIDv7, shown with a prefix that says what they name.

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::clock::Timestamp;

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind: {0:?}")]
pub struct NotAnId(pub String);

/// Randomness from the system for the next ids of a thread: asking for each would cost as much as all the rest of
/// an id. They are names, not secrets.
struct Random {
    bytes: [u8; 640],
    left: usize,
}

thread_local! {
    static RANDOM: RefCell<Random> = const { RefCell::new(Random { bytes: [0; 640], left: 0 }) };
}

fn random() -> [u8; 10] {
    RANDOM.with_borrow_mut(|random| {
        if random.left == 0 {
            // Without randomness an id could repeat; then the unique index refuses it.
            if getrandom::fill(&mut random.bytes).is_err() {
                return [0; 10];
            }
            random.left = random.bytes.len();
        }
        random.left -= 10;
        let next = random.bytes.get(random.left..random.left + 10);
        next.and_then(|next| next.try_into().ok()).unwrap_or_default()
    })
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new one. The time orders it; the rest is random.
            #[must_use]
            pub fn new(now: Timestamp) -> $name {
                let micros = u64::try_from(now.0).unwrap_or(0);
                $name(uuid::Builder::from_unix_timestamp_millis(micros / 1000, &random()).into_uuid())
            }

            /// Reads what [`Self::bytes`] gave.
            #[must_use]
            pub fn stored(bytes: &[u8]) -> Option<$name> {
                Uuid::from_slice(bytes).ok().map($name)
            }

            /// As shown, without an allocation: room for [`Self::encoded`].
            pub(crate) fn buffer() -> [u8; $prefix.len() + 32] {
                [0; $prefix.len() + 32]
            }

            pub(crate) fn encoded(self, buffer: &mut [u8; $prefix.len() + 32]) -> &str {
                let (front, digits) = buffer.split_at_mut($prefix.len());
                front.copy_from_slice($prefix.as_bytes());
                self.0.simple().encode_lower(digits);
                std::str::from_utf8(buffer).unwrap_or_default()
            }

            /// As stored.
            #[must_use]
            pub fn bytes(self) -> [u8; 16] {
                self.0.into_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.encoded(&mut $name::buffer()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<$name, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<$name, NotAnId> {
                text.strip_prefix($prefix)
                    .filter(|rest| rest.len() == 32)
                    .and_then(|rest| Uuid::try_parse(rest).ok())
                    .map($name)
                    .ok_or_else(|| NotAnId(text.chars().take(80).collect()))
            }
        }
    };
}

id!(
    /// One call's record.
    IntentId, "int_"
);
id!(
    /// A registered caller.
    AgentId, "agt_"
);
id!(
    /// A person who decides or reads.
    PersonId, "usr_"
);
id!(
    /// An agent's, a project's or a person's key.
    KeyId, "key_"
);
id!(
    /// A browser's sign-in.
    SessionId, "ses_"
);
id!(
    /// A policy, namespace or stop switch that the store keeps.
    RuleId, "rul_"
);
