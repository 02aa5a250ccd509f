use super::*;

fn params() -> Params {
    Params::from_iter([
        ("amount".to_owned(), ParamValue::Integer(125_000)),
        ("small".to_owned(), ParamValue::Integer(-5)),
        ("text".to_owned(), ParamValue::String("1999".to_owned())),
        ("name".to_owned(), ParamValue::String("Kofi\n\u{1b}[2J".to_owned())),
        ("at".to_owned(), ParamValue::Integer(1_795_000_000)),
        ("when".to_owned(), ParamValue::String("2026-11-21T09:30:00+01:00".to_owned())),
        ("tags".to_owned(), ParamValue::List(vec![ParamValue::String("a".to_owned()), ParamValue::Bool(true)])),
        ("long".to_owned(), ParamValue::String("x".repeat(500))),
    ])
}

#[test]
fn templates_print_parameters() {
    for (template, expected) in [
        ("plain", "plain"),
        ("Refund {params.amount|money:EUR} now", "Refund 1,250.00 EUR now"),
        ("{params.amount|money:JPY}", "125,000 JPY"),
        ("{params.amount|money:KWD}", "125.000 KWD"),
        ("{params.small|money:EUR}", "-0.05 EUR"),
        ("{params.text|money:USD}", "19.99 USD"),
        ("{params.name|money:USD}", "Kofi\\n\\u{1b}[2J"),
        ("{ params.amount }", "125000"),
        ("to {params.nobody}", "to -"),
        ("{params.nobody|money:EUR}", "-"),
        ("{params.at|date}", "2026-11-18 11:06 UTC"),
        ("{params.when|date}", "2026-11-21 08:30 UTC"),
        ("{params.tags}", "[\"a\",true]"),
    ] {
        assert_eq!(Title::compile(template).unwrap().render(&params()), expected, "{template}");
    }
    assert_eq!(Title::compile("{params.long}").unwrap().render(&params()).chars().count(), 121);
}

#[test]
fn a_text_to_type_is_whole_or_none() {
    let whole = |template: &str| Title::compile(template).unwrap().render_whole(&params());
    assert_eq!(whole("{params.amount} ok").as_deref(), Some("125000 ok"));
    assert_eq!(whole("{params.nobody}"), None);
    assert_eq!(whole("  "), None);
}

#[test]
fn templates_that_cannot_be_printed_are_refused() {
    for template in [
        "{params.a",
        "a}",
        "{agent.name}",
        "{params.a|upper}",
        "{params.a|money}",
        "{params.a|money:euro}",
        "{params.a|date:x}",
    ] {
        assert!(Title::compile(template).is_err(), "{template}");
    }
}
