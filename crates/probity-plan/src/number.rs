//! Numbers as targets send them: of any size, exact, one class. `1`, `1.0` and `1e0` are the same number, and
//! 9007199254740993 is not 9007199254740992.0.
//!
//! Must not know: where a number came from, or what is made of it.

use std::cmp::Ordering;
use std::fmt;

use serde::{Serialize, Serializer};

/// The longest number that is kept, in bytes of its text.
pub const MAX_NUMBER: usize = 4096;

/// Every whole number up to this is a double.
const MAX_EXACT: u64 = 1 << 53;

/// A number. Equality and order are those of its decimal value.
#[derive(Clone)]
pub struct Number(Form);

#[derive(Clone)]
enum Form {
    Whole(i64),
    /// Finite. Its value is the shortest decimal that reads back as it, which is how it is written.
    Float(f64),
    /// As JSON writes it (RFC 8259, section 6), where neither of the others is exactly this number, or is written so.
    Text(Box<str>),
}

impl Number {
    /// The number that this text is, as JSON writes numbers (RFC 8259, section 6). `None` if it is none, or longer than
    /// [`MAX_NUMBER`]. It is written as this text again: 1.10 is the number 1.1, and may be the name of a version.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_NUMBER || !is_json_number(text) {
            return None;
        }
        if let Ok(whole) = text.parse::<i64>() {
            return Some(Self(Form::Whole(whole)));
        }
        let exact = Self(Form::Text(text.into()));
        let float = text.parse::<f64>().ok().and_then(Self::from_f64);
        Some(float.filter(|float| float.to_string() == text).unwrap_or(exact))
    }

    /// The number that this text is, written the shortest way where a double is exactly it: the result of a calculation.
    pub fn calculated(text: &str) -> Option<Self> {
        let exact = Self::parse(text)?;
        let float = text.parse::<f64>().ok().and_then(Self::from_f64);
        Some(float.filter(|float| exact.as_whole().is_none() && *float == exact).unwrap_or(exact))
    }

    /// A finite number; `None` of infinities and of what is no number.
    pub fn from_f64(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self(Form::Float(number)))
    }

    /// The whole number, if it is kept as one: at once, and `None` of some whole numbers too, such as `1.0`.
    pub const fn as_whole(&self) -> Option<i64> {
        match self.0 {
            Form::Whole(whole) => Some(whole),
            Form::Float(_) | Form::Text(_) => None,
        }
    }

    /// How many bytes there are to look at when it is compared; 1 for most numbers, more for long ones.
    pub const fn weight(&self) -> usize {
        match &self.0 {
            Form::Whole(_) | Form::Float(_) => 1,
            Form::Text(text) => text.len(),
        }
    }

    /// As it is written, and with an exponent as the decimal that it is, unless that is longer than [`MAX_NUMBER`].
    pub fn without_exponent(&self) -> String {
        let written = self.to_string();
        if !written.contains(['e', 'E']) {
            return written;
        }
        let Decimal { negative, digits, places } = self.decimal();
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        let length = digits.len() as i64;
        if places.unsigned_abs() > MAX_NUMBER as u64 {
            return written;
        }
        let (whole, fraction) = match () {
            () if digits.is_empty() => return "0".to_owned(),
            () if places >= length => ("0".to_owned(), zeros(places - length) + &digits),
            () if places > 0 => {
                let (whole, fraction) = digits.split_at((length - places) as usize);
                (whole.to_owned(), fraction.to_owned())
            }
            () => (digits + &zeros(-places), String::new()),
        };
        let sign = if negative { "-" } else { "" };
        if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }

    /// The whole number, if it is one that 64 bits hold.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Form::Whole(whole) => Some(*whole),
            _ => {
                let decimal = self.decimal();
                if decimal.digits.is_empty() {
                    return Some(0);
                }
                // A whole number of 64 bits has at most 19 digits.
                if decimal.places > 0 || decimal.digits.len() as i64 - decimal.places > 19 {
                    return None;
                }
                let zeros = "0".repeat(usize::try_from(-decimal.places).ok()?);
                format!("{}{}{zeros}", if decimal.negative { "-" } else { "" }, decimal.digits).parse().ok()
            }
        }
    }

    /// The nearest double; infinite where it is beyond every double.
    #[expect(clippy::cast_precision_loss, reason = "the nearest one is asked for")]
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            Form::Whole(whole) => *whole as f64,
            Form::Float(float) => *float,
            Form::Text(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// This number less the other, exactly; `None` where 128 bits do not hold it.
    pub fn minus(&self, other: &Self) -> Option<Self> {
        let (a, b) = (self.decimal(), other.decimal());
        let places = match (a.digits.is_empty(), b.digits.is_empty()) {
            (true, _) => b.places,
            (_, true) => a.places,
            _ => a.places.max(b.places),
        };
        let difference = a.scaled(places)?.checked_sub(b.scaled(places)?)?;
        Self::calculated(&format!("{difference}e{}", places.checked_neg()?))
    }

    fn decimal(&self) -> Decimal {
        match &self.0 {
            Form::Whole(whole) => Decimal::of(&whole.to_string()),
            Form::Float(float) => Decimal::of(&shortest(*float)),
            Form::Text(text) => Decimal::of(text),
        }
    }
}

