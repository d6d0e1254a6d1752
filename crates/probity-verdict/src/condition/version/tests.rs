//! Orders of versions, held against what their specifications and their own tests say, and against dpkg itself.

use std::cmp::Ordering::{self, Equal, Greater, Less};

use proptest::prelude::*;

use super::*;

fn holds(scheme: Scheme, pairs: &[(&str, Ordering, &str)]) {
    for (a, order, b) in pairs {
        assert_eq!(scheme.order(a, b), Some(*order), "{scheme}: {a} {b}");
        assert_eq!(scheme.order(b, a), Some(order.reverse()), "{scheme}: {b} {a}");
        assert_eq!(scheme.order(a, a), Some(Equal), "{scheme}: {a}");
    }
}

fn refuses(scheme: Scheme, texts: &[&str]) {
    for text in texts {
        assert!(!scheme.accepts(text), "{scheme}: {text}");
    }
}

const DPKG: &[(&str, Ordering, &str)] = &[
    ("9.0", Less, "10.0"),
    ("1.0", Equal, "1.00"),
    ("1.0-0", Equal, "1.0"),
    ("0:1.0", Equal, "1.0"),
    ("1:0.1", Greater, "2.0"),
    ("1.0~rc1", Less, "1.0"),
    // Debian Policy 5.6.12: `~~`, `~~a`, `~`, the empty part, `a`.
    ("1~~", Less, "1~~a"),
    ("1~~a", Less, "1~"),
    ("1~", Less, "1"),
    ("1", Less, "1a"),
    ("1.0~beta1~svn1245", Less, "1.0~beta1"),
    // Letters before what is none.
    ("1.0a", Less, "1.0+"),
    ("1.0-1", Less, "1.0-1+b1"),
    ("1.0-1", Less, "1.0-1.1"),
    ("2.7.4+reloaded2-13ubuntu1", Less, "2.7.4+reloaded2-13ubuntu2"),
    ("1.2.3", Less, "1.2.3-1"),
    ("1-1-1", Greater, "1-1"),
    ("5.2.15-2+b2", Less, "5.2.21-2"),
    ("99999999999999999999999", Less, "100000000000000000000000"),
];

