//! What templates do to values. `show` is the only way to a page for text that people did not write.

#![allow(unreachable_pub, reason = "the macro makes its structs public")]

use std::fmt::Display;

use gate::Timestamp;

use super::when;
use crate::display::{self, Shown};

#[askama::filter_fn]
pub(crate) fn show(value: impl Display, _: &dyn askama::Values) -> askama::Result<Shown> {
    Ok(display::show(value.to_string()))
}

/// How long ago.
#[askama::filter_fn]
pub(crate) fn ago(iso: impl Display, _: &dyn askama::Values, now: &Timestamp) -> askama::Result<String> {
    Ok(when::ago(now, &iso.to_string()))
}

/// How long still.
#[askama::filter_fn]
pub(crate) fn left(iso: impl Display, _: &dyn askama::Values, now: &Timestamp) -> askama::Result<String> {
    Ok(when::left(now, &iso.to_string()))
}

#[askama::filter_fn]
pub(crate) fn clock(iso: impl Display, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(when::clock(&iso.to_string()))
}

/// A state in words.
#[askama::filter_fn]
pub(crate) fn state(state: impl Display, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(match state.to_string().as_str() {
        "pending" => "waiting".to_owned(),
        "unknown" => "outcome unknown".to_owned(),
        other => other.replace('_', " "),
    })
}

/// What an unenforced rule would have done.
#[askama::filter_fn]
pub(crate) fn would(decision: impl Display, _: &dyn askama::Values) -> askama::Result<&'static str> {
    Ok(match decision.to_string().as_str() {
        "auto_approve" => "would have been approved by policy",
        "auto_deny" => "would have been denied",
        _ => "would have waited for people",
    })
}
