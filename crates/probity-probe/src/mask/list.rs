//! Bytes written as a list of numbers, as debuggers, logs and JSON show them: `[99, 48]`, `0x63, 0x30`, `-61 -74`. Must not
//! know what is looked for.

use super::block::{Decoded, MAX_GAP};
use super::escape;
use super::layers::{Layers, Undone};

/// The most characters of a number: `0xff`, `-128`.
const MAX_NUMBER: usize = 4;

/// Hands on every run of at least so many numbers, some of them, or what stands before the first, in escapes of as many
/// encoders as there are layers.
pub(super) fn decode(bytes: &[u8], layers: Layers<'_>, least: usize, decoded: &mut impl FnMut(&Decoded)) {
    let depth = layers.depth;
    if depth > 0 {
        let mut runs = Runs::new(depth, least, decoded);
        let (mut at, mut places) = (0, layers.places().peekable());
        while let Some(behind) = runs.read_at(bytes, layers, at) {
            while places.next_if(|place| *place < at).is_some() {}
            let next = places.peek().copied().unwrap_or(bytes.len());
            let is_foreign = at < next && !stands(bytes[at]);
            at = behind;
            // What no list has, has ended one; lists without escapes, up to the last such byte before the next, are not looked for.
            let passed = bytes.get(at..next).unwrap_or_default();
            if let Some(last) = passed.iter().rposition(|byte| !stands(*byte)).filter(|_| is_foreign) {
                at += last;
            }
        }
        return runs.finish();
    }
    // A run that is long enough covers a byte in so many: most of the others are never looked at.
    let step = (2 * least).saturating_sub(1).max(1);
    let (mut done, mut at) = (0, step - 1);
    while at < bytes.len() {
        if !stands(bytes[at]) {
            at += step;
            continue;
        }
        let start = (done..at).rev().find(|at| !stands(bytes[*at])).map_or(done, |at| at + 1);
        done = (at..bytes.len()).find(|at| !stands(bytes[*at])).unwrap_or(bytes.len());
        let mut runs = Runs::new(depth, least, decoded);
        // What makes it another word is part of it.
        let before = start.checked_sub(1).map(|before| (before, bytes[before]));
        let after = bytes.get(done).map(|byte| (done, *byte));
        let within = (start..done).map(|at| (at, bytes[at]));
        for (at, byte) in before.into_iter().chain(within).chain(after) {
            runs.read(&Undone { byte, start: at, end: at + 1, depth: 0 });
        }
        runs.finish();
        at = done + step;
    }
}

/// Whether this byte can be within a run.
pub(super) fn stands(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'X' | b'-') || separates(byte)
}

/// Whether a number can begin with this byte, or with an escape that does.
pub(super) fn begins(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'-' || escape::begins(byte)
}

fn separates(byte: u8) -> bool {
    matches!(byte, b',' | b';' | b' ' | b'\t' | b'\n' | b'\r')
}

/// Numbers one after another.
struct Runs<'d, F> {
    depth: u8,
    least: usize,
    decoded: &'d mut F,
    run: Decoded,
    escaped: u8,
    /// The characters of the word that is being read, as far as a number goes, where it stands, and the encoders of its escapes.
    word: Vec<u8>,
    place: (usize, usize),
    word_escaped: u8,
    gap: usize,
    /// Whether nothing stands in this line before what is read next.
    is_line_begun: bool,
}

impl<'d, F: FnMut(&Decoded)> Runs<'d, F> {
    fn new(depth: u8, least: usize, decoded: &'d mut F) -> Self {
        let run = Decoded { bytes: Vec::new(), spans: Vec::new(), depth: depth + 1 };
        let (word, place) = (Vec::new(), (0, 0));
        Self {
            depth,
            least,
            decoded,
            run,
            escaped: 0,
            word,
            place,
            word_escaped: 0,
            gap: 0,
            is_line_begun: true,
        }
    }

    /// Whether a run goes on with this byte, or a line begins with it: no name stands before it.
    fn may_go_on(&self, byte: u8) -> bool {
        if self.word.is_empty() {
            self.is_line_begun || !self.run.bytes.is_empty()
        } else {
            number(&self.word).is_some() && (byte.is_ascii_digit() || separates(byte))
        }
    }

