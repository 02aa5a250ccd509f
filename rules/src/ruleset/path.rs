//! Path templates: what they match, what they capture, and which of two is more specific.
//!
//! Paths are compared segment by segment after decoding, so that `/a%2Cb` and `/a,b`, which name
//! the same thing to a server, take the same route.

use std::borrow::Cow;

use super::cover::Token;

/// A compiled template such as `/v1/refunds/{id}` or `/files/{path**}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(String),
    /// `{name}`
    Capture(String),
    /// `*`
    One,
    /// `**` or `{name**}`: any number of segments, also none.
    Rest(Option<String>),
}

/// How much a segment narrows, most first. Two templates that match the same path compare by their
/// lists of these: literal before capture before `*` before `**`, segment by segment. A template that
/// ends comes before one that goes on with `**`, and after one that goes on with anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Narrows {
    Literal,
    Capture,
    One,
    End,
    Rest,
}

impl Template {
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub(super) fn parse(text: &str) -> Result<Template, String> {
        if !text.starts_with('/') {
            return Err("a path starts with \"/\"".to_owned());
        }
        let mut segments = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for part in raw_segments(text) {
            let inner = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            segments.push(match (part, inner) {
                ("**", _) => Segment::Rest(None),
                ("*", _) => Segment::One,
                (_, Some(inner)) => {
                    let name = inner.strip_suffix("**").unwrap_or(inner);
                    if !is_name(name) {
                        return Err(format!("\"{{{inner}}}\" needs a name of letters, digits and \"_\""));
                    }
                    if names.contains(&name) {
                        return Err(format!("\"{name}\" is captured twice"));
                    }
                    names.push(name);
                    if inner == name { Segment::Capture(name.to_owned()) } else { Segment::Rest(Some(name.to_owned())) }
                }
                (part, None) if part.contains(['{', '}', '*']) => {
                    return Err(format!("\"{part}\": a capture, \"*\" or \"**\" is a whole segment"));
                }
                (part, None) if matches!(part, "" | "." | "..") || part.contains([';', '?', '#', '\\']) => {
                    return Err(format!("no accepted request has the segment \"{part}\""));
                }
                (part, None) => Segment::Literal(decoded(part).into_owned()),
            });
        }
        Ok(Template { segments })
    }

    /// The template as it is compared with another one.
    pub(super) fn tokens(&self, fold_case: bool) -> Vec<Token<String>> {
        let token = |segment: &Segment| match segment {
            Segment::Literal(text) => Token::Is(if fold_case { folded(text) } else { text.clone() }),
            Segment::Capture(_) | Segment::One => Token::One,
            Segment::Rest(_) => Token::Run,
        };
        self.segments.iter().map(token).collect()
    }

    /// One path that it matches.
    pub(super) fn sample(&self) -> Vec<Cow<'_, str>> {
        let segment = |segment: &'_ Segment| match segment {
            Segment::Literal(text) => Cow::Owned(text.clone()),
            // No template has such a literal.
            Segment::Capture(_) | Segment::One | Segment::Rest(_) => Cow::Borrowed("\0"),
        };
        self.segments.iter().map(segment).collect()
    }

    pub(super) fn specificity(&self) -> Vec<Narrows> {
        let narrows = |segment: &Segment| match segment {
            Segment::Literal(_) => Narrows::Literal,
            Segment::Capture(_) => Narrows::Capture,
            Segment::One => Narrows::One,
            Segment::Rest(_) => Narrows::Rest,
        };
        self.segments.iter().map(narrows).chain([Narrows::End]).collect()
    }

    /// The captured names and their decoded values; `None` where the path does not match.
    /// Each `**` takes as few segments as it can; only the last one ever has to take more.
    pub(super) fn captures(&self, path: &[Cow<'_, str>], fold_case: bool) -> Option<Vec<(&str, String)>> {
        let mut starts = vec![0; self.segments.len()];
        let (mut at, mut here) = (0, 0);
        let mut grow: Option<(usize, usize)> = None;
        loop {
            let fits = match (self.segments.get(at), path.get(here)) {
                (None, None) => break,
                (Some(Segment::Rest(_)), _) => {
                    if let Some(start) = starts.get_mut(at) {
                        *start = here;
                    }
                    at += 1;
                    grow = Some((at, here));
                    continue;
                }
                (Some(Segment::Capture(_) | Segment::One), Some(_)) => true,
                (Some(Segment::Literal(literal)), Some(segment)) => {
                    if fold_case {
                        folded(literal) == folded(segment)
                    } else {
                        literal == segment
                    }
                }
                _ => false,
            };
            if fits {
                if let Some(start) = starts.get_mut(at) {
                    *start = here;
                }
                at += 1;
                here += 1;
                continue;
            }
            let (after, from) = grow?;
            if from >= path.len() {
                return None;
            }
            grow = Some((after, from + 1));
            (at, here) = (after, from + 1);
        }
        let value = |at: usize| {
            let start = starts.get(at).copied().unwrap_or_default();
            let end = starts.get(at + 1).copied().unwrap_or(path.len());
            path.get(start..end).unwrap_or_default().join("/")
        };
        let captured = |(at, segment)| match segment {
            &Segment::Capture(ref name) | &Segment::Rest(Some(ref name)) => Some((name.as_str(), value(at))),
            _ => None,
        };
        Some(self.segments.iter().enumerate().filter_map(captured).collect())
    }
}

/// The decoded segments of a canonical path. A slash at the end adds none.
pub(super) fn segments(path: &str) -> Vec<Cow<'_, str>> {
    raw_segments(path).map(decoded).collect()
}

pub(super) fn folded(segment: &str) -> String {
    segment.to_uppercase().to_lowercase()
}

fn raw_segments(path: &str) -> impl Iterator<Item = &str> {
    let inner = path.strip_prefix('/').unwrap_or(path);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let count = if inner.is_empty() { 0 } else { usize::MAX };
    inner.split('/').take(count)
}

fn decoded(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return segment.into();
    }
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy()
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests;
