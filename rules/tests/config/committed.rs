//! What lies in `config/` for operators: the schema is the one generated, every example loads.

use std::fs;
use std::path::{Path, PathBuf};

use holdshort_rules::check;
use holdshort_rules::config::load::Source;
use holdshort_rules::config::schema;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config")
}

/// `UPDATE_SCHEMA=1 cargo test -p holdshort-rules --test config schema` writes it anew.
#[test]
#[expect(clippy::disallowed_methods, reason = "a switch of this test alone")]
fn the_committed_schema_is_the_generated_one() {
    let path = folder().join("holdshort.schema.json");
    let wanted = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == wanted, "{} is out of date: run this test with UPDATE_SCHEMA=1", path.display());
}

#[test]
fn every_key_of_the_schema_has_a_manual() {
    let schema = schema();
    let mut bare = Vec::new();
    undescribed(&schema, &mut String::from("Config"), &mut bare);
    for (name, definition) in schema["definitions"].as_object().unwrap() {
        undescribed(definition, &mut name.clone(), &mut bare);
    }
    assert!(bare.is_empty(), "{bare:?}");
}

fn undescribed(schema: &serde_json::Value, owner: &mut str, bare: &mut Vec<String>) {
    let Some(properties) = schema.get("properties").and_then(|p| p.as_object()) else { return };
    assert_eq!(schema["additionalProperties"], false, "{owner} takes unknown keys");
    for (key, property) in properties {
        if property.get("description").is_none_or(|text| text.as_str().is_none_or(str::is_empty)) {
            bare.push(format!("{owner}.{key}"));
        }
    }
}

fn sources(paths: &[PathBuf]) -> Vec<Source> {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| Source { name: name(path), text: fs::read_to_string(path).unwrap() }).collect()
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    files
}

fn loads(paths: &[PathBuf]) {
    match check(sources(paths)) {
        Ok((_, findings)) if findings.list.is_empty() => {}
        Ok((_, findings)) | Err(findings) => panic!("{findings}"),
    }
}

#[test]
fn every_example_loads_without_an_error_or_a_warning() {
    loads(&[folder().join("holdshort.yaml")]);
    let examples = folder().join("examples");
    let alone = yaml_files(&examples);
    assert!(alone.len() >= 3, "{alone:?}");
    for path in alone {
        loads(&[path]);
    }
    let folders = fs::read_dir(&examples).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let mut several = 0;
    for folder in folders {
        several += 1;
        loads(&yaml_files(&folder));
    }
    assert!(several >= 1);
}

#[test]
fn every_yaml_file_names_its_schema_for_editors() {
    let examples = folder().join("examples");
    let mut files = vec![folder().join("holdshort.yaml")];
    files.extend(yaml_files(&examples));
    files.extend(yaml_files(&examples.join("folder")));
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap_or_default();
        let schema = first.strip_prefix("# yaml-language-server: $schema=").unwrap_or_default();
        let schema = path.parent().unwrap().join(schema);
        assert!(schema.is_file(), "{}: `{first}`", path.display());
    }
}
