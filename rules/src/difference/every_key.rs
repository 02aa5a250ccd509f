//! That no key of the configuration changes unseen: the JSON Schema says which keys there are.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::config::load::{NoSecrets, Source, load};
use crate::config::{Trust, schema};

/// Key (`*` is any name), two values (`-`: not set), `!` where the second is weaker, and what stands beside it.
const KEYS: &str = r#"
    proxy.listen                               | "127.0.0.1:8080" -> "127.0.0.1:8088"                |   |
    proxy.tls.cert                             | "a.pem" -> "b.pem"                                  |   | {"proxy":{"tls":{"cert":"a.pem","key":"a.key"}}}
    proxy.tls.key                              | "a.key" -> "b.key"                                  |   | {"proxy":{"tls":{"cert":"a.pem","key":"a.key"}}}
    proxy.anonymous                            | "reject" -> "allow"                                 | ! |
    proxy.trusted_proxies                      | ["10.0.0.0/16"] -> ["10.0.0.0/8"]                   | ! |
    admin.listen                               | "127.0.0.1:8081" -> "127.0.0.1:8089"                |   |
    admin.url                                  | - -> "http://gate.example"                          |   |
    admin.agents_listen                        | - -> "127.0.0.1:8082"                               |   |
    admin.tls.cert                             | "a.pem" -> "b.pem"                                  |   | {"admin":{"tls":{"cert":"a.pem","key":"a.key"}}}
    admin.tls.key                              | "a.key" -> "b.key"                                  |   | {"admin":{"tls":{"cert":"a.pem","key":"a.key"}}}
    database                                   | - -> "sqlite:other.db"                              | ! |
    permit.algorithm                           | - -> "EdDSA"                                        |   |
    permit.lifetime                            | "60s" -> "90s"                                      | ! |
    permit.header                              | - -> "Other-Permit"                                 |   |
    permit.keys                                | - -> "others"                                       | ! |
    permit.execution_secret                    | - -> "thirty-two bytes or more are wanted" | ! |
    record.sync                                | "full" -> -                                         | ! |
    audit.checkpoint                           | - -> "other.checkpoint"                             | ! |
    audit.details_for                          | "90d" -> "30d"                                      | ! |
    hold.timeout                               | "auto" -> "30s"                                         |   |
    approval.expires_in                        | - -> "2h"                                           |   |
    approval.release_within                    | "10m" -> "20m"                                      | ! |
    approval.replay_for                        | - -> "20m"                                          |   |
    approval.denial_for                        | "10m" -> "5m"                                       | ! |
    limits.body                                | - -> "2MiB"                                         |   |
    limits.head                                | - -> "16KiB"                                        |   |
    limits.head_timeout                        | - -> "5s"                                           |   |
    limits.stored_response                     | - -> "2MiB"                                         |   |
    limits.held                                | - -> 500                                            |   |
    limits.held_bytes                          | - -> "2GiB"                                         |   |
    limits.per_agent.held                      | - -> 7                                              |   |
    limits.per_agent.held_bytes                | - -> "1MiB"                                         |   |
    limits.per_project.held                    | - -> 7                                              |   |
    limits.per_project.held_bytes              | - -> "1MiB"                                         |   |
    enforce                                    | true -> false                                       | ! |
    risk_tiers.low.decision                    | - -> "auto_approve"                                 | ! |
    risk_tiers.low.message                     | - -> "no"                                           |   |
    risk_tiers.low.approvals.required          | 2 -> 1                                              | ! |
    risk_tiers.low.approvals.from              | ["it"] -> -                                         | ! |
    risk_tiers.low.approvals.all_of            | [["it"]] -> -                                       | ! |
    risk_tiers.low.approvals.not               | ["owner"] -> -                                      | ! |
    risk_tiers.low.approvals.delay             | "5m" -> "1m"                                        | ! |
    risk_tiers.low.approvals.expires_in        | - -> "2h"                                           |   |
    risk_tiers.low.approvals.confirm           | true -> -                                           | ! |
    risk_tiers.medium.decision                 | - -> "auto_approve"                                 | ! |
    risk_tiers.medium.message                  | - -> "no"                                           |   |
    risk_tiers.medium.approvals.required       | 2 -> 1                                              | ! |
    risk_tiers.medium.approvals.from           | ["it"] -> -                                         | ! |
    risk_tiers.medium.approvals.all_of         | [["it"]] -> -                                       | ! |
    risk_tiers.medium.approvals.not            | ["owner"] -> -                                      | ! |
    risk_tiers.medium.approvals.delay          | "5m" -> "1m"                                        | ! |
    risk_tiers.medium.approvals.expires_in     | - -> "2h"                                           |   |
    risk_tiers.medium.approvals.confirm        | true -> -                                           | ! |
    risk_tiers.high.decision                   | - -> "auto_approve"                                 | ! |
    risk_tiers.high.message                    | - -> "no"                                           |   |
    risk_tiers.high.approvals.required         | 2 -> 1                                              | ! |
    risk_tiers.high.approvals.from             | ["it"] -> -                                         | ! |
    risk_tiers.high.approvals.all_of           | [["it"]] -> -                                       | ! |
    risk_tiers.high.approvals.not              | ["owner"] -> -                                      | ! |
    risk_tiers.high.approvals.delay            | "5m" -> "1m"                                        | ! |
    risk_tiers.high.approvals.expires_in       | - -> "2h"                                           |   |
    risk_tiers.high.approvals.confirm          | true -> -                                           | ! |
    risk_tiers.critical.decision               | - -> "auto_approve"                                 | ! |
    risk_tiers.critical.message                | - -> "no"                                           |   |
    risk_tiers.critical.approvals.required     | 2 -> 1                                              | ! |
    risk_tiers.critical.approvals.from         | ["it"] -> -                                         | ! |
    risk_tiers.critical.approvals.all_of       | [["it"]] -> -                                       | ! |
    risk_tiers.critical.approvals.not          | ["owner"] -> -                                      | ! |
    risk_tiers.critical.approvals.delay        | "5m" -> "1m"                                        | ! |
    risk_tiers.critical.approvals.expires_in   | - -> "2h"                                           |   |
    risk_tiers.critical.approvals.confirm      | true -> -                                           | ! |
    risk.words.*                               | 15 -> 5                                             | ! |
    risk.environments.*                        | 15 -> -                                             | ! |
    risk.amounts.param                         | "amount" -> "total"                                 | ! | {"risk":{"amounts":[{"param":"amount","over":100,"points":15}]}}
    risk.amounts.over                          | 100 -> 200                                          | ! | {"risk":{"amounts":[{"param":"amount","over":100,"points":15}]}}
    risk.amounts.points                        | 15 -> 5                                             | ! | {"risk":{"amounts":[{"param":"amount","over":100,"points":15}]}}
    teams.*                                    | ["dana@example.com"] -> ["dana@example.com","kofi@example.com"] | ! |
    projects                                   | ["support"] -> ["support","more"]                   |   |
    projects.*.unregistered                    | - -> "accept"                                       | ! | {"projects":{"support":{},"it":{}}}
    agents.*.project                           | - -> "support"                                      | ! |
    agents.*.fingerprint                       | - -> "other"                                        | ! |
    agents.*.owner                             | - -> "dana@example.com"                             | ! |
    agents.*.trust                             | "new" -> "verified"                                 | ! |
    agents.*.framework                         | - -> "python"                                       |   |
    agents.*.risk_sensitivity                  | "high" -> "low"                                     | ! |
    agents.*.source_type                       | - -> "devops"                                       | ! |
    agents.*.hold.timeout                      | "auto" -> "30s"                                         |   |
    agents.*.enforce                           | true -> false                                       | ! |
    upstreams.*.url                            | "https://127.0.0.1:9000" -> "http://127.0.0.1:9000" | ! |
    upstreams.*.at                             | "/it" -> "/that"                                    |   |
    upstreams.*.host                           | - -> "it.example"                                   |   |
    upstreams.*.listen                         | - -> "127.0.0.1:8090"                               |   |
    upstreams.*.listen.address                 | "127.0.0.1:8090" -> "127.0.0.1:8091"                |   | {"upstreams":{"it":{"listen":{"address":"127.0.0.1:8090","agent":"it"}}}}
    upstreams.*.listen.agent                   | - -> "it"                                           | ! | {"upstreams":{"it":{"listen":{"address":"127.0.0.1:8090","agent":"it"}}}}
    upstreams.*.protocol                       | "mcp" -> "http"                                     | ! |
    upstreams.*.unmatched                      | "reject" -> "pass"                                  | ! |
    upstreams.*.enforce                        | true -> false                                       | ! |
    upstreams.*.projects                       | ["default"] -> ["default","support"]                | ! |
    upstreams.*.headers.set.*                  | "a" -> -                                            | ! |
    upstreams.*.headers.remove                 | ["x-*"] -> ["x-a"]                                  | ! |
    upstreams.*.forwarding                     | ["x_forwarded","via"] -> ["via"]                    | ! |
    upstreams.*.announce                       | - -> true                                           |   | {"upstreams":{"it":{"protocol":"mcp"}}}
    upstreams.*.preserve_host                  | - -> true                                           |   |
    upstreams.*.http2                          | - -> true                                           |   |
    upstreams.*.tls.ca                         | - -> "ca.pem"                                       |   | {"upstreams":{"it":{"url":"https://127.0.0.1:9000"}}}
    upstreams.*.tls.server_name                | - -> "it.example"                                   |   | {"upstreams":{"it":{"url":"https://127.0.0.1:9000"}}}
    upstreams.*.timeouts.connect               | - -> "9s"                                           |   |
    upstreams.*.timeouts.read                  | - -> "9s"                                           |   |
    upstreams.*.limits.body                    | - -> "2MiB"                                         |   |
    upstreams.*.paths.case                     | - -> "insensitive"                                  | ! |
    upstreams.*.paths.encoded_slash            | - -> "allow"                                        | ! |
    upstreams.*.hold.timeout                   | "auto" -> "30s"                                         |   |
    upstreams.*.routes.action                  | "act" -> "other"                                    | ! |
    upstreams.*.routes.match                   | "POST /x" -> "POST /y"                              |   |
    upstreams.*.routes.match.method            | "POST" -> "GET"                                     |   |
    upstreams.*.routes.match.path              | "/x" -> "/y"                                        |   |
    upstreams.*.routes.match.query.*           | "a" -> "b"                                          |   |
    upstreams.*.routes.match.headers.*         | "a" -> "b"                                          |   |
    upstreams.*.routes.match.client            | ["10.0.0.0/8"] -> ["192.0.2.0/24"]                  |   |
    upstreams.*.routes.match.body.*            | "a" -> "b"                                          |   | {"upstreams":{"it":{"routes":[{"action":"act","match":{"method":"POST","path":"/x"}}]}}}
    upstreams.*.routes.match.form.*            | "a" -> "b"                                          |   | {"upstreams":{"it":{"routes":[{"action":"act","match":{"method":"POST","path":"/x"}}]}}}
    upstreams.*.routes.match.graphql.operation | "query" -> "mutation"                               |   |
    upstreams.*.routes.match.graphql.field     | "a" -> "b"                                          |   |
    upstreams.*.routes.match.mcp.tool          | "a" -> "b"                                          |   | {"upstreams":{"it":{"protocol":"mcp"}}}
    upstreams.*.routes.match.mcp.method        | "resources/read" -> "resources/list"                |   | {"upstreams":{"it":{"protocol":"mcp"}}}
    upstreams.*.routes.match.mcp.uri           | "a" -> "b"                                          |   | {"upstreams":{"it":{"protocol":"mcp","routes":[{"action":"act","match":{"mcp":{"method":"resources/read"}}}]}}}
    upstreams.*.routes.risk_tier               | "high" -> "low"                                     | ! |
    upstreams.*.routes.title                   | - -> "It"                                           |   |
    upstreams.*.routes.params.*                | "/a" -> "/b"                                        | ! | {"policies":[{"name":"it","action":"act","decision":"require_approval","when":"params.it == 'a'"}]}
    upstreams.*.routes.params.*.from           | "/a" -> "/b"                                        |   |
    upstreams.*.routes.params.*.type           | "string" -> "integer"                               |   | {"upstreams":{"it":{"routes":[{"action":"act","match":"POST /x","params":{"it":{"from":"/a"}}}]}}}
    upstreams.*.routes.pass                    | - -> true                                           | ! | {"upstreams":{"it":{"protocol":"mcp","routes":[{"match":{"mcp":{"tool":"a"}}}]}}}
    upstreams.*.routes.upgrade                 | - -> "allow"                                        | ! | {"upstreams":{"it":{"routes":[{"match":"POST /x","action":null,"pass":true}]}}}
    upstreams.*.routes.hide                    | true -> -                                           | ! | {"upstreams":{"it":{"protocol":"mcp","routes":[{"match":{"mcp":{"tool":"a"}}}]}}}
    upstreams.*.routes.hold.timeout            | "auto" -> "30s"                                         |   |
    policies.name                              | "it" -> "other"                                     | ! |
    policies.action                            | ["*"] -> ["it"]                                     | ! |
    policies.agent                             | ["*"] -> ["it"]                                     | ! |
    policies.upstream                          | ["*"] -> ["it"]                                     | ! |
    policies.project                           | ["*"] -> ["it"]                                     | ! |
    policies.source_type                       | "any" -> "devops"                                   | ! |
    policies.risk_tier                         | "any" -> "low"                                      | ! |
    policies.trust                             | - -> "verified"                                     | ! |
    policies.when                              | - -> "risk.score > 5"                               | ! |
    policies.decision                          | "require_approval" -> "auto_approve"                | ! |
    policies.message                           | - -> "no"                                           |   | {"policies":[{"name":"it","action":"act","decision":"auto_deny"}]}
    policies.priority                          | 5 -> 4                                              | ! |
    policies.approvals.required                | 2 -> 1                                              | ! |
    policies.approvals.from                    | ["it"] -> -                                         | ! |
    policies.approvals.all_of                  | [["it"]] -> -                                       | ! |
    policies.approvals.not                     | ["owner"] -> -                                      | ! |
    policies.approvals.delay                   | "5m" -> "1m"                                        | ! |
    policies.approvals.expires_in              | - -> "2h"                                           |   |
    policies.approvals.confirm                 | true -> -                                           | ! |
    policies.schedule.timezone                 | - -> "Europe/Berlin"                                | ! | {"policies":[{"name":"it","action":"act","decision":"require_approval","schedule":{"block_weekends":true}}]}
    policies.schedule.block_weekends           | true -> false                                       | ! | {"policies":[{"name":"it","action":"act","decision":"require_approval","schedule":{"block_hours":[0,6]}}]}
    policies.schedule.block_hours              | - -> [0,6]                                          | ! | {"policies":[{"name":"it","action":"act","decision":"require_approval","schedule":{"block_weekends":true}}]}
    policies.schedule.allow                    | - -> ["Mon-Fri 08:00-18:00"]                        | ! | {"policies":[{"name":"it","action":"act","decision":"require_approval","schedule":{"block_weekends":true}}]}
    policies.schedule.outside                  | - -> "skip"                                         | ! | {"policies":[{"name":"it","action":"act","decision":"require_approval","schedule":{"block_weekends":true}}]}
    policies.enforce                           | true -> false                                       | ! |
