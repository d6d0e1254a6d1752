//! Puts a secret's name in the place of each of its forms, in bytes of any length, whole or part by part; and digests
//! what is then left. Must not know where secrets come from, nor which forms they have.

use memchr::memmem::Finder;
use sha2::Digest;

/// What to look for and what to put in its place.
#[derive(Clone, Default)]
pub(crate) struct Masks {
    /// Longest first: of forms that begin at the same place, the longest is masked.
    forms: Vec<(Finder<'static>, String)>,
}

impl Masks {
    /// Masks this form too.
    pub(crate) fn add(&mut self, form: &str, mask: &str) {
        if form.is_empty() || self.forms.iter().any(|(known, _)| known.needle() == form.as_bytes()) {
            return;
        }
        self.forms.push((Finder::new(form).into_owned(), mask.to_owned()));
        self.forms.sort_by(|(a, _), (b, _)| {
            b.needle().len().cmp(&a.needle().len()).then_with(|| a.needle().cmp(b.needle()))
        });
    }

    /// Whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// The text with every form masked.
    pub(crate) fn mask(&self, text: &str) -> String {
        let mut out = Vec::with_capacity(text.len());
        self.walk(text.as_bytes(), text.len(), &mut |part| out.extend_from_slice(part));
        // Forms are UTF-8, so what is left beside them is too.
        String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// The SHA-256 of bytes that come part by part, with every form masked, also where it lies across two parts.
    pub(crate) fn digest(&self) -> MaskedDigest<'_> {
        MaskedDigest { masks: self, held: Vec::new(), digest: sha2::Sha256::new() }
    }

    /// Hands on the bytes with every form masked that begins before `until`; returns how far it came, which is `until`
    /// or the end of a form across it.
    fn walk(&self, bytes: &[u8], until: usize, out: &mut impl FnMut(&[u8])) -> usize {
        let mut next: Vec<Option<usize>> = self.forms.iter().map(|(form, _)| form.find(bytes)).collect();
        let mut at = 0;
        loop {
            for ((form, _), next) in self.forms.iter().zip(&mut next) {
                if next.is_some_and(|next| next < at) {
                    *next = form.find(&bytes[at..]).map(|found| found + at);
                }
            }
            let first = next.iter().enumerate().filter_map(|(form, next)| Some(((*next)?, form))).min();
            let Some((start, form)) = first.filter(|(start, _)| *start < until) else {
                let end = until.clamp(at, bytes.len().max(at));
                out(&bytes[at..end]);
                return end;
            };
            let (form, mask) = &self.forms[form];
            out(&bytes[at..start]);
            out(mask.as_bytes());
            at = start + form.needle().len();
        }
    }
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
        let Some((longest, _)) = self.masks.forms.first() else { return self.digest.update(part) };
        self.held.extend_from_slice(part);
        let whole = (self.held.len() + 1).saturating_sub(longest.needle().len());
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
        for (form, mask) in [("abcab", "[1]"), ("abcabcabb", "[2]"), ("cc", "[3]")] {
            masks.add(form, mask);
        }
        masks
    }

    #[test]
    fn the_longest_of_the_forms_at_a_place_is_masked() {
        assert_eq!(masks().mask("abcabcabb abcabcab ccc äcc"), "[2] [1]cab [3]c ä[3]");
        assert_eq!(Masks::default().mask("cc"), "cc");
    }

    proptest! {
        #[test]
        fn a_digest_is_that_of_the_masked_text_however_it_is_cut(
            text in "[abc]{0,60}", cuts in proptest::collection::vec(0_usize..60, 0..6)
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
