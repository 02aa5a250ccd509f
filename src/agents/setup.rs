//! What to paste into an agent's surroundings so that it goes through the gate: which lines, is told by what stands
//! behind each address. Pure.

use std::fmt::Write as _;

use rules::config::{Protocol, Upstream};
use serde_json::{Value, json};

use crate::addresses::Address;

/// What an agent's programs take an upstream for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mcp,
    OpenAi,
    Anthropic,
    Aws,
    Stripe,
    GitHub,
    Other,
}

impl Kind {
    fn of(upstream: &Upstream) -> Kind {
        if upstream.protocol == Protocol::Mcp {
            return Kind::Mcp;
        }
        let host = upstream.url.host.as_str();
        let is = |word: &str, domain: &str| {
            upstream.name.contains(word) || host == domain || host.ends_with(&format!(".{domain}"))
        };
        if is("openai", "openai.com") {
            Kind::OpenAi
        } else if is("anthropic", "anthropic.com") {
            Kind::Anthropic
        } else if is("stripe", "stripe.com") {
            Kind::Stripe
        } else if is("github", "github.com") {
            Kind::GitHub
        } else if upstream.preserve_host || is("aws", "amazonaws.com") {
            Kind::Aws
        } else {
            Kind::Other
        }
    }
}

/// The lines for all addresses of an agent.
pub(crate) fn lines(agent: &str, key: &str, addresses: &[Address<'_>]) -> String {
    let mut text = String::new();
    let mut rest = addresses;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|it| it.upstream.name == first.upstream.name).count();
        let (of_one, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        rest = others;
        let ways = Ways { agent, key, upstream: first.upstream, addresses: of_one };
        text.push('\n');
        ways.lines(&mut text);
    }
    if !text.is_empty() {
        let intro = "\nThe agent uses these addresses in place of the APIs' own, and nothing but its key:\n";
        text.insert_str(0, intro);
    }
    text
}

/// The ways to one upstream.
struct Ways<'a> {
    agent: &'a str,
    key: &'a str,
    upstream: &'a Upstream,
    addresses: &'a [Address<'a>],
}

