//! Limits: counted by who calls, whatever they do with their connections.

use crate::seconds;
use camera_access::{Charge, Limit, LimitError, Limiter, Limits, RetryAfter};
use governor::clock::FakeRelativeClock;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn limiter() -> (Limiter<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (Limiter::with_clock(Limits::default(), clock.clone()).unwrap(), clock)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn attempt<'a>(address: &str, key: Option<&'a str>) -> Charge<'a> {
    Charge::Authentication { address: ip(address), key }
}

/// How many of `tries` calls in a row are allowed.
fn allowed(limiter: &Limiter<FakeRelativeClock>, charge: Charge<'_>, tries: usize) -> usize {
    (0..tries).filter(|_| limiter.check(charge).is_ok()).count()
}

#[test]
fn twenty_at_once_then_one_a_second() {
    let (limiter, clock) = limiter();
    assert_eq!(allowed(&limiter, Charge::Identity("ada"), 50), 20);
    assert_eq!(limiter.check(Charge::Identity("ada")), Err(RetryAfter(seconds(1))));
    clock.advance(Duration::from_millis(999));
    assert_eq!(limiter.check(Charge::Identity("ada")), Err(RetryAfter(Duration::from_millis(1))));
    clock.advance(Duration::from_millis(1));
    assert_eq!(allowed(&limiter, Charge::Identity("ada"), 50), 1);
    clock.advance(seconds(3600));
    assert_eq!(allowed(&limiter, Charge::Identity("ada"), 50), 20, "rest fills the burst and no more");
    // In the long run: 60 a minute.
    let mut count = 0;
    for _ in 0..600 {
        clock.advance(seconds(1));
        count += allowed(&limiter, Charge::Identity("ada"), 3);
    }
    assert_eq!(count, 600);
}

#[test]
fn attempts_to_authenticate_have_the_strictest_limit() {
    let (limiter, clock) = limiter();
    assert_eq!(allowed(&limiter, attempt("192.0.2.1", None), 50), 5);
    let wait = limiter.check(attempt("192.0.2.1", None)).unwrap_err();
    assert_eq!((wait, wait.seconds()), (RetryAfter(seconds(6)), 6));
    clock.advance(seconds(6));
    assert_eq!(allowed(&limiter, attempt("192.0.2.1", None), 50), 1);
}

#[test]
fn reconnecting_changes_nothing() {
    // The limiter knows no connection: whatever a client does with sockets, it is the same identity from the same
    // address. What is left to test is that none of the names it goes by gives it another counter.
    let (limiter, _) = limiter();
    assert_eq!(allowed(&limiter, Charge::Identity("ada"), 20), 20);
    assert!(limiter.check(Charge::Identity("ada")).is_err());
    assert_eq!(allowed(&limiter, attempt("192.0.2.1", None), 5), 5);
    for same in ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"] {
        assert!(limiter.check(attempt(same, None)).is_err(), "{same}");
    }
    limiter.purge();
    assert!(limiter.check(attempt("192.0.2.1", None)).is_err(), "nor does clearing up");
    assert!(limiter.check(Charge::Identity("ada")).is_err());
}

#[test]
fn a_call_is_charged_once() {
    let (limiter, _) = limiter();
    // An identity's calls leave its address alone, behind which others may be, and an address's leave identities alone.
    assert_eq!(allowed(&limiter, Charge::Identity("ada"), 50), 20);
    assert_eq!(allowed(&limiter, Charge::Address(ip("192.0.2.1")), 50), 20);
    assert_eq!(allowed(&limiter, Charge::Identity("bob"), 50), 20);
    // Attempts to authenticate are no calls, and no name is another kind of caller's name.
    assert_eq!(allowed(&limiter, attempt("192.0.2.1", Some("192.0.2.1")), 50), 5);
    assert_eq!(allowed(&limiter, attempt("192.0.2.2", Some("ada")), 50), 5);
    // What is refused is not charged: who goes on calling is served as soon as who waited.
}

#[test]
fn a_refused_call_costs_nothing() {
    let (limiter, clock) = limiter();
    allowed(&limiter, Charge::Identity("ada"), 20);
    for _ in 0..1000 {
        assert!(limiter.check(Charge::Identity("ada")).is_err());
    }
    clock.advance(seconds(1));
    assert!(limiter.check(Charge::Identity("ada")).is_ok());
}

#[test]
fn one_who_guesses_leaves_others_served() {
    let (limiter, _) = limiter();
    for _ in 0..10_000 {
        let _ = limiter.check(attempt("203.0.113.9", Some("0123456789abcdef")));
    }
    assert!(limiter.check(attempt("203.0.113.9", Some("fedcba9876543210"))).is_err());
    for last in 1..=200 {
        assert!(limiter.check(attempt(&format!("192.0.2.{last}"), None)).is_ok());
    }
    assert!(limiter.check(Charge::Identity("ada")).is_ok());
}

#[test]
fn many_addresses_guess_one_key_no_faster_than_one() {
    let (limiter, _) = limiter();
    let guesses = (0..10_000u32)
        .filter(|n| {
            let address = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
            limiter.check(Charge::Authentication { address, key: Some("0123456789abcdef") }).is_ok()
        })
        .count();
    assert_eq!(guesses, 5);
}

