//! Numbers by value, without losing a digit.

/// Whether two RFC 8259 numbers have the same value.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a == b || matches!((Exact::read(a), Exact::read(b)), (Some(a), Some(b)) if a == b)
}

/// `digits * 10^exponent`, digits without zeros at either end; zero has none.
#[derive(PartialEq, Eq)]
struct Exact {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Exact {
    fn read(text: &str) -> Option<Exact> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        let significant = digits.trim_end_matches('0');
        let exponent = exponent.checked_add(i64::try_from(digits.len() - significant.len()).ok()?)?;
        let significant = significant.trim_start_matches('0');
        if significant.is_empty() {
            return Some(Exact { negative: false, digits: String::new(), exponent: 0 });
        }
        Some(Exact { negative, digits: significant.to_owned(), exponent })
    }
}
