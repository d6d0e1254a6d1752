//! Encodings of many bytes at once: base64, base32, hexadecimal, UTF-16; lists of numbers are in `list`. Any run of their characters that is long enough
//! is decoded, whatever it is. Must not know what is looked for.

use super::escape::{Escapes, Reading, Unit, begins};
use super::layers::{Equals, LIST, Layers, NUL, Undone, Uses};
use super::list;

/// An encoding in which each character stands for so many bits.
pub(super) struct Block {
    /// Bits of a character.
    bits: usize,
    /// Characters after which bytes and characters begin together again.
    period: usize,
    /// What each byte stands for; [`NONE`] if it is no character of the encoding.
    values: [u8; 256],
    /// Whether this may stand between two characters, behind that.
    gap: fn(u8, Option<u8>) -> bool,
}

/// The most bytes between two characters of an encoding: a line break with the indentation behind it.
pub(super) const MAX_GAP: usize = 32;

/// No character of an encoding.
const NONE: u8 = u8::MAX;

/// All of them but UTF-16.
pub(super) static BLOCKS: [Block; 3] = [
    // RFC 4648, 4 and 5.
    Block {
        bits: 6,
        period: 4,
        values: values(&[
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
        ]),
        gap: line_break,
    },
    // RFC 4648, 6.
    Block {
        bits: 5,
        period: 8,
        values: values(&[b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"abcdefghijklmnopqrstuvwxyz234567"]),
        gap: line_break,
    },
    // RFC 4648, 8, with the separators of dumps and fingerprints.
    Block {
        bits: 4,
        period: 2,
        values: values(&[b"0123456789ABCDEF", b"0123456789abcdef"]),
        gap: |byte, before| matches!(byte, b':' | b' ' | b'-' | b',') || line_break(byte, before),
    },
];

/// What each byte stands for in any of these alphabets.
const fn values(alphabets: &[&[u8]]) -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut at = 0;
    while at < alphabets.len() {
        let mut value = 0;
        while value < alphabets[at].len() {
            values[alphabets[at][value] as usize] = value.to_le_bytes()[0];
            value += 1;
        }
        at += 1;
    }
    values
}

/// A line break, and what indents the next line.
fn line_break(byte: u8, before: Option<u8>) -> bool {
    matches!(byte, b'\n' | b'\r') || (matches!(byte, b' ' | b'\t') && before.is_some())
}

/// A part of some bytes that was decoded.
pub(super) struct Decoded {
    /// What it says.
    pub bytes: Vec<u8>,
    /// For each of them, from where to where what says it stands.
    pub spans: Vec<(usize, usize)>,
    /// How many encoders were undone.
    pub depth: u8,
}

/// A character of an encoding, and where it stands.
struct Cell {
    value: u8,
    start: usize,
    end: usize,
}

/// Hands on everything that can be decoded of these bytes, and may hold `least` bytes, by undoing at most so many encoders.
pub(super) fn decode(
    bytes: &[u8],
    escapes: &Escapes<'_>,
    depth: u8,
    least: usize,
    decoded: &mut impl FnMut(&Decoded),
) {
    // With escapes of each number of encoders by itself: one of more may swallow what one of fewer begins.
    for escaped in 0..depth {
        let layers = Layers::new(escapes, escaped, Equals::Quoted);
        let uses = if escaped > 0 { Uses::of(bytes, layers) } else { Uses::NONE };
        if uses.any == 0 {
            break;
        }
        decode_parts(bytes, layers, &uses, uses.any, least, decoded);
        if may_be_utf16(bytes, escaped, uses.places_of(NUL), least) {
            utf16(bytes, layers, Blank::Written, least, decoded);
            if escaped > 0 && bytes.iter().any(|byte| matches!(byte, b'+' | b'_')) {
                utf16(bytes, layers, Blank::Not, least, decoded);
            }
        }
        if uses.hidden != 0 {
            let layers = Layers::new(escapes, escaped, Equals::Itself);
            let bare = Uses::of(bytes, layers);
            // A list is read with those of quoted-printable behind its first number.
            let any = bare.any | (uses.any & LIST);
            decode_parts(bytes, layers, &bare, any & uses.hidden, least, decoded);
        }
    }
}

