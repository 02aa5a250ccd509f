//! What routes look at in a request, each looked up in the one way that cannot be misread.

use std::borrow::Cow;

use crate::request::json::{Json, Pointer};
use crate::request::multipart::{self, File};
use crate::request::pairs::{self, Pair};
use crate::request::{Content, Head, Malformed, graphql};

/// A field of a form.
#[derive(Debug, Clone, Copy)]
pub(super) enum FormField<'r> {
    Text(&'r str),
    File(&'r File),
}

/// A head, its body as far as it is known, and the query once it was asked for.
#[derive(Debug)]
pub(super) struct View<'r> {
    pub(super) head: &'r Head,
    content: &'r Content,
    /// Of a GraphQL call: the root field that is looked at.
    field: Option<&'r graphql::Field>,
    query: Option<Vec<Pair<'r>>>,
}

impl<'r> View<'r> {
    pub(super) fn new(head: &'r Head, content: &'r Content) -> View<'r> {
        View { head, content, field: None, query: None }
    }

    pub(super) fn content(&self) -> &'r Content {
        self.content
    }

    /// Looks at one root field of a GraphQL call.
    pub(super) fn look_at(&mut self, field: &'r graphql::Field) {
        self.field = Some(field);
    }

    pub(super) fn field(&self) -> Option<&'r graphql::Field> {
        self.field
    }

    /// The value of the body that a pointer names; in MCP and GraphQL, of the arguments.
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
            Content::GraphQl(_) => match self.field {
                Some(field) => field.arguments.looked_at(pointer)?.map(Cow::Borrowed),
                None => None,
            },
            Content::Opaque | Content::Form(_) | Content::Multipart(_) | Content::McpBatch(_) => None,
        })
    }

    /// For a condition that does not hold: where a rule looks for a key in an object, a list of objects is what
    /// some services take for several calls in one.
    ///
    /// # Errors
    /// There is such a list.
    pub(super) fn check_lists(&self, pointer: &Pointer) -> Result<(), Malformed> {
        let listed = match self.content {
            Content::Json(document) => document.meets_list(pointer),
            Content::Mcp(message) => message.arguments().is_some_and(|arguments| arguments.meets_list(pointer)),
            Content::GraphQl(_) => self.field.is_some_and(|field| field.arguments.meets_list(pointer)),
            Content::Opaque | Content::Form(_) | Content::Multipart(_) | Content::McpBatch(_) => false,
        };
        if listed {
            let what = "a list, where a rule looks for a key: send each in a request of its own";
            return Err(Malformed::bad(what, format!("body at {pointer}")));
        }
        Ok(())
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
    /// The name is repeated, or the query gives it another value, also where the form has none: frameworks
    /// join the two, and differ on which one wins.
    pub(super) fn form(&mut self, name: &str) -> Result<Option<FormField<'r>>, Malformed> {
        let value = match self.content {
            Content::Form(form) => pairs::one(form, name, "form")?.map(FormField::Text),
            Content::Multipart(parts) => multipart::one(parts, name)?.map(|value| match value {
                multipart::Value::Text(text) => FormField::Text(text),
                multipart::Value::File(file) => FormField::File(file),
            }),
            _ => None,
        };
        let writes = !matches!(self.head.method.as_str(), "GET" | "HEAD");
        if (value.is_some() || writes)
            && let Some(in_query) = pairs::one(self.pairs()?, name, "query")?
            && !matches!(value, Some(FormField::Text(text)) if text == in_query)
        {
            return Err(Malformed::bad("the query gives another value", format!("form {name}")));
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