/// The shortest decimal that reads back as this number, as it is written into logs. Where there are two of them, `Display`
/// may choose the other.
fn shortest(float: f64) -> String {
    serde_json::to_string(&float).unwrap_or_else(|_| float.to_string())
}

/// `digits` times ten to the power of `-places`; no zeros at either end of the digits, and none at all for nothing.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    places: i64,
}

impl Decimal {
    fn of(text: &str) -> Self {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let ended = digits.trim_end_matches('0');
        // An exponent beyond every memory is as good as the greatest.
        let exponent: i64 =
            exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 });
        let exponent = exponent.clamp(i64::MIN / 4, i64::MAX / 4);
        let cut = (digits.len() - ended.len()) as i64;
        let digits = ended.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Self { negative: false, digits, places: 0 };
        }
        Self { negative, digits, places: fraction.len() as i64 - cut - exponent }
    }

    /// How many times ten to the power of `-places` it is, with no fewer places than its own.
    fn scaled(&self, places: i64) -> Option<i128> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let scale = 10_i128.checked_pow(u32::try_from(places.checked_sub(self.places)?).ok()?)?;
        let whole = self.digits.parse::<i128>().ok()?.checked_mul(scale)?;
        Some(if self.negative { -whole } else { whole })
    }

    /// The power of ten above the first digit.
    fn size(&self) -> i64 {
        self.digits.len() as i64 - self.places
    }

    fn order(&self, other: &Self) -> Ordering {
        let magnitude = || self.size().cmp(&other.size()).then_with(|| self.digits.cmp(&other.digits));
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => {
                if other.negative {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (false, true) => {
                if self.negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (false, false) => match (self.negative, other.negative) {
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => magnitude(),
                (true, true) => magnitude().reverse(),
            },
        }
    }
}

/// RFC 8259, section 6.
fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    digits(whole) && digits(fraction) && digits(exponent) && (whole.len() == 1 || !whole.starts_with('0'))
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Number {}
impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Number {
    #[expect(clippy::cast_precision_loss, reason = "exact up to `MAX_EXACT`")]
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Whole(a), Form::Whole(b)) => a.cmp(b),
            (Form::Float(a), Form::Float(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            // A whole number that a double holds exactly is on the same side of the double and of its shortest decimal.
            (Form::Whole(a), Form::Float(b)) if a.unsigned_abs() <= MAX_EXACT => {
                (*a as f64).partial_cmp(b).unwrap_or(Ordering::Equal)
            }
            (Form::Float(_), Form::Whole(b)) if b.unsigned_abs() <= MAX_EXACT => other.cmp(self).reverse(),
            _ => self.decimal().order(&other.decimal()),
        }
    }
}

impl fmt::Display for Number {
    /// As JSON writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Whole(whole) => whole.fmt(f),
            Form::Float(float) => f.write_str(&shortest(*float)),
            Form::Text(text) => f.write_str(text),
        }
    }
}
impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Form::Whole(whole) => serializer.serialize_i64(*whole),
            Form::Float(float) => serializer.serialize_f64(*float),
            Form::Text(text) => match serde_json::value::RawValue::from_string(text.to_string()) {
                Ok(raw) => raw.serialize(serializer),
                Err(error) => Err(serde::ser::Error::custom(error)),
            },
        }
    }
}

