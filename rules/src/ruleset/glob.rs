//! Globs over names and values: `*` is any run of characters, `?` one, `\` takes the next as it is.
//! Anchored at both ends; matching takes time linear in the text for a given glob.

use super::cover::{self, Token};

/// A compiled glob. The common shapes are told apart, because they need no search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Glob {
    Any,
    Literal(String),
    /// `text*`
    Prefix(String),
    Pattern(Vec<Part>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Char(char),
    One,
    Run,
}

impl Glob {
    pub(crate) fn compile(text: &str) -> Glob {
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '*' if parts.last() == Some(&Part::Run) => {}
                '*' => parts.push(Part::Run),
                '?' => parts.push(Part::One),
                '\\' => parts.push(Part::Char(chars.next().unwrap_or('\\'))),
                c => parts.push(Part::Char(c)),
            }
        }
        let literal = |parts: &[Part]| -> Option<String> {
            parts.iter().map(|part| if let Part::Char(c) = part { Some(*c) } else { None }).collect()
        };
        match parts.split_last() {
            Some((Part::Run, [])) => Glob::Any,
            Some((Part::Run, start)) => literal(start).map_or_else(|| Glob::Pattern(parts.clone()), Glob::Prefix),
            _ => literal(&parts).map_or_else(|| Glob::Pattern(parts.clone()), Glob::Literal),
        }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Glob::Any => true,
            Glob::Literal(literal) => literal == text,
            Glob::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Glob::Pattern(parts) => pattern(parts, text),
        }
    }

    /// The glob as it is compared with another one.
    pub(super) fn tokens(&self) -> Vec<Token<char>> {
        let literal = |text: &str| text.chars().map(Token::Is).collect::<Vec<_>>();
        match self {
            Glob::Any => vec![Token::Run],
            Glob::Literal(text) => literal(text),
            Glob::Prefix(text) => {
                let mut tokens = literal(text);
                tokens.push(Token::Run);
                tokens
            }
            Glob::Pattern(parts) => parts
                .iter()
                .map(|part| match part {
                    Part::Char(c) => Token::Is(*c),
                    Part::One => Token::One,
                    Part::Run => Token::Run,
                })
                .collect(),
        }
    }

    pub(super) fn covers(&self, other: &Glob) -> bool {
        *self == Glob::Any || self == other || cover::covers(&self.tokens(), &other.tokens())
    }

    pub(super) fn overlaps(&self, other: &Glob) -> bool {
        cover::overlap(&self.tokens(), &other.tokens())
    }

    /// What every match starts with.
    pub(crate) fn prefix(&self) -> &str {
        match self {
            Glob::Prefix(prefix) => prefix,
            Glob::Literal(literal) => literal,
            Glob::Any | Glob::Pattern(_) => "",
        }
    }
}

/// Only the last run ever needs to grow: what stands before it has matched as early as it can.
fn pattern(parts: &[Part], text: &str) -> bool {
    let mut rest = text.chars();
    let mut at = 0;
    let mut grow: Option<(usize, std::str::Chars<'_>)> = None;
    loop {
        let before = rest.clone();
        match (parts.get(at), rest.next()) {
            (None, None) => return true,
            (Some(Part::Run), _) => {
                rest = before;
                at += 1;
                grow = Some((at, rest.clone()));
                continue;
            }
            (Some(Part::One), Some(_)) => {
                at += 1;
                continue;
            }
            (Some(Part::Char(wanted)), Some(c)) if *wanted == c => {
                at += 1;
                continue;
            }
            _ => {}
        }
        let Some((after, from)) = &mut grow else { return false };
        if from.next().is_none() {
            return false;
        }
        (at, rest) = (*after, from.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn globs_are_anchored_and_know_three_signs() {
        for line in "
            read_*        | read_x read_              | read xread_x READ_x
            *             | a <empty>                 |
            a*b           | ab axb aXXb abab          | a b abc
            *_refund      | issue_refund _refund      | refund issue_refunds
            a?c           | abc aéc                   | ac abbc
            a*b*c         | abc axbxc abcbc           | acb ab
            x             | x                         | <empty> xx
            a\\*b         | a*b                       | axb
            *a*a*a*b      | aaab                      | aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        "
        .lines()
        .filter(|line| line.contains('|'))
        {
            let [glob, yes, no] = line.split('|').map(str::trim).collect::<Vec<_>>()[..] else { panic!("{line}") };
            let compiled = Glob::compile(glob);
            let plain = |text: &str| if text == "<empty>" { String::new() } else { text.to_owned() };
            for text in yes.split_whitespace().map(plain) {
                assert!(compiled.matches(&text), "{glob} should match {text}");
            }
            for text in no.split_whitespace().map(plain) {
                assert!(!compiled.matches(&text), "{glob} should not match {text}");
            }
        }
    }
}
