//! What stands for a secret: found, defaulted, missing, never shown.

use holdshort_rules::config::Config;
use holdshort_rules::config::load::{Findings, Optional, load};

use crate::support::{Made, files, source};

fn with(secrets: &Made, text: &str) -> Result<(Config, Findings), Findings> {
    load(vec![source("gate.yaml", text)], secrets)
}

fn made() -> Made {
    Made {
        variables: [
            ("KEY", "s3cret-value"),
            ("EMPTY", ""),
            ("OFF", "false"),
            ("PORT", "9000"),
            ("EVIL", "x\nadmin: 1"),
        ]
        .into(),
        files: [("key.txt", "from-the-file\n")].into(),
    }
}

const API: &str = "upstreams: { api: { url: http://api.test, at: /api } }\n";

fn header(value: &str) -> String {
    format!("upstreams: {{ api: {{ url: http://api.test, at: /api, headers: {{ set: {{ x-key: {value} }} }} }} }}\n")
}

fn resolved(value: &str) -> String {
    let (config, _) = with(&made(), &header(value)).unwrap_or_else(|findings| panic!("{findings}"));
    config.upstreams["api"].headers_set["x-key"].expose().to_owned()
}

#[test]
fn variables_files_defaults_and_plain_dollars() {
    assert_eq!(resolved("\"Bearer ${KEY}\""), "Bearer s3cret-value");
    assert_eq!(resolved("\"${KEY}:${NONE:-guest}\""), "s3cret-value:guest");
    assert_eq!(resolved("\"a${EMPTY:-b}c\""), "abc");
    assert_eq!(resolved("\"${NONE:-}x\""), "x");
    assert_eq!(resolved("file:key.txt"), "from-the-file");
    assert_eq!(resolved("\"$${KEY} costs $5\""), "${KEY} costs $5");
}

#[test]
fn a_secret_may_stand_for_a_truth_or_a_number() {
    let (config, _) = with(&made(), &format!("enforce: ${{OFF}}\nlimits: {{ held: \"${{PORT}}\" }}\n{API}")).unwrap();
    assert!(!config.enforce);
    assert_eq!(config.limits.held, 9000);
}

#[test]
fn a_secret_never_changes_the_structure() {
    let said = with(&made(), &header("\"${EVIL}\"")).unwrap_err();
    assert_eq!(said.list[0].code, "bad-header", "{said}");
}

#[test]
fn a_missing_secret_says_its_name_once() {
    let said = with(&made(), &format!("proxy: {{ listen: \"${{NOWHERE}}\" }}\n{API}")).unwrap_err();
    assert_eq!(said.list.len(), 1, "{said}");
    assert_eq!(said.list[0].code, "secret-missing");
    assert_eq!(said.list[0].message, "`${NOWHERE}` has no value: it is not set");
    assert_eq!(said.list[0].help.as_deref(), Some("set it, or give a default: `${NOWHERE:-...}`"));
    let said = with(&made(), &format!("database: file:absent\n{API}")).unwrap_err();
    assert_eq!(said.list[0].message, "`file:absent` cannot be read: no such file");
}

#[test]
fn what_a_secret_holds_is_not_shown() {
    for text in [
        format!("proxy: {{ listen: \"${{KEY}}\" }}\n{API}"),
        format!("enforce: ${{KEY}}\n{API}"),
        "upstreams: { api: { url: \"${KEY}\", at: /api, protocol: \"${KEY}\" } }\n".to_owned(),
        format!("permit: {{ lifetime: \"${{KEY}}\", algorithm: \"${{KEY}}\" }}\n{API}"),
        format!("limits: {{ held: \"${{KEY}}\" }}\n{API}"),
        format!("database: \"${{KEY}}\"\n{API}"),
    ] {
        let said = with(&made(), &text).unwrap_err();
        let all = format!("{said}{}{}", said.github(), said.json());
        assert!(!all.contains("s3cret"), "{all}");
    }
    let (config, _) = with(&made(), &header("\"${KEY}\"")).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn checking_needs_no_secrets_and_invents_no_faults() {
    let text = "proxy: { listen: \"${LISTEN}\" }\ndatabase: ${DB}\nenforce: ${ENFORCE:-false}\n\
                permit: { lifetime: \"${LIFETIME}\" }\n\
                upstreams:\n  api: { url: \"${URL}\", at: /api, tls: { ca: file:ca }, protocol: \"${PROTOCOL}\" }\n";
    let (config, findings) = files(&[("gate.yaml", text)]).unwrap_or_else(|findings| panic!("{findings}"));
    assert!(findings.list.is_empty(), "{findings}");
    assert!(!config.enforce);
    assert_eq!(config.database.expose(), "", "no file is opened by the name of a placeholder");
}

#[test]
fn secrets_may_be_optional() {
    let load = |text: String| load(vec![source("gate.yaml", &text)], &Optional(&made()));
    let keys = "permit: { keys: \"${NOWHERE}\" }";
    let text = format!("database: \"sqlite:${{PORT}}.db\"\n{keys}\n{}", header("file:absent"));
    let (config, findings) = load(text).unwrap_or_else(|findings| panic!("{findings}"));
    assert!(findings.list.is_empty(), "{findings}");
    assert_eq!(config.database.expose(), "sqlite:9000.db");
    let (config, _) = load(format!("database: \"sqlite:${{NOWHERE}}.db\"\n{API}")).unwrap();
    assert_eq!(config.database.expose(), "");
}
