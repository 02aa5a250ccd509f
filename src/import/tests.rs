//! What is imported, how it is guessed, and that nothing of it escapes its quotes.

use rules::config::load::{NoSecrets, Secrets, Source, load};
use rules::config::{Config, RiskTier};
use serde_json::{Value, json};

use super::*;

fn args() -> ImportArgs {
    ImportArgs { name: None }
}

/// The configuration that an OpenAPI document becomes; what it names must be nobody's secret.
fn openapi(document: &str) -> (String, Config) {
    let text = checked(&openapi::imported(document, None, &args()).unwrap()).unwrap();
    let source = Source { name: "imported.yaml".to_owned(), text: text.clone() };
    let (config, _) = load(vec![source], &Refusing).unwrap_or_else(|findings| panic!("{findings}\n{text}"));
    (text, config)
}

/// Whoever asks for a secret fails the test.
struct Refusing;

impl Secrets for Refusing {
    fn variable(&self, name: &str) -> Result<String, String> {
        Err(format!("the variable {name} was asked for"))
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("the file {path} was asked for"))
    }
}

/// `METHOD path action tier title` of each route.
fn routes(config: &Config) -> Vec<String> {
    let all = config.upstreams.values().flat_map(|upstream| &upstream.routes);
    all.map(|route| {
        let given = &route.matches[0];
        let tool = given.mcp.as_ref().and_then(|mcp| mcp.tool.clone());
        let call =
            tool.unwrap_or_else(|| format!("{} {}", given.method.as_deref().unwrap(), given.path.as_deref().unwrap()));
        let (action, tier) = (route.action.as_deref().unwrap(), route.risk_tier.as_str());
        format!("{call} | {action} | {tier} | {}", route.title.as_deref().unwrap())
    })
    .collect()
}

const SHOP: &str = r##"
openapi: 3.1.0
info: { title: The Shop API, version: "2" }
servers: [{ url: "https://{region}.example.com/v2/", variables: { region: { default: eu } } }]
paths:
  /orders/{order-id}:
    parameters: [{ $ref: "#/components/parameters/Order" }]
    get: { operationId: getOrder, summary: Read an order. }
    delete: { operationId: deleteOrder, description: "<p>Deletes an <b>order</b>. It cannot come back.</p>" }
  /orders:
    post:
      operationId: createOrder
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: "#/components/schemas/Order" }
  /refunds:
    get: { operationId: list refunds }
    post:
      operationId: issueRefund
      requestBody:
        required: true
        content: { application/x-www-form-urlencoded: { schema: { required: [charge], properties: { charge: { type: string } } } } }
  /files/{name}.json:
    put: {}
  /orders/{id}:
    get: { operationId: again, summary: The same }
  /users//x:
    get: { operationId: nobody }
  /search:
    get: { operationId: search, parameters: [{ name: q, in: query, required: true, schema: { type: string } }, { name: page, in: query, schema: { type: integer } }] }
components:
  parameters:
    Order: { name: order-id, in: path, required: true, schema: { type: integer } }
  schemas:
    Order:
      required: [sku, count, price, note]
      properties:
        sku: { type: string }
        count: { type: integer }
        price: { type: number }
        note: { type: [string, "null"] }
"##;

