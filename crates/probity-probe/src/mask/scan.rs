//! Finds texts in bytes, in any letter case and with any of their characters escaped. Time grows with the bytes, not with
//! the number of texts: an Aho-Corasick automaton reads along, in as many places at once as there are ways to read what
//! stands there. Must not know what base64 is.

use std::sync::LazyLock;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, BuildError};

use unicode_normalization::UnicodeNormalization as _;

use super::escape::{Escapes, Reading, Unit, begins};

/// Texts to find.
pub(super) struct Texts {
    automaton: NFA,
    start: StateID,
    /// Whether a text can begin with this byte, or an escape.
    wakes: Vec<bool>,
    /// Whether a text can begin with this ASCII character.
    first: Vec<bool>,
    /// Whether any has a character beyond ASCII. If none has, such a byte is no part of any, unless full-width letters begin
    /// with it.
    beyond_ascii: bool,
}

/// The first byte of full-width letters, U+FF01 to U+FF5E, in UTF-8: they are the same to a mask as those of ASCII.
const FULL_WIDTH: u8 = 0xef;

/// The most marks of one scan before those that no way needs are let go.
const MAX_MARKS: usize = 1 << 16;

impl Texts {
    /// These texts, as bytes: UTF-8 is compared as characters, all else as bytes.
    pub(super) fn new(texts: &[Vec<u8>]) -> Result<Self, BuildError> {
        let folded: Vec<Vec<u8>> = texts.iter().map(|text| folded(text)).collect();
        let automaton = NFA::builder().prefilter(false).build(&folded)?;
        let start = automaton.start_state(Anchored::No).unwrap_or_default();
        let beyond_ascii = texts.iter().any(|text| !text.is_ascii());
        let first = |byte: u8| folded.iter().any(|text| text.first() == Some(&byte.to_ascii_lowercase()));
        let wakes = (0..=u8::MAX).map(|byte| {
            begins(byte) || first(byte) || byte == FULL_WIDTH || (beyond_ascii && !byte.is_ascii())
        });
        let first = (0..=u8::MAX).map(first).collect();
        Ok(Self { start, wakes: wakes.collect(), first, beyond_ascii, automaton })
    }

    /// Tells where each text stands in these bytes, with these escapes: from where to where, and which. A text that stands in several ways is told as often.
    pub(super) fn find(&self, bytes: &[u8], escapes: &Escapes<'_>, found: impl FnMut(usize, usize, usize)) {
        let mut scan = Scan { texts: self, marks: vec![Mark::default()], most: MAX_MARKS, found };
        let mut plain = scan.start_at(0);
        let mut others: Vec<Way> = Vec::new();
        while plain.at < bytes.len() {
            let idle = others.is_empty() && scan.is_idle(&plain);
            if idle {
                let rest = bytes.get(plain.at..).unwrap_or_default();
                let Some(next) = rest.iter().position(|byte| self.wakes[usize::from(*byte)]) else { return };
                plain = scan.start_at(plain.at + next);
            }
            let at = plain.at;
            let byte = bytes[at];
            let read = if begins(byte) { escapes.at(at) } else { &[] };
            // Those that are here go on, as the byte itself and as each escape.
            let mut number = 0;
            while number < others.len() {
                let Some(way) = others.get(number).filter(|way| way.at == at).cloned() else {
                    number += 1;
                    continue;
                };
                others.swap_remove(number);
                if !way.is_same(&plain) {
                    scan.fork(&way, read, &mut others);
                    let mut way = way;
                    scan.read(&mut way, Unit::Byte(byte), at + 1);
                    scan.keep(way, &mut others);
                }
            }
            scan.fork(&plain, read, &mut others);
            scan.read(&mut plain, Unit::Byte(byte), at + 1);
            if scan.marks.len() > scan.most {
                scan.forget(&mut plain, &mut others);
            }
        }
        // What is left of a character that the end cut, as single bytes.
        for mut way in others.into_iter().chain([plain]) {
            scan.flush(&mut way);
        }
    }
}

