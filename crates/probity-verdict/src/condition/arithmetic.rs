//! Sums, products and quotients of numbers of one class: exact, or refused. A quotient without an end is given to 34
//! significant digits, half to even (IEEE 754-2019, decimal128); conditions ask whether it is less than something, and a
//! limit of as many digits is never on the wrong side of it.

use probity_plan::Number;

use super::reason::Reason;
use super::syntax::Operator;

/// The most significant digits that are calculated with, and how far they may be from the point.
const MAX_DIGITS: u32 = 36;
const MAX_PLACES: i32 = 300;

/// The significant digits of a quotient.
const QUOTIENT: u32 = 34;

/// `whole` times ten to the power of `-places`; `whole` does not end in a zero unless it is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decimal {
    whole: i128,
    places: i32,
}

/// What an operator makes of two numbers.
pub(super) fn calculate(operator: Operator, a: &Number, b: &Number) -> Result<Number, Reason> {
    if let (Some(x), Some(y)) = (a.as_whole(), b.as_whole()) {
        let whole = match operator {
            Operator::Add => x.checked_add(y),
            Operator::Subtract => x.checked_sub(y),
            Operator::Multiply => x.checked_mul(y),
            Operator::Remainder | Operator::Divide if y == 0 => return Err(Reason::DivisionByZero),
            Operator::Remainder => x.checked_rem(y),
            Operator::Divide if x.checked_rem(y) == Some(0) => x.checked_div(y),
            _ => None,
        };
        if let Some(whole) = whole {
            return Ok(whole.into());
        }
    }
    let (a, b) = (Decimal::of(a)?, Decimal::of(b)?);
    let result = match operator {
        Operator::Add => a.plus(b),
        Operator::Subtract => a.plus(b.negative()),
        Operator::Multiply => a.times(b),
        Operator::Divide => a.over(b),
        Operator::Remainder => a.remainder(b),
        _ => Err(Reason::TooManyDigits),
    };
    result?.number()
}

/// The number without its fraction, towards nothing.
pub(super) fn truncate(number: &Number) -> Result<Number, Reason> {
    if number.as_whole().is_some() {
        return Ok(number.clone());
    }
    let Decimal { whole, places } = Decimal::of(number)?;
    let Ok(cut) = u32::try_from(places) else { return Ok(number.clone()) };
    let whole = 10_i128.checked_pow(cut).map_or(0, |scale| whole / scale);
    Ok(whole.into())
}

/// The number with the other sign.
pub(super) fn negative(number: &Number) -> Result<Number, Reason> {
    match number.as_whole().and_then(i64::checked_neg) {
        Some(whole) => Ok(whole.into()),
        None => Decimal::of(number)?.negative().number(),
    }
}

impl Decimal {
    /// From JSON's spelling.
    fn of(number: &Number) -> Result<Self, Reason> {
        let text = number.to_string();
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().map_err(|_| Reason::TooManyDigits)?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let (mut digits, mut places) =
            (format!("{whole}{fraction}"), i64::try_from(fraction.len()).unwrap_or(i64::MAX));
        places = places.saturating_sub(exponent.into());
        // One digit is left of nothing, which may have a sign.
        while digits.trim_start_matches('-').len() > 1 && digits.ends_with('0') {
            digits.pop();
            places = places.saturating_sub(1);
        }
        let whole: i128 = digits.parse().map_err(|_| Reason::TooManyDigits)?;
        let places = if whole == 0 { 0 } else { i32::try_from(places).map_err(|_| Reason::TooManyDigits)? };
        Self { whole, places }.bounded()
    }

    /// Itself without zeros at its end, if it is not too long.
    fn bounded(mut self) -> Result<Self, Reason> {
        if self.whole == 0 {
            self.places = 0;
        }
        while self.whole != 0 && self.whole % 10 == 0 {
            self.whole /= 10;
            self.places -= 1;
        }
        let fits = self.whole.unsigned_abs() < 10_u128.pow(MAX_DIGITS) && self.places.abs() <= MAX_PLACES;
        if fits { Ok(self) } else { Err(Reason::TooManyDigits) }
    }

    fn number(self) -> Result<Number, Reason> {
        if self.places == 0 {
            return Ok(self.whole.into());
        }
        Number::calculated(&format!("{}e{}", self.whole, -self.places)).ok_or(Reason::TooManyDigits)
    }

    fn negative(self) -> Self {
        Self { whole: -self.whole, ..self }
    }

    /// Both with as many places.
    fn aligned(self, other: Self) -> Result<(i128, i128, i32), Reason> {
        let places = self.places.max(other.places);
        let scaled = |decimal: Self| {
            let scale = 10_i128.checked_pow(places.abs_diff(decimal.places))?;
            decimal.whole.checked_mul(scale)
        };
        match (scaled(self), scaled(other)) {
            (Some(a), Some(b)) => Ok((a, b, places)),
            _ => Err(Reason::TooManyDigits),
        }
    }

    fn plus(self, other: Self) -> Result<Self, Reason> {
        if self.whole == 0 || other.whole == 0 {
            return Ok(if self.whole == 0 { other } else { self });
        }
        let (a, b, places) = self.aligned(other)?;
        Self { whole: a.checked_add(b).ok_or(Reason::TooManyDigits)?, places }.bounded()
    }

    fn times(self, other: Self) -> Result<Self, Reason> {
        let whole = self.whole.checked_mul(other.whole).ok_or(Reason::TooManyDigits)?;
        Self { whole, places: self.places + other.places }.bounded()
    }

    /// Of whole numbers only, with the sign of the first.
    fn remainder(self, other: Self) -> Result<Self, Reason> {
        if self.places > 0 || other.places > 0 {
            return Err(Reason::NotWhole { what: "%".to_owned() });
        }
        let (a, b, _) = self.aligned(other)?;
        let whole = if b == 0 { return Err(Reason::DivisionByZero) } else { a % b };
        // Both have at most as many places as the other, which is none.
        let places = self.places.max(other.places);
        Self { whole, places }.bounded()
    }

    /// Digit by digit, to one more than is kept.
    fn over(self, other: Self) -> Result<Self, Reason> {
        if other.whole == 0 {
            return Err(Reason::DivisionByZero);
        }
        let negative = (self.whole < 0) != (other.whole < 0);
        let (a, b) = (self.whole.unsigned_abs(), other.whole.unsigned_abs());
        let mut places = self.places - other.places;
        let (mut quotient, mut rest) = (a / b, a % b);
        // Both are below 10^36, so ten times the rest fits.
        while rest != 0 && quotient < 10_u128.pow(QUOTIENT - 1) {
            rest *= 10;
            quotient = quotient * 10 + rest / b;
            rest %= b;
            places += 1;
        }
        if rest != 0 {
            let above = (rest * 2).cmp(&b);
            quotient += u128::from(above.is_gt() || (above.is_eq() && quotient % 2 == 1));
        }
        let whole = i128::try_from(quotient).map_err(|_| Reason::TooManyDigits)?;
        Self { whole: if negative { -whole } else { whole }, places }.bounded()
    }
}

#[cfg(test)]
mod tests;