#[test]
fn operations_become_routes_with_a_tier_a_title_and_typed_parameters() {
    let (text, config) = openapi(SHOP);
    let upstream = &config.upstreams["shop"];
    assert_eq!((upstream.url.host.as_str(), upstream.url.path.as_str()), ("eu.example.com", "/v2"));
    assert_eq!(
        routes(&config),
        [
            "GET /orders/{order_id} | get_order | low | Read an order: {params.order_id}",
            "DELETE /orders/{order_id} | delete_order | high | Deletes an order: {params.order_id}",
            "POST /orders | create_order | medium | createOrder: {params.sku}, {params.count}, {params.price}",
            "GET /refunds | list_refunds | low | list refunds",
            "POST /refunds | issue_refund | high | issueRefund: {params.charge}",
            "PUT /files/* | put_files_name_json | medium | PUT /files/(name).json",
            "GET /search | search | low | search: {params.q}",
        ]
    );
    for part in [
        "order_id: { from: \"path.order_id\", type: integer }",
        "price: { from: \"/price\", type: decimal }",
        "charge: \"form.charge\"",
        "risk_tier: high   # \"refunds\"",
        "# also GET /orders/{id}: The same",
        "# GET /users//x: no request",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn what_a_document_says_stays_within_its_quotes() {
    for hostile in [
        "a\n  - action: pwned\n    match: /**\n    pass: true",
        "a # no comment",
        "\"quoted\" and 'so' \\ on",
        "${HOME} and ${X:-y}",
        "$${HOME}",
        "file:/etc/passwd",
        "{params.secret|money:EUR} {",
        "}",
        "- a: b",
        "*anchor &x !tag %d @a `b`",
        "yes",
        "~",
        "\u{2028}a\u{85}b\u{feff}c\u{202e}d\u{0}e\u{1b}[2J",
        "\u{1f600} 中文",
        "",
        "   ",
    ] {
        let document = json!({
            "openapi": "3.0.0",
            "info": { "title": hostile, "version": hostile },
            "servers": [{ "url": hostile }],
            "paths": {
                "/a/{id}": { "post": { "operationId": hostile, "summary": hostile, "description": hostile, "deprecated": true,
                    "parameters": [{ "name": hostile, "in": "query", "required": true, "schema": { "type": "integer" } }],
                    "requestBody": { "required": true, "content": { "application/json": { "schema": {
                        "required": [hostile], "properties": { hostile: { "type": "string" } } } } } } } },
                format!("/b/{hostile}"): { "get": {} },
                format!("/c/{{{hostile}}}"): { "get": {} },
            },
        });
        let (text, config) = openapi(&document.to_string());
        let found = routes(&config);
        assert!((1..=3).contains(&found.len()), "{found:?}");
        assert!(found.iter().all(|route| !route.contains("pwned |")), "{found:?}");
        assert!(config.upstreams.values().all(|upstream| upstream.routes.iter().all(|route| !route.pass)));
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");

        let tools = [
            json!({ "name": "echo", "title": hostile, "description": hostile,
            "inputSchema": { "required": [hostile], "properties": { hostile: { "type": "string" } } } }),
            json!({ "name": hostile }),
        ];
        let imported = mcp::from_tools("http://127.0.0.1:9/mcp", [hostile, hostile], &tools, "tools".to_owned());
        let text = checked(&imported).unwrap();
        let source = Source { name: "imported.yaml".to_owned(), text: text.clone() };
        let (config, _) = load(vec![source], &Refusing).unwrap_or_else(|findings| panic!("{findings}\n{text}"));
        assert!(config.upstreams["tools"].routes.len() <= 2);
    }
}

#[test]
fn quoting_gives_the_same_text_back() {
    for text in ["a", "a b", "yes", "007", "1e5", "a: b", "\"", "\\n", "é\u{2028}\u{7}", "$x", "", "-", "null", "a#b"]
    {
        let document = format!("teams: {{ {}: [] }}\nupstreams: {{}}\n", written::quoted(text));
        let value: Value = serde_saphyr::from_str(&document).unwrap();
        assert_eq!(value["teams"].as_object().unwrap().keys().next().unwrap(), text, "{document}");
    }
}

#[test]
fn tiers_rise_with_what_a_call_can_do() {
    for (method, operation, path, wanted) in [
        ("GET", "listOrders", "/orders", RiskTier::Low),
        ("HEAD", "x", "/x", RiskTier::Low),
        ("GET", "deleteOldOrders", "/cleanup", RiskTier::Medium),
        ("GET", "listSecrets", "/secrets", RiskTier::Medium),
        ("GET", "listRefunds", "/refunds", RiskTier::Low),
        ("POST", "createOrder", "/orders", RiskTier::Medium),
        ("PATCH", "x", "/orders/{refund}", RiskTier::Medium),
        ("POST", "createPayout", "/x", RiskTier::High),
        ("POST", "x", "/admin/users", RiskTier::High),
        ("PUT", "setUserRoles", "/x", RiskTier::High),
        ("DELETE", "deleteOrder", "/orders/{id}", RiskTier::High),
        ("DELETE", "deleteAdmin", "/admins/{id}", RiskTier::Critical),
    ] {
        assert_eq!(tier::of_operation(method, operation, path).0, wanted, "{method} {operation} {path}");
    }
}

#[test]
fn what_a_server_says_of_its_tools_raises_and_never_lowers() {
    let tool = |name: &str, hints: Value| json!({ "name": name, "annotations": hints });
    let tools = [
        tool("read_file", json!({ "readOnlyHint": true })),
        tool("deleteFile", json!({ "readOnlyHint": true, "destructiveHint": false })),
        tool("move", json!({ "destructiveHint": true })),
        tool("write*", json!({})),
        json!({ "name": "sum", "description": "Adds\ntwo numbers", "inputSchema": {
            "required": ["a", "b", "list"], "properties": { "a": { "type": "number" }, "b": { "type": "integer" }, "list": { "type": "array" } } } }),
        json!({ "name": "sum" }),
    ];
    let imported = mcp::from_tools("http://127.0.0.1:9/mcp", ["Demo", "1"], &tools, "demo".to_owned());
    let text = checked(&imported).unwrap();
    let source = Source { name: "imported.yaml".to_owned(), text: text.clone() };
    let (config, _) = load(vec![source], &NoSecrets).unwrap();
    assert_eq!(
        routes(&config),
        [
            "read_file | read_file | medium | read_file",
            "deleteFile | delete_file | high | deleteFile",
            "move | move | high | move",
            "write\\* | write | medium | write*",
            "sum | sum | medium | sum: {params.a}, {params.b}",
        ]
    );
    for part in
        ["a hint, not a promise", "# It says that it only reads (readOnlyHint).", "# Adds two numbers", "protocol: mcp"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn what_is_no_openapi_3_is_refused_with_what_it_is() {
    for (document, wanted) in [
        ("swagger: '2.0'", "convert it to OpenAPI 3"),
        ("openapi: 3.2.0", "versions 3.0 and 3.1"),
        ("{", "not JSON"),
        ("a: [", "neither YAML nor JSON"),
        ("[]", "versions 3.0 and 3.1"),
    ] {
        let said = openapi::imported(document, None, &args()).unwrap_err().to_string();
        assert!(said.contains(wanted), "{document}: {said}");
    }
}

#[test]
fn a_document_without_an_address_says_so() {
    for (servers, wanted) in [
        (json!([]), "fill-in.example.com"),
        (json!([{ "url": "/api/v3" }]), "fill-in.example.com"),
        (json!([{ "url": "//kubernetes.local" }]), "fill-in.example.com"),
        (json!([{ "url": "https://user:pass@example.com" }]), "fill-in.example.com"),
        (json!([{ "url": "https://api.example.com/" }]), "api.example.com"),
    ] {
        let document = json!({ "openapi": "3.0.3", "info": { "title": "API" }, "servers": servers, "paths": {} });
        let (text, config) = openapi(&document.to_string());
        assert_eq!(config.upstreams["api"].url.host, wanted, "{servers}");
        assert_eq!(text.contains("# Fill in the address"), wanted.starts_with("fill-in"), "{text}");
    }
}
