//! Arguments: literals, and variables with their defaults (GraphQL specification, section 2.10 and
//! `CoerceArgumentValues` of section 6.4.1).
//!
//! INVARIANT: resolving takes time linear in the request, however often a large variable is named.

use std::collections::{HashMap, HashSet};

use apollo_parser::cst::{self, CstNode as _, Value, VariableDefinitions};

use super::Field;
use crate::request::json::{Json, folded};

/// A longer number is no number that anybody computes with.
const LONGEST_NUMBER: usize = 128;

/// The variables of an operation. `None`: declared, neither given nor with a default.
pub(super) struct Variables {
    values: HashMap<String, (Option<Json>, usize)>,
    /// How much resolved values may still take.
    left: usize,
}

impl Variables {
    pub(super) fn read(
        definitions: Option<VariableDefinitions>,
        given: Vec<(String, Json)>,
        length: usize,
    ) -> Result<Variables, String> {
        let mut given: HashMap<String, Json> = given.into_iter().collect();
        let given_size: usize = given.values().map(size).sum();
        let mut variables = Variables { values: HashMap::new(), left: 2 * (length + given_size) + 65_536 };
        for definition in definitions.into_iter().flat_map(|all| all.variable_definitions()) {
            let name = definition.variable().and_then(|variable| variable.name());
            let name = name.ok_or("a variable without a name")?.text().to_string();
            let default = match definition.default_value() {
                // Constants name no variables: those before this one make no difference.
                Some(default) => variables.resolve(&default.value().ok_or("a default without a value")?)?,
                None => None,
            };
            let value = given.remove(&name).or(default);
            let size = value.as_ref().map_or(0, size);
            if variables.values.insert(name, (value, size)).is_some() {
                return Err("a variable is declared twice".to_owned());
            }
        }
        // What was declared has been taken out.
        let declared: HashSet<_> = variables.values.keys().map(|name| folded(name)).collect();
        if given.keys().any(|name| declared.contains(&folded(name))) {
            return Err("a variable differs from a declared one in case only".to_owned());
        }
        Ok(variables)
    }

    /// `None`: a variable that was not given.
    fn resolve(&mut self, value: &Value) -> Result<Option<Json>, String> {
        let resolved = match value {
            Value::Variable(variable) => {
                let name = variable.name().ok_or("a variable without a name")?.text().to_string();
                let (_, size) = *self.known(&name)?;
                self.spend(size)?;
                return Ok(self.known(&name)?.0.clone());
            }
            Value::StringValue(text) => {
                let text = String::from(text);
                self.spend(text.len())?;
                Json::String(text)
            }
            Value::IntValue(number) => self.number(number.syntax())?,
            Value::FloatValue(number) => self.number(number.syntax())?,
            Value::BooleanValue(value) => Json::Bool(value.true_token().is_some()),
            Value::NullValue(_) => Json::Null,
            Value::EnumValue(value) => Json::String(value.name().ok_or("a value without a name")?.text().to_string()),
            Value::ListValue(list) => {
                let mut items = Vec::new();
                for item in list.values() {
                    items.push(self.resolve(&item)?.unwrap_or(Json::Null));
                }
                Json::List(items)
            }
            Value::ObjectValue(object) => {
                let fields = object.object_fields().map(|field| (field.name(), field.value()));
                self.members(fields, "field of an object")?
            }
        };
        self.spend(1)?;
        Ok(Some(resolved))
    }

    fn known(&self, name: &str) -> Result<&(Option<Json>, usize), String> {
        self.values.get(name).ok_or_else(|| format!("the variable \"${name}\" is not declared"))
    }

    fn number(&mut self, node: &apollo_parser::SyntaxNode) -> Result<Json, String> {
        let text = node.first_token().map(|token| token.text().to_owned()).unwrap_or_default();
        if text.is_empty() || text.len() > LONGEST_NUMBER {
            return Err("a number of too many digits".to_owned());
        }
        self.spend(text.len())?;
        Ok(Json::Number(text))
    }

    fn members(
        &mut self,
        given: impl Iterator<Item = (Option<cst::Name>, Option<Value>)>,
        what: &str,
    ) -> Result<Json, String> {
        let mut seen = HashSet::new();
        let mut members = Vec::new();
        for (name, value) in given {
            let (Some(name), Some(value)) = (name, value) else { return Err(format!("an incomplete {what}")) };
            let name = name.text().to_string();
            // As in JSON: some servers ignore case.
            if !seen.insert(folded(&name).into_owned()) {
                return Err(format!("\"{name}\" stands there twice, or differs from another in case only"));
            }
            self.spend(name.len())?;
            if let Some(value) = self.resolve(&value)? {
                members.push((name, value));
            }
        }
        Ok(Json::Object(members))
    }

    fn spend(&mut self, size: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(size).ok_or("the arguments are many times as large as the request")?;
        Ok(())
    }
}

/// A field at the root with its arguments.
pub(super) fn field(field: &cst::Field, variables: &mut Variables) -> Result<Field, String> {
    let alias = match field.alias() {
        Some(alias) => Some(alias.name().ok_or("an alias without a name")?.text().to_string()),
        None => None,
    };
    let name = field.name().ok_or("a field without a name")?.text().to_string();
    let arguments = field.arguments().into_iter().flat_map(|all| all.arguments());
    let arguments = variables.members(arguments.map(|argument| (argument.name(), argument.value())), "argument")?;
    Ok(Field { alias: alias.filter(|alias| *alias != name), name, arguments })
}

/// About as many bytes as the value takes.
fn size(json: &Json) -> usize {
    match json {
        Json::Null | Json::Bool(_) => 1,
        Json::Number(text) | Json::String(text) => text.len() + 1,
        Json::List(items) => items.iter().map(size).sum::<usize>() + 1,
        Json::Object(members) => members.iter().map(|(key, value)| key.len() + size(value)).sum::<usize>() + 1,
    }
}
