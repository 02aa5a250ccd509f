//! GQL: GraphQL over HTTP.

use crate::case::Must::{self, BeHeld, BeRefused, BeSent, BeUnmatched, Get};
use crate::case::{Case, Probe, case};
use crate::variants::ask;

fn asked(must: Must, bodies: &[&str]) -> Vec<Probe> {
    bodies.iter().flat_map(|body| ask("POST", "<graph>").json(body).must(must)).collect()
}

/// Documents alone, as a JSON text each.
fn documents(must: Must, documents: &[&str]) -> Vec<Probe> {
    documents
        .iter()
        .flat_map(|document| {
            ask("POST", "<graph>").json(serde_json::json!({ "query": document }).to_string()).must(must)
        })
        .collect()
}

pub fn cases() -> Vec<Case> {
    vec![
        case("GQL-01", "a document with a query and a mutation; `operationName` twice", "the operation that will run is decided on; what is ambiguous is refused")
            .probes(asked(BeHeld, &[r#"{"query":"query A { me } mutation B { deleteUser(id: 1) }","operationName":"B"}"#, r#"{"operationName":"B","query":"mutation B { deleteUser(id: 1) } query A { me }"}"#]))
            .probes(asked(
                Get(400),
                &[
                    r#"{"query":"query A { me } mutation B { deleteUser(id: 1) }"}"#,
                    r#"{"query":"query A { me } mutation B { deleteUser(id: 1) }","operationName":"A","operationName":"B"}"#,
                    r#"{"query":"query A { me } mutation B { deleteUser(id: 1) }","operationName":"A","OperationName":"B"}"#,
                    r#"{"query":"query A { me } mutation A { deleteUser(id: 1) }","operationName":"A"}"#,
                    r#"{"query":"query A { me }","operationName":"C"}"#,
                    r#"{"query":"query A { me }","query":"mutation { deleteUser(id: 1) }"}"#,
                    r#"{"query":"query A { me }","Query":"mutation { deleteUser(id: 1) }"}"#,
                    r#"{"query":"{ me }","operationName":["A"]}"#,
                    r#"{"query":["mutation { deleteUser(id: 1) }"]}"#,
                ],
            ))
            .probes(documents(BeSent, &["{ me { id } }", "query A { me }"])),
        case("GQL-02", "a list of operations", "refused").probes(asked(
            Get(400),
            &[r#"[{"query":"{ me }"},{"query":"mutation { deleteUser(id: 1) }"}]"#, r#"[{"query":"{ me }"}]"#, "[]", r#"{"0":{"query":"mutation { deleteUser(id: 1) }"},"query":"{ me }"}"#],
        )),
        case("GQL-03", "one field many times under aliases", "every one counts, and is shown; beside others only where one route takes all")
            .probes(documents(BeHeld, &["mutation { a: deleteUser(id: 1) b: deleteUser(id: 2) }", "mutation { me: deleteUser(id: 1) }", "mutation { __typename deleteUser(id: 1) }"]))
            .probes(documents(Get(400), &["mutation { a: deleteUser(id: 1) a: deleteUser(id: 2) }", "mutation { rename(id: 1) deleteUser(id: 1) }", "mutation { deleteUser: rename(id: 1) x: deleteUser(id: 1) }"]))
            .probes(documents(Get(400), &[&format!("mutation {{ {} }}", (0..500).map(|at| format!("a{at}: deleteUser(id: {at}) ")).collect::<String>())])),
        case("GQL-04", "a mutation by GET; a query in the URL beside one in the body", "refused")
            .probes(["mutation%7BdeleteUser(id:1)%7D", "mutation+A+%7B+deleteUser(id:1)+%7D", "%6Dutation%7BdeleteUser(id:1)%7D"].iter().flat_map(|query| ask("GET", format!("<graph>?query={query}")).must(BeRefused)))
            .probes(ask("GET", "<graph>?query=%7Bme%7D&query=mutation%7BdeleteUser(id:1)%7D").must(BeRefused))
            .probes(ask("POST", "<graph>?query=mutation%7BdeleteUser(id:1)%7D").json(r#"{"query":"{ me }"}"#).must(BeRefused))
            .probes(ask("POST", "<graph>?operationName=B").json(r#"{"query":"query A { me } mutation B { deleteUser(id: 1) }","operationName":"A"}"#).must(BeRefused))
            .probes(ask("GET", "<graph>?query=%7Bme%7D").json(r#"{"query":"mutation { deleteUser(id: 1) }"}"#).must(BeRefused))
            .probes(ask("GET", "<graph>?query=%7Bme%7D").must(BeSent)),
        case("GQL-05", "persisted queries: a hash in place of a document", "refused").probes(asked(
            Get(400),
            &[
                r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab"}}}"#,
                r#"{"query":"{ me }","extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab"}}}"#,
                r#"{"documentId":"x"}"#,
                r#"{"query":"{ me }","documentId":"x"}"#,
                r#"{"id":"x"}"#,
                r#"{"query":"{ me }","doc_id":"x"}"#,
                r#"{"query":null,"extensions":{"persistedQuery":{}}}"#,
            ],
        )),
        case("GQL-06", "a mutation hidden in fragments, behind directives, `__typename`, comments, commas; `application/graphql`", "root fields are counted after expansion; what does not parse is refused")
            .probes(documents(
                BeHeld,
                &[
                    "mutation($x: Boolean) { ...F @include(if: $x) } fragment F on Mutation { deleteUser(id: 1) }",
                    "mutation { ... on Mutation { ... { deleteUser(id: 1) } } }",
                    "mutation { deleteUser(id: 1) @skip(if: true) }",
                    "#query { me }\nmutation,,,{,,deleteUser,(id:1),}",
                    "fragment F on Mutation { ...G } fragment G on Mutation { deleteUser(id: 1) } mutation { ...F }",
                    "mutation ($id: ID = 1) { deleteUser(id: $id) }",
                    "mutation\t{\n#\n deleteUser (id : 1 ) { id } }",
                ],
            ))
            .probes(documents(BeRefused, &["query { me } }",
                    "\u{feff}mutation{deleteUser(id:1)}", "mutation { ...F } fragment F on Mutation { ...F }", "mutation { ...Missing }", "mutation { deleteUser(id: 1) ", "", "fragment F on Query { me }", "mutation {}", "query { me } # x\rmutation { deleteUser(id: 1) }", "{ me } mutation { deleteUser(id: 1) }"]))
            .probes(ask("POST", "<graph>").body("application/graphql", "mutation { deleteUser(id: 1) }").must(Get(415)))
            .probes(ask("POST", "<graph>").body("text/plain", r#"{"query":"mutation { deleteUser(id: 1) }"}"#).must(Get(415)))
            .probes(ask("POST", "<graph>").body("application/x-www-form-urlencoded", "query=mutation%7BdeleteUser(id:1)%7D").must(Get(415)))
            .probes(documents(BeUnmatched, &["mutation { rename(id: 1) }"])),
        case("GQL-07", "uploads by the multipart convention (`operations`, `map`)", "415").probes(
            ask("POST", "<graph>")
                .body("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{\"query\":\"mutation { deleteUser(id: 1) }\"}\r\n--b--\r\n")
                .must(Get(415)),
        ),
        case("GQL-08", "subscriptions over WebSocket or event streams", "an upgrade needs a route that passes it undecided; by GET a subscription is refused")
            .probes(ask("GET", "<graph>?query=subscription%7BdeleteUser%7D").must(BeRefused))
            .probes(ask("GET", "<graph>?query=subscription%7BdeleteUser%7D").header("Accept", "text/event-stream").must(BeRefused))
            .tests(&["an_upgrade_is_refused_where_the_route_does_not_allow_it", "an_upgrade_is_refused_everywhere_else"]),
    ]
}
