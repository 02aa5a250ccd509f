//! The document (GraphQL specification, September 2025, section 2), as far as it decides what runs.

use std::collections::{HashMap, HashSet};

use apollo_parser::Parser;
use apollo_parser::cst::{Definition, FragmentDefinition, OperationDefinition, Selection, SelectionSet};

use super::values::{self, Variables};
use super::{Call, Field};
use crate::config::Operation;
use crate::request::Malformed;
use crate::request::json::Json;

/// More tokens than any client's document has; an introspection has some 300.
const MOST_TOKENS: usize = 20_000;
/// Selections and values in each other.
const DEEPEST: usize = 64;
/// Root fields are what people read before they decide.
const MOST_FIELDS: usize = 50;

/// The operation of that name, or the only one.
///
/// # Errors
/// It is no document, names no single operation, or an argument cannot be resolved.
pub(super) fn operation(
    text: &str,
    name: Option<&str>,
    given: Vec<(String, Json)>,
    place: &str,
) -> Result<Call, Malformed> {
    let bad = |what: String| Malformed::bad(what, place);
    check_characters(text).map_err(|what| bad(what.to_owned()))?;
    let tree = Parser::new(text).recursion_limit(DEEPEST).token_limit(MOST_TOKENS).parse();
    if let Some(error) = tree.errors().next() {
        return Err(bad(format!("not a GraphQL document: {} at byte {}", error.message(), error.index())));
    }
    let document = Document::read(tree.document().definitions()).map_err(bad)?;
    let operation = document.chosen(name).map_err(bad)?;
    document.resolve(operation, given, text.len()).map_err(bad)
}

/// A lone CR, U+2028 and U+2029 end a line, and with it a comment, in some readers and not in others.
fn check_characters(text: &str) -> Result<(), &'static str> {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() != Some(&'\n') => return Err("a carriage return without a line feed"),
            '\u{2028}' | '\u{2029}' => return Err("a Unicode line separator; in a string write it as an escape"),
            '\u{feff}' => return Err("a byte order mark"),
            '\t' | '\n' | '\r' => {}
            c if c.is_control() => return Err("a control character"),
            _ => {}
        }
    }
    Ok(())
}

/// The definitions of a document, by name.
struct Document {
    operations: Vec<(Option<String>, OperationDefinition)>,
    fragments: HashMap<String, FragmentDefinition>,
}

impl Document {
    fn read(definitions: impl Iterator<Item = Definition>) -> Result<Document, String> {
        let mut document = Document { operations: Vec::new(), fragments: HashMap::new() };
        for definition in definitions {
            let name = definition.name().map(|name| name.text().to_string());
            match definition {
                Definition::OperationDefinition(operation) => document.operations.push((name, operation)),
                Definition::FragmentDefinition(fragment) => {
                    let name = name.ok_or("a fragment without a name")?;
                    if let Some(before) = document.fragments.insert(name, fragment) {
                        let name = before.fragment_name().and_then(|name| name.name());
                        let name = name.map(|name| name.text().to_string()).unwrap_or_default();
                        return Err(format!("the fragment \"{name}\" stands there twice"));
                    }
                }
                other => return Err(format!("a request has operations and fragments, no {}", other.kind())),
            }
        }
        let mut names = HashSet::new();
        for (name, _) in &document.operations {
            match name {
                None if document.operations.len() > 1 => {
                    return Err("beside other operations each one needs a name".to_owned());
                }
                Some(name) if !names.insert(name) => return Err(format!("two operations are named \"{name}\"")),
                _ => {}
            }
        }
        Ok(document)
    }

    fn chosen(&self, name: Option<&str>) -> Result<&(Option<String>, OperationDefinition), String> {
        match (name.filter(|name| !name.is_empty()), self.operations.as_slice()) {
            (_, []) => Err("no operation in this document".to_owned()),
            (None, [only]) => Ok(only),
            (None, _) => Err("several operations: say which one in \"operationName\"".to_owned()),
            (Some(wanted), all) => all
                .iter()
                .find(|(name, _)| name.as_deref() == Some(wanted))
                .ok_or_else(|| "\"operationName\" names no operation of this document".to_owned()),
        }
    }

    fn resolve(
        &self,
        (name, definition): &(Option<String>, OperationDefinition),
        given: Vec<(String, Json)>,
        length: usize,
    ) -> Result<Call, String> {
        let operation = match definition.operation_type() {
            None => Operation::Query,
            Some(kind) if kind.query_token().is_some() => Operation::Query,
            Some(kind) if kind.mutation_token().is_some() => Operation::Mutation,
            Some(kind) if kind.subscription_token().is_some() => Operation::Subscription,
            Some(_) => return Err("an operation of an unknown kind".to_owned()),
        };
        let mut variables = Variables::read(definition.variable_definitions(), given, length)?;
        let mut fields: Vec<Field> = Vec::new();
        let mut by_key: HashMap<String, usize> = HashMap::new();
        for selected in self.roots(definition.selection_set().ok_or("an operation without fields")?)? {
            let field = values::field(&selected, &mut variables)?;
            match by_key.get(field.key()).and_then(|at| fields.get(*at)) {
                Some(before) if *before == field => {}
                Some(_) => return Err(format!("two different fields are called \"{}\"", field.key())),
                None if fields.len() == MOST_FIELDS => {
                    return Err(format!("more than {MOST_FIELDS} fields at the root: send several requests"));
                }
                None => {
                    by_key.insert(field.key().to_owned(), fields.len());
                    fields.push(field);
                }
            }
        }
        // The name of the root's type says nothing and changes nothing.
        if fields.iter().any(|field| field.name != "__typename") {
            fields.retain(|field| field.name != "__typename");
        }
        if fields.is_empty() {
            return Err("an operation without fields".to_owned());
        }
        Ok(Call { operation, name: name.clone(), fields })
    }

    /// The fields at the root with all fragments spread. Each fragment is entered once: a second time it
    /// would only select the same fields again.
    fn roots(&self, set: SelectionSet) -> Result<Vec<apollo_parser::cst::Field>, String> {
        let mut entered = HashSet::new();
        // In the order of the document, which is the order in which mutations run.
        let mut open = vec![set.selections()];
        let mut fields = Vec::new();
        while let Some(selections) = open.last_mut() {
            let inner = match selections.next() {
                None => {
                    open.pop();
                    continue;
                }
                Some(Selection::Field(field)) => {
                    fields.push(field);
                    continue;
                }
                Some(Selection::InlineFragment(fragment)) => fragment.selection_set(),
                Some(Selection::FragmentSpread(spread)) => {
                    let name = spread.fragment_name().and_then(|name| name.name());
                    let name = name.ok_or("a fragment without a name")?.text().to_string();
                    let fragment = self.fragments.get(&name);
                    let fragment = fragment.ok_or_else(|| format!("the fragment \"{name}\" is not there"))?;
                    if !entered.insert(name) {
                        continue;
                    }
                    fragment.selection_set()
                }
            };
            open.push(inner.ok_or("a fragment without fields")?.selections());
        }
        Ok(fields)
    }
}