/// Hands on what is in those of [`BLOCKS`] and of lists that are among these parts.
fn decode_parts(
    bytes: &[u8],
    layers: Layers<'_>,
    uses: &Uses,
    parts: u8,
    least: usize,
    decoded: &mut impl FnMut(&Decoded),
) {
    for (number, block) in BLOCKS.iter().enumerate().filter(|(number, _)| parts & (1 << number) != 0) {
        let places = uses.places_of(1 << number);
        block.runs(bytes, layers, places, (least * 8).div_ceil(block.bits), &mut |cells| {
            (0..block.period).for_each(|before| decoded(&block.decode(cells, before, layers.depth + 1)));
        });
    }
    if parts & LIST != 0 {
        list::decode(bytes, layers, least, decoded);
    }
}

impl Block {
    /// Whether this byte can be within a run, be it as a character, or between two behind a line break.
    pub(super) fn may_have(&self, byte: u8) -> bool {
        self.is(byte) || (self.gap)(byte, Some(b'\n'))
    }

    /// Hands on each run of at least so many characters of this encoding, some of them in escapes of as many encoders as there
    /// are layers.
    fn runs(
        &self,
        bytes: &[u8],
        layers: Layers<'_>,
        places: impl Iterator<Item = usize>,
        least: usize,
        whole: &mut impl FnMut(&[Cell]),
    ) {
        if layers.depth == 0 {
            // A run that is long enough covers a byte in so many: most of the others are never looked at.
            let (mut done, mut at) = (0, least - 1);
            while at < bytes.len() {
                if !self.may_stand(bytes, at) {
                    at += least;
                    continue;
                }
                let start = (done..at).rev().find(|at| !self.may_stand(bytes, *at)).map_or(done, |at| at + 1);
                done = (at..bytes.len()).find(|at| !self.may_stand(bytes, *at)).unwrap_or(bytes.len());
                self.runs_within(bytes.get(..done).unwrap_or_default(), start, least, whole);
                at = done + least;
            }
            return;
        }
        let mut cells = Vec::new();
        let mut at = 0;
        for place in places {
            // What indents a line may be in escapes behind its beginning that is not.
            let gap = place.checked_sub(1).map(|before| bytes[before]);
            let gap = gap.filter(|byte| (self.gap)(*byte, Some(b'\n')));
            if place < at || self.is(bytes[place]) || self.fit(layers, place, gap).is_none() {
                continue;
            }
            if let Some(behind) = layers.behind_equals(bytes, place) {
                self.run_of(bytes, behind, layers, least, &mut cells, whole);
            }
            let before = bytes.get(at..place).unwrap_or_default();
            at = place - before.iter().rev().take_while(|byte| self.may_have(**byte)).count();
            // What may stand between two characters may also end a run before the place, as a blank behind a word does.
            while at <= place {
                at = self.run_of(bytes, at, layers, least, &mut cells, whole).max(at + 1);
            }
        }
    }

    /// Hands on the run that begins here, if it is one of those; where it ends.
    fn run_of(
        &self,
        bytes: &[u8],
        start: usize,
        layers: Layers<'_>,
        least: usize,
        cells: &mut Vec<Cell>,
        whole: &mut impl FnMut(&[Cell]),
    ) -> usize {
        let (end, escaped) = self.run(bytes, start, Some(layers), cells);
        if cells.len() >= least && escaped == layers.depth {
            whole(cells);
        }
        end
    }