macro_rules! from_whole {
    ($($type:ty),*) => {$(
        impl From<$type> for Number {
            fn from(number: $type) -> Self {
                i64::try_from(number).map_or_else(|_| Self(Form::Text(number.to_string().into())), |whole| Self(Form::Whole(whole)))
            }
        }
    )*};
}
from_whole!(i8, u8, i16, u16, i32, u32, i64, u64, usize, i128, u128);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        for (a, b) in [
            ("1", "1.0"),
            ("1", "1e0"),
            ("100", "1E+2"),
            ("0.1", "1e-1"),
            ("0", "-0"),
            ("0", "0.0e99"),
            ("36893488147419103232", "3.6893488147419103232e19"),
            ("18446744073709551616", "18446744073709551616.0"),
            ("-2.50", "-25e-1"),
        ] {
            assert_eq!(number(a), number(b), "{a} {b}");
        }
    }

    #[test]
    fn a_number_is_written_as_it_came() {
        for text in ["1.10", "1.1", "1.0", "1", "1e3", "1E+2", "0.50", "-0.0", "100.00"] {
            assert_eq!(number(text).to_string(), text);
            assert_eq!(serde_json::to_string(&number(text)).unwrap(), text);
        }
    }

    #[test]
    fn an_exponent_is_written_out() {
        for (text, plain) in [
            ("5e2", "500"),
            ("-1.25E+1", "-12.5"),
            ("125e-2", "1.25"),
            ("125e-3", "0.125"),
            ("1e-3", "0.001"),
            ("0e9", "0"),
            ("1.10", "1.10"),
            ("500", "500"),
            ("1e999999", "1e999999"),
        ] {
            assert_eq!(number(text).without_exponent(), plain);
        }
    }

    #[test]
    fn nothing_is_rounded() {
        for (less, more) in [
            ("9007199254740992.0", "9007199254740993"),
            ("18446744073709551615", "18446744073709551616"),
            ("36893488147419103231", "36893488147419103232"),
            ("0.1", "0.10000000000000000001"),
            ("-2", "-1"),
            ("-1", "0"),
            ("1e400", "1e401"),
            ("-1e401", "-1e400"),
            ("1e-400", "1"),
            ("0", "1e-400"),
            ("9.99", "10"),
            // Both are the nearest decimals of one double.
            ("2014214467110071.2", "2014214467110071.3"),
        ] {
            assert!(number(less) < number(more), "{less} {more}");
            assert!(number(more) > number(less), "{less} {more}");
            assert_ne!(number(less), number(more));
        }
    }

    #[test]
    fn a_difference_is_exact_or_none() {
        for (a, b, difference) in [
            ("9007199254740993", "9007199254740992", "1"),
            ("1.1", "1.0", "0.1"),
            ("0", "1e-300", "-1e-300"),
            ("1e-300", "0", "1e-300"),
            ("0", "0", "0"),
            ("-2.5", "1e1", "-12.5"),
            ("18446744073709551616", "18446744073709551615", "1"),
        ] {
            assert_eq!(number(a).minus(&number(b)), Some(number(difference)), "{a} {b}");
        }
        for (a, b) in [("1e400", "1"), ("1", "1e-99999999999999999999"), (&"9".repeat(50), "1")] {
            assert_eq!(number(a).minus(&number(b)), None, "{a} {b}");
        }
    }

    #[test]
    fn only_what_json_calls_a_number_is_one() {
        for text in ["", "-", "+1", "01", "1.", ".5", "1e", "0x10", "NaN", "inf", "1_000", " 1", "1 ", "١"] {
            assert_eq!(Number::parse(text).map(|number| number.to_string()), None, "{text}");
        }
        assert!(Number::parse(&"9".repeat(MAX_NUMBER)).is_some());
        assert!(Number::parse(&"9".repeat(MAX_NUMBER + 1)).is_none());
        assert!(number("1e99999999999999999999") > number("1e9999"));
    }

    #[test]
    fn written_as_it_was_read() {
        for text in [
            "1",
            "-7",
            "18446744073709551616",
            "0.12345678901234567890123",
            "1e400",
            "2014214467110071.2",
            "2014214467110071.3",
        ] {
            assert_eq!(serde_json::to_string(&number(text)).unwrap(), text);
        }
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_numbers(a in any::<i128>(), b in any::<i128>()) {
            prop_assert_eq!(Number::from(a).cmp(&Number::from(b)), a.cmp(&b));
            prop_assert_eq!(number(&format!("{a}e-3")).cmp(&number(&format!("{b}e-3"))), a.cmp(&b));
        }

        #[test]
        fn doubles_are_themselves(a in -1e300..1e300f64, b in -1e18..1e18f64) {
            prop_assert_eq!(number(&serde_json::to_string(&a).unwrap()), Number::from_f64(a).unwrap());
            // Of two shortest texts of one double either may be written.
            prop_assert_eq!(number(&format!("{b:e}")).to_f64(), b);
        }

        #[test]
        fn nothing_is_a_whole_number_however_it_is_written(text in "-?0(\\.0{1,3})?(e[0-9]{1,3})?") {
            prop_assert_eq!(number(&text).as_i64(), Some(0));
            prop_assert_eq!(Number::from_f64(-0.0).unwrap().as_i64(), Some(0));
        }

        #[test]
        fn whole_numbers_come_back(a in any::<i64>()) {
            prop_assert_eq!(Number::from(a).as_i64(), Some(a));
            prop_assert_eq!(number(&format!("{a}.0")).as_i64(), Some(a));
        }
    }
}
