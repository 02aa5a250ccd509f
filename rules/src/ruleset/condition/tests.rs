use super::*;
use crate::ruleset::tests::caller;

fn params() -> Params {
    let text = |text: &str| ParamValue::String(text.to_owned());
    Params::from_iter([
        ("amount".to_owned(), ParamValue::Integer(50)),
        ("price".to_owned(), ParamValue::Decimal("19.99".parse().unwrap())),
        ("huge".to_owned(), ParamValue::Decimal("100.00000000000000000001".parse().unwrap())),
        ("env".to_owned(), text("prod")),
        ("seven".to_owned(), text("7")),
        ("list".to_owned(), ParamValue::List(vec![text("prod")])),
        ("map".to_owned(), ParamValue::Object(vec![("a".to_owned(), ParamValue::Integer(1))])),
        ("yes".to_owned(), ParamValue::Bool(true)),
        ("nothing".to_owned(), ParamValue::Null),
    ])
}

fn holds(source: &str) -> Result<bool, String> {
    let condition = Condition::compile(source)?;
    asked(&params(), |facts, zone| condition.holds(facts, zone))
}

fn asked<T>(params: &Params, ask: impl FnOnce(&Facts<'_>, &TimeZone) -> T) -> T {
    let risk = Risk { score: 40, reasons: Vec::new() };
    let facts = Facts {
        params,
        tier: RiskTier::High,
        request: None,
        caller: &caller(),
        risk: &risk,
        at: "2026-11-18T23:30:00Z".parse().unwrap(),
    };
    ask(&facts, &TimeZone::get("Europe/Berlin").unwrap())
}

/// What is answered without the interpreter, and what the interpreter says to it.
#[test]
fn plain_comparisons_mean_what_cel_means() {
    let comparisons = |left: &str, values: &[&str]| {
        let signs = ["<", "<=", ">", ">=", "==", "!="];
        let both = |sign: &&str| values.iter().map(|value| format!("{left} {sign} {value}")).collect::<Vec<_>>();
        signs.iter().flat_map(both).collect::<Vec<_>>()
    };
    let mut sources = comparisons("params.n", &["0", "1", "-1", "9223372036854775807"]);
    for text in ["params.t", "params['t']"] {
        for with in ["''", "'a'", "'ab'", "'é'"] {
            sources.push(format!("{text} == {with}"));
            sources.push(format!("{text} != {with}"));
            sources.push(format!("{text}.startsWith({with})"));
            sources.push(format!("{text}.endsWith({with})"));
        }
    }
    let alone = sources.clone();
    for (at, one) in alone.iter().enumerate() {
        let other = &alone[(at * 7 + 3) % alone.len()];
        sources.push(format!("!({one})"));
        sources.push(format!("{one} && {other}"));
        sources.push(format!("{one} || !({other} && {one})"));
    }
    let text = |text: &str| ParamValue::String(text.to_owned());
    let numbers = [0, 1, -1, 2, i64::MIN, i64::MAX].map(ParamValue::Integer);
    let others = [ParamValue::Decimal("0.5".parse().unwrap()), ParamValue::Bool(true), ParamValue::Null, text("1")];
    let texts = [text(""), text("a"), text("ab"), text("ba"), text("é"), ParamValue::Integer(1)];
    let values = numbers.iter().chain(&others).flat_map(|n| texts.iter().map(move |t| (n, t)));
    let values: Vec<Params> =
        values.map(|(n, t)| Params::from_iter([("n".to_owned(), n.clone()), ("t".to_owned(), t.clone())])).collect();
    let mut plain = 0;
    for source in &sources {
        let condition = Condition::compile(source).unwrap();
        for params in &values {
            asked(params, |facts, zone| {
                let Some(holds) = condition.plain.as_ref().and_then(|plain| plain.holds(facts)) else { return };
                plain += 1;
                assert_eq!(condition.interpreted(facts, zone), Ok(holds), "{source} with {params:?}");
            });
        }
    }
    assert!(plain > 1000, "{plain} were answered without the interpreter");
}

#[test]
fn what_has_another_form_is_left_to_the_interpreter() {
    for source in ["has(params.env)", "params.amount > 0.5", "params.amount + 1 > 2", "params.env in ['prod']", "true"]
    {
        assert!(Condition::compile(source).unwrap().plain.is_none(), "{source}");
    }
}

#[test]
fn conditions_hold_or_not() {
    for (source, expected) in [
        ("true", true),
        ("params.amount > 0 && params.amount <= 100", true),
        ("params.amount > 50", false),
        ("params.amount <= 50.5", true),
        ("params.amount == 50.0", true),
        ("params.price < 20", true),
        ("params.price == 19.99", true),
        ("params.price >= 20.0", false),
        ("params.env == 'prod'", true),
        ("params['env'] != 'dev'", true),
        ("params.env in ['prod', 'stage']", true),
        ("params.env.startsWith('pr')", true),
        ("params.env.matches('^p.*d$')", true),
        ("'prod' in params.list", true),
        ("params.list.all(item, item != 'dev')", true),
        ("params.map.a == 1", true),
        ("params.yes", true),
        ("params.nothing == null", true),
        ("has(params.env)", true),
        ("has(params.gone)", false),
        ("!has(params.gone) || params.gone == 1", true),
        ("agent.name == 'billing' && agent.project == 'default' && agent.trust == 'active'", true),
        ("agent.owner == 'dana@example.com'", true),
        ("agent.framework == ''", true),
        ("risk.score >= 40 && risk.tier == 'high'", true),
        // 00:30 on Thursday in Berlin
        ("now.getHours() == 0 && now.getDayOfWeek() == 4", true),
        ("now > timestamp('2026-11-18T00:00:00Z')", true),
        ("size(params) == 9", false),
    ] {
        // `params` as a whole has a number that cannot be compared, which is an error of its own.
        let got = holds(source);
        if source.starts_with("size(params)") {
            assert!(got.is_err());
        } else {
            assert_eq!(got, Ok(expected), "{source}");
        }
    }
}

#[test]
fn what_has_no_value_is_an_error_and_never_a_value() {
    for source in [
        "params.gone == 1",
        "params.gone != 1",
        "params.gone == 1 || true",
        "true || params.gone == 1",
        "params.seven == 7",
        "params.seven != 7",
        "7 != params.seven",
        "params.list != 'prod'",
        "params['list'] != 'prod'",
        "params.list != 'prod' || true",
        "!(params.list in ['prod'])",
        "params.map != 'prod'",
        "params.nothing != 'prod'",
        "params.yes != 'prod'",
        "params.env != 7",
        "params.env != true",
        "params.env != agent.owner && params.list != agent.owner",
        "params.amount != 'x'",
        "!('x' in params.env)",
        "params.env > 5",
        "params.huge <= 100",
        "params.amount / 0 == 1",
        "params.amount",
        "'true'",
        "request.method == 'GET'",
        "params.amount * 9223372036854775807 > 0",
    ] {
        assert!(holds(source).is_err(), "{source} is {:?}", holds(source));
    }
}

#[test]
fn what_is_not_meant_is_found_at_load() {
    let deep = format!("{}true{}", "(".repeat(300), ")".repeat(300));
    let long = format!("true{}", " && true".repeat(300));
    let signs = format!("1{} > 0", "+1".repeat(301));
    for source in [
        "params.amount >",
        "param.amount > 1",
        "amount > 1",
        "agent.nmae == 'x'",
        "request.body == 'x'",
        "risk.reason == 'x'",
        "params.l.all(a, params.l.all(b, params.l.all(c, a == b)))",
        "{'a': 1}.a == 1",
        &deep,
        &long,
        &signs,
    ] {
        assert!(Condition::compile(source).is_err(), "{source}");
    }
    // The largest that are accepted neither overflow the stack when read nor when evaluated.
    for source in [
        format!("{}true{}", "(".repeat(16), ")".repeat(16)),
        format!("1{} > 0", "+1".repeat(36)),
        format!("{}true", "!".repeat(36)),
        format!("{}1 < 2", "- ".repeat(36)),
        format!("{}true", "false?true:".repeat(36)),
        format!("true{}", "&&true".repeat(150)),
        format!("true{}", "||true".repeat(150)),
        format!("params.map{} == 1", ".a".repeat(36)),
    ] {
        assert!(Condition::compile(&source).is_ok(), "{source}");
        let _ = holds(&source);
    }
    assert!(Condition::compile("params.l.all(a, params.l.exists(b, a == b))").is_ok());
    let why = Condition::compile("agent.nmae == 'x'").unwrap_err();
    assert_eq!(why, "agent has no \"nmae\"; it has name, fingerprint, project, trust, framework, owner");
}

#[test]
fn what_macros_go_through_is_bounded() {
    let holds = |count: usize, when: &str| {
        let list = ParamValue::List((0..count).map(|_| ParamValue::Integer(1)).collect());
        let params = Params::from_iter([("l".to_owned(), list)]);
        let risk = Risk::default();
        let caller = crate::ruleset::tests::caller();
        let at = Timestamp::UNIX_EPOCH;
        let facts = Facts { params: &params, tier: RiskTier::Low, request: None, caller: &caller, risk: &risk, at };
        Condition::compile(when).unwrap().holds(&facts, &TimeZone::UTC)
    };
    let (one, two) = ("params.l.all(a, a == 1)", "params.l.all(a, params.l.all(b, a == b))");
    assert_eq!(holds(200, one), Ok(true));
    assert_eq!(holds(200, two), Ok(true));
    assert_eq!(holds(400, two).unwrap_err(), "401 values are too many for this condition");
    assert!(holds(100_000, one).unwrap_err().contains("too many"));
}
