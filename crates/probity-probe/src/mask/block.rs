//! Encodings of many bytes at once: base64, base32, hexadecimal, UTF-16. Any run of their characters that is long enough
//! is decoded, whatever it is. Must not know what is looked for.

use std::cmp::Reverse;

use super::escape::{Reading, Unit, begins, readings};

/// An encoding in which each character stands for so many bits.
pub(super) struct Block {
    /// Bits of a character.
    bits: usize,
    /// Characters after which bytes and characters begin together again.
    period: usize,
    value: fn(u8) -> Option<u8>,
    /// Whether this may stand between two characters, behind that.
    gap: fn(u8, Option<u8>) -> bool,
}

/// The most bytes between two characters of an encoding: a line break with the indentation behind it.
const MAX_GAP: usize = 32;

/// All of them but UTF-16.
pub(super) const BLOCKS: [Block; 3] = [
    // RFC 4648, 4 and 5.
    Block { bits: 6, period: 4, value: base64, gap: line_break },
    // RFC 4648, 6.
    Block { bits: 5, period: 8, value: base32, gap: line_break },
    // RFC 4648, 8, with the separators of dumps and fingerprints.
    Block {
        bits: 4,
        period: 2,
        value: |byte| u8::try_from(char::from(byte).to_digit(16)?).ok(),
        gap: |byte, before| matches!(byte, b':' | b' ' | b'-' | b',') || line_break(byte, before),
    },
];

