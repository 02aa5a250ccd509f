//! `--name value` pairs: all that these programs are told.

use std::collections::HashMap;
use std::str::FromStr;

/// What was typed.
#[derive(Debug)]
pub struct Arguments(HashMap<String, String>);

impl Arguments {
    /// # Errors
    /// A word that is no `--name`, or a name without a value.
    pub fn read() -> Result<Arguments, String> {
        let mut words = std::env::args().skip(1);
        let mut pairs = HashMap::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or_else(|| format!("{word:?}: expected --NAME VALUE"))?.to_owned();
            let value = words.next().ok_or_else(|| format!("--{name} needs a value"))?;
            pairs.insert(name, value);
        }
        Ok(Arguments(pairs))
    }

    /// # Errors
    /// It was not given, or is no such value.
    pub fn get<T: FromStr>(&self, name: &str) -> Result<T, String> {
        let text = self.0.get(name).ok_or_else(|| format!("--{name} is missing"))?;
        text.parse().map_err(|_| format!("--{name} cannot be {text:?}"))
    }
}