/// One way to read the bytes so far.
#[derive(Clone)]
struct Way {
    /// Where it is.
    at: usize,
    /// What of a text it has read.
    state: StateID,
    /// How many bytes the automaton has read.
    fed: usize,
    /// Where it was before.
    mark: usize,
    /// The bytes of a character that is not whole yet, and where each ends.
    part: [(u8, usize); 3],
    parts: usize,
}

impl Way {
    /// Whether it reads what follows as the other one does.
    fn is_same(&self, other: &Self) -> bool {
        self.at == other.at && self.state == other.state && self.parts() == other.parts()
    }

    fn parts(&self) -> &[(u8, usize)] {
        self.part.get(..self.parts).unwrap_or_default()
    }
}

/// Where the bytes were when the automaton had read so many. From a mark to the next, one byte is one byte.
#[derive(Clone, Copy, Default)]
struct Mark {
    fed: usize,
    at: usize,
    before: usize,
}

struct Scan<'t, F> {
    texts: &'t Texts,
    marks: Vec<Mark>,
    /// The most marks before some are let go.
    most: usize,
    found: F,
}

impl<F: FnMut(usize, usize, usize)> Scan<'_, F> {
    /// A way that begins here, and no other.
    fn start_at(&mut self, at: usize) -> Way {
        self.marks.clear();
        self.marks.push(Mark { fed: 0, at, before: 0 });
        Way { at, state: self.texts.start, fed: 0, mark: 0, part: [(0, 0); 3], parts: 0 }
    }

    /// Whether nothing of a text was read.
    fn is_idle(&self, way: &Way) -> bool {
        way.state == self.texts.start && way.parts == 0
    }

    /// Reads each escape.
    fn fork(&mut self, way: &Way, read: &[Reading], others: &mut Vec<Way>) {
        let idle = self.is_idle(way);
        for reading in read {
            // One that goes on with no text is not kept.
            let ascii = reading.unit.ascii();
            if idle
                && (reading.unit == Unit::Nothing
                    || ascii.is_some_and(|byte| !self.texts.first[usize::from(byte)]))
            {
                continue;
            }
            let mut way = way.clone();
            self.read(&mut way, reading.unit, reading.end);
            self.keep(way, others);
        }
    }

    /// One that has read nothing of a text sees no more than the plain one.
    fn keep(&self, way: Way, others: &mut Vec<Way>) {
        if !self.is_idle(&way) && !others.iter().any(|other| other.is_same(&way)) {
            others.push(way);
        }
    }

    fn read(&mut self, way: &mut Way, unit: Unit, end: usize) {
        match unit {
            Unit::Byte(byte)
                if byte.is_ascii() || !(self.texts.beyond_ascii || way.parts > 0 || byte == FULL_WIDTH) =>
            {
                self.flush(way);
                self.feed(way, &[byte], end);
                if way.at + 1 != end {
                    self.mark(way, end);
                }
            }
            Unit::Byte(byte) => self.assemble(way, byte, end),
            Unit::Character(c) => {
                self.flush(way);
                self.character(way, c, end);
            }
            Unit::Nothing => self.mark(way, end),
        }
        way.at = end;
    }

    /// Takes a byte of a character in UTF-8. What is no UTF-8 is Latin-1.
    fn assemble(&mut self, way: &mut Way, byte: u8, end: usize) {
        let mut bytes = [0; 4];
        let parts = way.parts;
        way.parts().iter().zip(&mut bytes).for_each(|((part, _), byte)| *byte = *part);
        bytes[parts] = byte;
        match std::str::from_utf8(&bytes[..=parts]) {
            Ok(text) => {
                way.parts = 0;
                text.chars().for_each(|c| self.character(way, c, end));
            }
            Err(error) if error.error_len().is_none() => {
                way.part[parts] = (byte, end);
                way.parts += 1;
            }
            Err(_) if parts > 0 => {
                self.flush(way);
                self.assemble(way, byte, end);
            }
            Err(_) => self.character(way, char::from(byte), end),
        }
    }

    fn flush(&mut self, way: &mut Way) {
        let parts = std::mem::take(&mut way.parts);
        for (byte, end) in way.part.into_iter().take(parts) {
            self.character(way, char::from(byte), end);
        }
    }

    fn character(&mut self, way: &mut Way, c: char, end: usize) {
        if let Some(folded) = LATIN_1.get(c as usize) {
            folded.chars().for_each(|c| self.folded_character(way, c, end));
        } else {
            fold(c).for_each(|c| self.folded_character(way, c, end));
        }
        self.mark(way, end);
    }

    fn folded_character(&mut self, way: &mut Way, c: char, end: usize) {
        let mut bytes = [0; 4];
        let text = c.encode_utf8(&mut bytes);
        self.feed(way, text.as_bytes(), end);
    }

    /// One character for the automaton.
    fn feed(&mut self, way: &mut Way, character: &[u8], end: usize) {
        let automaton = &self.texts.automaton;
        for byte in character {
            way.state = automaton.next_state(Anchored::No, way.state, byte.to_ascii_lowercase());
        }
        way.fed += character.len();
        if automaton.is_match(way.state) {
            for number in 0..automaton.match_len(way.state) {
                let text = automaton.match_pattern(way.state, number);
                let start = self.place_of(way, way.fed - automaton.pattern_len(text));
                (self.found)(start, end, text.as_usize());
            }
        }
    }

    fn mark(&mut self, way: &mut Way, end: usize) {
        self.marks.push(Mark { fed: way.fed, at: end, before: way.mark });
        way.mark = self.marks.len() - 1;
    }

    /// Where it was when the automaton had read so many bytes.
    fn place_of(&self, way: &Way, fed: usize) -> usize {
        let mut mark = self.marks[way.mark];
        while mark.fed > fed {
            mark = self.marks[mark.before];
        }
        mark.at + (fed - mark.fed)
    }

    /// Lets go of the marks before the longest text that each way can have begun.
    fn forget(&mut self, plain: &mut Way, others: &mut [Way]) {
        let longest = self.texts.automaton.max_pattern_len();
        let mut kept = Vec::new();
        for way in others.iter_mut().chain([plain]) {
            let mut chain = vec![self.marks[way.mark]];
            while let Some(mark) =
                chain.last().copied().filter(|mark| mark.fed + longest > way.fed && mark.fed > 0)
            {
                chain.push(self.marks[mark.before]);
            }
            for mark in chain.into_iter().rev() {
                let before = kept.len().saturating_sub(1);
                kept.push(Mark { before, ..mark });
            }
            way.mark = kept.len() - 1;
        }
        self.most = MAX_MARKS.max(2 * kept.len());
        self.marks = kept;
    }
}

/// A character without its letter case, and apart into what it is composed of or compatible with (Unicode, UAX 15, NFKD):
/// `é` as a letter with an accent, and full-width letters as letters.
fn fold(c: char) -> impl Iterator<Item = char> {
    // By way of the upper case: `ß` is `SS` there.
    c.nfkd().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkd()
}

/// The characters of Latin-1, folded: decoded bytes are full of them.
static LATIN_1: LazyLock<[String; 256]> = LazyLock::new(|| {
    std::array::from_fn(|c| u8::try_from(c).into_iter().flat_map(|c| fold(char::from(c))).collect())
});

/// What the automaton reads of a text.
fn folded(text: &[u8]) -> Vec<u8> {
    let characters = |text: &str| text.chars().flat_map(fold).collect::<String>();
    let mut out = String::new();
    for part in text.utf8_chunks() {
        out.push_str(&characters(part.valid()));
        out.extend(part.invalid().iter().flat_map(|byte| fold(char::from(*byte))));
    }
    out.into_bytes()
}