    /// The same of runs that begin at `at` or behind it, without escapes.
    fn runs_within(&self, bytes: &[u8], mut at: usize, least: usize, whole: &mut impl FnMut(&[Cell])) {
        let mut cells = Vec::new();
        while let Some(next) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| self.is(*byte))) {
            let start = at + next;
            at = self.end(bytes, start);
            // Whether there are gaps is seen only then.
            if at - start >= least {
                self.run(bytes, start, None, &mut cells);
                if cells.len() >= least {
                    whole(&cells);
                }
            }
        }
    }

    /// Whether this byte can be within a run: as a character, or between two.
    fn may_stand(&self, bytes: &[u8], at: usize) -> bool {
        let byte = bytes[at];
        if self.is(byte) || (self.gap)(byte, None) {
            return true;
        }
        if !(self.gap)(byte, Some(b'\n')) {
            return false;
        }
        // Indentation, if a line break stands before it.
        let before = bytes.get(at.saturating_sub(MAX_GAP)..at).unwrap_or_default();
        before
            .iter()
            .rev()
            .find(|byte| !matches!(byte, b' ' | b'\t'))
            .is_some_and(|byte| (self.gap)(*byte, None))
    }

    fn is(&self, byte: u8) -> bool {
        self.values[usize::from(byte)] != NONE
    }

    fn value(&self, byte: u8) -> Option<u8> {
        Some(self.values[usize::from(byte)]).filter(|value| *value != NONE)
    }

    /// Where the run ends that begins here, without escapes.
    fn end(&self, bytes: &[u8], start: usize) -> usize {
        let (mut at, mut gap, mut before) = (start, 0, None);
        while let Some(byte) = bytes.get(at).copied() {
            if self.is(byte) {
                (gap, before) = (0, None);
            } else if gap < MAX_GAP && (self.gap)(byte, before) {
                (gap, before) = (gap + 1, Some(byte));
            } else {
                break;
            }
            at += 1;
        }
        at
    }

    /// The escape that fits into a run here.
    fn fit<'e>(&self, layers: Layers<'e>, at: usize, before: Option<u8>) -> Option<&'e Reading> {
        let fits = |read: &&Reading| match read.unit {
            Unit::Nothing => true,
            unit => unit.ascii().is_some_and(|byte| self.is(byte) || (self.gap)(byte, before)),
        };
        layers.at(at).filter(fits).min_by_key(|read| (read.rare, read.depth))
    }

    /// The run that begins here; where it ends, and how many encoders its escapes have at most.
    fn run(
        &self,
        bytes: &[u8],
        start: usize,
        layers: Option<Layers<'_>>,
        cells: &mut Vec<Cell>,
    ) -> (usize, u8) {
        cells.clear();
        let (mut at, mut escaped, mut gap, mut before) = (start, 0, 0, None);
        while let Some(byte) = bytes.get(at).copied() {
            let mut next = (at + 1, Some(byte), 0);
            if let Some(layers) = layers
                && begins(byte)
                && !self.is(byte)
                && let Some(read) = self.fit(layers, at, before)
            {
                next = (read.end, read.unit.ascii(), read.depth);
            }
            let (end, read, read_depth) = next;
            match read.map(|byte| (byte, self.value(byte))) {
                Some((_, Some(value))) => {
                    cells.push(Cell { value, start: at, end });
                    (gap, before) = (0, None);
                }
                Some((byte, None)) if gap < MAX_GAP && (self.gap)(byte, before) => {
                    (gap, before) = (gap + 1, Some(byte));
                }
                None => {}
                Some(_) => break,
            }
            escaped = escaped.max(read_depth);
            at = end;
        }
        (at, escaped)
    }

    /// The bytes of a run, if they begin with the character at `before`.
    fn decode(&self, cells: &[Cell], before: usize, depth: u8) -> Decoded {
        let cells = cells.get(before..).unwrap_or_default();
        let count = cells.len() * self.bits / 8;
        let mut decoded =
            Decoded { bytes: Vec::with_capacity(count), spans: Vec::with_capacity(count), depth };
        let (mut held, mut bits, mut start) = (0_u32, 0, None);
        for cell in cells {
            held = held << self.bits | u32::from(cell.value);
            bits += self.bits;
            let from = *start.get_or_insert(cell.start);
            if bits >= 8 {
                bits -= 8;
                decoded.bytes.push((held >> bits).to_le_bytes()[0]);
                decoded.spans.push((from, cell.end));
                // The rest of this character begins the next byte.
                start = (bits > 0).then_some(cell.start);
            }
        }
        decoded
    }
}

/// The most bytes from one that is nothing to the next, where a character between them is shown by who reads Latin-1; where it
/// is in an escape; and where what is nothing is in one itself.
const MAX_SHOWN: usize = 3;
const MAX_ESCAPED: usize = 64;
const MAX_ESCAPES: usize = 1 << 10;

/// Whether so many bytes that are nothing are near enough to each other, as they stand or in escapes at these places, ascending.
/// The last character has none behind it in big-endian order.
fn may_be_utf16(bytes: &[u8], escaped: u8, places: impl Iterator<Item = usize>, least: usize) -> bool {
    let most = if escaped > 0 { MAX_ESCAPED } else { MAX_SHOWN };
    let mut places = places.map(|at| (at, MAX_ESCAPES)).peekable();
    let (mut before, mut count) = ((0, most), 0);
    for raw in memchr::memchr_iter(0, bytes).map(|at| (at, most)).chain([(usize::MAX, 0)]) {
        while let Some(next) = places.next_if(|place| *place < raw).or(Some(raw)) {
            let most = before.1.max(next.1);
            count = if next.0 - before.0 <= most { count + 1 } else { 1 };
            before = next;
            if count + 1 >= least {
                return true;
            }
            if next == raw {
                break;
            }
        }
    }
    false
}

/// What `+` and `_` are: characters of base64, or blanks, as forms and headers write them.
#[derive(Clone, Copy, PartialEq)]
enum Blank {
    Written,
    Not,
}

