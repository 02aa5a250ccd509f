//! `Mon-Fri 08:00-18:00`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer};

use crate::config::AllowedTime;

/// Days and times of a week: `Mon-Fri 08:00-18:00`, `Sat 10:00-12:00`, `Mon,Wed 00:00-24:00`.
#[derive(Debug, Clone)]
pub(in crate::config) struct Window(pub(in crate::config) AllowedTime);

impl Default for Window {
    fn default() -> Window {
        Window(AllowedTime { days: Vec::new(), from_minute: 0, to_minute: 0 })
    }
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Window {
    fn read(text: &str) -> Option<Window> {
        let (days, times) = text.split_once(' ')?;
        let (from, to) = times.trim().split_once('-')?;
        let (from_minute, to_minute) = (minute(from)?, minute(to)?);
        (from_minute < to_minute).then_some(())?;
        Some(Window(AllowedTime { days: week(days)?, from_minute, to_minute }))
    }
}

fn day(text: &str) -> Option<u8> {
    let at = DAYS.iter().position(|name| name.eq_ignore_ascii_case(text))?;
    u8::try_from(at).ok()
}

/// `Mon-Fri`, `Sat`, `Mon,Wed,Fri-Sun`; a span may run over Sunday.
fn week(text: &str) -> Option<Vec<u8>> {
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut at, last) = (day(first)?, day(last)?);
        loop {
            days.push(at);
            if at == last {
                break;
            }
            at = (at + 1) % 7;
        }
    }
    days.sort_unstable();
    days.dedup();
    Some(days)
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    (hour.len() == 2 && minute.len() == 2).then_some(())?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && (hour < 24 || (hour == 24 && minute == 0))).then_some(hour * 60 + minute)
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Window, D::Error> {
        let text = String::deserialize(deserializer)?;
        Window::read(text.trim()).ok_or_else(|| {
            de::Error::custom(
                "expected days and times such as `Mon-Fri 08:00-18:00`\ntimes within one day; over midnight takes two entries",
            )
        })
    }
}

impl JsonSchema for Window {
    fn schema_name() -> Cow<'static, str> {
        "Window".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "`Mon-Fri 08:00-18:00`" })
    }
}
