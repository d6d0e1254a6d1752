//! What a scalar without quotes is: the core schema of YAML 1.2 (section 10.3.2), narrowed so that nothing changes in
//! silence: `0644`, `+5` and numbers beyond 64 bits stay text, and so do `.inf` and `.nan`.

use crate::number::Number;
use crate::value::Value;

/// Whether it is one of YAML's words for nothing.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// `true` or `false`, as YAML 1.2 has them: `yes` and `on` are text.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// A whole number, decimal without needless zeros or plus sign; or `0x` or `0o`.
pub(super) fn integer(text: &str) -> Option<i128> {
    if let Some(hex) = text.strip_prefix("0x") {
        return digits(hex, 16);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return digits(octal, 8);
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if unsigned.len() > 1 && unsigned.starts_with('0') || unsigned.len() > 30 {
        return None;
    }
    let number = digits(unsigned, 10)?;
    Some(if unsigned.len() < text.len() { -number } else { number })
}

fn digits(text: &str, radix: u32) -> Option<i128> {
    if text.is_empty() || text.len() > 30 || !text.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    i128::from_str_radix(text, radix).ok()
}

/// A finite number with a point or an exponent.
pub(super) fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let shaped = (exponent.is_some() || mantissa.contains('.'))
        && !(whole.is_empty() && fraction.is_empty())
        && !(whole.len() > 1 && whole.starts_with('0'))
        && all_digits(whole)
        && all_digits(fraction)
        && exponent.is_none_or(|exponent| !exponent.is_empty() && all_digits(exponent));
    if !shaped {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The value of an input or of a matrix cell written as this text: a boolean, a whole number that fits 64 bits, a
/// number, which is shown as it is written, or else the text itself.
pub(crate) fn typed(text: &str) -> Value {
    if let Some(boolean) = boolean(text) {
        return Value::Bool(boolean);
    }
    if let Some(integer) = integer(text).and_then(|integer| i64::try_from(integer).ok()) {
        return integer.into();
    }
    match float(text) {
        Some(number) => Number::parse(text).map_or_else(|| Value::decimal(number), Value::Number),
        None => Value::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_typed_as_yaml_1_2_does_and_never_changed() {
        for (text, value) in [
            ("true", Value::Bool(true)),
            ("False", Value::Bool(false)),
            ("yes", "yes".into()),
            ("0", Value::from(0)),
            ("-32002", Value::from(-32002)),
            ("0x1F", Value::from(31)),
            ("0o17", Value::from(15)),
            ("0644", "0644".into()),
            ("+5", "+5".into()),
            ("-", "-".into()),
            ("9223372036854775808", "9223372036854775808".into()),
            ("1.50", Value::decimal(1.5)),
            (".5", Value::decimal(0.5)),
            ("1e3", Value::decimal(1000.0)),
            ("12e4567", "12e4567".into()),
            ("1.2.3", "1.2.3".into()),
            ("00.5", "00.5".into()),
            (".", ".".into()),
            (".inf", ".inf".into()),
            ("2027-01-31", "2027-01-31".into()),
            ("", "".into()),
            ("null", "null".into()),
        ] {
            assert_eq!(typed(text), value, "{text}");
        }
    }
}
