//! Two patterns beside each other: does one take everything that the other takes, is there anything that both take?
//!
//! A pattern is a list of tokens over letters (of a glob) or segments (of a path): this one, any one, any run of them.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<T> {
    Is(T),
    One,
    Run,
}

/// Whether every text of `inner` is a text of `outer`. May say no where it is yes, never the other way round: a finding
/// that nothing can be reached must be true.
pub(super) fn covers<T: PartialEq>(outer: &[Token<T>], inner: &[Token<T>]) -> bool {
    let (outer, inner) = (settled(outer), settled(inner));
    // `row[j]`: what is left of `outer` covers `inner` from `j` on.
    let mut row: Vec<bool> = (0..=inner.len()).map(|at| at == inner.len()).collect();
    for token in outer.iter().rev() {
        let below = row;
        row = vec![false; inner.len() + 1];
        for at in (0..=inner.len()).rev() {
            let step = |row: &[bool]| row.get(at + 1).copied().unwrap_or(false);
            let covered = match (token, inner.get(at)) {
                (Token::Run, _) => below.get(at).copied().unwrap_or(false) || step(&row),
                (Token::One, Some(Token::Is(_) | Token::One)) => step(&below),
                (Token::Is(wanted), Some(Token::Is(given))) => wanted == given && step(&below),
                _ => false,
            };
            if let Some(cell) = row.get_mut(at) {
                *cell = covered;
            }
        }
    }
    row.first().copied().unwrap_or(false)
}

/// Whether some text is one of both.
pub(super) fn overlap<T: PartialEq>(left: &[Token<T>], right: &[Token<T>]) -> bool {
    let ends = |rest: &[&Token<T>]| rest.iter().all(|token| matches!(token, Token::Run));
    let right: Vec<&Token<T>> = right.iter().collect();
    // `row[j]`: what is left of `left` and `right` from `j` on have a text in common.
    let mut row: Vec<bool> = (0..=right.len()).map(|at| ends(right.get(at..).unwrap_or_default())).collect();
    for token in left.iter().rev() {
        let below = row;
        row = vec![false; right.len() + 1];
        for at in (0..=right.len()).rev() {
            let stay = below.get(at).copied().unwrap_or(false);
            let step = |row: &[bool]| row.get(at + 1).copied().unwrap_or(false);
            let common = match (token, right.get(at)) {
                (Token::Run, _) => stay || step(&row),
                (_, Some(Token::Run)) => stay || step(&row),
                (_, None) => false,
                (Token::Is(one), Some(Token::Is(other))) => one == other && step(&below),
                (Token::One, Some(_)) | (_, Some(Token::One)) => step(&below),
            };
            if let Some(cell) = row.get_mut(at) {
                *cell = common;
            }
        }
    }
    row.first().copied().unwrap_or(false)
}

/// Of neighbouring wildcards the single ones first, then one run: `**/*` is `*/**`.
fn settled<T>(tokens: &[Token<T>]) -> Vec<&Token<T>> {
    let mut settled: Vec<&Token<T>> = Vec::with_capacity(tokens.len());
    let mut run = None;
    for token in tokens {
        match token {
            Token::Run => run = Some(token),
            Token::One => settled.push(token),
            Token::Is(_) => {
                settled.extend(run.take());
                settled.push(token);
            }
        }
    }
    settled.extend(run);
    settled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token<char>> {
        text.chars()
            .map(|c| match c {
                '*' => Token::Run,
                '?' => Token::One,
                c => Token::Is(c),
            })
            .collect()
    }

    #[test]
    fn a_pattern_covers_what_it_takes_of_another() {
        for (outer, inner, covered, common) in [
            ("*", "", true, true),
            ("*", "read_*", true, true),
            ("read_*", "*", false, true),
            ("read_*", "read_a", true, true),
            ("a?c", "abc", true, true),
            ("a?c", "a*c", false, true),
            ("a*c", "a?c", true, true),
            ("?*", "*?", true, true),
            ("*?*", "??", true, true),
            ("??*", "?*", false, true),
            ("*_refund", "issue_*", false, true),
            ("*a", "*b", false, false),
            ("ab", "abc", false, false),
            ("a*b*c", "aXbYc", true, true),
            ("a*b*c", "acb", false, false),
            ("", "", true, true),
            ("?", "", false, false),
        ] {
            assert_eq!(covers(&tokens(outer), &tokens(inner)), covered, "{outer} covers {inner}");
            assert_eq!(overlap(&tokens(outer), &tokens(inner)), common, "{outer} and {inner}");
            assert_eq!(overlap(&tokens(inner), &tokens(outer)), common, "{inner} and {outer}");
        }
    }
}
