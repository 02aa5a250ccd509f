//! What routes look at in a request, each looked up in the one way that cannot be misread.

use std::borrow::Cow;

use crate::request::json::{Json, Pointer};
use crate::request::pairs::{self, Pair};
use crate::request::{Content, Head, Malformed};

/// A head, its body as far as it is known, and the query once it was asked for.
#[derive(Debug)]
pub(super) struct View<'r> {
    pub(super) head: &'r Head,
    content: &'r Content,
    query: Option<Vec<Pair<'r>>>,
}

impl<'r> View<'r> {
    pub(super) fn new(head: &'r Head, content: &'r Content) -> View<'r> {
        View { head, content, query: None }
    }

    pub(super) fn content(&self) -> &'r Content {
        self.content
    }

    /// The value of the body that a pointer names; in MCP, of the arguments.
    ///
    /// # Errors
    /// The key stands there in another case.
    pub(super) fn body(&self, pointer: &Pointer) -> Result<Option<Cow<'r, Json>>, Malformed> {
        Ok(match self.content {
            Content::Json(document) => document.looked_at(pointer)?.map(Cow::Owned),
            Content::Mcp(message) => match message.arguments() {
                Some(arguments) => arguments.looked_at(pointer)?.map(Cow::Borrowed),
                None => None,
            },
            Content::Opaque | Content::Form(_) => None,
        })
    }

    /// # Errors
    /// The query cannot be split in one way only, or the name is repeated.
    pub(super) fn query(&mut self, name: &str) -> Result<Option<&str>, Malformed> {
        pairs::one(self.pairs()?, name, "query")
    }

    /// # Errors
    /// The header is repeated, or not in printable ASCII.
    pub(super) fn header(&self, name: &str) -> Result<Option<&'r str>, Malformed> {
        if name == "host" {
            return Ok(Some(&self.head.host));
        }
        let mut values = self.head.headers.iter().filter(|(header, _)| header == name);
        let Some((_, value)) = values.next() else { return Ok(None) };
        let place = || format!("header {name}");
        if values.next().is_some() {
            return Err(Malformed::bad("sent more than once", place()));
        }
        match std::str::from_utf8(value) {
            Ok(text) if text.is_ascii() => Ok(Some(text)),
            _ => Err(Malformed::bad("not ASCII", place())),
        }
    }

    /// # Errors
    /// The name is repeated, or the query gives it another value: frameworks differ on which one wins.
    pub(super) fn form(&mut self, name: &str) -> Result<Option<&'r str>, Malformed> {
        let Content::Form(form) = self.content else { return Ok(None) };
        let value = pairs::one(form, name, "form")?;
        if value.is_some() {
            let in_query = pairs::one(self.pairs()?, name, "query")?;
            if in_query.is_some() && in_query != value {
                return Err(Malformed::bad("the query gives another value", format!("form {name}")));
            }
        }
        Ok(value)
    }

    fn pairs(&mut self) -> Result<&[Pair<'r>], Malformed> {
        if self.query.is_none() {
            self.query = Some(pairs::split(self.head.query.as_deref().unwrap_or_default(), "query")?);
        }
        Ok(self.query.as_deref().unwrap_or_default())
    }
}
