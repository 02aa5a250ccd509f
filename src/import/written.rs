//! The YAML that is printed: its shape is written here, whatever stands in it is quoted.

use std::fmt::Write as _;

use rules::config::RiskTier;

/// What was found, to be written.
#[derive(Debug)]
pub(super) struct Imported {
    /// Where it came from and what to look at; one line each.
    pub(super) remarks: Vec<String>,
    pub(super) name: String,
    pub(super) url: String,
    pub(super) url_remark: Option<String>,
    pub(super) mcp: bool,
    pub(super) routes: Vec<Route>,
    /// What could not become a route, and why.
    pub(super) skipped: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Route {
    pub(super) action: String,
    pub(super) matches: Match,
    pub(super) tier: RiskTier,
    pub(super) tier_remark: Option<String>,
    /// What it does, in words of the document.
    pub(super) title: String,
    /// Parameters that the title shows.
    pub(super) shown: Vec<String>,
    pub(super) remarks: Vec<String>,
    pub(super) params: Vec<Param>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match {
    Http { method: String, path: String },
    Tool(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Param {
    pub(super) name: String,
    /// `/pointer`, `path.x`, `query.x`, `form.x`.
    pub(super) from: String,
    pub(super) kind: Option<&'static str>,
}

const LONGEST_TITLE: usize = 100;
const LONGEST_REMARK: usize = 300;

pub(super) fn text_of(imported: &Imported) -> String {
    let mut out = String::from("# yaml-language-server: $schema=holdshort.schema.json\n");
    for remark in &imported.remarks {
        comment(&mut out, "", remark);
    }
    out.push_str("\n# What no policy names goes by its tier, and a tier asks one person unless it says otherwise:\n");
    out.push_str("# risk_tiers: { low: { decision: auto_approve } }\n\nupstreams:\n");
    let _ = writeln!(out, "  {}:", quoted(&imported.name));
    if let Some(remark) = &imported.url_remark {
        comment(&mut out, "    ", remark);
    }
    let _ = writeln!(out, "    url: {}", quoted(&imported.url));
    let _ = writeln!(out, "    at: {}", quoted(&format!("/{}", imported.name)));
    if imported.mcp {
        out.push_str("    protocol: mcp\n");
    }
    out.push_str("    unmatched: reject\n    # headers: { set: { authorization: \"Bearer ${API_KEY}\" } }   # so that agents need not hold it\n");
    out.push_str("    routes:");
    if imported.routes.is_empty() {
        out.push_str(" []");
    }
    out.push('\n');
    for one in &imported.routes {
        route(&mut out, one);
    }
    if !imported.skipped.is_empty() {
        out.push_str("\n# Left out, and therefore rejected:\n");
        for one in &imported.skipped {
            comment(&mut out, "", one);
        }
    }
    out
}

fn route(out: &mut String, route: &Route) {
    let _ = writeln!(out, "      - action: {}", quoted(&route.action));
    for remark in &route.remarks {
        comment(out, "        ", remark);
    }
    match &route.matches {
        Match::Http { method, path } => {
            let _ = writeln!(out, "        match: {}", quoted(&format!("{method} {path}")));
        }
        Match::Tool(tool) => {
            let _ = writeln!(out, "        match: {{ mcp: {{ tool: {} }} }}", quoted(tool));
        }
    }
    let _ = write!(out, "        risk_tier: {}", route.tier.as_str());
    if let Some(why) = &route.tier_remark {
        let _ = write!(out, "   # {}", one_line(why));
    }
    let _ = writeln!(out, "\n        title: {}", quoted(&title(route)));
    if !route.params.is_empty() {
        out.push_str("        params:\n");
    }
    for param in &route.params {
        let (name, from) = (quoted(&param.name), quoted(&param.from));
        let _ = match param.kind {
            Some(kind) => writeln!(out, "          {name}: {{ from: {from}, type: {kind} }}"),
            None => writeln!(out, "          {name}: {from}"),
        };
    }
}

/// The document's words without braces, which would name a parameter, then the parameters.
fn title(route: &Route) -> String {
    let plain = one_line(&route.title).replace('{', "(").replace('}', ")");
    let mut title: String = plain.chars().take(LONGEST_TITLE).collect();
    if title.trim().is_empty() {
        title = route.action.replace('_', " ");
    }
    let title = title.trim().trim_end_matches('.');
    // A text that begins so would be read from that file.
    let title = if title.starts_with("file:") { format!("call {title}") } else { title.to_owned() };
    let shown: Vec<String> = route.shown.iter().map(|name| format!("{{params.{name}}}")).collect();
    if shown.is_empty() { title } else { format!("{title}: {}", shown.join(", ")) }
}

fn comment(out: &mut String, margin: &str, text: &str) {
    let text = one_line(text);
    if !text.is_empty() {
        let _ = writeln!(out, "{margin}# {text}");
    }
}

/// Nothing in it ends a line or tells a terminal what to do.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words.join(" ").chars().filter(|c| plain(*c)).collect();
    if line.chars().count() <= LONGEST_REMARK {
        return line;
    }
    line.chars().take(LONGEST_REMARK - 3).chain("...".chars()).collect()
}

fn plain(c: char) -> bool {
    !c.is_control()
        && !matches!(u32::from(c), 0xad | 0x61c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfe00..=0xfe0f | 0xfeff | 0xfff0..=0xffff | 0xe0000..=0xe0fff)
}

/// A double-quoted scalar of YAML, in which `${` does not stand for a secret. Plain words need no quotes.
pub(super) fn quoted(text: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(word)
        && !reserved.contains(&text.to_ascii_lowercase().as_str());
    if bare {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.replace("${", "$${").chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if plain(c) => out.push(c),
            c => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}
