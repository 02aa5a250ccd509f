//! `docs/reference/configuration.md`: every key with its doc comment, written from the schema.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use holdshort_rules::config::schema;
use serde_json::Value;

const HEAD: &str = "# Configuration\n\n\
<!-- Written by `UPDATE_SCHEMA=1 cargo test -p holdshort-rules --test config reference` from the doc comments. -->\n\n\
Every key of the configuration, a file or a folder of files that are merged. [config/holdshort.yaml](../../config/holdshort.yaml) \
shows them with values, and the schema makes editors complete them: `holdshort schema` prints it, a running gate serves it at \
`/config.schema.json`, and `init` writes it beside the configuration.\n\n\
`NAME` stands for a name that you choose, `[]` for each entry of a list. A key that is not here is refused.\n";

/// `UPDATE_SCHEMA=1 cargo test -p holdshort-rules --test config reference` writes it anew.
#[test]
#[expect(clippy::disallowed_methods, reason = "a switch of this test alone")]
fn the_reference_of_every_key_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/configuration.md");
    let wanted = reference(&schema());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == wanted, "{} is out of date: run this test with UPDATE_SCHEMA=1", path.display());
    for key in
        ["`upstreams.NAME.routes[].match.mcp.tool`", "`policies[].approvals.required`", "`agents.NAME.hold.timeout`"]
    {
        assert!(wanted.contains(&format!("| {key} |")), "{key} is missing");
    }
}

fn reference(schema: &Value) -> String {
    let mut page = HEAD.to_owned();
    for (name, key) in schema["properties"].as_object().unwrap() {
        let mut rows = Vec::new();
        below(schema, key, name, &mut Vec::new(), &mut rows);
        let _ = write!(page, "\n## `{name}`\n\n{}\n", text(key));
        if !rows.is_empty() {
            page.push_str("\n| key | what |\n|---|---|\n");
        }
        for (path, what) in rows {
            let _ = writeln!(page, "| `{path}` | {what} |");
        }
    }
    page
}

fn text(key: &Value) -> String {
    key["description"].as_str().unwrap_or_default().replace('|', "\\|")
}

/// The keys of a value, whatever forms it has. `within`: the definitions on the way, so that none is entered twice.
fn below(schema: &Value, value: &Value, path: &str, within: &mut Vec<String>, rows: &mut Vec<(String, String)>) {
    if let Some(name) = value["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
        if !within.iter().any(|entered| entered == name) {
            within.push(name.to_owned());
            below(schema, &schema["definitions"][name], path, within, rows);
            within.pop();
        }
        return;
    }
    for form in ["allOf", "anyOf", "oneOf"] {
        for one in value[form].as_array().into_iter().flatten() {
            below(schema, one, path, within, rows);
        }
    }
    for (name, key) in value["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let row = (path.clone(), text(key));
        if !rows.contains(&row) {
            rows.push(row);
        }
        below(schema, key, &path, within, rows);
    }
    if value["additionalProperties"].is_object() {
        below(schema, &value["additionalProperties"], &format!("{path}.NAME"), within, rows);
    }
    if value["items"].is_object() {
        // A list beside a single one of the same has the same keys.
        let listed = format!("{path}[]");
        let mut more = Vec::new();
        below(schema, &value["items"], &listed, within, &mut more);
        let known = |row: &(String, String)| {
            row.0.strip_prefix(&listed).is_some_and(|rest| rows.iter().any(|(at, _)| *at == format!("{path}{rest}")))
        };
        let new: Vec<_> = more.into_iter().filter(|row| !known(row)).collect();
        rows.extend(new);
    }
}
