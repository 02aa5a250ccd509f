//! `holdshort check`: reads the configuration and says what is wrong with it. Needs no secrets.

use std::path::Path;

use rules::config::load::{Findings, Severity};

use crate::cli::{CheckArgs, FindingsFormat};
use crate::configuration::{located, sources};
use crate::exit::Exit;
use crate::{note, output, say};

pub(crate) fn run(path: Option<&Path>, args: &CheckArgs) -> anyhow::Result<Exit> {
    let path = located(path)?;
    match rules::check(sources(&path)?) {
        Ok((rules, warnings)) => {
            print(&warnings, args.format);
            let count = warnings.count(Severity::Warning);
            if args.format == FindingsFormat::Text {
                let config = rules.config();
                let routes: usize = config.upstreams.values().map(|upstream| upstream.routes.len()).sum();
                let parts = [
                    counted(config.upstreams.len(), "upstream", "upstreams"),
                    counted(routes, "route", "routes"),
                    counted(config.policies.len(), "policy", "policies"),
                    counted(count, "warning", "warnings"),
                ];
                let verdict = if count == 0 { "good" } else { "usable" };
                say!("{}: {verdict} ({})", path.display(), parts.join(", "));
            }
            let denied = count > 0 && args.deny.is_some();
            Ok(if denied { Exit::Finding } else { Exit::Done })
        }
        Err(findings) => {
            print(&findings, args.format);
            if args.format == FindingsFormat::Text {
                let parts = [
                    counted(findings.count(Severity::Error), "error", "errors"),
                    counted(findings.count(Severity::Warning), "warning", "warnings"),
                ];
                note!("{}: not usable ({})", path.display(), parts.join(", "));
            }
            Ok(Exit::Configuration)
        }
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn print(findings: &Findings, format: FindingsFormat) {
    match format {
        FindingsFormat::Text => {
            if !findings.list.is_empty() {
                note!("{findings}");
            }
        }
        FindingsFormat::Json => say!("{:#}", findings.json()),
        FindingsFormat::Github => output::text(&findings.github()),
    }
}
