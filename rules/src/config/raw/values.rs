//! The small values: durations, sizes, addresses; and the wrappers that carry places.

mod duration;
mod size;
mod text;
mod window;

use std::borrow::Cow;
use std::fmt::Formatter;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

pub(in crate::config) use duration::Duration;
pub(in crate::config) use size::Size;
pub(in crate::config) use text::{Address, Network, Origin, Plain, Source, WebUrl, pointer};
pub(in crate::config) use window::Window;

use crate::config::node::Mark;

/// A value and where it stands. A value that cannot be read is reported, and the default stands here.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct At<T> {
    pub(in crate::config) value: T,
    pub(in crate::config) mark: Mark,
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<At<T>, D::Error> {
        struct AtVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for AtVisitor<T> {
            type Value = At<T>;

            fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<At<T>, A::Error> {
                let value = seq.next_element()?.unwrap_or_default();
                let mut number = || Ok(seq.next_element::<u32>()?.unwrap_or_default());
                let mark = Mark { file: number()? as usize, line: number()?, column: number()? };
                Ok(At { value, mark })
            }
        }

        deserializer.deserialize_newtype_struct("$at", AtVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A map of names that the operator chooses, in file order, each name with its place.
#[derive(Debug, Clone)]
pub(in crate::config) struct Named<T>(pub(in crate::config) Vec<(At<String>, At<T>)>);

impl<T> Default for Named<T> {
    fn default() -> Named<T> {
        Named(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Named<T>, D::Error> {
        struct NamedVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for NamedVisitor<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Named(entries))
            }
        }

        deserializer.deserialize_map(NamedVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("MapOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}

/// One, or a list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename = "$shape", rename_all = "lowercase")]
#[schemars(rename = "OneOrMany{T}", untagged, inline)]
pub(in crate::config) enum OneOrMany<T> {
    Other(T),
    List(Vec<T>),
}

impl<T: Default> Default for OneOrMany<T> {
    fn default() -> OneOrMany<T> {
        OneOrMany::List(Vec::new())
    }
}

impl<T> OneOrMany<T> {
    pub(in crate::config) fn as_slice(&self) -> &[T] {
        match self {
            OneOrMany::Other(one) => std::slice::from_ref(one),
            OneOrMany::List(many) => many,
        }
    }
}
