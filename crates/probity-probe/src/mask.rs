//! Puts a secret's name in the place of each of its forms, in bytes of any length, whole or part by part; and digests
//! what is then left. Forms are not listed but undone: what an encoder can have written is decoded, up to three of them
//! one within another, and what is found there is masked where it came from. Must not know where secrets come from.

mod block;
mod entity;
mod escape;
mod layers;
mod list;
mod patience;
mod scan;

use std::collections::BTreeSet;

use sha2::Digest;
use unicode_normalization::UnicodeNormalization as _;

use self::block::Decoded;
use self::escape::Escapes;
pub(crate) use self::patience::Patience;
use self::scan::Texts;

/// The most encoders, one within another, in which a secret is found.
pub(crate) const MAX_DEPTH: u8 = 3;

/// A longer text is masked in windows of so many bytes.
const WINDOW: usize = 1 << 20;
/// So many bytes of a window are seen in the next one too: the longest form that is masked wherever it stands.
pub(crate) const OVERLAP: usize = 256 << 10;

/// What to look for and what to put in its place.
#[derive(Default)]
pub(crate) struct Masks {
    texts: Option<Texts>,
    /// Which mask each of them has.
    of: Vec<usize>,
    masks: Vec<String>,
    /// The length of the shortest text, in whatever takes the fewest bytes.
    shortest: usize,
}

/// Where a form stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Form {
    start: usize,
    end: usize,
    /// Which mask it has.
    mask: usize,
}

impl Masks {
    /// Each of these texts is masked by what is beside it. None may be empty.
    ///
    /// # Errors
    /// More texts than can be looked for at once: some gigabytes.
    pub(crate) fn new(texts: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let (texts, masks): (Vec<String>, Vec<String>) = texts.into_iter().unzip();
        let (mut forms, mut of, mut shortest) = (Vec::new(), Vec::new(), usize::MAX);
        for (number, text) in texts.iter().enumerate() {
            let (written, least) = forms_of(text);
            shortest = shortest.min(least);
            for form in written {
                forms.push(form);
                of.push(number);
            }
        }
        let texts = if forms.is_empty() {
            None
        } else {
            Some(Texts::new(&forms).map_err(|error| error.to_string())?)
        };
        Ok(Self { texts, of, masks, shortest })
    }

