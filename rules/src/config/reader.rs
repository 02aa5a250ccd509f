//! Reads the raw types out of the node tree.
//!
//! It is a serde deserializer, so the raw types are plain derived structs; it differs from others in
//! that it goes on after a fault. Unknown keys are reported and skipped; a faulty value inside an
//! [`At`](super::raw::At) is reported and replaced by its default. One run thus shows all that is
//! wrong, and [`Reader::finish`] says whether the result may be used at all.
//!
//! Names that begin with `$` are asked for by the types in [`super::raw::values`]: `$at` adds the place,
//! `$shape` chooses an enum's variant by what stands there (`text`, `list`, `map`, else `other`), `$plain`
//! takes numbers and booleans as they are written, `$json` the whole value as a JSON text.

use std::cell::RefCell;

use serde::de::value::{StrDeserializer, U32Deserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::Place;
use super::fault::Fault;
use super::findings::{error, nearest};
use super::load::{Finding, Source};
use super::node::{Key, Kind, Mark, Node};

/// Keys that the design has and nothing enforces yet: refused by name, so that nobody relies on them.
const NOT_YET: [(&str, &str, &str); 3] = [
    ("Tier", "when", "a tier cannot look at conditions"),
    ("Tier", "schedule", "a tier cannot keep a schedule"),
    ("Tier", "priority", "a tier is always the last policy"),
];

pub(super) struct Reader<'s> {
    sources: &'s [Source],
    faults: RefCell<Vec<Finding>>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(sources: &'s [Source]) -> Reader<'s> {
        Reader { sources, faults: RefCell::new(Vec::new()) }
    }

    /// Reads the whole tree. `None` when it is not even of the right outer shape.
    pub(super) fn read<T: for<'de> de::Deserialize<'de>>(&self, node: &Node) -> Option<T> {
        match T::deserialize(Given { node, reader: self }) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.report(fault, node);
                None
            }
        }
    }

    pub(super) fn finish(self) -> Vec<Finding> {
        self.faults.into_inner()
    }

    pub(super) fn place(&self, mark: Mark) -> Place {
        place(self.sources, mark)
    }

    fn report(&self, fault: Fault, node: &Node) {
        let place = self.place(fault.mark.unwrap_or(node.mark));
        self.faults.borrow_mut().push(error(fault.code, place, fault.message, fault.help));
    }
}

pub(super) fn place(sources: &[Source], mark: Mark) -> Place {
    let file = sources.get(mark.file).map(|source| source.name.clone()).unwrap_or_default();
    Place { file, line: mark.line.max(1), column: mark.column.max(1) }
}

#[derive(Clone, Copy)]
struct Given<'n, 'r, 's> {
    node: &'n Node,
    reader: &'r Reader<'s>,
}

impl<'n> Given<'n, '_, '_> {
    fn wrong(self, expected: &dyn de::Expected) -> Fault {
        let mut fault: Fault = de::Error::invalid_type(de::Unexpected::Unit, expected);
        if matches!(self.node.kind, Kind::Bool(_) | Kind::Number(_)) {
            fault.help = Some("put it in quotes if it is meant as a text".to_owned());
        }
        if matches!(self.node.kind, Kind::Null) {
            fault.help = Some("take the key out, or give it a value; `{}` is a map without entries".to_owned());
        }
        fault.at(self.node)
    }

    /// The text of a boolean or number that a secret stands for.
    fn substituted(self) -> Option<&'n str> {
        match &self.node.kind {
            Kind::Text(text) if self.node.substituted => Some(text.trim()),
            _ => None,
        }
    }

    fn integer(self, expected: &dyn de::Expected) -> Result<i64, Fault> {
        let text = match &self.node.kind {
            Kind::Number(text) => text.as_str(),
            _ => self.substituted().ok_or_else(|| self.wrong(expected))?,
        };
        text.parse().map_err(|_| Fault::expected("expected a whole number").at(self.node))
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $kind:ty,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let value = self.integer(&visitor)?;
            let value = <$kind>::try_from(value)
                .map_err(|_| Fault::expected(&format!("expected a whole number from {} to {}", <$kind>::MIN, <$kind>::MAX)).at(self.node))?;
            visitor.$visit(value).map_err(|fault: Fault| fault.at(self.node))
        })*
    };
}

