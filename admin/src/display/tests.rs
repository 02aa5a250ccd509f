use super::json::{grouped, lay_out};
use super::{Warning, group, show, show_bytes};

/// What is not what it seems, and what a reader sees instead.
#[test]
fn nothing_hides() {
    let table: &[(&str, &str, &[Warning])] = &[
        ("plain text, ünïcode 漢字 עברית 🎉", "plain text, ünïcode 漢字 עברית 🎉", &[]),
        ("a\u{202E}b", "a[U+202E right-to-left override]b", &[Warning::Direction]),
        ("\u{202A}\u{2066}\u{2069}", "[U+202A left-to-right embedding][U+2066][U+2069]", &[Warning::Direction]),
        (
            "\u{200E}\u{200F}\u{061C}",
            "[U+200E left-to-right mark][U+200F right-to-left mark][U+061C]",
            &[Warning::Direction],
        ),
        ("a\u{200B}b\u{200D}c\u{2060}", "a[U+200B zero-width space]b[U+200D]c[U+2060]", &[Warning::Invisible]),
        ("\u{FEFF}x\u{AD}y", "[U+FEFF byte order mark]x[U+00AD soft hyphen]y", &[Warning::Invisible]),
        ("\u{3164}\u{115F}\u{FFA0}\u{2800}", "[U+3164][U+115F][U+FFA0][U+2800]", &[Warning::Invisible]),
        ("\u{E0041}\u{E007F}", "[U+E0041][U+E007F]", &[Warning::Invisible]),
        ("\u{E0100}\u{FE0F}\u{1D173}", "[U+E0100][U+FE0F][U+1D173]", &[Warning::Invisible]),
        ("\u{E000}\u{10FFFD}", "[U+E000][U+10FFFD]", &[Warning::Undefined]),
        ("\u{0378}", "[U+0378]", &[Warning::Invisible]),
        ("\u{1b}[2J\u{1b}]8;;http://x\u{7}", "[ESC][2J[ESC]]8;;http://x[U+0007]", &[Warning::Control]),
        ("a\rb\0", "a[\\r]b[NUL]", &[Warning::Control]),
        ("a\u{2028}b\u{85}", "a[U+2028]b[U+0085]", &[Warning::Control]),
        ("a\u{A0}b\u{3000}", "a[U+00A0 no-break space]b[U+3000]", &[Warning::Spaces]),
        ("९", "[९ U+096F]", &[Warning::Digits]),
        ("p\u{0430}ypal", "p\u{0430}ypal", &[Warning::Alphabets]),
        ("z\u{300}\u{301}\u{302}\u{303}", "z[U+0300][U+0301][U+0302][U+0303]", &[Warning::Marks]),
        ("a\n\nb", "a\n\nb", &[]),
    ];
    for (text, wanted, warnings) in table {
        let shown = show(text);
        assert_eq!(shown.text(), *wanted, "{text:?}");
        assert_eq!(shown.warnings(), *warnings, "{text:?}");
    }
}

#[test]
fn padding_is_counted_and_what_comes_after_it_is_seen() {
    let spaces = format!("safe{}rm -rf /", " ".repeat(10_240));
    assert_eq!(show(&spaces).text(), "safe[+10\u{202F}240 spaces]rm -rf /");
    let breaks = format!("safe{}rm -rf /", "\n".repeat(5_000));
    assert_eq!(show(&breaks).text(), "safe[+5\u{202F}000 line breaks]\nrm -rf /");
    let mixed = format!("safe{}x", "\n ".repeat(100));
    assert_eq!(show(&mixed).text(), "safe[+100 spaces, 100 line breaks]\nx");
    assert_eq!(show(&spaces).warnings(), [Warning::Padding]);
    let exotic = format!("safe{}x", "\u{A0}".repeat(3));
    assert_eq!(show(&exotic).text().matches("no-break space").count(), 3);
}

#[test]
fn markup_stays_text() {
    let html = show(r#"<script>alert('1')</script>"&"#).to_string();
    assert_eq!(html, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;");
    assert_eq!(show("a\u{202E}<b>").to_string(), "a<span class=\"esc\">U+202E right-to-left override</span>&lt;b&gt;");
}

#[test]
fn bytes_that_are_no_text_are_shown() {
    let shown = show_bytes(b"ok\xFF\xFEend");
    assert_eq!(shown.text(), "ok[\\xFF][\\xFE]end");
    assert_eq!(shown.warnings(), [Warning::NotUtf8]);
}

#[test]
fn json_keeps_every_raw_token() {
    let raw =
        r#"{"amount":1250000, "rate":0.10,"exp":1e3,"note":"a\u202eb","list":[1,{"deep":null}],"none":{},"no":[]}"#;
    let json = lay_out(raw.as_bytes()).expect("it is JSON");
    insta::assert_snapshot!(json.shown.text(), @r#"
    {
      "amount": 1250000 (1 250 000),
      "rate": 0.10,
      "exp": 1e3 (1 000),
      "note": "a\u202eb",
      "list": [
        1,
        {
          "deep": null
        }
      ],
      "none": {},
      "no": []
    }
    "#);
    assert_eq!(json.top, ["amount", "rate", "exp", "note", "list", "none", "no"]);
    assert_eq!(json.keys, 8);
    assert_eq!(json.shown.warnings(), [Warning::Direction], "what an escape stands for is warned of");
}

#[test]
fn what_is_not_json_is_not_laid_out() {
    for raw in ["", "{", "{\"a\":}", "[1,]", "nope", "{\"a\":1}{\"b\":2}"] {
        assert!(lay_out(raw.as_bytes()).is_none(), "{raw}");
    }
}

#[test]
fn the_padding_between_tokens_hides_nothing() {
    let raw = format!("{{\"a\":1,{}\"b\":2}}", " ".repeat(9_000));
    assert_eq!(lay_out(raw.as_bytes()).expect("it is JSON").shown.text(), "{\n  \"a\": 1,\n  \"b\": 2\n}");
    assert_eq!(show(&raw).warnings(), [Warning::Padding]);
}

#[test]
fn numbers_are_grouped_beside_the_raw_token() {
    let table = [
        ("999", None),
        ("1000", Some("1\u{202F}000")),
        ("-12345.678", Some("-12\u{202F}345.678")),
        ("1e6", Some("1\u{202F}000\u{202F}000")),
        ("1e400", None),
        ("0.1000000000000000055", None),
    ];
    for (token, wanted) in table {
        assert_eq!(grouped(token).as_deref(), wanted, "{token}");
    }
    assert_eq!(group("12"), "12");
}

/// A page that takes minutes to make is one that nobody approves on.
#[test]
fn what_must_be_warned_of_is_noted_in_no_time() {
    let hostile = ["\0".repeat(128 * 1024), "\u{AD}".repeat(64 * 1024)].concat();
    let start = std::time::Instant::now();
    assert_eq!(show(&hostile).warnings(), [Warning::Invisible, Warning::Control]);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
