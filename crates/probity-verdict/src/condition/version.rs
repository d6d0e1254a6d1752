//! Versions, ordered as those order them who wrote them. A text that is no version of its scheme has no place in the
//! order.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Whose order of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Debian's: `[epoch:]upstream[-revision]` (Debian Policy, 5.6.12; deb-version(7)).
    Dpkg,
    /// RPM's: `[epoch:]version[-release]`, with `~` and `^` (rpm-version(7), `rpmvercmp`).
    Rpm,
    /// Alpine's: `1.2.3b_rc1-r4` (apk-package(5)).
    Apk,
    /// Semantic Versioning 2.0.0.
    Semver,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Dpkg, Self::Rpm, Self::Apk, Self::Semver];

    /// As it is written in a plan.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
            Self::Semver => "semver",
        }
    }

    /// The scheme of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name() == name)
    }

    /// Whether this is one of its versions.
    pub fn accepts(self, version: &str) -> bool {
        self.order(version, version).is_some()
    }

    /// The order of two versions; `None` if one of them is none. What only tells builds of the same version apart
    /// (`+build` of Semantic Versioning) does not count, as its specification says.
    pub fn order(self, a: &str, b: &str) -> Option<Ordering> {
        match self {
            Self::Dpkg => Some(Dpkg::parse(a)?.order(&Dpkg::parse(b)?)),
            Self::Rpm => Some(Rpm::parse(a)?.order(&Rpm::parse(b)?)),
            Self::Apk => Some(Apk::parse(a)?.order(&Apk::parse(b)?)),
            Self::Semver => {
                let (a, b) = (semver::Version::parse(a).ok()?, semver::Version::parse(b).ok()?);
                Some(a.cmp_precedence(&b))
            }
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Digits as a number of any size: without the zeros before them, the longer is the greater.
fn numbers(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// The digits that a text begins with, and the rest.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// An epoch before a colon, `0` without one. `None` if what stands before the colon is no number.
fn epoch(text: &str) -> Option<(&str, &str)> {
    match text.split_once(':') {
        None => Some(("0", text)),
        Some((epoch, rest)) => {
            (!epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit())).then_some((epoch, rest))
        }
    }
}

/// `[epoch:]upstream[-revision]`.
struct Dpkg<'a> {
    epoch: &'a str,
    upstream: &'a str,
    revision: &'a str,
}

impl<'a> Dpkg<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (epoch, rest) = epoch(text)?;
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
        let of = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        // Policy: it should begin with a digit; dpkg only takes those.
        let begins = upstream.starts_with(|c: char| c.is_ascii_digit());
        let sound =
            begins && of(upstream, ".+-~:") && of(revision, ".+~") && numbers(epoch, "2147483647").is_le();
        sound.then_some(Self { epoch, upstream, revision })
    }

    fn order(&self, other: &Self) -> Ordering {
        numbers(self.epoch, other.epoch)
            .then_with(|| Self::parts(self.upstream, other.upstream))
            .then_with(|| Self::parts(self.revision, other.revision))
    }

    /// By turns what is no digit, letter by letter, and what is, as a number.
    fn parts(mut a: &str, mut b: &str) -> Ordering {
        while !(a.is_empty() && b.is_empty()) {
            let split = |text: &'_ str| text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
            let ((letters_a, rest_a), (letters_b, rest_b)) = (a.split_at(split(a)), b.split_at(split(b)));
            let ((digits_a, rest_a), (digits_b, rest_b)) = (digits(rest_a), digits(rest_b));
            let order = Self::letters(letters_a, letters_b).then_with(|| numbers(digits_a, digits_b));
            if order.is_ne() {
                return order;
            }
            (a, b) = (rest_a, rest_b);
        }
        Ordering::Equal
    }

    /// `~` before the end, the end before letters, letters before anything else.
    fn letters(a: &str, b: &str) -> Ordering {
        let weight = |c: Option<u8>| match c {
            Some(b'~') => -1,
            None => 0,
            Some(c) if c.is_ascii_alphabetic() => i32::from(c),
            Some(c) => i32::from(c) + 256,
        };
        let (mut a, mut b) = (a.bytes(), b.bytes());
        loop {
            let (x, y) = (a.next(), b.next());
            let order = weight(x).cmp(&weight(y));
            if order.is_ne() || (x.is_none() && y.is_none()) {
                return order;
            }
        }
    }
}

/// `[epoch:]version[-release]`.
struct Rpm<'a> {
    epoch: &'a str,
    version: &'a str,
    release: Option<&'a str>,
}

