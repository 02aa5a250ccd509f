//! A number from 0 to 100 that says how much attention a call deserves, and why.
//!
//! The same call of the same agent has the same score, whenever it is asked.

use super::{ParamValue, Params};
use crate::config::{RiskTier, RiskWeights, Trust};
use crate::decision::{Risk, RiskReason};

/// Words of an action's name and what they add.
const WORDS: [(&[&str], i16, &str); 5] = [
    (&["delete", "drop", "destroy", "purge", "wipe", "truncate", "terminate", "erase", "remove"], 15, "destroys"),
    (&["refund", "pay", "payout", "payment", "transfer", "charge", "withdraw", "wire"], 10, "moves money"),
    (&["grant", "revoke", "permission", "role", "admin", "password", "secret", "key", "token"], 10, "touches access"),
    (&["deploy", "execute", "exec", "run", "merge", "publish", "send"], 5, "has effects elsewhere"),
    (&["read", "get", "list", "search", "fetch", "describe"], -10, "only reads"),
];

pub(super) fn score(
    action: &str,
    tier: RiskTier,
    trust: Trust,
    params: &Params,
    defects: &[String],
    weights: &RiskWeights,
) -> Risk {
    let mut reasons = Vec::with_capacity(4);
    let mut sum = 0_i16;
    let mut add = |points: i16, why: String| {
        if points != 0 {
            sum = sum.saturating_add(points);
            reasons.push(RiskReason { points, why });
        }
    };
    let base = match tier {
        RiskTier::Low => 10,
        RiskTier::Medium => 30,
        RiskTier::High => 55,
        RiskTier::Critical => 80,
    };
    add(base, ["tier ", tier.as_str()].concat());
    for (words, points, why) in WORDS {
        let built_in = |word: &&str| words.contains(word) && !weights.words.contains_key(*word);
        if let Some(word) = action.split('_').find(built_in) {
            add(points, ["\"", word, "\" ", why].concat());
        }
    }
    if !weights.words.is_empty() {
        for word in action.split('_') {
            add(weights.words.get(word).copied().unwrap_or(0), ["\"", word, "\" in its name"].concat());
        }
    }
    if let Some(ParamValue::String(environment)) =
        params.get("environment").filter(|_| !weights.environments.is_empty())
    {
        let points = weights.environments.get(environment).copied().unwrap_or(0);
        add(points, ["environment ", environment].concat());
    }
    for weight in &weights.amounts {
        let over = match params.get(&weight.param) {
            Some(ParamValue::Integer(value)) => rust_decimal::Decimal::from(*value) > weight.over.into(),
            Some(ParamValue::Decimal(value)) => *value > weight.over.into(),
            _ => false,
        };
        if over {
            add(weight.points, format!("{} over {}", weight.param, weight.over));
        }
    }
    let of_trust = match trust {
        Trust::Unregistered => 10,
        Trust::New => 5,
        Trust::Active => 0,
        Trust::Established => -5,
        Trust::Verified => -10,
    };
    add(of_trust, ["agent is ", trust.as_str()].concat());
    if !defects.is_empty() {
        add(10, "a parameter is missing or of another type".to_owned());
    }
    // Bulk is where one mistake becomes many.
    if params.values().any(|value| matches!(value, ParamValue::List(items) if items.len() > 10)) {
        add(5, "a list of more than ten".to_owned());
    }
    Risk { score: u8::try_from(sum.clamp(0, 100)).unwrap_or(100), reasons }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AmountWeight;

    #[test]
    fn the_score_follows_tier_words_and_trust() {
        let of = |action, tier, trust| score(action, tier, trust, &Params::new(), &[], &RiskWeights::default()).score;
        assert_eq!(of("read_payments", RiskTier::Low, Trust::Verified), 0);
        assert_eq!(of("update_note", RiskTier::Medium, Trust::Active), 30);
        assert_eq!(of("issue_refund", RiskTier::High, Trust::New), 70);
        assert_eq!(of("delete_admin_key", RiskTier::Critical, Trust::Unregistered), 100);
    }

    #[test]
    fn every_point_has_a_reason() {
        let missing = ["parameter a: missing".to_owned()];
        let none = RiskWeights::default();
        let risk = score("issue_refund", RiskTier::High, Trust::New, &Params::new(), &missing, &none);
        assert_eq!(risk.reasons.iter().map(|reason| reason.points).sum::<i16>(), i16::from(risk.score));
        assert_eq!(
            risk.reasons.iter().map(|reason| reason.why.as_str()).collect::<Vec<_>>(),
            ["tier high", "\"refund\" moves money", "agent is new", "a parameter is missing or of another type"]
        );
    }

    #[test]
    fn the_configuration_adds_points_for_words_environments_and_amounts() {
        let weights = RiskWeights {
            words: [("refund".to_owned(), 3), ("ledger".to_owned(), 20)].into_iter().collect(),
            environments: [("production".to_owned(), 15)].into_iter().collect(),
            amounts: vec![
                AmountWeight { param: "amount".to_owned(), over: 100, points: 5 },
                AmountWeight { param: "amount".to_owned(), over: 10_000, points: 10 },
            ],
        };
        let of = |action: &str, params: &[(&str, ParamValue)]| {
            let params = params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            score(action, RiskTier::Medium, Trust::Active, &params, &[], &weights).score
        };
        let amount = |text: &str| ("amount", ParamValue::Decimal(text.parse().unwrap()));
        assert_eq!(of("issue_refund", &[]), 33, "in place of what is built in");
        assert_eq!(of("close_ledger", &[]), 50);
        assert_eq!(of("note", &[("environment", ParamValue::String("production".to_owned()))]), 45);
        assert_eq!(of("note", &[("environment", ParamValue::String("staging".to_owned()))]), 30);
        assert_eq!(of("note", &[("amount", ParamValue::Integer(100))]), 30, "larger, not as large");
        assert_eq!(of("note", &[amount("100.5")]), 35);
        assert_eq!(of("note", &[("amount", ParamValue::Integer(10_001))]), 45, "each that fits");
        assert_eq!(of("note", &[("amount", ParamValue::String("99999".to_owned()))]), 30);
    }
}
