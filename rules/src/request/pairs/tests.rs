//! Queries and forms as text.

use super::*;

fn look(query: &str) -> Result<Option<String>, Malformed> {
    let pairs = split(query, "query")?;
    Ok(one(&pairs, "amount", "query")?.map(str::to_owned))
}

#[test]
fn a_name_that_a_rule_looks_at_has_one_value_or_none() {
    for (query, value) in [
        ("amount=1", Some("1")),
        ("a=1&a=2&amount=3", Some("3")),
        ("x=1&&%61mount=9999&", Some("9999")),
        ("amount", Some("")),
        ("amount=a+b%2Bc%20d", Some("a b+c d")),
        ("amount=a=b", Some("a=b")),
        ("amount=caf%C3%A9", Some("café")),
        ("amounts=1", None),
        ("", None),
    ] {
        assert_eq!(look(query), Ok(value.map(str::to_owned)), "{query}");
    }
    for query in [
        "amount=1&amount=9999",
        "amount=1&amount=1",
        "amount=1&%61mount=2",
        "amount=1&amount[]=2",
        "amount[]=2",
        "amount[0]=2",
        "Amount=1",
        "amount=1&AMOUNT=2",
        "amount%20=1",
        "+amount=1",
        "a=1;amount=9999",
        "amount=%zz",
        "amount=%",
        "amount%00=1",
        "amount=%ff",
        "amount=%u0031",
    ] {
        assert_eq!(look(query).map_err(|error| error.status), Err(400), "{query}");
    }
}

#[test]
fn a_form_is_escaped_where_it_must_be() {
    use crate::request::form::parse;
    assert_eq!(parse(b"a=1&b=x+y&a=2").unwrap().len(), 3);
    for body in [b"a=1 2".as_slice(), b"a=1\n", b"a=\xc3\xa9", b"\xff=1", b"a=1;b=2", b"a%00=1", b"a=%0"] {
        assert!(parse(body).is_err(), "{}", body.escape_ascii());
    }
}

#[test]
fn a_bracket_that_is_not_closed_does_not_hide_a_name() {
    for query in ["user[id=2", "user_id=1&user[id=2", "user_id=1&user%5Bid=2", "User[id=2"] {
        let pairs = split(query, "query").unwrap();
        assert_eq!(one(&pairs, "user_id", "query").map_err(|error| error.status), Err(400), "{query}");
    }
    let pairs = split("user[name]=2&user_id=1", "query").unwrap();
    assert_eq!(one(&pairs, "user_id", "query"), Ok(Some("1")));
}

#[test]
fn names_are_bounded() {
    let form = |count: usize| "a&".repeat(count);
    assert_eq!(split(&form(super::MOST), "form").unwrap().len(), super::MOST);
    assert_eq!(split(&form(super::MOST + 1), "form").unwrap_err().what, "more than 10000 names");
}
