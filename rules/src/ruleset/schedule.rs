//! When a policy's calls may happen, in its own time zone.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};

use crate::config::{self, Outside};

#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) zone: TimeZone,
    pub(super) outside: Outside,
    rules: config::Schedule,
}

/// How far ahead a blocked time is looked for: a week and the day it ends in.
const AHEAD: i64 = 8;
const DAY: u16 = 24 * 60;

impl Schedule {
    /// # Errors
    /// The time zone is unknown.
    pub(super) fn compile(rules: &config::Schedule) -> Result<Schedule, String> {
        let zone = TimeZone::get(&rules.timezone)
            .map_err(|_| format!("\"{}\" is no time zone; write one like Europe/Berlin", rules.timezone))?;
        Ok(Schedule { zone, outside: rules.outside, rules: rules.clone() })
    }

    pub(super) fn blocks(&self, at: Timestamp) -> bool {
        let local = self.zone.to_datetime(at);
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or_default();
        self.blocks_on(local.weekday(), minute)
    }

    /// Whether no minute of any week is free.
    pub(super) fn blocks_always(&self) -> bool {
        let mut begins: Vec<u16> = self.rules.allow.iter().map(|allowed| allowed.from_minute).collect();
        begins.push(0);
        begins.extend(self.rules.block_hours.map(|(_, to)| u16::from(to) * 60));
        begins.retain(|minute| *minute < DAY);
        // What is free begins somewhere: with the day, with a span that allows, or where one that blocks ends.
        let mut days = Weekday::Monday.cycle_forward().take(7);
        days.all(|day| begins.iter().all(|minute| self.blocks_on(day, *minute)))
    }

    fn blocks_on(&self, day: Weekday, minute: u16) -> bool {
        if self.rules.block_weekends && matches!(day, Weekday::Saturday | Weekday::Sunday) {
            return true;
        }
        if let Some((from, to)) = self.rules.block_hours
            && within(minute, u16::from(from) * 60, u16::from(to) * 60)
        {
            return true;
        }
        if self.rules.allow.is_empty() {
            return false;
        }
        let today = u8::try_from(day.to_monday_zero_offset()).unwrap_or_default();
        let yesterday = (today + 6) % 7;
        !self.rules.allow.iter().any(|allowed| {
            let (from, to) = (allowed.from_minute, allowed.to_minute);
            if from < to {
                return allowed.days.contains(&today) && (from..to).contains(&minute);
            }
            // Past midnight the span still belongs to the day it began on.
            (allowed.days.contains(&today) && minute >= from) || (allowed.days.contains(&yesterday) && minute < to)
        })
    }

    /// The first instant from `at` on at which calls are blocked, if it comes within a week.
    ///
    /// The state can only change where local time passes a boundary, or where the zone's offset
    /// changes and so steps over one.
    pub(super) fn next_blocked(&self, at: Timestamp) -> Option<Timestamp> {
        if self.blocks(at) {
            return Some(at);
        }
        let today = self.zone.to_datetime(at).date();
        let mut boundaries: Vec<Timestamp> = Vec::new();
        for ahead in 0..=AHEAD {
            let Ok(date) = today.checked_add(Span::new().days(ahead)) else { continue };
            for minute in self.minutes() {
                let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
                let ambiguous = self.zone.to_ambiguous_timestamp(date.at(hour, minute, 0, 0));
                boundaries.extend(ambiguous.earlier());
                boundaries.extend(ambiguous.later());
            }
        }
        let horizon = at.checked_add((AHEAD * 24).hours()).ok()?;
        boundaries.extend(
            self.zone.following(at).map(|transition| transition.timestamp()).take_while(|change| *change < horizon),
        );
        boundaries.sort_unstable();
        boundaries.into_iter().find(|boundary| *boundary > at && self.blocks(*boundary))
    }

    /// Minutes of a day at which something may begin to be blocked.
    fn minutes(&self) -> Vec<u16> {
        let mut minutes = vec![0];
        minutes.extend(self.rules.block_hours.map(|(from, _)| u16::from(from) * 60));
        minutes.extend(self.rules.allow.iter().map(|allowed| allowed.to_minute));
        minutes.retain(|minute| *minute < DAY);
        minutes
    }
}

/// `[from, to)` on a clock; `from > to` wraps midnight, `from == to` is no time at all.
fn within(minute: u16, from: u16, to: u16) -> bool {
    if from <= to { (from..to).contains(&minute) } else { minute >= from || minute < to }
}

#[cfg(test)]
mod tests;
