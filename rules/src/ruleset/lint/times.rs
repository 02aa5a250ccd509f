//! Spans of time that contradict each other.

use std::time::Duration;

use super::Lint;
use crate::config::{HoldTimeout, Place};
use crate::ruleset::glob::Glob;

impl Lint<'_> {
    /// A connection that is kept longer than its intent can wait is kept for nothing.
    pub(super) fn times(&mut self) {
        let config = self.rules.config().clone();
        let lives = config.approval.expires_in;
        let mut found: Vec<(Place, Duration, Duration)> = Vec::new();
        let mut longer = |hold: Option<HoldTimeout>, lives: Duration, place: &dyn Fn() -> Place| {
            if let Some(HoldTimeout::For(held)) = hold
                && held > lives
            {
                found.push((place(), held, lives));
            }
        };
        longer(Some(config.hold.timeout), lives, &|| self.places.key(&["hold", "timeout"]));
        for (name, agent) in &config.agents {
            longer(agent.hold, lives, &|| self.places.key(&["agents", name, "hold"]));
        }
        for upstream in config.upstreams.values() {
            longer(upstream.hold, lives, &|| self.places.key(&["upstreams", &upstream.name, "hold"]));
            for route in &upstream.routes {
                longer(route.hold, lives, &|| self.places.below(&route.place, &["hold"]));
            }
        }
        for policy in &config.policies {
            let Some(own) = policy.approvals.expires_in.filter(|own| *own < lives) else { continue };
            let globs = |texts: &[String]| texts.iter().map(|text| Glob::compile(text)).collect::<Vec<_>>();
            let (actions, upstreams) = (globs(&policy.action), globs(&policy.upstream));
            let made = self.made.iter().filter(|made| made.is(&actions) && made.stands_at(&upstreams));
            let hold =
                made.filter_map(|made| match made.route.hold.or(made.upstream.hold).unwrap_or(config.hold.timeout) {
                    HoldTimeout::For(held) => Some(held),
                    HoldTimeout::Auto => None,
                });
            let hold = hold.max().map(HoldTimeout::For);
            longer(hold, own, &|| self.places.below(&policy.place, &["approvals", "expires_in"]));
        }
        for (place, held, lives) in found {
            let (held, lives) = (spelled(held), spelled(lives));
            let message = format!("a call is held for {held} here, and waits for people no longer than {lives}");
            let help =
                "have `expires_in` outlive the hold: an agent that hangs up can still come back for its approval";
            self.warn("hold-outlives-approval", place, message, Vec::new(), help);
        }
    }
}

fn spelled(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 => format!("{}ms", span.as_millis()),
        _ if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        _ if seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}
