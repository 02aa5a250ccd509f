//! Whether two patterns have something in common, and whether one covers the other.

use crate::config::Match;
use crate::ruleset::Glob;

/// Whether some text matches both globs.
pub(super) fn globs_meet(a: &str, b: &str) -> bool {
    let others: Vec<char> = b.chars().collect();
    // Row by row over `a`: which beginnings of `b` have a text in common with this beginning of `a`.
    let mut above = vec![true];
    above.extend(others.iter().scan(true, |open, c| {
        *open &= *c == '*';
        Some(*open)
    }));
    for x in a.chars() {
        let mut corner = above.first().copied().unwrap_or(false);
        let mut left = corner && x == '*';
        let mut row = vec![left];
        for (y, up) in others.iter().zip(above.iter().skip(1)) {
            left = if x == '*' || *y == '*' { left || *up } else { corner && (x == '?' || *y == '?' || x == *y) };
            row.push(left);
            corner = *up;
        }
        above = row;
    }
    above.last().copied().unwrap_or(false)
}

/// Whether some text matches a glob of each list; an empty list is any text.
pub(super) fn lists_meet(a: &[String], b: &[String]) -> bool {
    a.is_empty() || b.is_empty() || a.iter().any(|a| b.iter().any(|b| globs_meet(a, b)))
}

/// The globs of `new` that reach what none of `old` does. `any` for the empty list.
pub(super) fn uncovered(old: &[String], new: &[String]) -> Vec<String> {
    if old.is_empty() {
        return Vec::new();
    }
    if new.is_empty() {
        return vec!["any".to_owned()];
    }
    let covered = |glob: &String| old.iter().any(|old| old == glob || Glob::compile(old).matches(glob));
    new.iter().filter(|glob| !covered(glob)).cloned().collect()
}

/// Whether some request could match both. Conditions on query, headers and body are taken to hold.
pub(super) fn matches_meet(a: &Match, b: &Match) -> bool {
    let methods = match (&a.method, &b.method) {
        (Some(a), Some(b)) => a == b || matches!((a.as_str(), b.as_str()), ("GET", "HEAD") | ("HEAD", "GET")),
        _ => true,
    };
    let tool = |m: &Match| m.mcp.as_ref().map_or_else(|| "*".to_owned(), |mcp| mcp.tool.clone().unwrap_or("*".into()));
    let path = |m: &Match| m.path.clone().unwrap_or_else(|| "/**".to_owned());
    methods && globs_meet(&tool(a), &tool(b)) && paths_meet(&path(a), &path(b))
}

fn paths_meet(a: &str, b: &str) -> bool {
    let segments = |path: &str| -> Vec<String> {
        path.trim_matches('/').split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    walk(&segments(a), &segments(b))
}

fn walk(a: &[String], b: &[String]) -> bool {
    let rest = |part: &str| part == "**" || part.ends_with("**}");
    let open = |part: &str| part == "*" || part.starts_with('{');
    match (a.split_first(), b.split_first()) {
        (None, None) => true,
        (Some((first, more)), _) if rest(first) => {
            walk(more, b) || b.split_first().is_some_and(|(_, others)| walk(a, others))
        }
        (_, Some((first, more))) if rest(first) => {
            walk(a, more) || a.split_first().is_some_and(|(_, others)| walk(others, b))
        }
        (Some((a, rest_a)), Some((b, rest_b))) => {
            (open(a) || open(b) || a.eq_ignore_ascii_case(b)) && walk(rest_a, rest_b)
        }
        _ => false,
    }
}
