//! Durations, and how long a call is held.

use std::borrow::Cow;
use std::fmt::Formatter;
use std::time::Duration as Span;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::config::raw::HoldTime;

/// `90s`, `10m`, `1h30m`, `2d`, `500ms`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::config) struct Duration(pub(in crate::config) Span);

const DURATION: &str = "expected a duration such as `60s`, `10m` or `1h`";
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl Duration {
    pub(in crate::config) fn read(text: &str) -> Option<Duration> {
        let mut rest = text;
        let mut millis: u64 = 0;
        if rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let (number, after) = rest.split_at(digits);
            let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, after) = after.split_at(letters);
            let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
            millis = millis.checked_add(number.parse::<u64>().ok()?.checked_mul(*size)?)?;
            rest = after;
        }
        Some(Duration(Span::from_millis(millis)))
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = Duration;

            fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                f.write_str("a duration such as `60s`, `10m` or `1h`")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Duration, E> {
                Err(E::custom(format_args!("{DURATION}\nadd the unit: `{number}s`, `{number}m`")))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
                Duration::read(text.trim()).ok_or_else(|| E::custom(DURATION))
            }
        }
        deserializer.deserialize_any(Words)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "`60s`, `10m`, `1h30m`, `500ms`, `2d`" })
    }
}

impl<'de> Deserialize<'de> for HoldTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = HoldTime;

            fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                f.write_str("`auto` or a duration such as `50s`")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                Err(E::custom(format_args!("expected `auto` or a duration such as `50s`\nadd the unit: `{number}s`")))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                match text {
                    "auto" => Ok(Self::Value::Auto),
                    _ => Duration::read(text)
                        .map(Self::Value::For)
                        .ok_or_else(|| E::custom("expected `auto` or a duration such as `50s`")),
                }
            }
        }
        deserializer.deserialize_any(Words)
    }
}

impl JsonSchema for HoldTime {
    fn schema_name() -> Cow<'static, str> {
        "HoldTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "`auto`, or a duration such as `50s`" })
    }
}