    /// Whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_none()
    }

    /// The text with every form masked; nothing of it once patience is at an end.
    pub(crate) fn mask_within(&self, text: &str, patience: &Patience) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        let mut out = Vec::with_capacity(text.len());
        let mut masking = Masking { patience: Some(patience), ..Masking::new(self) };
        masking.update(text.as_bytes(), &mut |part| out.extend_from_slice(part));
        masking.finish(&mut |part| out.extend_from_slice(part));
        if patience.gave_up() { String::new() } else { text_of(out) }
    }

    /// The first so many bytes of a text, with every form masked that begins within them.
    pub(crate) fn mask_beginning(&self, text: &str, length: usize) -> String {
        let until = (0..=length.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let window = text.as_bytes().get(..text.len().min(until + OVERLAP)).unwrap_or_default();
        let mut out = Vec::new();
        self.walk(window, until, &mut |part| out.extend_from_slice(part));
        text_of(out)
    }

    /// The SHA-256 of bytes that come part by part, with every form masked, in lower-case hexadecimal.
    pub(crate) fn digest(&self) -> MaskedDigest<'_> {
        MaskedDigest { masking: Masking::new(self), digest: sha2::Sha256::new() }
    }

    /// The forms in these bytes, by place.
    fn forms(&self, bytes: &[u8]) -> Vec<Form> {
        let mut forms = Vec::new();
        self.search(bytes, MAX_DEPTH, &mut |start, end, text| {
            forms.push(Form { start, end, mask: self.of[text] });
        });
        forms.sort_unstable_by_key(|form| (form.start, std::cmp::Reverse(form.end), form.mask));
        forms
    }

    fn search(&self, bytes: &[u8], depth: u8, found: &mut dyn FnMut(usize, usize, usize)) {
        let Some(texts) = &self.texts else { return };
        let escapes = Escapes::new(bytes, depth);
        texts.find(bytes, &escapes, &mut *found);
        block::decode(bytes, &escapes, depth, self.shortest, &mut |decoded: &Decoded| {
            self.search(&decoded.bytes, depth - decoded.depth, &mut |start, end, text| {
                let place = decoded.spans.get(start).zip(decoded.spans.get(end - 1));
                if let Some(((start, _), (_, end))) = place {
                    found(*start, *end, text);
                }
            });
        });
    }

    /// What is to be masked of these bytes, if it begins before `until`. Forms that overlap are masked as one, by the name
    /// of the first and longest.
    fn masked(&self, bytes: &[u8], until: usize) -> Vec<Form> {
        let mut masked: Vec<Form> = Vec::new();
        for form in self.forms(bytes) {
            match masked.last_mut() {
                Some(before) if form.start < before.end => before.end = before.end.max(form.end),
                _ if form.start >= until => break,
                _ => masked.push(form),
            }
        }
        masked
    }

    /// The texts with every form masked, also where it lies across several of them: they are lines of one. None of them once
    /// patience is at an end.
    pub(crate) fn mask_lines_within(&self, lines: &[&str], patience: &Patience) -> Vec<String> {
        let whole = lines.join("\n");
        let (mut masked, mut done) = (Vec::new(), 0);
        while done < whole.len() {
            if patience.is_over() {
                return Vec::new();
            }
            let window = whole.as_bytes().get(done..whole.len().min(done + WINDOW)).unwrap_or_default();
            let until = if done + window.len() == whole.len() { window.len() } else { WINDOW - OVERLAP };
            let found = self.masked(window, until);
            let end = found.last().map_or(until, |form| form.end.max(until));
            masked.extend(found.into_iter().map(|form| Form {
                start: done + form.start,
                end: done + form.end,
                ..form
            }));
            done += end;
        }
        let mut masked = masked.as_slice();
        let mut start = 0;
        let mut mask_line = |line: &&str| {
            let (mut out, mut at, end) = (Vec::new(), start, start + line.len());
            while let [form, rest @ ..] = masked
                && form.start < end
            {
                out.extend_from_slice(whole.as_bytes().get(at..form.start).unwrap_or_default());
                out.extend_from_slice(self.masks[form.mask].as_bytes());
                at = form.end.min(end);
                if form.end > end {
                    break;
                }
                masked = rest;
            }
            out.extend_from_slice(whole.as_bytes().get(at..end).unwrap_or_default());
            start = end + 1;
            // One that ends with this line is no part of the next.
            while let [form, rest @ ..] = masked
                && form.end <= start
            {
                masked = rest;
            }
            text_of(out)
        };
        lines.iter().map(&mut mask_line).collect()
    }

    /// Hands on the bytes with every form masked that begins before `until`, which is at most their end; returns how far
    /// it came, which is `until` or the end of a form across it.
    fn walk(&self, bytes: &[u8], until: usize, out: &mut impl FnMut(&[u8])) -> usize {
        let mut done = 0;
        for form in self.masked(bytes, until) {
            out(bytes.get(done..form.start).unwrap_or_default());
            out(self.masks[form.mask].as_bytes());
            done = form.end;
        }
        let end = done.max(until);
        out(bytes.get(done..end).unwrap_or_default());
        end
    }
}