fn base64(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

fn base32(byte: u8) -> Option<u8> {
    Some(match byte.to_ascii_uppercase() {
        upper @ b'A'..=b'Z' => upper - b'A',
        b'2'..=b'7' => byte - b'2' + 26,
        _ => return None,
    })
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
pub(super) fn decode(bytes: &[u8], depth: u8, least: usize, decoded: &mut impl FnMut(&Decoded)) {
    if depth == 0 {
        return;
    }
    let escapes = bytes.iter().any(|byte| begins(*byte) && !matches!(byte, b'+' | b'_'));
    // With escapes of each number of encoders by itself: one of more may swallow what one of fewer begins.
    for escaped in 0..if escapes { depth } else { 1 } {
        for block in &BLOCKS {
            block.runs(bytes, escaped, (least * 8).div_ceil(block.bits), &mut |cells| {
                (0..block.period).for_each(|before| decoded(&block.decode(cells, before, escaped + 1)));
            });
        }
        utf16(bytes, escaped, least, decoded);
    }
}

impl Block {
    /// Hands on each run of at least so many characters of this encoding, some of them in escapes of so many encoders.
    fn runs(&self, bytes: &[u8], depth: u8, least: usize, whole: &mut impl FnMut(&[Cell])) {
        let mut ended = |cells: &mut Vec<Cell>, escaped: u8| {
            if cells.len() >= least && escaped == depth {
                whole(cells);
            }
            cells.clear();
        };
        let (mut cells, mut escaped, mut gap, mut before) = (Vec::new(), 0, 0, None);
        let (mut at, mut read) = (0, Vec::new());
        while let Some(byte) = bytes.get(at).copied() {
            let mut next = (at + 1, Some(byte), 0);
            let stands = |byte: u8, gap_before: Option<u8>| {
                (self.value)(byte).is_some() || (self.gap)(byte, gap_before)
            };
            if depth > 0 && begins(byte) && !stands(byte, before) {
                readings(bytes, at, depth, &mut read);
                let fits = |unit: Unit| match unit {
                    Unit::Nothing => true,
                    unit => unit.ascii().is_some_and(|byte| stands(byte, before)),
                };
                let fit = read.iter().filter(|read| fits(read.unit));
                if let Some(read) = fit.min_by_key(|read| (read.rare, read.depth)) {
                    next = (read.end, read.unit.ascii(), read.depth);
                }
            }
            let (end, read, read_depth) = next;
            match read.map(|byte| (byte, (self.value)(byte))) {
                Some((_, Some(value))) => {
                    cells.push(Cell { value, start: at, end });
                    (escaped, gap, before) = (escaped.max(read_depth), 0, None);
                }
                Some((byte, None)) if !cells.is_empty() && gap < MAX_GAP && (self.gap)(byte, before) => {
                    (gap, before) = (gap + 1, Some(byte));
                    escaped = escaped.max(read_depth);
                }
                None => escaped = escaped.max(read_depth),
                Some(_) => {
                    ended(&mut cells, escaped);
                    (escaped, gap, before) = (0, 0, None);
                }
            }
            at = end;
        }
        ended(&mut cells, escaped);
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

/// Every run of bytes of which each second one is nothing, without those: UTF-16 of either order, as far as it is ASCII or
/// Latin-1, which is all that other encoders write.
fn utf16(bytes: &[u8], depth: u8, least: usize, decoded: &mut impl FnMut(&Decoded)) {
    if depth == 0 && bytes.iter().filter(|byte| **byte == 0).count() < least {
        return;
    }
    let (mut run, mut pending) = (Decoded { bytes: Vec::new(), spans: Vec::new(), depth: depth + 1 }, None);
    let (mut at, mut read, mut escaped) = (0, Vec::new(), 0);
    let mut whole = |run: &mut Decoded, escaped: &mut u8| {
        if run.bytes.len() >= least && *escaped == depth {
            decoded(run);
        }
        run.bytes.clear();
        run.spans.clear();
        *escaped = 0;
    };
    while at < bytes.len() {
        let (mut end, mut byte, mut read_depth) = unescaped(bytes, at, depth, &mut read);
        // What reads Latin-1 shows a byte as a character, which UTF-8 writes as two.
        if matches!(byte, 0xc2 | 0xc3) {
            let (low_end, low, low_depth) = unescaped(bytes, end, depth, &mut read);
            if (0x80..=0xbf).contains(&low) {
                (end, byte, read_depth) = (low_end, (byte << 6) | (low & 0x3f), read_depth.max(low_depth));
            }
        }
        match (pending, byte) {
            (None, 0) => {}
            (None, _) => pending = Some((byte, at, end)),
            (Some((held, start, end)), 0) => {
                run.bytes.push(held);
                run.spans.push((start, end));
                pending = None;
            }
            (Some((held, start, end_of_held)), _) => {
                // In big-endian order the last one has nothing behind it.
                run.bytes.push(held);
                run.spans.push((start, end_of_held));
                whole(&mut run, &mut escaped);
                pending = Some((byte, at, end));
            }
        }
        escaped = escaped.max(read_depth);
        at = end;
    }
    if let Some((held, start, end)) = pending {
        run.bytes.push(held);
        run.spans.push((start, end));
    }
    whole(&mut run, &mut escaped);
}

/// The byte at this place, in the escape of the most encoders: if it is in one, that is what it was written in. With its
/// end and the number of encoders; nothing, behind the end.
fn unescaped(bytes: &[u8], at: usize, depth: u8, read: &mut Vec<Reading>) -> (usize, u8, u8) {
    readings(bytes, at, depth, read);
    let escapes = read.iter().filter_map(|read| match read.unit {
        Unit::Byte(byte) => Some((read, byte)),
        Unit::Character(c) => Some((read, u8::try_from(c).ok()?)),
        Unit::Nothing => None,
    });
    let escape = escapes.min_by_key(|(read, _)| (Reverse(read.depth), read.rare));
    escape
        .map(|(read, byte)| (read.end, byte, read.depth))
        .unwrap_or_else(|| (at + 1, bytes.get(at).copied().unwrap_or_default(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, depth: u8) -> Vec<String> {
        let mut out = Vec::new();
        decode(text.as_bytes(), depth, 4, &mut |decoded: &Decoded| {
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
        decode(b"<aHVu dGVy>", 1, 3, &mut |decoded: &Decoded| {
            if decoded.bytes == b"hun" {
                spans.clone_from(&decoded.spans);
            }
        });
        assert_eq!(spans, [(1, 3), (2, 4), (3, 5)]);
    }
}