impl<'a> Rpm<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (epoch, rest) = epoch(text)?;
        let (version, release) = match rest.rsplit_once('-') {
            Some((version, release)) => (version, Some(release)),
            None => (rest, None),
        };
        let of = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._+~^".contains(c))
        };
        (of(version) && release.is_none_or(of)).then_some(Self { epoch, version, release })
    }

    /// A release that only one of them tells does not count, as in a dependency.
    fn order(&self, other: &Self) -> Ordering {
        let releases = || match (self.release, other.release) {
            (Some(a), Some(b)) => Self::parts(a, b),
            _ => Ordering::Equal,
        };
        numbers(self.epoch, other.epoch)
            .then_with(|| Self::parts(self.version, other.version))
            .then_with(releases)
    }

    /// `rpmvercmp`: pieces of digits or of letters; `~` is before everything, `^` after the end and before the rest.
    fn parts(mut a: &str, mut b: &str) -> Ordering {
        loop {
            let counts = |c: char| c.is_ascii_alphanumeric() || c == '~' || c == '^';
            a = a.trim_start_matches(|c| !counts(c));
            b = b.trim_start_matches(|c| !counts(c));
            match (a.strip_prefix('~'), b.strip_prefix('~')) {
                (Some(rest_a), Some(rest_b)) => {
                    (a, b) = (rest_a, rest_b);
                    continue;
                }
                (Some(_), None) => return Ordering::Less,
                (None, Some(_)) => return Ordering::Greater,
                (None, None) => {}
            }
            match (a.strip_prefix('^'), b.strip_prefix('^')) {
                (Some(rest_a), Some(rest_b)) => {
                    (a, b) = (rest_a, rest_b);
                    continue;
                }
                (Some(_), None) => return if b.is_empty() { Ordering::Greater } else { Ordering::Less },
                (None, Some(_)) => return if a.is_empty() { Ordering::Less } else { Ordering::Greater },
                (None, None) => {}
            }
            if a.is_empty() || b.is_empty() {
                return a.len().cmp(&b.len());
            }
            let number = a.starts_with(|c: char| c.is_ascii_digit());
            let piece = |text: &'_ str| {
                let other = |c: char| if number { !c.is_ascii_digit() } else { !c.is_ascii_alphabetic() };
                text.find(other).unwrap_or(text.len())
            };
            let ((piece_a, rest_a), (piece_b, rest_b)) = (a.split_at(piece(a)), b.split_at(piece(b)));
            if piece_b.is_empty() {
                // Numbers are newer than letters.
                return if number { Ordering::Greater } else { Ordering::Less };
            }
            let order = if number { numbers(piece_a, piece_b) } else { piece_a.cmp(piece_b) };
            if order.is_ne() {
                return order;
            }
            (a, b) = (rest_a, rest_b);
        }
    }
}

/// `1.2.3b_rc1~hash-r4`.
struct Apk<'a>(Vec<Piece<'a>>);

/// A piece of such a version. Where one version has another sort of piece than the other, the later sort is the older
/// version: `1.0-r1` is before `1.0.1`.
#[derive(Clone, Copy)]
enum Piece<'a> {
    First(&'a str),
    Number(&'a str),
    Letter(&'a str),
    /// The place among [`SUFFIXES`].
    Suffix(usize),
    SuffixNumber(&'a str),
    Hash(&'a str),
    Revision(&'a str),
    End,
}

/// Those before [`RELEASED`] come before the version itself, the others after it.
const SUFFIXES: [&str; 9] = ["alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"];
const RELEASED: usize = 4;

impl<'a> Apk<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let number = |text: &'a str| Some(digits(text)).filter(|(digits, _)| !digits.is_empty());
        let (first, mut rest) = number(text)?;
        let mut pieces = vec![Piece::First(first)];
        while let Some(after) = rest.strip_prefix('.') {
            let (part, after) = number(after)?;
            pieces.push(Piece::Number(part));
            rest = after;
        }
        if rest.starts_with(|c: char| c.is_ascii_lowercase()) {
            let (letter, after) = rest.split_at(1);
            pieces.push(Piece::Letter(letter));
            rest = after;
        }
        while let Some(after) = rest.strip_prefix('_') {
            let length = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
            let (suffix, after) = after.split_at(length);
            pieces.push(Piece::Suffix(SUFFIXES.iter().position(|known| *known == suffix)?));
            let (part, after) = digits(after);
            pieces.extend((!part.is_empty()).then_some(Piece::SuffixNumber(part)));
            rest = after;
        }
        if let Some(after) = rest.strip_prefix('~') {
            let length = after.find(|c: char| !matches!(c, '0'..='9' | 'a'..='f')).unwrap_or(after.len());
            let (hash, after) = after.split_at(length);
            pieces.push(Some(Piece::Hash(hash)).filter(|_| length > 0)?);
            rest = after;
        }
        if let Some(after) = rest.strip_prefix("-r") {
            let (revision, after) = number(after)?;
            pieces.push(Piece::Revision(revision));
            rest = after;
        }
        pieces.push(Piece::End);
        rest.is_empty().then_some(Self(pieces))
    }

    fn order(&self, other: &Self) -> Ordering {
        // They differ at the latest where one of them ends.
        let mut orders = self.0.iter().zip(&other.0).map(|(a, b)| a.order(*b));
        orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl Piece<'_> {
    const fn sort(self) -> u8 {
        match self {
            Self::First(_) => 0,
            Self::Number(_) => 1,
            Self::Letter(_) => 2,
            Self::Suffix(_) => 3,
            Self::SuffixNumber(_) => 4,
            Self::Hash(_) => 5,
            Self::Revision(_) => 6,
            Self::End => 7,
        }
    }

    fn order(self, other: Self) -> Ordering {
        match (self, other) {
            // A zero before it makes it a fraction: 1.05 is before 1.1.
            (Self::Number(a), Self::Number(b)) if a.starts_with('0') || b.starts_with('0') => a.cmp(b),
            (Self::First(a), Self::First(b))
            | (Self::Number(a), Self::Number(b))
            | (Self::SuffixNumber(a), Self::SuffixNumber(b))
            | (Self::Revision(a), Self::Revision(b)) => numbers(a, b),
            (Self::Letter(a), Self::Letter(b)) | (Self::Hash(a), Self::Hash(b)) => a.cmp(b),
            (Self::Suffix(a), Self::Suffix(b)) => a.cmp(&b),
            (Self::Suffix(place), _) if place < RELEASED => Ordering::Less,
            (_, Self::Suffix(place)) if place < RELEASED => Ordering::Greater,
            (a, b) => b.sort().cmp(&a.sort()),
        }
    }
}

#[cfg(test)]
mod tests;