"#;

/// What a key is changed in. Names are `it`.
fn around() -> Value {
    json!({
        "teams": { "it": ["dana@example.com"] },
        "projects": ["support"],
        "agents": { "it": {} },
        "upstreams": {
            "it": { "url": "http://127.0.0.1:9000", "at": "/it", "routes": [{ "action": "act", "match": "POST /x" }] },
        },
        "policies": [{ "name": "it", "action": "act", "decision": "require_approval" }],
    })
}

/// Maps are merged, everything else is replaced; `null` takes away.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                if value.is_null() {
                    into.shift_remove(key);
                } else {
                    merge(into.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

fn set(at: &mut Value, path: &[&str], value: &str) {
    let Some((key, below)) = path.split_first() else {
        *at = if value == "-" { Value::Null } else { serde_json::from_str(value).unwrap() };
        return;
    };
    if let Value::Array(items) = at {
        return set(&mut items[0], path, value);
    }
    if !at.is_object() {
        *at = json!({});
    }
    let key = if *key == "*" { "it" } else { key };
    set(at.as_object_mut().unwrap().entry(key).or_insert(Value::Null), below, value);
}

fn config(key: &str, value: &str, beside: &str) -> Result<Config, String> {
    let mut document = around();
    if !beside.is_empty() {
        merge(&mut document, &serde_json::from_str(beside).unwrap());
    }
    let key = key.replace("body.*", "body./it");
    let path: Vec<&str> = key.split('.').collect();
    // Lists of names and lists of things with keys look alike.
    let is_list = matches!(path.as_slice(), ["projects"]);
    if is_list {
        document["projects"] = serde_json::from_str(value).unwrap()
    } else {
        set(&mut document, &path, value)
    }
    without_nulls(&mut document);
    let source = Source { name: "gate.yaml".to_owned(), text: document.to_string() };
    load(vec![source], &NoSecrets).map(|(config, _)| config).map_err(|findings| format!("{document}\n{findings}"))
}

/// All keys that hold a value.
fn keys(node: &Value, root: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Some(name) = node.get("$ref").and_then(Value::as_str) {
        let name = name.rsplit('/').next().unwrap();
        return keys(&root["definitions"][name], root, path, found);
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let mut leaf = true;
    for (key, value) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        leaf = false;
        keys(value, root, &below(key), found);
    }
    if let Some(any) = node.get("additionalProperties").filter(|any| any.is_object()) {
        leaf = false;
        keys(any, root, &below("*"), found);
    }
    let shapes = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|shapes| node.get(shapes)?.as_array()).flatten();
    for shape in shapes.chain(node.get("items").filter(|items| items.is_object())) {
        leaf = false;
        keys(shape, root, path, found);
    }
    if leaf {
        found.insert(path.to_owned());
    }
}

#[test]
fn every_key_of_the_configuration_is_compared() {
    // The table of trust holds tiers, too.
    let trusted = |row: &str| Trust::ALL.map(|trust| row.replace("risk_tiers.", &format!("trust.{}.", trust.as_str())));
    let tiers = KEYS.lines().filter(|row| row.trim().starts_with("risk_tiers.")).flat_map(trusted);
    let all: Vec<String> = KEYS.trim().lines().map(str::to_owned).chain(tiers).collect();
    let rows: Vec<Vec<&str>> =
        all.iter().map(|row| row.trim()).map(|row| row.splitn(4, '|').map(str::trim).collect()).collect();
    let mut wrong = Vec::new();
    for row in &rows {
        let (key, change, weaker) = (row[0], row[1], row.get(2).is_some_and(|mark| *mark == "!"));
        let beside = row.get(3).copied().unwrap_or_default();
        let (before, after) = change.split_once(" -> ").unwrap();
        match (config(key, before, beside), config(key, after, beside)) {
            (Ok(old), Ok(new)) => {
                let changes = differences(&old, &new);
                let marked = changes.iter().any(Change::weakens);
                if changes.is_empty() || marked != weaker {
                    wrong.push(format!("{key}: {change}: {changes:#?}"));
                }
                let same = differences(&new, &new);
                assert!(same.is_empty(), "{key}: {same:#?}");
            }
            (Err(why), _) | (_, Err(why)) => wrong.push(format!("{key}: {change}: {why}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (mut known, schema) = (BTreeSet::new(), schema());
    keys(&schema, &schema, "", &mut known);
    let listed: BTreeSet<String> = rows.iter().map(|row| row[0].to_owned()).collect();
    assert_eq!(known.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "keys that `diff` may not know");
    assert_eq!(listed.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "keys that are gone");
}
