//! Comparisons of measured quantities, which are known as intervals (design.md, rule 8): surely true, surely false, or
//! the interval straddles the limit. Each interval stands once in a comparison, so that interval arithmetic gives no more
//! than what may be; ends that a double cannot hold are rounded outwards.

use probity_plan::{Number, Value};

use super::syntax::Operator;

/// What is known of a quantity: it lies between these ends, of which either may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    low: f64,
    high: f64,
}

impl Range {
    /// Of an interval or a number; `None` of anything else, and of an interval whose ends are in the wrong order.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Interval(interval) => {
                let (low, high) = interval.ends();
                (low <= high).then_some(Self { low, high })
            }
            Value::Number(number) => {
                let nearest = number.to_f64();
                let exact = Number::from_f64(nearest).as_ref() == Some(number);
                Some(if exact { Self { low: nearest, high: nearest } } else { Self::around(nearest) })
            }
            _ => None,
        }
    }

    fn around(nearest: f64) -> Self {
        Self { low: nearest.next_down(), high: nearest.next_up() }
    }

    pub(super) fn negative(self) -> Self {
        Self { low: -self.high, high: -self.low }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { low: add(self.low, other.low).0, high: add(self.high, other.high).1 }.known()
    }

    pub(super) fn times(self, other: Self) -> Self {
        let corners = [
            multiply(self.low, other.low),
            multiply(self.low, other.high),
            multiply(self.high, other.low),
            multiply(self.high, other.high),
        ];
        let low = corners.iter().map(|corner| corner.0).fold(f64::INFINITY, f64::min);
        let high = corners.iter().map(|corner| corner.1).fold(f64::NEG_INFINITY, f64::max);
        Self { low, high }.known()
    }

    /// Open ends that cancel leave nothing known.
    fn known(self) -> Self {
        if self.low.is_nan() || self.high.is_nan() {
            Self { low: f64::NEG_INFINITY, high: f64::INFINITY }
        } else {
            self
        }
    }

    /// Whether the comparison is surely so, or surely not; `None` if it may be either.
    pub(super) fn compare(self, operator: Operator, other: Self) -> Option<bool> {
        let (surely, possibly) = match operator {
            Operator::Less => (self.high < other.low, self.low < other.high),
            Operator::AtMost => (self.high <= other.low, self.low <= other.high),
            Operator::More => (self.low > other.high, self.high > other.low),
            _ => (self.low >= other.high, self.high >= other.low),
        };
        if surely == possibly { Some(surely) } else { None }
    }
}

/// The doubles between which the sum lies (error-free transformation: Knuth, TAOCP vol. 2, 4.2.2, theorem B).
fn add(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    if !sum.is_finite() {
        return beyond(sum, a.is_finite() && b.is_finite());
    }
    let part = sum - a;
    let error = (a - (sum - part)) + (b - part);
    outwards(sum, error)
}

/// The doubles between which the product lies. Nothing times anything is nothing, also where the end is open.
fn multiply(a: f64, b: f64) -> (f64, f64) {
    if a == 0.0 || b == 0.0 {
        return (0.0, 0.0);
    }
    let product = a * b;
    if !product.is_finite() {
        return beyond(product, a.is_finite() && b.is_finite());
    }
    outwards(product, a.mul_add(b, -product))
}

/// What is infinite because an end was, or because it was too great for a double.
fn beyond(result: f64, rounded: bool) -> (f64, f64) {
    match (rounded, result > 0.0) {
        (true, true) => (f64::MAX, result),
        (true, false) => (result, f64::MIN),
        (false, _) => (result, result),
    }
}

/// `nearest` and, if the exact value differs by this error, its neighbour on that side.
fn outwards(nearest: f64, error: f64) -> (f64, f64) {
    (
        if error < 0.0 { nearest.next_down() } else { nearest },
        if error > 0.0 { nearest.next_up() } else { nearest },
    )
}