impl<'de> de::Deserializer<'de> for Given<'_, '_, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Number(text) => {
                if let Ok(value) = text.parse::<i64>() {
                    visitor.visit_i64(value)
                } else if let Ok(value) = text.parse::<u64>() {
                    visitor.visit_u64(value)
                } else {
                    match text.parse::<f64>() {
                        Ok(value) if value.is_finite() => visitor.visit_f64(value),
                        _ => Err(Fault::expected("expected a decimal number")),
                    }
                }
            }
            Kind::Text(text) => visitor.visit_str(text),
            Kind::List(_) => self.deserialize_seq(visitor),
            Kind::Map(_) => self.deserialize_map(visitor),
        }
        .map_err(|fault| fault.at(self.node))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let value = match &self.node.kind {
            Kind::Bool(value) => Some(*value),
            _ => self.substituted().and_then(|text| text.parse().ok()),
        };
        match value {
            Some(value) => visitor.visit_bool(value).map_err(|fault: Fault| fault.at(self.node)),
            None => Err(Fault::expected("expected `true` or `false`").at(self.node)),
        }
    }

    integers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::Text(text) => visitor.visit_str(text).map_err(|fault: Fault| fault.at(self.node)),
            _ => Err(self.wrong(&"a text")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    /// A key without a value is never "not given": a condition that somebody forgot to write must not fall away.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        match name {
            "$at" => visitor.visit_seq(AtAccess { given: self, step: 0 }),
            "$plain" => match &self.node.kind {
                Kind::Bool(value) => visitor.visit_str(if *value { "true" } else { "false" }),
                Kind::Number(text) | Kind::Text(text) => visitor.visit_str(text),
                _ => Err(self.wrong(&"a text")),
            },
            "$json" => match self.node.json() {
                Some(text) => visitor.visit_str(&text),
                None => Err(Fault::expected("expected a value that JSON can carry").at(self.node)),
            },
            _ => visitor.visit_newtype_struct(self),
        }
        .map_err(|fault| fault.at(self.node))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::List(items) => visitor
                .visit_seq(Items { items: items.iter(), reader: self.reader })
                .map_err(|fault| fault.at(self.node)),
            _ => Err(self.wrong(&"a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::List(items) if items.len() == len => self.deserialize_seq(visitor),
            Kind::List(items) => {
                let message = format!("expected a list of {len}, found one of {}", items.len());
                Err(Fault { add_found: false, ..Fault::expected(&message) }.at(self.node))
            }
            _ => Err(self.wrong(&format!("a list of {len}").as_str())),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::Map(entries) => {
                let access = Entries { entries: entries.iter(), value: None, reader: self.reader, known: None };
                visitor.visit_map(access).map_err(|fault| fault.at(self.node))
            }
            _ => Err(self.wrong(&"a map")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::Map(entries) => {
                let access =
                    Entries { entries: entries.iter(), value: None, reader: self.reader, known: Some((name, fields)) };
                visitor.visit_map(access).map_err(|fault| fault.at(self.node))
            }
            _ => Err(self.wrong(&"a map")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name != "$shape" {
            return match &self.node.kind {
                Kind::Text(text) => visitor.visit_enum(text.as_str().into_deserializer()),
                Kind::Bool(value) => Err(de::Error::unknown_variant(if *value { "true" } else { "false" }, variants)),
                Kind::Number(text) => Err(de::Error::unknown_variant(text, variants)),
                _ => Err(self.wrong(&"one word")),
            }
            .map_err(|fault: Fault| fault.at(self.node));
        }
        let shape = match &self.node.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => "text",
            Kind::List(_) => "list",
            Kind::Map(_) => "map",
        };
        let shape = if variants.contains(&shape) { shape } else { "other" };
        if !variants.contains(&shape) {
            let names: Vec<String> = variants.iter().map(|shape| format!("a {shape}")).collect();
            return Err(self.wrong(&names.join(" or ").as_str()));
        }
        visitor.visit_enum(ShapeAccess { given: self, shape }).map_err(|fault| fault.at(self.node))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple_struct ignored_any
    }
}

struct ShapeAccess<'n, 'r, 's> {
    given: Given<'n, 'r, 's>,
    shape: &'static str,
}

