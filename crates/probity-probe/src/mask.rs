//! Puts a secret's name in the place of each of its forms, in bytes of any length, whole or part by part; and digests
//! what is then left. Must not know where secrets come from, nor which forms they have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::Digest;

/// What to look for and what to put in its place.
#[derive(Clone, Default)]
pub(crate) struct Masks {
    patterns: Vec<Pattern>,
    /// The patterns that can begin with these two bytes.
    beginning: BTreeMap<[u8; 2], Vec<usize>>,
    /// A bit for each of these pairs, as nearly every place in a text is left at a look at it; empty without any.
    pairs: Vec<u64>,
    /// The most bytes that any pattern can take.
    longest: usize,
}

/// One thing to look for: each of its characters in any of that character's forms.
#[derive(Clone)]
struct Pattern {
    characters: Vec<Arc<Forms>>,
    /// What may stand before each character but the first: the line breaks of base64.
    between: &'static [&'static str],
    mask: String,
}

/// How one character can be written; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forms {
    /// As it is.
    pub plain: String,
    /// Escaped, in upper or lower case.
    pub escaped: Vec<String>,
}

impl Forms {
    /// Adds where each form that stands at `at` ends.
    fn ends(&self, bytes: &[u8], at: usize, ends: &mut Vec<usize>) {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.starts_with(self.plain.as_bytes()) {
            ends.push(at + self.plain.len());
        }
        let stands = |form: &&String| {
            rest.get(..form.len()).is_some_and(|there| there.eq_ignore_ascii_case(form.as_bytes()))
        };
        ends.extend(self.escaped.iter().filter(stands).map(|form| at + form.len()));
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.plain).chain(&self.escaped)
    }
}

impl Pattern {
    /// Where the longest text ends that begins at `at`. All ways to read the text are followed at once.
    fn end(&self, bytes: &[u8], at: usize, ways: &mut Ways) -> Option<usize> {
        let Ways { now, next } = ways;
        now.clear();
        now.push(at);
        for (number, forms) in self.characters.iter().enumerate() {
            next.clear();
            for at in now.iter().copied() {
                forms.ends(bytes, at, next);
                if number > 0 {
                    let rest = bytes.get(at..).unwrap_or_default();
                    for between in self.between.iter().filter(|text| rest.starts_with(text.as_bytes())) {
                        forms.ends(bytes, at + between.len(), next);
                    }
                }
            }
            if next.len() > 1 {
                next.sort_unstable();
                next.dedup();
            }
            std::mem::swap(now, next);
            if now.is_empty() {
                return None;
            }
        }
        now.last().copied()
    }

    /// The two bytes that such a text can begin with.
    fn beginnings(&self) -> BTreeSet<[u8; 2]> {
        let cases = |byte: u8| [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()];
        let second = self.characters.get(1).into_iter().flat_map(|forms| forms.all()).map(String::as_str);
        let after: Vec<u8> =
            second.chain(self.between.iter().copied()).filter_map(|it| it.bytes().next()).collect();
        let mut pairs = BTreeSet::new();
        for form in self.characters.iter().take(1).flat_map(|forms| forms.all()) {
            let (first, rest) = form.as_bytes().split_first().unwrap_or((&0, &[]));
            for second in rest.first().map_or(after.as_slice(), std::slice::from_ref) {
                pairs.extend(
                    cases(*first).into_iter().flat_map(|first| cases(*second).map(|second| [first, second])),
                );
            }
        }
        pairs
    }

    fn longest(&self) -> usize {
        let between = self.between.iter().map(|text| text.len()).max().unwrap_or(0);
        let longest = |forms: &Arc<Forms>| forms.all().map(String::len).max().unwrap_or(0) + between;
        self.characters.iter().map(longest).sum()
    }
}

/// Places reached in a text; kept from one place to the next, as nearly every one is left at once.
#[derive(Default)]
struct Ways {
    now: Vec<usize>,
    next: Vec<usize>,
}