impl Ways<'_> {
    fn lines(&self, text: &mut String) {
        for address in self.addresses {
            let note = if address.bound_to.is_some() { "   (this agent's own: takes no key)" } else { "" };
            line(text, 2, &format!("{:<12} {}{note}", self.upstream.name, address.base));
        }
        match Kind::of(self.upstream) {
            Kind::Mcp => self.mcp(text),
            Kind::OpenAi => self.openai(text),
            Kind::Anthropic => self.anthropic(text),
            Kind::Aws => self.aws(text),
            Kind::Stripe => self.stripe(text),
            Kind::GitHub => self.github(text),
            Kind::Other => self.other(text),
        }
    }

    /// The way that takes a key, and else any.
    fn base(&self) -> &str {
        let keyed = self.addresses.iter().find(|address| address.bound_to.is_none());
        keyed.or(self.addresses.first()).map_or("", |address| address.base.as_str())
    }

    /// The listener that is the agent's own.
    fn own(&self) -> Option<&str> {
        self.addresses.iter().find(|address| address.bound_to.is_some()).map(|address| address.base.as_str())
    }

    /// For clients that take neither a path nor a header.
    fn wants_own(&self, text: &mut String, who: &str) {
        let advice = format!("# {who}: takes neither a path nor a header; give `{}` a listener:", self.upstream.name);
        line(text, 4, &advice);
        line(text, 4, &format!("#   listen: {{ address: 127.0.0.1:8090, agent: {} }}", self.agent));
    }

    /// The base with the path that SDKs of an API with versions expect at its end, unless the upstream's URL has it.
    fn versioned(&self) -> String {
        let version = if self.upstream.url.path.ends_with("/v1") { "" } else { "/v1" };
        format!("{}{version}", self.base())
    }

    /// With the key in the path: for programs in which only a URL can be set.
    fn keyed(&self, url: &str) -> String {
        match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('/')?))) {
            Some((scheme, (host, path))) => format!("{scheme}://{host}/k/{}/{path}", self.key),
            None => format!("{url}/k/{}", self.key),
        }
    }

    fn openai(&self, text: &mut String) {
        line(text, 4, "# OpenAI's SDKs and what is built on them");
        line(text, 4, &format!("export OPENAI_BASE_URL={}", self.versioned()));
        line(text, 4, &format!("export OPENAI_API_KEY={}", self.key));
        self.curl(text);
    }

    fn anthropic(&self, text: &mut String) {
        line(text, 4, "# Anthropic's SDKs, Claude Code and what is built on them");
        if self.upstream.url.path.ends_with("/v1") {
            line(text, 4, "# (they put /v1 into the path themselves: take it off the upstream's `url`)");
        }
        line(text, 4, &format!("export ANTHROPIC_BASE_URL={}", self.base()));
        line(text, 4, &format!("export ANTHROPIC_API_KEY={}", self.key));
        self.curl(text);
    }

    fn aws(&self, text: &mut String) {
        let Some(own) = self.own() else { return self.wants_own(text, "boto3, AWS CLI") };
        line(text, 4, "# boto3, the AWS SDKs and CLI; they sign with the credentials that they have");
        line(text, 4, &format!("export AWS_ENDPOINT_URL={own}"));
        line(text, 4, "# or in Python");
        line(text, 4, &format!("boto3.client(SERVICE, endpoint_url=\"{own}\")"));
    }

    fn stripe(&self, text: &mut String) {
        line(text, 4, "# stripe (Python)");
        line(
            text,
            4,
            &format!("stripe.StripeClient(\"{}\", base_addresses={{\"api\": \"{}\"}})", self.key, self.base()),
        );
        match self.own().and_then(|own| own.split_once("://")).and_then(|(s, at)| Some((s, at.rsplit_once(':')?))) {
            Some((scheme, (host, port))) => {
                line(text, 4, "// stripe (Node)");
                let options = format!("{{ protocol: \"{scheme}\", host: \"{host}\", port: {port} }}");
                line(text, 4, &format!("new Stripe(\"sk_test_unused\", {options})"));
            }
            None => self.wants_own(text, "stripe (Node)"),
        }
        self.curl(text);
    }

    fn github(&self, text: &mut String) {
        line(text, 4, "// octokit");
        line(text, 4, &format!("new Octokit({{ baseUrl: \"{}\", auth: \"{}\" }})", self.base(), self.key));
        match self.own() {
            Some(own) => {
                line(text, 4, "# PyGithub");
                line(text, 4, &format!("github.Github(base_url=\"{own}\")"));
            }
            None => self.wants_own(text, "PyGithub"),
        }
        self.curl(text);
    }

    fn other(&self, text: &mut String) {
        self.curl(text);
        if self.addresses.iter().any(|address| address.bound_to.is_none()) {
            line(text, 4, "# Python");
            let header = format!("headers={{\"Holdshort-Key\": \"{}\"}}", self.key);
            line(text, 4, &format!("requests.get(\"{}/\", {header})", self.base()));
            line(text, 4, "# where only a URL can be set");
            line(text, 4, &self.keyed(self.base()));
        }
    }

    fn curl(&self, text: &mut String) {
        line(text, 4, "# by hand");
        let address = self.addresses.iter().find(|address| address.bound_to.is_none());
        match address {
            Some(address) => line(text, 4, &format!("curl -H 'Holdshort-Key: {}' {}/", self.key, address.base)),
            None => line(text, 4, &format!("curl {}/", self.base())),
        }
    }

    fn mcp(&self, text: &mut String) {
        // A mount stands for the upstream's URL; where that has no path, servers listen on /mcp.
        let endpoint = if self.upstream.url.path.is_empty() { "/mcp" } else { "" };
        let url = format!("{}{endpoint}", self.base());
        let name = &self.upstream.name;
        let bound = self.addresses.iter().all(|address| address.bound_to.is_some());
        line(text, 4, "# Claude Code");
        let header = if bound { String::new() } else { format!(" --header 'Holdshort-Key: {}'", self.key) };
        line(text, 4, &format!("claude mcp add --transport http {name} {url}{header}"));
        let server = |mut server: Value| {
            if let (false, Some(server)) = (bound, server.as_object_mut()) {
                server.insert("headers".to_owned(), json!({ "Holdshort-Key": self.key }));
            }
            server
        };
        line(text, 4, "// Cursor: .cursor/mcp.json");
        line(text, 4, &json!({ "mcpServers": { name: server(json!({ "url": url })) } }).to_string());
        line(text, 4, "// VS Code: .vscode/mcp.json");
        line(text, 4, &json!({ "servers": { name: server(json!({ "type": "http", "url": url })) } }).to_string());
        if !bound {
            line(text, 4, "# where only a URL can be set");
            line(text, 4, &self.keyed(&url));
        }
    }
}

fn line(text: &mut String, indent: usize, said: &str) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{:indent$}{said}", "");
}

#[cfg(test)]
mod tests {
    use rules::config::Config;
    use rules::config::load::{NoSecrets, Source, load};

    use super::lines;
    use crate::addresses;

    const KEY: &str = "hsk_agent_1";

    fn config(upstreams: &str) -> Config {
        let text = format!("database: sqlite:x.db\nagents: {{ a: {{}}, other: {{}} }}\nupstreams:\n{upstreams}");
        let source = Source { name: "holdshort.yaml".to_owned(), text };
        load(vec![source], &NoSecrets).map_err(|findings| findings.to_string()).unwrap().0
    }

    /// What the agent `a` of the default project is told; every upstream has the same route.
    fn told(upstreams: &[&str]) -> String {
        let text: Vec<String> =
            upstreams.iter().map(|it| format!("  {it}, routes: [{{ action: x, match: GET /x }}] }}\n")).collect();
        let config = config(&text.concat());
        lines("a", KEY, &addresses::of_agent(&config, "a", "default"))
    }

