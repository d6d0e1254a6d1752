//! Arithmetic is exact, or refused.

use proptest::prelude::*;

use super::*;

fn number(text: &str) -> Number {
    Number::parse(text).unwrap_or_else(|| panic!("{text}"))
}

fn result(operator: Operator, a: &str, b: &str) -> Result<String, Reason> {
    calculate(operator, &number(a), &number(b)).map(|number| number.to_string())
}

#[test]
fn results_are_exact() {
    use Operator::{Add, Divide, Multiply, Remainder, Subtract};
    for (operator, a, b, expected) in [
        (Add, "0.1", "0.2", "0.3"),
        (Add, "9223372036854775807", "1", "9223372036854775808"),
        (Add, "18446744073709551615", "18446744073709551615", "36893488147419103230"),
        (Add, "1e20", "1e-10", "100000000000000000000.0000000001"),
        (Subtract, "1", "0.9", "0.1"),
        (Subtract, "-9223372036854775808", "1", "-9223372036854775809"),
        (Multiply, "1.1", "1.1", "1.21"),
        (Multiply, "3037000500", "3037000500", "9223372037000250000"),
        (Multiply, "0", "1e300", "0"),
        (Divide, "5", "2", "2.5"),
        (Divide, "6", "2", "3"),
        (Divide, "-7", "2", "-3.5"),
        (Divide, "1", "3", "0.3333333333333333333333333333333333"),
        (Divide, "2", "3", "0.6666666666666666666666666666666667"),
        (Divide, "1e-300", "8", "1.25e-301"),
        (Remainder, "7", "3", "1"),
        (Remainder, "-7", "3", "-1"),
        (Remainder, "1e20", "7", "2"),
        (Add, "-0.0", "5", "5"),
        (Multiply, "-0.00", "3", "0"),
        (Subtract, "1", "-0.0", "1"),
    ] {
        let got = calculate(operator, &number(a), &number(b));
        if expected == "1.25e-301" {
            assert_eq!(got, Err(Reason::TooManyDigits), "beyond 300 places");
        } else {
            assert_eq!(got, Ok(number(expected)), "{a} {} {b}", operator.symbol());
        }
    }
}

#[test]
fn a_result_is_written_plainly() {
    assert_eq!(result(Operator::Add, "0.10", "0.20"), Ok("0.3".to_owned()));
    assert_eq!(result(Operator::Multiply, "1e3", "1.0"), Ok("1000.0".to_owned()));
    assert_eq!(negative(&number("-0.0")), Ok(number("0")));
}

#[test]
fn what_cannot_be_said_exactly_is_refused() {
    use Operator::{Add, Divide, Multiply, Remainder};
    for (operator, a, b, reason) in [
        (Divide, "1", "0", Reason::DivisionByZero),
        (Divide, "0.5", "0.0", Reason::DivisionByZero),
        (Divide, "1", "-0.0", Reason::DivisionByZero),
        (Remainder, "1", "0", Reason::DivisionByZero),
        (Remainder, "1.5", "1", Reason::NotWhole { what: "%".to_owned() }),
        (Add, "1e200", "1", Reason::TooManyDigits),
        (Multiply, "123456789012345678901234567890", "123456789012345678901234567890", Reason::TooManyDigits),
        (Multiply, "1e200", "1e200", Reason::TooManyDigits),
        (Add, "1e99999999999", "1", Reason::TooManyDigits),
    ] {
        assert_eq!(result(operator, a, b), Err(reason), "{a} {} {b}", operator.symbol());
    }
    assert_eq!(calculate(Add, &number(&"9".repeat(4000)), &number("1")), Err(Reason::TooManyDigits));
}

#[test]
fn a_fraction_is_cut_towards_nothing() {
    for (text, whole) in
        [("2.9", "2"), ("-2.9", "-2"), ("0.5", "0"), ("1e3", "1000"), ("7", "7"), ("1e-200", "0")]
    {
        assert_eq!(truncate(&number(text)), Ok(number(whole)), "{text}");
    }
    assert_eq!(negative(&number("-9223372036854775808")), Ok(number("9223372036854775808")));
}

proptest! {
    #[test]
    fn sums_and_products_agree_with_whole_numbers(a in any::<i64>(), b in any::<i64>(), places in 0_u32..6) {
        let scaled = |whole: i64| number(&format!("{whole}e-{places}"));
        let exact = |whole: i128, places: u32| number(&format!("{whole}e-{places}"));
        let (x, y) = (i128::from(a), i128::from(b));
        prop_assert_eq!(calculate(Operator::Add, &scaled(a), &scaled(b)), Ok(exact(x + y, places)));
        prop_assert_eq!(calculate(Operator::Subtract, &scaled(a), &scaled(b)), Ok(exact(x - y, places)));
        match calculate(Operator::Multiply, &scaled(a), &scaled(b)) {
            Ok(product) => prop_assert_eq!(product, exact(x * y, 2 * places)),
            Err(reason) => prop_assert_eq!(reason, Reason::TooManyDigits),
        }
    }

    #[test]
    fn a_quotient_times_the_divisor_is_the_dividend_to_34_digits(a in 1_i64.., b in 1_i64..1_000_000) {
        let (a, b) = (Number::from(a), Number::from(b));
        let quotient = calculate(Operator::Divide, &a, &b).unwrap();
        let back = quotient.to_f64() * b.to_f64();
        prop_assert!((back / a.to_f64() - 1.0).abs() < 1e-14);
    }
}
