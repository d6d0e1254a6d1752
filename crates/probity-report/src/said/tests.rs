//! Numbers, ranges and times read plainly.

use jiff::Timestamp;

use probity_verdict::ScoreResult;

use super::entries::{entry_count, numbers, ranges};
use super::value::{interval, lasted, number, pieces, score};

#[test]
fn numbers_and_ranges_read_plainly() {
    assert_eq!(number(0.817_413), "0.817413");
    assert_eq!(number(1.0), "1");
    assert_eq!(number(100.0), "100");
    assert_eq!(number(-0.0), "0");
    assert_eq!(interval(5.0, f64::INFINITY), "5 or more");
    assert_eq!(ranges(&[(5, 20), (31, 31), (40, 41)]), "5 to 20, 31, 40, 41");
    assert_eq!(numbers(&[3, 4, 5, 9]), "3 to 5, 9");
    let many: Vec<(u64, u64)> = (0..30).map(|at| (at * 10, at * 10)).collect();
    assert!(ranges(&many).ends_with(", 230, and 6 more ranges from 240 to 290"), "{}", ranges(&many));
    assert_eq!(entry_count(&[(5, 20), (31, 31), (40, 41)]), 19);
}

#[test]
fn a_score_that_only_rounding_made_an_interval_is_one_number() {
    let of = |lower, upper| {
        let (name, open, parts) = (String::new(), Vec::new(), Vec::new());
        score(&ScoreResult { name, lower, upper, weight: 1.0, of_weight: 1.0, open, parts })
    };
    assert_eq!(of(0.571_428, 0.571_429), "0.571428");
    assert_eq!(of(0.571_428, 0.571_430), "0.571428 to 0.57143");
    assert_eq!(of(1.0, 1.0), "1");
}

#[test]
fn code_stands_between_backticks() {
    assert_eq!(pieces("run `a` now"), [(false, "run "), (true, "a"), (false, " now")]);
    assert_eq!(pieces("one ` alone"), [(false, "one ` alone")]);
}

#[test]
fn spans_of_time_read_plainly() {
    let at = |us| Timestamp::from_microsecond(us).unwrap();
    assert_eq!(lasted(at(0), at(3_250_000)), "3.2 s");
    assert_eq!(lasted(at(0), at(483_000_000)), "8 min 3 s");
    assert_eq!(lasted(at(0), at(7_260_000_000)), "2 h 1 min");
}
