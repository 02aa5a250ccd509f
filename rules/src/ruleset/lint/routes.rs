//! Routes: what no call can take, and what a route takes out of a call for nobody.

use std::collections::BTreeSet;

use super::{Lint, stands};
use crate::config::findings::nearest;
use crate::config::{ParamSource, Place, Route, Upstream};
use crate::request::reaches_rules;
use crate::ruleset::title::Title;

impl Lint<'_> {
    pub(super) fn routes(&mut self) {
        for upstream in self.rules.upstreams() {
            let routes = &upstream.config.routes;
            for pair in upstream.routes.unreachable() {
                let (Some(first), Some(second)) = (routes.get(pair.first), routes.get(pair.second)) else { continue };
                let message =
                    format!("`{}` is never taken: `{}` takes every such call", pair.second_name, pair.first_name);
                let mut notes = vec![stands(&format!("`{}`", pair.first_name), &self.matched(first, &pair.first_name))];
                if pair.same {
                    notes
                        .push("both match exactly the same calls: the higher tier is taken, then the first".to_owned());
                }
                let help = "take one of the two out, or have this one match what the other does not";
                self.warn("unreachable-route", self.matched(second, &pair.second_name), message, notes, help);
            }
            for pair in upstream.routes.equals() {
                let (Some(first), Some(second)) = (routes.get(pair.first), routes.get(pair.second)) else { continue };
                let shown = |route: &Route, name: &str| match &route.action {
                    Some(action) => format!("`{name}` ({action})"),
                    None => format!("`{name}`"),
                };
                let (before, this) = (shown(first, &pair.first_name), shown(second, &pair.second_name));
                let message = format!("a call can match both {this} and {before}, and neither narrows more");
                let notes = vec![
                    stands(&before, &self.matched(first, &pair.first_name)),
                    format!("{before} is taken then: the higher tier, else the first in the files"),
                ];
                let help = "give the one that shall be taken one condition more, or a narrower path";
                self.warn("same-precedence", self.matched(second, &pair.second_name), message, notes, help);
            }
            for route in routes {
                self.mount_in_path(&upstream.config, route);
                self.headers(route);
                self.title(route);
            }
        }
        self.unused_params();
    }

    /// The alternative of that name in a route's `match`.
    fn matched(&self, route: &Route, name: &str) -> Place {
        let place = self.places.text(&route.place, &["match"], name);
        // A name `ANY /x` is written `/x`.
        match name.strip_prefix("ANY ") {
            Some(path) => self.places.text(&route.place, &["match"], path),
            None => place,
        }
    }

    fn mount_in_path(&mut self, upstream: &Upstream, route: &Route) {
        for given in &route.matches {
            let Some(path) = &given.path else { continue };
            let mount = upstream
                .at
                .iter()
                .find(|at| !at.is_empty() && path.strip_prefix(at.as_str()).is_some_and(|rest| rest.starts_with('/')));
            if let Some(mount) = mount {
                let message =
                    format!("`{path}` repeats the mount `{mount}`: an agent would have to ask for `{mount}{path}`");
                let help = format!(
                    "paths of routes begin below the mount: `{}`",
                    path.strip_prefix(mount.as_str()).unwrap_or(path)
                );
                let name = format!("{} {path}", given.method.as_deref().unwrap_or("ANY"));
                self.warn("mount-in-path", self.matched(route, &name), message, Vec::new(), help);
            }
        }
    }

    /// What an agent sends of these is dropped or refused before any rule is asked.
    fn headers(&mut self, route: &Route) {
        let named = route.matches.iter().flat_map(|given| given.headers.keys()).map(|name| (name.clone(), "match"));
        let taken = route.params.values().filter_map(|param| match &param.from {
            ParamSource::Header(name) => Some((name.to_ascii_lowercase(), "params")),
            _ => None,
        });
        let never: BTreeSet<(String, &str)> = named.chain(taken).filter(|(name, _)| !reaches_rules(name)).collect();
        for (name, key) in never {
            let message = match key {
                "match" => format!("this can never match: the header `{name}` of an agent does not reach the rules"),
                _ => format!("this is always missing: the header `{name}` of an agent does not reach the rules"),
            };
            let notes = vec![
                "what names a hop, another client, host or method than the call itself is not believed".to_owned(),
            ];
            let place = self.places.below(&route.place, &[key]);
            self.warn("dropped-header", place, message, notes, "look at something that the agent's call is made of");
        }
    }

    fn title(&mut self, route: &Route) {
        let Some(title) = route.title.as_deref().and_then(|title| Title::compile(title).ok()) else { return };
        let made = self.made.iter().find(|made| made.route.place == route.place);
        let Some((params, false)) = made.map(|made| (made.params.clone(), made.any_param)) else { return };
        for name in title.params().filter(|name| !params.contains(*name)).collect::<BTreeSet<_>>() {
            let message =
                format!("the title shows `params.{name}`, which this route does not have: a dash stands there");
            let help = match nearest(name, params.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `params.{near}`?"),
                None => format!("add it under `params`, such as `{name}: /{name}`"),
            };
            self.warn("unknown-param", self.places.below(&route.place, &["title"]), message, Vec::new(), help);
        }
    }

    fn unused_params(&mut self) {
        let mut unused = Vec::new();
        for made in &self.made {
            let mut used: BTreeSet<String> = BTreeSet::new();
            if let Some(Ok(title)) = made.route.title.as_deref().map(Title::compile) {
                used.extend(title.params().map(str::to_owned));
            }
            let mut all = false;
            for policy in self.rules.policies.each() {
                if made.is(policy.actions()) && made.stands_at(policy.upstreams()) {
                    match policy.params() {
                        Some(named) => used.extend(named.into_iter().map(str::to_owned)),
                        None => all = true,
                    }
                }
            }
            used.extend(self.rules.policies.tier_params(made.route.risk_tier).map(str::to_owned));
            if all {
                continue;
            }
            for name in made.route.params.keys().filter(|name| !used.contains(*name)) {
                unused.push((self.places.below(&made.route.place, &["params", name]), name.clone()));
            }
        }
        for (place, name) in unused {
            let message = format!("no title and no policy uses the parameter `{name}`");
            let help = format!("show it: `title: \"... {{params.{name}}}\"`; or use it in a `when`; or take it out");
            self.warn("unused-param", place, message, Vec::new(), help);
        }
    }
}