    #[test]
    fn each_kind_of_upstream_has_its_own_lines() {
        let rows: &[(&str, &[&str])] = &[
            (
                "pay: { url: https://pay.example.com, at: /pay",
                &[
                    "curl -H 'Holdshort-Key: hsk_agent_1' http://127.0.0.1:8080/pay/",
                    "http://127.0.0.1:8080/k/hsk_agent_1/pay\n",
                ],
            ),
            (
                "models: { url: https://api.openai.com, at: /openai",
                &["OPENAI_BASE_URL=http://127.0.0.1:8080/openai/v1\n", "OPENAI_API_KEY=hsk_agent_1\n"],
            ),
            (
                "openai: { url: https://api.openai.com/v1, at: /openai",
                &["OPENAI_BASE_URL=http://127.0.0.1:8080/openai\n"],
            ),
            (
                "anthropic: { url: http://127.0.0.1:9, at: /claude",
                &["ANTHROPIC_BASE_URL=http://127.0.0.1:8080/claude\n", "ANTHROPIC_API_KEY=hsk_agent_1\n"],
            ),
            ("anthropic: { url: http://127.0.0.1:9/v1, at: /claude", &["take it off the upstream's `url`"]),
            (
                "s3: { url: http://127.0.0.1:9, preserve_host: true, listen: { address: 127.0.0.1:8090, agent: a }",
                &["AWS_ENDPOINT_URL=http://127.0.0.1:8090\n", "endpoint_url=\"http://127.0.0.1:8090\"", "takes no key"],
            ),
            ("aws: { url: http://127.0.0.1:9, at: /aws", &["give `aws` a listener", "agent: a }"]),
            (
                "stripe: { url: https://api.stripe.com, at: /stripe, listen: { address: 127.0.0.1:8090, agent: a }",
                &[
                    "StripeClient(\"hsk_agent_1\", base_addresses={\"api\": \"http://127.0.0.1:8080/stripe\"})",
                    "{ protocol: \"http\", host: \"127.0.0.1\", port: 8090 }",
                ],
            ),
            (
                "github: { url: https://api.github.com, at: /gh",
                &["baseUrl: \"http://127.0.0.1:8080/gh\", auth: \"hsk_agent_1\"", "PyGithub: takes neither"],
            ),
            (
                "files: { url: http://127.0.0.1:9/mcp, protocol: mcp, at: /files",
                &[
                    "claude mcp add --transport http files http://127.0.0.1:8080/files --header 'Holdshort-Key: hsk_agent_1'\n",
                    r#"{"mcpServers":{"files":{"url":"http://127.0.0.1:8080/files","headers":{"Holdshort-Key":"hsk_agent_1"}}}}"#,
                    r#"{"servers":{"files":{"type":"http","url":"http://127.0.0.1:8080/files","headers":"#,
                    "http://127.0.0.1:8080/k/hsk_agent_1/files\n",
                ],
            ),
            (
                "files: { url: http://127.0.0.1:9, protocol: mcp, at: /files",
                &["files http://127.0.0.1:8080/files/mcp "],
            ),
            (
                "pay: { url: http://127.0.0.1:9, host: pay.internal",
                &["curl -H 'Holdshort-Key: hsk_agent_1' http://pay.internal:8080/\n"],
            ),
        ];
        for (upstream, wanted) in rows {
            let said = told(&[upstream]);
            for part in *wanted {
                assert!(said.contains(part), "{upstream}: {part} is missing in\n{said}");
            }
        }
    }

    #[test]
    fn an_agent_is_told_of_no_upstream_that_it_cannot_reach() {
        let said = told(&[
            "mine: { url: http://127.0.0.1:9, at: /mine",
            "another: { url: http://127.0.0.1:9, listen: { address: 127.0.0.1:8090, agent: other }",
        ]);
        assert!(said.contains("/mine") && !said.contains("another") && !said.contains("8090"), "{said}");
        assert_eq!(
            told(&["another: { url: http://127.0.0.1:9, listen: { address: 127.0.0.1:8090, agent: other }"]),
            ""
        );
    }

    #[test]
    fn a_listener_of_its_own_gets_no_key_and_one_for_all_does() {
        let own = told(&[
            "files: { url: http://127.0.0.1:9/mcp, protocol: mcp, listen: { address: 127.0.0.1:8090, agent: a }",
        ]);
        assert!(own.contains("files http://127.0.0.1:8090\n") && !own.contains(KEY), "{own}");
        let all = told(&["pay: { url: http://127.0.0.1:9, listen: 127.0.0.1:8090"]);
        assert!(all.contains("curl -H 'Holdshort-Key: hsk_agent_1' http://127.0.0.1:8090/\n"), "{all}");
        assert!(all.contains("http://127.0.0.1:8090/k/hsk_agent_1\n"), "{all}");
    }
}
