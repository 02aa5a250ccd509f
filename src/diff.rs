//! `holdshort diff OLD NEW`: what would change, and what of it weakens the gate. Needs no secrets.

use std::path::Path;

use rules::Ruleset;
use rules::difference::{Came, Change, Kind, Replayed, differences, read_recorded};
use serde_json::{Value, json};

use crate::cli::DiffArgs;
use crate::configuration::{located, rules};
use crate::exit::{self, Exit};
use crate::output::{self, plain};
use crate::say;

pub(crate) fn run(args: &DiffArgs) -> anyhow::Result<Exit> {
    let (old, new) = (rules(&located(Some(&args.old))?)?, rules(&located(Some(&args.new))?)?);
    let changes = differences(old.config(), new.config());
    let replayed = args.replay.as_deref().map(|file| replay(file, &old, &new)).transpose()?;
    let weaker = changes.iter().any(Change::weakens) || replayed.iter().flatten().any(Replayed::weaker);
    if args.json {
        output::json(&as_json(&changes, replayed.as_deref(), weaker));
    } else {
        print(&changes);
        if let Some(replayed) = &replayed {
            print_replayed(replayed);
        }
        say!("{}", if weaker { "The gate would be weaker." } else { "Nothing of this weakens the gate." });
    }
    Ok(if weaker { Exit::Finding } else { Exit::Done })
}

fn replay(file: &Path, old: &Ruleset, new: &Ruleset) -> anyhow::Result<Vec<Replayed>> {
    let unreadable = |why: String| exit::configuration(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
    let recorded = read_recorded(&text).map_err(unreadable)?;
    Ok(recorded.iter().map(|intent| intent.replay(old, new)).collect())
}

fn print(changes: &[Change]) {
    for change in changes {
        let sign = match change.kind {
            Kind::Added => '+',
            Kind::Removed => '-',
            Kind::Changed => '~',
        };
        let summary = if change.summary.is_empty() { String::new() } else { format!(" ({})", plain(&change.summary)) };
        say!("{sign} {} {}{summary}{}", change.what, plain(&change.name), marked(change.weaker.as_deref()));
        for field in &change.fields {
            let (before, after) = (plain(&field.before), plain(&field.after));
            say!("    {}: {before} -> {after}{}", plain(&field.name), marked(field.weaker.as_deref()));
        }
    }
    if changes.is_empty() {
        say!("No difference in what they do.");
    }
}

fn marked(weaker: Option<&str>) -> String {
    weaker.map_or_else(String::new, |why| format!("  weaker: {}", plain(why)))
}

fn print_replayed(replayed: &[Replayed]) {
    let differing = replayed.iter().filter(|one| one.differs()).count();
    say!("\n{differing} of {} recorded intents would be decided otherwise", replayed.len());
    for one in replayed {
        match &one.came {
            Ok((before, after)) if one.differs() => {
                let mark = if one.weaker() { "  weaker" } else { "" };
                say!("  {} {}: {} -> {}{mark}", plain(&one.id), plain(&one.what), shown(before), shown(after));
            }
            Err(why) => say!("  {} {}: not replayed: {why}", plain(&one.id), plain(&one.what)),
            Ok(_) => {}
        }
    }
}

fn shown(came: &Came) -> String {
    let people = if came.required > 0 { format!(" of {}", came.required) } else { String::new() };
    match (&came.action, came.risk_tier) {
        (Some(action), Some(tier)) => {
            let by =
                came.policy.as_ref().map_or_else(|| format!("tier {}", tier.as_str()), |name| format!("\"{name}\""));
            format!("{}{people} ({}, {})", came.decision.as_str(), plain(action), plain(&by))
        }
        _ => came.decision.as_str().to_owned(),
    }
}

fn as_json(changes: &[Change], replayed: Option<&[Replayed]>, weaker: bool) -> Value {
    let list = changes.iter().map(|change| {
        let fields = change.fields.iter().map(|field| {
            json!({ "field": field.name, "before": field.before, "after": field.after, "weaker": field.weaker })
        });
        json!({
            "change": change.kind.as_str(),
            "what": change.what,
            "name": change.name,
            "summary": change.summary,
            "fields": fields.collect::<Value>(),
            "weaker": change.weaker,
        })
    });
    let mut document = json!({ "weaker": weaker, "changes": list.collect::<Value>() });
    if let (Some(replayed), Some(fields)) = (replayed, document.as_object_mut()) {
        let came = |came: &Came| {
            json!({
                "decision": came.decision.as_str(),
                "action": came.action,
                "risk_tier": came.risk_tier.map(|tier| tier.as_str()),
                "policy": came.policy,
                "required": came.required,
            })
        };
        let list = replayed.iter().map(|one| match &one.came {
            Ok((before, after)) => json!({
                "id": one.id, "what": one.what, "differs": one.differs(), "weaker": one.weaker(),
                "before": came(before), "after": came(after),
            }),
            Err(why) => json!({ "id": one.id, "what": one.what, "skipped": why }),
        });
        fields.insert("replayed".to_owned(), list.collect());
    }
    document
}
