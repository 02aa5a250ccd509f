//! What approval asks for: a policy's word first, then the tier's, then the defaults, field by field.

use super::title::Title;
use crate::config::{self, Approvals, Confirm};
use crate::decision::{Action, Requirement};

/// `approvals` with its template compiled.
#[derive(Debug, Default)]
pub(super) struct Demand {
    given: Approvals,
    confirm: Option<Title>,
}

impl Demand {
    /// # Errors
    /// The text to type is no template.
    pub(super) fn compile(given: &Approvals) -> Result<Demand, String> {
        let confirm = match &given.confirm {
            Some(Confirm::Template(text)) => Some(Title::compile(text)?),
            _ => None,
        };
        Ok(Demand { given: given.clone(), confirm })
    }

    /// The parameters of the text that must be typed.
    pub(super) fn params(&self) -> impl Iterator<Item = &str> {
        self.confirm.iter().flat_map(Title::params)
    }

    /// The strongest word first.
    pub(super) fn merge(demands: [Option<&Demand>; 3], action: &Action, times: &config::ApprovalTimes) -> Requirement {
        let given = || demands.iter().flatten().map(|demand| &demand.given);
        let confirming = demands.iter().flatten().find(|demand| demand.given.confirm.is_some());
        let confirm = confirming.and_then(|demand| match demand.given.confirm {
            None | Some(Confirm::No) => None,
            Some(Confirm::Action) => Some(action.name.clone()),
            // Without the parameter there is no text to type: the action's name stands in.
            Some(Confirm::Template(_)) => {
                let text = demand.confirm.as_ref().and_then(|title| title.render_whole(&action.params));
                Some(text.unwrap_or_else(|| action.name.clone()))
            }
        });
        Requirement {
            required: given().find_map(|approvals| approvals.required).unwrap_or(1).max(1),
            from: given().find_map(|approvals| approvals.from.clone()).unwrap_or_default(),
            all_of: given().find_map(|approvals| approvals.all_of.clone()).unwrap_or_default(),
            not: given().find_map(|approvals| approvals.not.clone()).unwrap_or_default(),
            delay: given().find_map(|approvals| approvals.delay).unwrap_or_default(),
            expires_in: given().find_map(|approvals| approvals.expires_in).unwrap_or(times.expires_in),
            confirm,
        }
    }
}