#[test]
fn debian_versions() {
    holds(Scheme::Dpkg, DPKG);
    refuses(
        Scheme::Dpkg,
        &["", "a1", "1.0-", ":1", "a:1", "1 0", "1_0", "1.0, 2.0", "1.0-1_2", "2147483648:1", "é1"],
    );
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test asks dpkg itself")]
fn dpkg_says_the_same() {
    let mut asked = 0;
    for (a, order, b) in DPKG {
        let word = match order {
            Less => "lt",
            Equal => "eq",
            Greater => "gt",
        };
        let Ok(status) = std::process::Command::new("dpkg").args(["--compare-versions", a, word, b]).status()
        else {
            println!("skipped: there is no dpkg here");
            return;
        };
        assert!(status.success(), "{a} {word} {b}");
        asked += 1;
    }
    assert_eq!(asked, DPKG.len());
}

#[test]
fn rpm_versions() {
    // As in RPM's own tests of rpmvercmp.
    let pairs = [
        ("1.0", Less, "2.0"),
        ("2.0.1", Greater, "2.0"),
        ("2.0.1a", Greater, "2.0.1"),
        ("5.5p1", Less, "5.5p10"),
        ("10xyz", Less, "10.1xyz"),
        ("xyz10", Less, "xyz10.1"),
        ("xyz.4", Less, "8"),
        ("5.5p2", Less, "5.6p1"),
        ("6.0.rc1", Greater, "6.0"),
        ("10b2", Greater, "10a1"),
        ("1.0a", Less, "1.0aa"),
        ("10.0001", Equal, "10.1"),
        ("10.0001", Less, "10.0039"),
        ("4.999.9", Less, "5.0"),
        ("2_0", Equal, "2.0"),
        ("a+", Equal, "a_"),
        ("1.0~rc1", Less, "1.0"),
        ("1.0~rc1~git123", Less, "1.0~rc1"),
        ("1.0^", Greater, "1.0"),
        ("1.0^git1", Less, "1.0^git2"),
        ("1.0^git1", Less, "1.01"),
        ("1.0^20160101", Less, "1.0.1"),
        ("1.0^20160102", Greater, "1.0^20160101^git1"),
        ("1.0~rc1^git1", Greater, "1.0~rc1"),
        ("1.0^git1", Greater, "1.0^git1~pre"),
        // Epochs and releases.
        ("1:1.0", Greater, "2.0"),
        ("0:1.0", Equal, "1.0"),
        ("1.0-1.el9", Less, "1.0-2.el9"),
        ("1.0-1.el9", Equal, "1.0"),
    ];
    holds(Scheme::Rpm, &pairs);
    refuses(Scheme::Rpm, &["", "1.0-", "-1", "a:1.0", "1.0 2", "1.0-1-1", "1.0/2"]);
}

#[test]
fn alpine_versions() {
    let pairs = [
        ("1.2.9", Less, "1.2.10"),
        ("1.0_alpha", Less, "1.0_beta"),
        ("1.0_beta", Less, "1.0_pre1"),
        ("1.0_pre1", Less, "1.0_rc1"),
        ("1.0_rc1", Less, "1.0"),
        ("1.0", Less, "1.0_cvs"),
        ("1.0_git20240101", Less, "1.0_hg1"),
        ("1.0_hg1", Less, "1.0_p1"),
        ("1.0_p9-r0", Less, "1.0_p10-r0"),
        ("0.1.0_alpha_pre2", Less, "0.1.0_alpha"),
        ("1.0", Less, "1.0-r0"),
        ("1.0-r9", Less, "1.0-r10"),
        ("1.0-r1", Less, "1.0.1"),
        ("1.0b", Less, "1.0.1"),
        ("1.7", Less, "1.7b"),
        ("2.5.1-r8", Less, "2.5.1a-r1"),
        ("1.05", Less, "1.1"),
        ("8.2.0015", Less, "8.2.002"),
        ("8.2.0", Less, "8.2.001"),
        ("021109-r3", Less, "20060512"),
        ("1.0~1234", Less, "1.0~2345"),
        ("1.0~1234-r1", Greater, "1.0~1234-r0"),
        ("1.0.0_pre20191002222144-r0", Less, "1.0.0_pre20210530193627-r0"),
    ];
    holds(Scheme::Apk, &pairs);
    refuses(
        Scheme::Apk,
        &[
            "",
            ".1",
            "a",
            "1.",
            "1..2",
            "0.1bc",
            "0.1a1",
            "0.1a.1",
            "0.1_pre2~",
            "0.1_pre2~1234xbcd",
            "0.1_foobar",
            "0.1-pre1",
            "0.1-r",
            "0.1-r2_pre1",
            "0.1-r2-r3",
            "0.1_",
            "0.1__alpha",
            "1:1.0",
        ],
    );
}

#[test]
fn semantic_versions() {
    // Semantic Versioning 2.0.0, section 11.
    let pairs = [
        ("1.0.0-alpha", Less, "1.0.0-alpha.1"),
        ("1.0.0-alpha.1", Less, "1.0.0-alpha.beta"),
        ("1.0.0-alpha.beta", Less, "1.0.0-beta"),
        ("1.0.0-beta.2", Less, "1.0.0-beta.11"),
        ("1.0.0-rc.1", Less, "1.0.0"),
        ("1.9.0", Less, "1.10.0"),
        ("1.0.0+a", Equal, "1.0.0+b"),
    ];
    holds(Scheme::Semver, &pairs);
    refuses(Scheme::Semver, &["", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0 "]);
}

proptest! {
    /// Each order is one: antisymmetric and transitive.
    #[test]
    fn every_scheme_is_an_order(texts in prop::collection::vec("[0-3]{1,2}[0-9a.~^_+:r-]{0,6}", 3)) {
        for scheme in Scheme::ALL {
            let order = |a: usize, b: usize| scheme.order(&texts[a], &texts[b]);
            prop_assert_eq!(order(0, 1), order(1, 0).map(Ordering::reverse));
            if let (Some(ab), Some(bc), Some(ac)) = (order(0, 1), order(1, 2), order(0, 2)) {
                // RPM's releases count only where both have one, which is no order of all versions.
                let whole = scheme != Scheme::Rpm || texts.iter().all(|text| !text.contains('-'));
                prop_assert!(!whole || ab != bc || ac == ab, "{} {:?}", scheme, texts);
            }
        }
    }

    #[test]
    fn no_text_panics(a in ".{0,12}", b in "[0-9a-z.:~^_+-]{0,12}") {
        for scheme in Scheme::ALL {
            scheme.order(&a, &b);
        }
    }
}