impl Masks {
    /// Masks these characters too, at least two, with any of the texts `between` two of them.
    pub(crate) fn add(&mut self, characters: Vec<Arc<Forms>>, between: &'static [&'static str], mask: &str) {
        let pattern = Pattern { characters, between, mask: mask.to_owned() };
        let known = |known: &Pattern| known.characters == pattern.characters && known.between == between;
        if self.patterns.iter().any(known) {
            return;
        }
        self.pairs.resize(1 << 10, 0);
        for pair in pattern.beginnings() {
            let (word, bit) = place(pair);
            self.pairs[word] |= bit;
            self.beginning.entry(pair).or_default().push(self.patterns.len());
        }
        self.longest = self.longest.max(pattern.longest());
        self.patterns.push(pattern);
    }

    /// Whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    fn begins(&self, pair: [u8; 2]) -> bool {
        let (word, bit) = place(pair);
        self.pairs.get(word).is_some_and(|word| word & bit != 0)
    }

    /// The text with every form masked.
    pub(crate) fn mask(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        let mut out = Vec::with_capacity(text.len());
        self.walk(text.as_bytes(), text.len(), &mut |part| out.extend_from_slice(part));
        // Forms are UTF-8, so what is left beside them is too.
        String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// The SHA-256 of bytes that come part by part, with every form masked, also where it lies across two parts.
    pub(crate) fn digest(&self) -> MaskedDigest<'_> {
        MaskedDigest { masks: self, held: Vec::new(), digest: sha2::Sha256::new() }
    }

    /// Hands on the bytes with every form masked that begins before `until`, which is at most their end; returns how far
    /// it came, which is `until` or the end of a form across it. Of forms that begin at the same place, the longest is
    /// masked.
    fn walk(&self, bytes: &[u8], until: usize, out: &mut impl FnMut(&[u8])) -> usize {
        let mut ways = Ways::default();
        let (mut done, mut at) = (0, 0);
        let begins = |pair: &[u8]| pair.first_chunk().is_some_and(|pair| self.begins(*pair));
        while at < until {
            let Some(next) = bytes.get(at..).and_then(|rest| rest.windows(2).position(begins)) else { break };
            at += next;
            let Some(pair) = bytes.get(at..).and_then(<[u8]>::first_chunk).filter(|_| at < until) else {
                break;
            };
            let fits = self.beginning.get(pair).into_iter().flatten().filter_map(|number| {
                let pattern = self.patterns.get(*number)?;
                Some((pattern.end(bytes, at, &mut ways)?, pattern))
            });
            // The first of those that end together.
            match fits.reduce(|best, other| if other.0 > best.0 { other } else { best }) {
                None => at += 1,
                Some((end, pattern)) => {
                    out(&bytes[done..at]);
                    out(pattern.mask.as_bytes());
                    (done, at) = (end, end);
                }
            }
        }
        let end = done.max(until);
        out(&bytes[done..end]);
        end
    }
}

/// Where a pair's bit is.
fn place(pair: [u8; 2]) -> (usize, u64) {
    let number = u16::from_be_bytes(pair);
    (usize::from(number >> 6), 1 << (number & 63))
}

/// A digest under way; see [`Masks::digest`].
pub(crate) struct MaskedDigest<'m> {
    masks: &'m Masks,
    /// The end of what came so far, in which a form may have begun.
    held: Vec<u8>,
    digest: sha2::Sha256,
}

impl MaskedDigest<'_> {
    /// Takes the next part.
    pub(crate) fn update(&mut self, part: &[u8]) {
        if self.masks.is_empty() {
            return self.digest.update(part);
        }
        self.held.extend_from_slice(part);
        let whole = (self.held.len() + 1).saturating_sub(self.masks.longest);
        let done = self.masks.walk(&self.held, whole, &mut |part| self.digest.update(part));
        self.held.drain(..done);
    }

    /// The digest in lower-case hexadecimal.
    pub(crate) fn finish(mut self) -> String {
        self.masks.walk(&self.held, self.held.len(), &mut |part| self.digest.update(part));
        self.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masks() -> Masks {
        let mut masks = Masks::default();
        let forms = |c: char| Forms {
            plain: c.to_string(),
            escaped: if c == 'b' { vec!["a-".to_owned(), "--".to_owned()] } else { Vec::new() },
        };
        for (form, mask) in [("abcab", "[1]"), ("abcabcabb", "[2]"), ("cc", "[3]")] {
            masks.add(
                form.chars().map(forms).map(Arc::new).collect(),
                if form == "cc" { &["-"] } else { &[] },
                mask,
            );
        }
        masks
    }

    #[test]
    fn the_longest_of_the_forms_at_a_place_is_masked() {
        assert_eq!(masks().mask("abcabcabb abcabcab ccc äcc"), "[2] [1]cab [3]c ä[3]");
        assert_eq!(masks().mask("aA-caa- a--cab c-c cc-c"), "[1] [1] [3] [3]-c");
        assert_eq!(Masks::default().mask("cc"), "cc");
    }

    #[test]
    fn a_character_that_begins_its_own_escape_is_read_both_ways() {
        let mut masks = Masks::default();
        let backslash = Forms { plain: "\\".to_owned(), escaped: vec!["\\\\".to_owned()] };
        let backslash = Arc::new(backslash);
        masks.add(std::iter::repeat_n(backslash, 40).collect(), &[], "[it]");
        assert_eq!(masks.mask(&"\\".repeat(39)), "\\".repeat(39));
        for count in [40, 60, 80] {
            assert_eq!(masks.mask(&format!("<{}>", "\\".repeat(count))), "<[it]>", "{count}");
        }
    }

    proptest! {
        #[test]
        fn a_digest_is_that_of_the_masked_text_however_it_is_cut(
            text in "[abc-]{0,60}", cuts in proptest::collection::vec(0_usize..60, 0..6)
        ) {
            let masks = masks();
            let mut digest = masks.digest();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([text.len()]);
            for (start, end) in std::iter::once(0).chain(cuts.iter().copied()).zip(ends) {
                digest.update(&text.as_bytes()[start..end]);
            }
            let plain = Masks::default();
            let mut expected = plain.digest();
            expected.update(masks.mask(&text).as_bytes());
            prop_assert_eq!(digest.finish(), expected.finish());
        }
    }
}
