//! What cannot be compiled, collected so that an operator sees all of it at once.

use crate::config::Place;
use crate::config::load::{Finding, Severity};

#[derive(Debug, Default)]
pub(super) struct Problems {
    pub(super) list: Vec<Finding>,
}

impl Problems {
    /// The value, or `None` and one more finding.
    pub(super) fn take<T>(&mut self, place: &Place, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.push(message, place)).ok()
    }

    fn push(&mut self, message: String, place: &Place) {
        let (severity, place) = (Severity::Error, place.clone());
        self.list.push(Finding { severity, code: "not-compiled", message, place, help: None, notes: Vec::new() });
    }
}
