//! `holdshort init`: a gate in front of one API, where reading passes and all else waits for people.

use std::path::Path;

use anyhow::Context as _;
use gate::deed::NewAgent;
use gate::{Actor, AgentId};
use rules::config::{SourceType, Trust};
use serde_json::json;

use crate::cli::InitArgs;
use crate::exit::{self, Exit};
use crate::say;
use crate::{local, output};

pub(crate) async fn run(path: Option<&Path>, args: &InitArgs) -> anyhow::Result<Exit> {
    let path = path.unwrap_or_else(|| Path::new("holdshort.yaml"));
    if path.exists() {
        return Err(exit::configuration(format!(
            "{} is already there; nothing was changed. Use another folder, or --config PATH for another file",
            path.display()
        )));
    }
    let text = configuration(args)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    // Named in the first line. Without it editors complete nothing, and all else works.
    let schema = path.with_file_name("holdshort.schema.json");
    std::fs::write(&schema, format!("{:#}\n", rules::config::schema()))
        .with_context(|| format!("writing {}", schema.display()))?;

    let (configuration, gate) = match local::gate(Some(path)).await {
        Ok(opened) => opened,
        Err(error) => {
            // A name or URL that the configuration refuses: leave no half of a gate behind.
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
    };
    let new = NewAgent {
        id: AgentId::new(gate.now()),
        name: args.agent.clone(),
        fingerprint: String::new(),
        project: "default".to_owned(),
        owner: None,
        framework: None,
        risk_sensitivity: None,
        trust: Trust::New,
        source_type: SourceType::AiAgent,
    };
    let (agent, key) = gate.add_agent(new, &Actor::Operator).await?;
    let admin = &configuration.config().admin;
    let link = format!("{}/link/{}", admin.url, gate.offer_link(None, &Actor::Operator).await?);
    let proxy = configuration.config().proxy.listen.first().map(ToString::to_string).unwrap_or_default();
    let base = format!("http://{proxy}/{}", args.name);
    let serve = match path.to_str() {
        Some("holdshort.yaml") => "holdshort serve".to_owned(),
        _ => format!("holdshort serve --config {}", path.display()),
    };
    if args.json {
        output::json(&json!({
            "config": path.display().to_string(), "base_url": base,
            "agent": { "id": agent.id.to_string(), "name": agent.name, "fingerprint": agent.fingerprint },
            "key": key.secret.expose(), "link": link, "serve": serve,
        }));
        return Ok(Exit::Done);
    }
    say!("wrote {}: GET passes, everything else waits for a person\n", path.display());
    say!("1. start the gate\n     {serve}\n");
    say!("2. sign in (once, within an hour) and keep the page open: calls that wait appear there\n     {link}\n");
    say!("3. give your agent this address in place of {}, and this key (shown only now)", args.upstream);
    say!("     address  {base}\n     key      {}\n", key.secret.expose());
    say!("   or try it by hand: this call waits until you approve it");
    say!("     curl -X POST -H 'Holdshort-Key: {}' {base}/anything\n", key.secret.expose());
    say!("An agent that holds the API's own key can still go around the gate. Take the key away from it:");
    say!("let the gate set it, by `headers: {{ set: ... }}` in {}.", path.display());
    Ok(Exit::Done)
}

/// The text of the new configuration.
fn configuration(args: &InitArgs) -> anyhow::Result<String> {
    let name_is_plain = !args.name.is_empty()
        && args.name.starts_with(|c: char| c.is_ascii_lowercase())
        && args.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
    if !name_is_plain {
        return Err(exit::finding(format!(
            "--name {:?}: lower-case letters, digits, `-` and `_`, a letter first",
            args.name
        )));
    }
    let url = url::Url::parse(&args.upstream)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| exit::finding(format!("--upstream {:?}: a URL like https://api.example.com", args.upstream)))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(exit::finding("--upstream: only scheme, host, port and path; credentials go into `headers.set`"));
    }
    let action = args.name.replace('-', "_");
    let quoted = serde_json::to_string(url.as_str().trim_end_matches('/'))?;
    Ok(format!(
        r#"# yaml-language-server: $schema=holdshort.schema.json
# (so that your editor completes and checks this file; `holdshort schema` prints it anew after an update)

proxy: {{ listen: 127.0.0.1:8080 }}     # agents come here
admin: {{ listen: 127.0.0.1:8081, url: http://127.0.0.1:8081 }}   # people come here
database: sqlite:holdshort.db

upstreams:
  {name}:
    url: {quoted}
    at: /{name}
    # The API's own key belongs here, not into the agent's hands:
    # headers: {{ set: {{ authorization: "Bearer ${{API_KEY}}" }} }}
    unmatched: require_approval        # what no route names waits for a person
    routes:
      - action: read_{action}
        match: GET /**
        risk_tier: low

policies:
  - name: reads pass
    action: read_*
    decision: auto_approve
"#,
        name = args.name,
    ))
}

#[cfg(test)]
mod tests {
    use rules::config::load::{NoSecrets, Source, load};

    use super::*;

    fn args(name: &str, upstream: &str) -> InitArgs {
        InitArgs { upstream: upstream.to_owned(), name: name.to_owned(), agent: "a".to_owned(), json: false }
    }

    #[test]
    fn what_init_writes_is_a_configuration_without_findings() {
        let text = configuration(&args("my-api", "https://api.example.com/v1/")).unwrap();
        let source = Source { name: "holdshort.yaml".to_owned(), text };
        let (config, warnings) = load(vec![source], &NoSecrets).map_err(|findings| findings.to_string()).unwrap();
        assert_eq!(warnings.list, []);
        assert_eq!(config.upstreams["my-api"].url.path, "/v1");
    }

    #[test]
    fn what_is_no_url_and_what_would_break_out_of_the_text_is_refused() {
        for upstream in ["", "api.example.com", "ftp://x", "https://u:p@x", "https://x?y", "https://x#y"] {
            assert!(configuration(&args("api", upstream)).is_err(), "{upstream}");
        }
        for name in ["", "A", "a b", "a:\nb", "9", "../x"] {
            assert!(configuration(&args(name, "https://x")).is_err(), "{name}");
        }
    }
}
