//! A first guess at the risk of a call, and why. People correct it; so where in doubt it is higher.

use rules::config::RiskTier;

use super::words::snake_case;

const DESTROYS: [&str; 14] = [
    "delete",
    "destroy",
    "drop",
    "purge",
    "erase",
    "wipe",
    "terminate",
    "truncate",
    "remove",
    "revoke",
    "cancel",
    "deactivate",
    "uninstall",
    "reset",
];
const MONEY: [&str; 12] = [
    "refund",
    "refunds",
    "payout",
    "payouts",
    "transfer",
    "transfers",
    "withdraw",
    "withdrawal",
    "withdrawals",
    "charge",
    "charges",
    "pay",
];
const POWER: [&str; 22] = [
    "admin",
    "admins",
    "administrator",
    "root",
    "sudo",
    "impersonate",
    "permission",
    "permissions",
    "role",
    "roles",
    "secret",
    "secrets",
    "credential",
    "credentials",
    "password",
    "passwords",
    "token",
    "tokens",
    "key",
    "keys",
    "grant",
    "execute",
];
/// What nobody reads by accident.
const SECRETS: [&str; 6] = ["secret", "secrets", "credential", "credentials", "password", "passwords"];

/// The tier of an HTTP operation, and the word that raised it.
pub(super) fn of_operation(method: &str, operation: &str, path: &str) -> (RiskTier, Option<String>) {
    let tier = match method {
        "GET" | "HEAD" | "OPTIONS" => RiskTier::Low,
        "DELETE" => RiskTier::High,
        _ => RiskTier::Medium,
    };
    let name = snake_case(operation);
    let literals: Vec<String> =
        path.split('/').filter(|part| !part.contains('{')).map(snake_case).filter(|part| !part.is_empty()).collect();
    let any = |lists: &[&[&str]], names: &[&str]| {
        let words = names.iter().flat_map(|name| name.split('_'));
        words.into_iter().find(|word| lists.iter().any(|list| list.contains(word))).map(str::to_owned)
    };
    let path: Vec<&str> = literals.iter().map(String::as_str).collect();
    let both: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
    let word = match tier {
        // What reads refunds is no refund; but what is called delete is not read, and secrets are not for everybody.
        RiskTier::Low => any(&[&DESTROYS], &[name.as_str()]).or_else(|| any(&[&SECRETS], &both)),
        RiskTier::High => any(&[&MONEY, &POWER], &both),
        _ => any(&[&DESTROYS, &MONEY, &POWER], &both),
    };
    match word {
        Some(word) => (raised(tier), Some(word)),
        None => (tier, None),
    }
}

fn raised(tier: RiskTier) -> RiskTier {
    match tier {
        RiskTier::Low => RiskTier::Medium,
        RiskTier::Medium => RiskTier::High,
        RiskTier::High | RiskTier::Critical => RiskTier::Critical,
    }
}

/// The tier of an MCP tool. What its server says of it can raise the tier, and never lower it.
pub(super) fn of_tool(name: &str, says_destructive: bool) -> (RiskTier, Option<String>) {
    let snake = snake_case(name);
    let found = snake.split('_').find(|word| [&DESTROYS[..], &MONEY, &POWER].iter().any(|list| list.contains(word)));
    match found {
        Some(word) => (RiskTier::High, Some(format!("\"{word}\""))),
        None if says_destructive => (RiskTier::High, Some("it says that it destroys (destructiveHint)".to_owned())),
        None => (RiskTier::Medium, None),
    }
}
