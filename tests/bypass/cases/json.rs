//! JSN: JSON that two parsers could read differently.

use crate::case::Must::{self, BeGated, BeHarmless, BeHeld, BeSent, Get};
use crate::case::{Case, Probe, case};
use crate::variants::{Ask, ask};

fn refund(body: impl AsRef<[u8]>) -> Ask {
    ask("POST", "<plain>/v1/refunds/7").json(body)
}

fn refunds(must: Must, bodies: &[&str]) -> Vec<Probe> {
    bodies.iter().flat_map(|body| refund(body).must(must)).collect()
}

fn users(must: Must, bodies: &[&str]) -> Vec<Probe> {
    bodies.iter().flat_map(|body| ask("POST", "<plain>/v1/users").json(body).must(must)).collect()
}

pub fn cases() -> Vec<Case> {
    vec![
        case("JSN-01", "a key twice, in either order", "refused").probes(refunds(
            Get(400),
            &[r#"{"amount":1,"amount":9999}"#, r#"{"amount":9999,"amount":1}"#, r#"{"amount":1,"amount":1}"#, r#"{"amount":1,"x":2,"amount":9999}"#, r#"{"x":1,"amount":1,"x":2}"#],
        ))
        .tests(&["a_key_is_distinct_however_many_and_however_long", "json_that_two_parsers_could_read_differently_reaches_nothing"]),
        case("JSN-02", "a key twice, once escaped", "refused").probes(refunds(
            Get(400),
            &[r#"{"amount":1,"am\u006funt":9999}"#, r#"{"\u0061mount":9999,"amount":1}"#, r#"{"amount":1,"\u0061\u006D\u006f\u0075\u006e\u0074":9999}"#, r#"{"a/b":1,"a\/b":2,"amount":1}"#],
        ))
        .probes(refunds(BeHeld, &[r#"{"am\u006funt":9999}"#]))
        .probes(refunds(BeSent, &[r#"{"am\u006funt":1}"#])),
        case("JSN-03", "a key in another case, beside the right one or alone; letters that fold to ASCII", "refused").probes(refunds(
            Get(400),
            &[r#"{"amount":1,"Amount":9999}"#, r#"{"AMOUNT":9999}"#, r#"{"amounT":9999,"amount":1}"#, r#"{"amount":1,"AMOUNT":1}"#, r#"{"Am\u006Funt":9999}"#],
        ))
        .probes(users(Get(400), &["{\"user\":{\"role\":\"user\"},\"u\u{17f}er\":{\"role\":\"admin\"}}", "{\"u\u{17f}er\":{\"role\":\"user\"}}", r#"{"user":{"Role":"admin","role":"user"}}"#, r#"{"USER":{"role":"admin"}}"#]))
        .tests(&["a_key_that_is_only_there_in_another_case_is_refused"]),
        case("JSN-05", "keys twice in an inner object, or inside a list", "refused at any depth")
            .probes(users(Get(400), &[r#"{"user":{"role":"user"},"user":{"role":"admin"}}"#, r#"{"user":{"role":"user","role":"admin"}}"#, r#"{"user":{"role":"user"},"x":[[{"a":1,"a":2}]]}"#]))
            .probes(refunds(Get(400), &[r#"{"amount":1,"u":[{"r":1,"r":2}]}"#, r#"{"amount":1,"u":{"v":{"w":{"a":1,"\u0061":2}}}}"#, r#"{"amount":1,"u":[1,[2,{"a":[],"A":[]}]]}"#])),
        case("JSN-06", "large integers, exponents, negative zero, long fractions", "compared exactly; what cannot be represented is held or refused; sent as written")
            .probes(refunds(BeGated, &[r#"{"amount":9007199254740993}"#, r#"{"amount":18446744073709551616}"#, r#"{"amount":1e400}"#, r#"{"amount":101}"#, r#"{"amount":100.0000000000000000001}"#, r#"{"amount":1E+3}"#, r#"{"amount":10001e-2}"#, r#"{"amount":1.0e2000000000}"#, r#"{"amount":99999999999999999999999999999999999999}"#]))
            .probes(refunds(BeHarmless, &[r#"{"amount":-0}"#, r#"{"amount":100.0}"#, r#"{"amount":1E2}"#, r#"{"amount":1e-400}"#, r#"{"amount":99.99999999999999999999999999999999999999}"#]))
            .probes(refund(format!("{{\"amount\":0.1{}}}", "0123456789".repeat(40))).must(BeHarmless))
            .tests(&["depth_and_numbers_are_bounded", "numbers_equal_by_value"]),
        case("JSN-08", "`NaN`, `Infinity`, single quotes, bare keys, commas at the end, comments", "refused").probes(refunds(
            Get(400),
            &[
                r#"{"amount":NaN}"#, r#"{"amount":Infinity}"#, r#"{"amount":-Infinity}"#, r#"{'amount':1}"#, r#"{amount:1}"#, r#"{"amount":1,}"#, r#"{"amount":/**/1}"#, "{\"amount\":1}//x", "#x\n{\"amount\":1}",
                r#"{"amount":01}"#, r#"{"amount":+1}"#, r#"{"amount":.5}"#, r#"{"amount":1.}"#, r#"{"amount":0x1}"#, r#"{"amount":1_0}"#, r#"{"amount":True}"#, r#"{"amount":1 2}"#, r#"{"amount" 1}"#, r#"{,"amount":1}"#, r#"{"amount":1,,"x":2}"#, r#"["amount":1]"#, r#"{"amount":1"#, r#"{"amount":1]"#,
            ],
        )),
        case("JSN-09", "bytes that are no UTF-8, overlong forms, lone surrogates, `\\u0000`", "refused")
            .probes(
                [
                    b"{\"amount\":1,\"x\":\"\xff\"}".as_slice(), b"{\"amount\":1,\"\xff\":1}", b"{\"amount\":1,\"x\":\"\xc0\xaf\"}", b"{\"amount\":1,\"x\":\"\xed\xa0\x80\"}", b"{\"amount\":1,\"x\":\"\\ud800\"}",
                    b"{\"amount\":1,\"x\":\"\\udc00\\ud800\"}", b"{\"amount\":1,\"\\ud800\":1}", b"{\"amount\":1,\"amount\\u0000\":9999}", b"{\"amount\":1,\"x\":\"\\ud800\\u0041\"}", b"{\"amount\":1,\"x\":\"\xf4\x90\x80\x80\"}",
                    b"\xff\xfe{\0", b"{\"amount\":1,\"x\":\"\xe2\x82\"}",
                ]
                .iter()
                .flat_map(|body| refund(body).must(Get(400))),
            ),
        case("JSN-10", "raw control characters and line ends in texts; other white space between tokens", "refused").probes(refunds(
            Get(400),
            &["{\"amount\":1,\"x\":\"\n\"}", "{\"amount\":1,\"x\":\"\t\"}", "{\"amount\":1,\"x\":\"\0\"}", "{\"amount\":\u{c}1}", "{\"amount\":\u{a0}1}", "{\"amount\":\u{feff}1}", "{\u{2028}\"amount\":1}", "{\u{b}\"amount\":1}", "{\"amount\":1\0}", "{\"amount\":1,\"x\":\"\x1f\"}", r#"{"amount":1,"x":"\a"}"#, r#"{"amount":1,"x":"\u00g0"}"#, r#"{"amount":1,"x":"\x41"}"#],
        )),
        case("JSN-11", "ten thousand levels, a hundred thousand keys, huge texts", "refused, or read, in bounded time")
            .probes(["[".repeat(10_000), "[".repeat(500_000), "{\"a\":".repeat(10_000), format!("{{\"amount\":1,\"x\":{}{}}}", "[".repeat(200), "]".repeat(200))].iter().flat_map(|body| refund(body).must(Get(400))))
            .probes(refund(format!("{{\"amount\":1{}}}", (0..50_000).map(|at| format!(",\"k{at}\":1")).collect::<String>())).must_1(BeHarmless))
            .probes(refund(format!("{{\"amount\":1,\"x\":\"{}\"}}", "y".repeat(1_000_000))).must_1(BeSent))
            .tests(&["many_keys_take_linear_time"]),
        case("JSN-12", "something behind the value", "refused").probes(refunds(
            Get(400),
            &[r#"{"amount":1}{"amount":9999}"#, "{\"amount\":1}\0junk", r#"{"amount":1}x"#, r#"{"amount":1},"#, r#"{"amount":1}]"#, r#"{"amount":1}null"#, "{\"amount\":1}\u{1a}"],
        )),
        case("JSN-13", "keys that look like paths: `user.role`, `user/role`, `user[role]`", "a pointer finds the nested value only; where it is missing, people decide").probes(users(
            BeGated,
            &[r#"{"user.role":"user"}"#, r#"{"user/role":"user"}"#, r#"{"user[role]":"user"}"#, r#"{"user":"role"}"#, r#"{"user":["user"]}"#, r#"{"user":{"role":["user"]}}"#, r#"{"user":{"role":{"role":"user"}}}"#, r#"{"/user/role":"user"}"#, r#"{"user":{"role":"admin"},"user.role":"user"}"#, r#"{"user":{"role":null}}"#, r#"{"user":{"role":"user "}}"#],
        ))
        .probes(users(BeSent, &[r#"{"user":{"role":"user"}}"#, r#"{"user":{"role":"user"},"user.role":"admin"}"#]))
        .tests(&["pointers_find_only_the_nested_path"]),
        case("JSN-14", "keys that some languages take for more: `__proto__`, `constructor`, `$ref`, `@type`", "no rule reads them; they are bound, shown and sent as they are")
            .probes(refunds(BeHeld, &[r#"{"amount":9999,"__proto__":{"amount":1}}"#, r#"{"amount":9999,"constructor":{"prototype":{"amount":1}}}"#, r##"{"amount":9999,"$ref":"#/x"}"##]))
            .probes(refunds(BeGated, &[r#"{"__proto__":{"amount":1}}"#, r#"{"constructor":{"prototype":{"amount":1}}}"#, r#"{"amount":{"toJSON":1}}"#, r#"{"amount":{"$numberInt":"1"}}"#, r#"{"amount":{"@value":1}}"#]))
            .absent("a list of keys to refuse: who runs such a service writes the rule for the key that its service reads"),
        case("JSN-15", "a list where an object is expected, for services that take many at once", "held or refused: a value that is not there is never approved")
            .probes(refunds(BeGated, &[r#"[{"amount":1},{"amount":9999}]"#, r#"[{"amount":1}]"#, "[]", "1", "\"amount\"", "null", "{}", r#"{"amount":[1]}"#, r#"{"amount":null}"#, r#"{"amount":"1"}"#, r#"{"amount":true}"#, r#"{"amount":{}}"#])),
        case("JSN-16", "some hundred generated mutations of a refund, read by parsers that take the first, the last, or any case of a key", "what policy sends is small for every one of them")
            .probes(mutated())
            .tests(&["a_plain_reader_agrees", "nothing_is_accepted_that_serde_json_refuses", "no_bytes_make_it_panic"]),
    ]
}

/// Small and large amounts, with parts taken out, put in twice, exchanged or changed by one bit.
fn mutated() -> Vec<Probe> {
    const SEEDS: [&str; 4] = [
        r#"{"amount":1,"x":{"amount":9999}}"#,
        r#"{"x":[1,"amount"],"amount":9999,"y":"\u0061"}"#,
        r#"{ "amount" : 100.0 , "Amoun" : 9999 , "z" : null }"#,
        r#"{"am\u006funt":1e1,"note":"\"amount\":9999"}"#,
    ];
    const PARTS: [&[u8]; 12] = [
        b"\"amount\":1,",
        b"\"amount\":9999,",
        b"\"Amount\":9999,",
        b",",
        b"{",
        b"}",
        b"\\u0061",
        b"\0",
        b" ",
        b"9",
        b"\"",
        b"/**/",
    ];
    // The same on every run.
    let mut state = 0x9e37_79b9_u32;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let mut probes = Vec::new();
    for round in 0..500 {
        let mut body = SEEDS[round % SEEDS.len()].as_bytes().to_vec();
        for _ in 0..=next(3) {
            let at = next(body.len());
            match next(4) {
                0 => {
                    body.remove(at);
                }
                1 => body[at] ^= 1 << next(7),
                2 => {
                    // Most often where another member could stand.
                    let starts: Vec<usize> = (0..body.len()).filter(|at| matches!(body[*at], b'{' | b',')).collect();
                    let at = if starts.is_empty() || next(4) == 0 { at } else { starts[next(starts.len())] + 1 };
                    let part = PARTS[next(PARTS.len())];
                    body.splice(at..at, part.iter().copied());
                }
                _ => {
                    let end = (at + next(12)).min(body.len());
                    let part = body[at..end].to_vec();
                    body.splice(at..at, part);
                }
            }
        }
        probes.push(Probe { wire: refund(body).one("HTTP/1.1", round % 2 == 0, true), must: BeHarmless });
    }
    probes
}
