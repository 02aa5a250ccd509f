//! `holdshort check`: reads the configuration and says what is wrong with it. Needs no secrets.

use std::path::Path;

use rules::config::load::{Findings, NoSecrets, load};

use crate::cli::{CheckArgs, FindingsFormat};
use crate::configuration::{compiled, located, sources};
use crate::exit::Exit;

pub(crate) fn run(path: Option<&Path>, args: &CheckArgs) -> anyhow::Result<Exit> {
    let path = located(path)?;
    let checked = load(sources(&path)?, &NoSecrets).and_then(|(config, warnings)| compiled(config, warnings));
    match checked {
        Ok((rules, warnings)) => {
            print(&warnings, args.format);
            if args.format == FindingsFormat::Text {
                let config = rules.config();
                let routes: usize = config.upstreams.values().map(|upstream| upstream.routes.len()).sum();
                let parts = [
                    counted(config.upstreams.len(), "upstream", "upstreams"),
                    counted(routes, "route", "routes"),
                    counted(config.policies.len(), "policy", "policies"),
                    counted(warnings.list.len(), "warning", "warnings"),
                ];
                println!("{}: good ({})", path.display(), parts.join(", "));
            }
            Ok(Exit::Done)
        }
        Err(findings) => {
            print(&findings, args.format);
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
                eprintln!("{findings}");
            }
        }
        FindingsFormat::Json => println!("{}", findings.json()),
        FindingsFormat::Github => print!("{}", findings.github()),
    }
}