#[test]
fn an_ipv6_subscriber_is_one_caller() {
    let (limiter, _) = limiter();
    let total: usize =
        (0..1000).map(|n| allowed(&limiter, Charge::Address(ip(&format!("2001:db8:1:2::{n:x}"))), 1)).sum();
    assert_eq!(total, 20);
    assert_eq!(allowed(&limiter, Charge::Address(ip("2001:db8:1:3::1")), 50), 20, "the neighbour is another");
    assert_eq!(allowed(&limiter, Charge::Address(ip("::")), 50), 20);
    assert_eq!(
        allowed(&limiter, Charge::Address(ip("0.0.0.0")), 50),
        20,
        "and no IPv4 address is an IPv6 one"
    );
}

#[test]
fn a_million_addresses_do_not_grow_without_bound() {
    let (limiter, clock) = limiter();
    let mut most = 0;
    for n in 0..1_000_000u32 {
        let _ = limiter.check(Charge::Address(IpAddr::from(n.to_be_bytes())));
        if n % 50_000 == 0 {
            most = most.max(limiter.remembered());
        }
    }
    most = most.max(limiter.remembered());
    assert!(most <= 65_536 + 16 * 256, "{most} are remembered");
    // Who was known before the flood is still held to his limit, and others are served.
    assert!(limiter.check(Charge::Identity("ada")).is_ok());
    // In the flood's own time: one new address each millisecond, for a thousand seconds.
    clock.advance(seconds(60));
    limiter.purge();
    assert_eq!(limiter.remembered(), 0, "who rested is forgotten");
    let mut most = 0;
    for n in 0..1_000_000u32 {
        clock.advance(Duration::from_millis(1));
        limiter.check(Charge::Address(IpAddr::from(n.to_be_bytes()))).unwrap();
        most = most.max(if n % 10_000 == 0 { limiter.remembered() } else { 0 });
    }
    // Each is of interest for a second; twice that, and the second between two clearings, may lie about.
    assert!(most < 10_000, "{most} are remembered, of some 1000 that matter");
}

#[test]
fn a_full_table_still_limits_everybody() {
    let (limiter, _) = limiter();
    assert_eq!(allowed(&limiter, Charge::Identity("ada"), 20), 20);
    for n in 0..200_000u32 {
        let _ = limiter.check(Charge::Address(IpAddr::from(n.to_be_bytes())));
    }
    assert!(limiter.check(Charge::Identity("ada")).is_err(), "who was known is not forgotten");
    assert!(allowed(&limiter, Charge::Address(ip("198.51.100.1")), 100) <= 20);
}

#[test]
fn limits_can_be_changed_while_they_are_used() {
    let (limiter, clock) = limiter();
    assert_eq!(allowed(&limiter, Charge::Identity("ada"), 50), 20);
    assert_eq!(allowed(&limiter, attempt("192.0.2.1", None), 50), 5);
    let limits = Limits { request: Limit { per_minute: 6000, burst: 100 }, ..Limits::default() };
    limiter.set(limits).unwrap();
    assert_eq!(limiter.limits(), limits);
    assert_eq!(allowed(&limiter, Charge::Identity("ada"), 500), 100);
    clock.advance(Duration::from_millis(10));
    assert_eq!(allowed(&limiter, Charge::Identity("ada"), 500), 1);
    assert!(
        limiter.check(attempt("192.0.2.1", None)).is_err(),
        "a limit that did not change goes on counting"
    );
}

#[test]
fn limits_that_cannot_be_are_refused_and_the_largest_overflow_nothing() {
    let limit = |per_minute, burst| Limits { request: Limit { per_minute, burst }, ..Limits::default() };
    assert_eq!(Limiter::new(limit(0, 1)).err(), Some(LimitError::PerMinute(0)));
    assert_eq!(Limiter::new(limit(100_000_001, 1)).err(), Some(LimitError::PerMinute(100_000_001)));
    assert_eq!(Limiter::new(limit(1, 0)).err(), Some(LimitError::Burst(0)));
    assert_eq!(Limiter::new(limit(1, 1_000_001)).err(), Some(LimitError::Burst(1_000_001)));
    let (limiter, clock) = limiter();
    assert!(limiter.set(limit(0, 1)).is_err());
    assert_eq!(limiter.limits(), Limits::default());
    for (per_minute, burst) in [(1, 1_000_000), (100_000_000, 1_000_000), (100_000_000, 1), (1, 1)] {
        limiter.set(limit(per_minute, burst)).unwrap();
        let burst = usize::try_from(burst).unwrap();
        assert_eq!(allowed(&limiter, Charge::Identity("ada"), burst + 1), burst, "{per_minute} {burst}");
        clock.advance(seconds(3600 * 24 * 365));
    }
}

#[test]
fn many_threads_together_get_what_one_would() {
    let (limiter, _) = limiter();
    let (counted, limiter) = (AtomicUsize::new(0), &limiter);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                counted.fetch_add(allowed(limiter, Charge::Identity("ada"), 1000), Ordering::Relaxed)
            });
        }
    });
    assert_eq!(counted.into_inner(), 20);
}