/// Every run of bytes of which each second one is nothing, without those: UTF-16 of either order, as far as it is ASCII or
/// Latin-1, which is all that other encoders write.
fn utf16(bytes: &[u8], layers: Layers<'_>, blank: Blank, least: usize, decoded: &mut impl FnMut(&Decoded)) {
    let undone = |at: usize| match bytes.get(at) {
        Some(byte @ (b'+' | b'_')) if blank == Blank::Not => {
            Some(Undone { byte: *byte, start: at, end: at + 1, depth: 0 })
        }
        _ => layers.byte(bytes, at),
    };
    let depth = layers.depth;
    let (mut run, mut pending) = (Decoded { bytes: Vec::new(), spans: Vec::new(), depth: depth + 1 }, None);
    let (mut at, mut escaped) = (0, 0);
    let mut whole = |run: &mut Decoded, escaped: &mut u8| {
        if run.bytes.len() >= least && *escaped == depth {
            decoded(run);
        }
        run.bytes.clear();
        run.spans.clear();
        *escaped = 0;
    };
    while let Some(Undone { mut byte, start, mut end, depth: mut read_depth }) = undone(at) {
        // What reads Latin-1 shows a byte as a character, which UTF-8 writes as two.
        if matches!(byte, 0xc2 | 0xc3)
            && let Some(low) = undone(end).filter(|low| (0x80..=0xbf).contains(&low.byte))
        {
            (end, byte) = (low.end, (byte << 6) | (low.byte & 0x3f));
            read_depth = read_depth.max(low.depth);
        }
        match (pending, byte) {
            (None, 0) => {}
            (None, _) => pending = Some((byte, (start, end))),
            (Some((held, span)), 0) => {
                run.bytes.push(held);
                run.spans.push(span);
                pending = None;
            }
            (Some((held, span)), _) => {
                // In big-endian order the last one has nothing behind it.
                run.bytes.push(held);
                run.spans.push(span);
                whole(&mut run, &mut escaped);
                pending = Some((byte, (start, end)));
            }
        }
        escaped = escaped.max(read_depth);
        at = end;
    }
    if let Some((held, span)) = pending {
        run.bytes.push(held);
        run.spans.push(span);
    }
    whole(&mut run, &mut escaped);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, depth: u8) -> Vec<String> {
        let mut out = Vec::new();
        decode(text.as_bytes(), &Escapes::new(text.as_bytes(), depth), depth, 4, &mut |decoded: &Decoded| {
            assert_eq!(decoded.bytes.len(), decoded.spans.len());
            out.extend(String::from_utf8(decoded.bytes.clone()));
        });
        out
    }

    #[test]
    fn each_encoding_is_read_wherever_it_begins() {
        for (text, depth, expected) in [
            ("aHVudGVyMg==", 1, "hunter2"),
            ("x-aHVudGVyMg==", 1, "hunter2"),
            ("aHVu\r\n  dGVyMg==", 1, "hunter2"),
            ("aHVu\\ndGVyMg==", 2, "hunter2"),
            ("aHVu=\ndGVyMg==", 2, "hunter2"),
            ("aHVudGVy%4D%67==", 2, "hunter2"),
            ("NB2W45DFOIZA====", 1, "hunter2"),
            ("nb2w45dfoiza", 1, "hunter2"),
            ("68756E74657232", 1, "hunter2"),
            ("\\x68756e74657232", 1, "hunter2"),
            ("68:75:6e:74:65:72:32", 1, "hunter2"),
            ("h\0u\0n\0t\0e\0r\x002\0", 1, "hunter2"),
            ("\0h\0u\0n\0t\0e\0r\x002", 1, "hunter2"),
            ("h\\u0000u\\u0000n\\u0000t\\u0000e\\u0000r\\u00002\\u0000", 2, "hunter2"),
        ] {
            assert!(
                all(text, depth).iter().any(|decoded| decoded.ends_with(expected)),
                "{text}: {:?}",
                all(text, depth)
            );
        }
        assert_eq!(all("aHVudGVyMg==", 0), Vec::<String>::new());
        assert_eq!(all("too short", 1), Vec::<String>::new());
    }

    #[test]
    fn a_byte_knows_every_character_that_says_something_of_it() {
        let mut spans = Vec::new();
        decode(b"<aHVu dGVy>", &Escapes::new(b"", 0), 1, 3, &mut |decoded: &Decoded| {
            if decoded.bytes == b"hun" {
                spans.clone_from(&decoded.spans);
            }
        });
        assert_eq!(spans, [(1, 3), (2, 4), (3, 5)]);
    }
}