    /// Reads the byte at this place, with its escape undone; where the one behind it begins.
    fn read_at(&mut self, bytes: &[u8], layers: Layers<'_>, at: usize) -> Option<usize> {
        let undone = layers.byte(bytes, at)?;
        let quoted = layers.quoted().filter(|_| escape::begins(bytes[at]));
        let quoted = quoted.and_then(|layers| layers.byte(bytes, at));
        let undone = quoted.filter(|quoted| self.may_go_on(quoted.byte)).unwrap_or(undone);
        self.read(&undone);
        Some(undone.end)
    }

    fn read(&mut self, undone: &Undone) {
        let byte = undone.byte;
        self.is_line_begun = byte == b'\n';
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') || !byte.is_ascii() {
            if self.word.is_empty() {
                self.place.0 = undone.start;
            }
            self.place.1 = undone.end;
            if self.word.len() <= MAX_NUMBER {
                self.word.push(byte);
            }
            self.word_escaped = self.word_escaped.max(undone.depth);
            return;
        }
        self.end_word();
        if separates(byte) && self.gap < MAX_GAP && !self.run.bytes.is_empty() {
            self.gap += 1;
            self.escaped = self.escaped.max(undone.depth);
        } else {
            self.end_run();
            // A number directly behind an escape is a number only if that is undone.
            self.escaped = undone.depth;
        }
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        match number(&self.word) {
            Some(byte) => {
                self.run.bytes.push(byte);
                self.run.spans.push(self.place);
                self.escaped = self.escaped.max(self.word_escaped);
            }
            None => self.end_run(),
        }
        self.word.clear();
        self.word_escaped = 0;
        self.gap = 0;
    }

    fn end_run(&mut self) {
        if self.run.bytes.len() >= self.least && self.escaped == self.depth {
            (self.decoded)(&self.run);
        }
        self.run.bytes.clear();
        self.run.spans.clear();
        self.escaped = 0;
    }

    fn finish(mut self) {
        self.end_word();
        self.end_run();
    }
}

/// The byte that a word is the number of: in hexadecimal behind `0x`, else in decimal; of a signed byte too.
fn number(word: &[u8]) -> Option<u8> {
    let is_begun = word.first().is_some_and(|first| first.is_ascii_digit() || *first == b'-');
    let word = std::str::from_utf8(word).ok().filter(|word| is_begun && word.len() <= MAX_NUMBER)?;
    match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => u8::from_str_radix(digits, 16).ok(),
        None if word.starts_with('-') => word.parse::<i8>().ok().map(i8::cast_unsigned),
        None => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::escape::Escapes;
    use super::super::layers::Equals;
    use super::*;

    /// What is decoded, and where it stands.
    type DecodedLists = Vec<(Vec<u8>, Vec<(usize, usize)>)>;

    /// Every byte read, one after another.
    fn without_passing(bytes: &[u8], layers: Layers<'_>, decoded: &mut impl FnMut(&Decoded)) {
        let (mut runs, mut at) = (Runs::new(layers.depth, 2, decoded), 0);
        while let Some(behind) = runs.read_at(bytes, layers, at) {
            at = behind;
        }
        runs.finish();
    }

    proptest! {
        #[test]
        fn what_is_passed_over_holds_no_list(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "12", "99", "-7", "0x3f", "300", ",", " ", ", ", "\n", "g", "name", "(", "=", "=32", "=2C", "=20", "=\n", "%2C",
                    "%31", "%0A", "%25", "\\u0034", "\\n", "&#57;", "+", "é",
                ]),
                0..40,
            ),
            depth in 1_u8..=2,
            quoted: bool,
        ) {
            let text = parts.concat();
            let escapes = Escapes::new(text.as_bytes(), 3);
            let layers = Layers::new(&escapes, depth, if quoted { Equals::Quoted } else { Equals::Itself });
            let (mut found, mut all) = (DecodedLists::new(), DecodedLists::new());
            decode(text.as_bytes(), layers, 2, &mut |run: &Decoded| found.push((run.bytes.clone(), run.spans.clone())));
            without_passing(text.as_bytes(), layers, &mut |run: &Decoded| all.push((run.bytes.clone(), run.spans.clone())));
            prop_assert_eq!(found, all, "{:?}", text);
        }
    }
}
