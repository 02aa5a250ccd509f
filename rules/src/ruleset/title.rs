//! Titles and typed confirmations: text with parameters in it, `{params.amount|money:EUR}`.

use rust_decimal::Decimal;

use super::params::{ParamValue, Params};

/// Stands where a parameter is missing.
const DASH: &str = "-";
const LONGEST_VALUE: usize = 120;

/// A compiled template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Title {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Param { name: String, filter: Filter },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Filter {
    None,
    /// From minor units of an ISO 4217 currency.
    Money {
        currency: String,
        decimals: u32,
    },
    /// Unix seconds, or an RFC 3339 time.
    Date,
}

impl Title {
    /// # Errors
    /// A brace that is not closed, something other than a parameter, an unknown filter.
    pub(super) fn compile(text: &str) -> Result<Title, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, after) = after.split_once('}').ok_or("\"{\" without \"}\"")?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(param(inside)?);
            rest = after;
        }
        if rest.contains('}') {
            return Err("\"}\" without \"{\"".to_owned());
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Title { parts })
    }

    /// The parameters it shows.
    pub(super) fn params(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Param { name, .. } => Some(name.as_str()),
        })
    }

    pub(super) fn render(&self, params: &Params) -> String {
        self.write(params, |value| value.unwrap_or_else(|| DASH.to_owned())).unwrap_or_default()
    }

    /// `None` where a parameter is missing: nobody could type a dash and mean something.
    pub(super) fn render_whole(&self, params: &Params) -> Option<String> {
        let mut whole = true;
        let text = self.write(params, |value| {
            whole &= value.is_some();
            value.unwrap_or_default()
        });
        text.filter(|text| whole && !text.trim().is_empty())
    }

    fn write(&self, params: &Params, mut value: impl FnMut(Option<String>) -> String) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Param { name, filter } => {
                    text.push_str(&value(params.get(name).map(|param| filter.apply(param))))
                }
            }
        }
        Some(text)
    }
}

fn param(inside: &str) -> Result<Part, String> {
    let (path, filter) = match inside.split_once('|') {
        Some((path, filter)) => (path.trim(), filter.trim()),
        None => (inside.trim(), ""),
    };
    let name =
        path.strip_prefix("params.").ok_or_else(|| format!("\"{{{inside}}}\": only params.NAME can stand here"))?;
    let filter = match filter.split_once(':').unwrap_or((filter, "")) {
        ("", _) => Filter::None,
        ("date", "") => Filter::Date,
        ("money", currency) if currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase()) => {
            Filter::Money { currency: currency.to_owned(), decimals: minor_digits(currency) }
        }
        ("money", _) => return Err(format!("\"{filter}\": write money:EUR, with a currency's three letters")),
        _ => return Err(format!("\"{filter}\" is no filter; there are money:CURRENCY and date")),
    };
    Ok(Part::Param { name: name.to_owned(), filter })
}

/// ISO 4217: how many decimals the minor unit has.
fn minor_digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

impl Filter {
    /// A value that does not suit the filter is shown as it is.
    fn apply(&self, value: &ParamValue) -> String {
        let filtered = match (self, value) {
            (Filter::Money { currency, decimals }, value) => {
                money(value, *decimals).map(|sum| format!("{sum} {currency}"))
            }
            (Filter::Date, value) => date(value),
            (Filter::None, _) => None,
        };
        filtered.unwrap_or_else(|| match value {
            ParamValue::String(text) => shown(text),
            other => shown(&other.to_string()),
        })
    }
}

fn money(value: &ParamValue, decimals: u32) -> Option<String> {
    let major = |minor: Decimal| minor.checked_div(Decimal::from(10_u64.pow(decimals)));
    let sum = match value {
        ParamValue::Integer(value) => Decimal::try_new(*value, decimals).ok()?,
        ParamValue::Decimal(value) => major(*value)?,
        ParamValue::String(text) => major(Decimal::from_str_exact(text).ok()?)?,
        _ => return None,
    };
    let text = if sum.scale() <= decimals {
        format!("{:.*}", usize::try_from(decimals).ok()?, sum.abs())
    } else {
        sum.abs().to_string()
    };
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if sum.is_sign_negative() && !sum.is_zero() { "-" } else { "" };
    Some(match fraction {
        Some(fraction) => format!("{sign}{grouped}.{fraction}"),
        None => format!("{sign}{grouped}"),
    })
}

fn date(value: &ParamValue) -> Option<String> {
    let at: jiff::Timestamp = match value {
        ParamValue::Integer(seconds) => jiff::Timestamp::from_second(*seconds).ok()?,
        ParamValue::String(text) => text.parse().ok()?,
        _ => return None,
    };
    Some(at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// One line without control characters, of bounded length.
fn shown(text: &str) -> String {
    if text.len() <= LONGEST_VALUE && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut shown = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == LONGEST_VALUE {
            shown.push('…');
            break;
        }
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

#[cfg(test)]
mod tests;