impl<'de, 'n, 'r, 's> de::EnumAccess<'de> for ShapeAccess<'n, 'r, 's> {
    type Error = Fault;
    type Variant = Given<'n, 'r, 's>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Given<'n, 'r, 's>), Fault> {
        let shape: StrDeserializer<'_, Fault> = self.shape.into_deserializer();
        Ok((seed.deserialize(shape)?, self.given))
    }
}

impl<'de> de::VariantAccess<'de> for Given<'_, '_, '_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        de::Deserializer::deserialize_tuple(self, len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        de::Deserializer::deserialize_struct(self, "", fields, visitor)
    }
}

struct Items<'n, 'r, 's> {
    items: std::slice::Iter<'n, Node>,
    reader: &'r Reader<'s>,
}

impl<'de> de::SeqAccess<'de> for Items<'_, '_, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.items.next() else { return Ok(None) };
        seed.deserialize(Given { node, reader: self.reader }).map(Some)
    }
}

struct Entries<'n, 'r, 's> {
    entries: std::slice::Iter<'n, (Key, Node)>,
    value: Option<&'n Node>,
    reader: &'r Reader<'s>,
    /// The struct's name and keys; `None` for maps that take any key.
    known: Option<(&'static str, &'static [&'static str])>,
}

impl Entries<'_, '_, '_> {
    fn unknown(&self, key: &Key, owner: &str, fields: &[&'static str]) {
        let place = self.reader.place(key.mark);
        let later = NOT_YET.iter().find(|(at, name, _)| *at == owner && *name == key.name);
        let finding = match later {
            Some((_, _, why)) => error(
                "not-supported",
                place,
                (*why).to_owned(),
                Some("take the key out; it would have no effect".to_owned()),
            ),
            None => {
                // Guesses only for the first faults: a file with thousands is not one that somebody mistyped.
                let few = self.reader.faults.borrow().len() < 50;
                let help = few
                    .then(|| nearest(&key.name, fields.iter().copied()))
                    .flatten()
                    .map(|field| format!("did you mean `{field}`?"))
                    .or_else(|| (!fields.is_empty()).then(|| format!("known here: {}", fields.join(", "))));
                error("unknown-key", place, format!("unknown key `{}`", super::node::shortened(&key.name)), help)
            }
        };
        self.reader.faults.borrow_mut().push(finding);
    }
}

impl<'de> de::MapAccess<'de> for Entries<'_, '_, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        loop {
            let Some((key, value)) = self.entries.next() else { return Ok(None) };
            if let Some((owner, fields)) = self.known
                && !fields.contains(&key.name.as_str())
            {
                self.unknown(key, owner, fields);
                continue;
            }
            self.value = Some(value);
            let node = Node::text(key);
            return seed.deserialize(Given { node: &node, reader: self.reader }).map(Some);
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match self.value.take() {
            Some(node) => seed.deserialize(Given { node, reader: self.reader }),
            None => Err(de::Error::custom("a value was asked for before its key")),
        }
    }
}

/// The value, then where it stands. A faulty value is reported here and answered with "none".
struct AtAccess<'n, 'r, 's> {
    given: Given<'n, 'r, 's>,
    step: u8,
}

impl<'de> de::SeqAccess<'de> for AtAccess<'_, '_, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Given { node, reader } = self.given;
        self.step += 1;
        let number = match self.step {
            1 => {
                return match seed.deserialize(self.given) {
                    Ok(value) => Ok(Some(value)),
                    Err(fault) => {
                        if !node.unresolved {
                            reader.report(fault.at(node), node);
                        }
                        Ok(None)
                    }
                };
            }
            2 => u32::try_from(node.mark.file).unwrap_or(u32::MAX),
            3 => node.mark.line,
            _ => node.mark.column,
        };
        seed.deserialize(U32Deserializer::<Fault>::new(number)).map(Some)
    }
}