/// A form may begin or end within a character, but only in what is no text of its own: then it is no longer one.
fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A text as it can stand in bytes: UTF-8, which is read in any letter case and normal form (Unicode, UAX 15), and UTF-16,
/// whose bytes are not; each also as what reads Latin-1 shows it, in UTF-8 again: true Latin-1, and the windows-1252 that
/// goes by its name (WHATWG Encoding, 4.2); UTF-8 also where it was read so twice. And the fewest bytes that it can take.
fn forms_of(text: &str) -> (BTreeSet<Vec<u8>>, usize) {
    let utf8 = |text: &String| text.as_bytes().to_vec();
    let utf16 = |text: &String| {
        let little = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [little, text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>()]
    };
    let normal: BTreeSet<String> = [text.to_owned(), text.nfc().collect(), text.nfd().collect()].into();
    let mut written = normal.clone();
    let mut shown = BTreeSet::from([text.nfkc().collect(), text.nfkd().collect::<String>()]);
    if !text.is_ascii() {
        written.extend([text.to_lowercase(), text.to_uppercase()]);
        let cased = shown.iter().flat_map(|text| [text.to_lowercase(), text.to_uppercase()]);
        shown = cased.chain(shown.iter().cloned()).collect();
    }
    let mut forms: BTreeSet<Vec<u8>> = written.iter().flat_map(utf16).collect();
    let wide = misread(&utf16(&text.to_owned()).into());
    let narrow = misread(&written.iter().map(utf8).collect());
    let twice = misread(&misread(&normal.iter().map(utf8).collect()));
    let least = written.iter().chain(&shown).map(|text| fewest_bytes(text)).min().unwrap_or(text.len());
    forms.extend([utf8(&text.to_owned())].into_iter().chain(wide).chain(narrow).chain(twice));
    (forms, least)
}

/// In Latin-1 where that has all of its characters, else in UTF-8 or UTF-16.
fn fewest_bytes(text: &str) -> usize {
    let is_latin_1 = text.chars().all(|c| u8::try_from(c).is_ok());
    if is_latin_1 { text.chars().count() } else { text.len().min(2 * text.encode_utf16().count()) }
}

/// What is shown of these bytes by who takes them for Latin-1.
fn misread(forms: &BTreeSet<Vec<u8>>) -> BTreeSet<Vec<u8>> {
    let latin_1 = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect::<String>().into_bytes();
    let windows_1252 = |bytes: &[u8]| {
        encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned().into_bytes()
    };
    let beyond_ascii = forms.iter().filter(|form| !form.is_ascii());
    beyond_ascii.flat_map(|form| [latin_1(form), windows_1252(form)]).collect()
}

/// Bytes that are masked as they come. What is masked does not depend on how they are cut.
struct Masking<'m> {
    masks: &'m Masks,
    /// Nothing more is handed on once it is at an end.
    patience: Option<&'m Patience>,
    /// What came since the last window was handed on, in which a form may have begun.
    held: Vec<u8>,
}

impl<'m> Masking<'m> {
    fn new(masks: &'m Masks) -> Self {
        Self { masks, patience: None, held: Vec::new() }
    }

    fn is_over(&self) -> bool {
        self.patience.is_some_and(Patience::is_over)
    }

    fn update(&mut self, mut part: &[u8], out: &mut impl FnMut(&[u8])) {
        if self.masks.is_empty() {
            return out(part);
        }
        while !part.is_empty() {
            let (now, later) = part.split_at(part.len().min(WINDOW - self.held.len()));
            self.held.extend_from_slice(now);
            part = later;
            if self.held.len() == WINDOW {
                if self.is_over() {
                    return;
                }
                let done = self.masks.walk(&self.held, WINDOW - OVERLAP, out);
                self.held.drain(..done);
            }
        }
    }

    fn finish(self, out: &mut impl FnMut(&[u8])) {
        if self.is_over() {
            return;
        }
        self.masks.walk(&self.held, self.held.len(), out);
    }
}

/// A digest under way; see [`Masks::digest`].
pub(crate) struct MaskedDigest<'m> {
    masking: Masking<'m>,
    digest: sha2::Sha256,
}

impl MaskedDigest<'_> {
    /// Takes the next part.
    pub(crate) fn update(&mut self, part: &[u8]) {
        self.masking.update(part, &mut |part| self.digest.update(part));
    }

    /// The digest in lower-case hexadecimal.
    pub(crate) fn finish(mut self) -> String {
        self.masking.finish(&mut |part| self.digest.update(part));
        self.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests;
