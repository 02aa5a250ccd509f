//! The JSON Schema of the configuration, generated from the raw types.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::raw;

/// What `holdshort schema` prints and editors read.
#[must_use]
pub fn schema() -> Value {
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<raw::Config>();
    let mut schema = schema.to_value();
    tidy(&mut schema);
    schema
}

/// A key without a value is refused, so `null` is not among what may stand there; and the machine sizes
/// of numbers say nothing to people.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            tidy_object(map);
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn tidy_object(map: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = map.get_mut("description") {
        *text = text.replace('\n', " ");
    }
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            map.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(words)) = map.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type") != Some(&Value::from("null")));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            map.shift_remove("anyOf");
            if map.is_empty() || !only.contains_key("$ref") {
                for (key, value) in only {
                    map.entry(key).or_insert(value);
                }
            } else {
                // In draft 7 what stands beside `$ref` is ignored; `allOf` keeps the description.
                map.insert("allOf".to_owned(), Value::Array(vec![Value::Object(only)]));
            }
        }
    }
    if map
        .get("format")
        .is_some_and(|format| format.as_str().is_some_and(|f| f.starts_with("uint") || f.starts_with("int")))
    {
        map.shift_remove("format");
    }
    if map.get("default").is_some_and(Value::is_null) {
        map.shift_remove("default");
    }
}
