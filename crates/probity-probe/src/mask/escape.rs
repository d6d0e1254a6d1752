//! How encoders write one character: percent, backslash, HTML, quoted-printable, doubled quotes, and one of these within
//! another. Must not know what is looked for.

use super::entity;

/// What a piece of text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A byte, perhaps of a longer character.
    Byte(u8),
    /// A character.
    Character(char),
    /// Nothing: a line break that the encoder put in.
    Nothing,
}

impl Unit {
    /// The ASCII character it is.
    pub(super) fn ascii(self) -> Option<u8> {
        match self {
            Self::Byte(byte) => Some(byte).filter(u8::is_ascii),
            Self::Character(c) => u8::try_from(c).ok().filter(u8::is_ascii),
            Self::Nothing => None,
        }
    }
}

/// One way to read what stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// What it stands for.
    pub unit: Unit,
    /// Where it ends.
    pub end: usize,
    /// How many encoders had to be undone.
    pub depth: u8,
    /// Whether few encoders write so: characters that have a meaning are not all escaped alike, or a number is short or
    /// decimal where most write three octal digits.
    pub rare: bool,
    /// Whether it begins with the `=` of quoted-printable, which may stand between a name and its value instead.
    pub quoted: bool,
}

/// The most digits of an escape that may have any number of leading zeros.
const MAX_DIGITS: usize = 16;

/// The most readings of one place, and the most steps to find them.
const MAX_READINGS: usize = 24;
const MAX_STEPS: usize = 1024;

/// Steps for some bytes, and for each of them, behind which only what most encoders write is read as part of another escape:
/// more are only where somebody means to keep us busy.
const MAX_ALL_STEPS: usize = 1 << 18;
const STEPS_A_BYTE: usize = 2;

/// Whether an escape can begin with this byte.
pub(super) const fn begins(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&' | b'=' | b'+' | b'_' | b'"' | b'\'' | b'$')
}

/// Every escape in some bytes, of at most so many encoders.
pub(super) struct Escapes<'b> {
    bytes: &'b [u8],
    depth: u8,
    /// Steps that may be made yet.
    left: usize,
    /// Where there is one, from the last to the first, and where its readings begin.
    places: Vec<(usize, usize)>,
    /// For each byte the number of its place, counted from 1; 0, also for what is behind the end, where there is none.
    numbers: Vec<u32>,
    readings: Vec<Reading>,
}

impl<'b> Escapes<'b> {
    /// Those of these bytes. What an escape is made of stands behind its beginning, so they are read from the end.
    pub(super) fn new(bytes: &'b [u8], depth: u8) -> Self {
        let left = MAX_ALL_STEPS + STEPS_A_BYTE * bytes.len();
        let mut escapes =
            Self { bytes, depth, left, places: Vec::new(), numbers: Vec::new(), readings: Vec::new() };
        let mut found = Vec::new();
        let mut end = if depth > 0 { bytes.len() } else { 0 };
        while let Some(at) = bytes.get(..end).and_then(|bytes| bytes.iter().rposition(|byte| begins(*byte))) {
            let steps = escapes.read(at, bytes[at], &mut found);
            escapes.left = escapes.left.saturating_sub(steps);
            if !found.is_empty() {
                escapes.places.push((at, escapes.readings.len()));
                escapes.readings.append(&mut found);
                if escapes.numbers.is_empty() {
                    escapes.numbers.resize(at + 1, 0);
                }
                escapes.numbers[at] = u32::try_from(escapes.places.len()).unwrap_or_default();
            }
            end = at;
        }
        escapes
    }

    /// Every way to read the escape that begins here, those of fewer encoders first, the rare ones of each last. That it is
    /// no escape, but the byte itself, is not among them.
    pub(super) fn at(&self, at: usize) -> &[Reading] {
        match self.numbers.get(at) {
            None | Some(0) => &[],
            Some(number) => self.of_place(*number as usize - 1),
        }
    }

    fn of_place(&self, number: usize) -> &[Reading] {
        let end = self.places.get(number + 1).map_or(self.readings.len(), |(_, start)| *start);
        self.readings.get(self.places[number].1..end).unwrap_or_default()
    }

    /// Where there are escapes, from the first to the last, with their readings.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, &[Reading])> {
        (0..self.places.len()).rev().map(|number| (self.places[number].0, self.of_place(number)))
    }

    /// Whether this may be part of another escape.
    fn goes_on(&self, read: &Reading) -> bool {
        read.depth < self.depth && (!read.rare || self.left > 0)
    }

    /// Reads the escape at this place; how many steps that took.
    fn read(&self, at: usize, first: u8, out: &mut Vec<Reading>) -> usize {
        let steps = &std::cell::Cell::new(MAX_STEPS);
        let begun = Begun { of: self, steps, at: at + 1, before: 0, first: 0, rare: false, quoted: false };
        begun.escapes(first, out);
        let mut next = 0;
        while let Some(read) = out.get(next).copied() {
            next += 1;
            if let Some(first) = read.unit.ascii().filter(|byte| self.goes_on(&read) && begins(*byte)) {
                let Reading { end: at, depth, rare, quoted, .. } = read;
                Begun { at, before: depth, first: depth, rare, quoted, ..begun }.escapes(first, out);
            }
        }
        out.sort_by_key(|read| (read.depth, read.rare));
        MAX_STEPS - steps.get()
    }
}

/// An escape of which something was read.
#[derive(Clone, Copy)]
struct Begun<'a> {
    of: &'a Escapes<'a>,
    /// How many steps may be made yet.
    steps: &'a std::cell::Cell<usize>,
    /// Where the rest begins.
    at: usize,
    /// The encoders undone for what was read so far.
    before: u8,
    /// The encoders undone for the first character.
    first: u8,
    /// Whether few encoders write what was read so far.
    rare: bool,
    /// Whether it begins as quoted-printable does.
    quoted: bool,
}

impl<'a> Begun<'a> {
    fn escapes(self, first: u8, out: &mut Vec<Reading>) {
        match first {
            // RFC 3986, JavaScript's `escape`, and formats in which the sign stands for itself when doubled.
            b'%' => {
                self.digits(16, 2, &mut |byte, rest| rest.is(Unit::Byte(low_byte(byte)), out));
                self.each(|byte, rest| {
                    if byte.eq_ignore_ascii_case(&b'u') {
                        rest.utf16(b"%u", out);
                    }
                });
                self.sequence(b"%", b'%', out);
            }
            b'\\' => self.each(|kind, rest| self.backslash(kind, rest, out)),
            b'&' => self.html(out),
            // RFC 2045, 6.7.
            b'=' => {
                let quoted = Self { quoted: true, ..self };
                quoted.digits(16, 2, &mut |byte, rest| rest.is(Unit::Byte(low_byte(byte)), out));
                quoted.each(|byte, rest| match byte {
                    b'\n' => rest.is(Unit::Nothing, out),
                    b'\r' => rest.each(|byte, rest| {
                        if byte == b'\n' {
                            rest.is(Unit::Nothing, out);
                        }
                    }),
                    _ => {}
                });
            }
            // Forms (WHATWG URL, 5.2), encoded words (RFC 2047, 4.2).
            b'+' | b'_' => self.is(Unit::Character(' '), out),
            // CSV (RFC 4180), SQL.
            b'"' => self.sequence(b"\"", b'"', out),
            // SQL and YAML; the two ways of shells.
            b'\'' => {
                [&b"'"[..], b"\\''", b"\"'\"'"].into_iter().for_each(|rest| self.sequence(rest, b'\'', out));
            }
            b'$' => self.sequence(b"$", b'$', out),
            _ => {}
        }
    }

    /// JSON, JavaScript, C, shells, the logs of web servers, PostgreSQL's bytea, the master files of DNS (RFC 1035, 5.1), LDAP, CSS.
    fn backslash(self, kind: u8, rest: Self, out: &mut Vec<Reading>) {
        let control = match kind {
            b'a' => 7,
            b'b' => 8,
            b'e' => 27,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            _ => 0,
        };
        match kind {
            b'\n' => rest.is(Unit::Nothing, out),
            b'u' | b'U' | b'x' | b'X' => {
                rest.each(|byte, rest| {
                    if byte == b'{' {
                        rest.number(16, &mut |value, rest| {
                            rest.each(|byte, rest| {
                                if byte == b'}' {
                                    rest.character(value, out);
                                }
                            });
                        });
                    }
                });
                if kind.eq_ignore_ascii_case(&b'x') {
                    rest.digits(16, 2, &mut |byte, rest| rest.is(Unit::Byte(low_byte(byte)), out));
                } else {
                    rest.digits(16, 8, &mut |value, rest| rest.character(value, out));
                    rest.utf16(b"\\u", out);
                }
            }
            b'0'..=b'9' => {
                // Four digits as `echo` and `printf %b` take them: behind a zero (POSIX).
                for (radix, count) in [(8, 4), (8, 3), (10, 3), (8, 2), (8, 1)] {
                    self.digits(radix, count, &mut |value, rest| {
                        if let Ok(byte) = u8::try_from(value) {
                            let rare = rest.rare || (radix, count) != (8, 3);
                            Self { rare, ..rest }.is(Unit::Byte(byte), out);
                        }
                    });
                }
            }
            _ if control != 0 => rest.is(Unit::Byte(control), out),
            b' ' => rest.is(Unit::Byte(kind), out),
            _ if kind.is_ascii_punctuation() => rest.is(Unit::Byte(kind), out),
            _ => {}
        }
        // Names and filters of LDAP (RFC 4514, 2.4; RFC 4515, 3), and CSS, where a blank may end it.
        if kind.is_ascii_hexdigit() {
            self.digits(16, 2, &mut |byte, rest| {
                let rest = Self { rare: true, ..rest };
                rest.is(Unit::Byte(low_byte(byte)), out);
                rest.each(|next, rest| {
                    if next == b' ' {
                        rest.is(Unit::Byte(low_byte(byte)), out);
                    }
                });
            });
        }
    }

    /// HTML, 13.5: by number, with or without a semicolon, or by name.
    fn html(self, out: &mut Vec<Reading>) {
        self.each(|byte, rest| {
            if byte == b'#' {
                rest.number(10, &mut |value, rest| rest.semicolon(&mut |rest| rest.character(value, out)));
                rest.each(|byte, rest| {
                    if byte.eq_ignore_ascii_case(&b'x') {
                        rest.number(16, &mut |value, rest| {
                            rest.semicolon(&mut |rest| rest.character(value, out));
                        });
                    }
                });
            }
        });
        self.name(&mut Vec::new(), out);
    }

    fn name(self, name: &mut Vec<u8>, out: &mut Vec<Reading>) {
        if let Some(c) = entity::character(name) {
            self.semicolon(&mut |rest| rest.is(Unit::Character(c), out));
        }
        if name.len() < entity::MAX_NAME {
            self.each(|byte, rest| {
                if byte.is_ascii_alphanumeric() {
                    name.push(byte);
                    rest.name(name, out);
                    name.pop();
                }
            });
        }
    }

    /// Four digits of UTF-16, and four more behind `sign` where it takes two.
    fn utf16(self, sign: &[u8], out: &mut Vec<Reading>) {
        self.digits(16, 4, &mut |unit, rest| {
            if !(0xd800..0xdc00).contains(&unit) {
                return rest.character(unit, out);
            }
            rest.behind(sign, &mut |rest| {
                rest.digits(16, 4, &mut |low, rest| {
                    if (0xdc00..0xe000).contains(&low) {
                        rest.character(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), out);
                    }
                });
            });
        });
    }

    /// With a semicolon, or without one.
    fn semicolon(self, then: &mut dyn FnMut(Self)) {
        let mut closed = false;
        for begun in self.lines() {
            begun.next(&mut |byte, rest| {
                if byte == b';' {
                    closed |= rest.before == begun.before;
                    then(rest);
                }
            });
        }
        if !closed {
            then(self);
        }
    }

    /// If what follows is `rest`, in any way to read it, the whole is this character.
    fn sequence(self, rest: &[u8], character: u8, out: &mut Vec<Reading>) {
        self.behind(rest, &mut |rest| rest.is(Unit::Byte(character), out));
    }

    /// Behind `text`, if that follows, in whatever letter case.
    fn behind(self, text: &[u8], then: &mut dyn FnMut(Self)) {
        let Some((first, text)) = text.split_first() else { return then(self) };
        self.each(|byte, rest| {
            if byte.eq_ignore_ascii_case(first) {
                rest.behind(text, then);
            }
        });
    }

    /// Behind so many digits, with their value.
    fn digits(self, radix: u32, count: usize, then: &mut dyn FnMut(u32, Self)) {
        self.digits_from(0, radix, count, then);
    }

    fn digits_from(self, value: u32, radix: u32, count: usize, then: &mut dyn FnMut(u32, Self)) {
        if count == 0 {
            return then(value, self);
        }
        self.each(|byte, rest| {
            if let Some(digit) = char::from(byte).to_digit(radix) {
                rest.digits_from(value.wrapping_mul(radix).wrapping_add(digit), radix, count - 1, then);
            }
        });
    }

    /// Behind each number of digits after which no other one follows as it stands. The value of one that is too large is
    /// that of no character.
    fn number(self, radix: u32, then: &mut dyn FnMut(u32, Self)) {
        self.number_from(0, radix, 0, then);
    }

    fn number_from(self, value: u32, radix: u32, count: usize, then: &mut dyn FnMut(u32, Self)) {
        let mut ends = count > 0;
        if count < MAX_DIGITS {
            for begun in self.lines() {
                begun.next(&mut |byte, rest| {
                    if let Some(digit) = char::from(byte).to_digit(radix) {
                        ends &= rest.before > begun.before || rest.at > begun.at + 1;
                        let value = value.saturating_mul(radix).saturating_add(digit);
                        rest.number_from(value, radix, count + 1, then);
                    }
                });
            }
        }
        if ends {
            then(value, self);
        }
    }

    fn character(self, value: u32, out: &mut Vec<Reading>) {
        if let Some(c) = char::from_u32(value) {
            self.is(Unit::Character(c), out);
        }
    }

    fn is(self, unit: Unit, out: &mut Vec<Reading>) {
        let Self { at: end, rare, quoted, .. } = self;
        let reading = Reading { unit, end, depth: self.before + 1, rare, quoted };
        let known = |known: &Reading| {
            (known.unit, known.end) == (unit, end)
                && known.depth <= reading.depth
                && known.rare <= rare
                && known.quoted <= quoted
        };
        if reading.depth <= self.of.depth && out.len() < MAX_READINGS && !out.iter().any(known) {
            out.push(reading);
        }
    }

    /// The next ASCII character in every way to read it, as it stands first.
    fn each(self, mut then: impl FnMut(u8, Self)) {
        self.lines().for_each(|begun| begun.next(&mut then));
    }

    /// Where it may go on: here, and on the next line, where an encoder cut it.
    fn lines(self) -> impl Iterator<Item = Self> {
        let cuts = self.readings().filter(|read| read.unit == Unit::Nothing);
        std::iter::once(self).chain(cuts.map(move |cut| self.behind_reading(cut)))
    }

    fn next(self, then: &mut impl FnMut(u8, Self)) {
        let Some(left) = self.steps.get().checked_sub(1) else { return };
        self.steps.set(left);
        let Some(raw) = self.of.bytes.get(self.at).copied() else { return };
        let rare = self.rare || (begins(raw) && self.first > 0);
        then(raw, Self { at: self.at + 1, rare, ..self });
        for read in self.readings() {
            if let Some(byte) = read.unit.ascii() {
                let rest = self.behind_reading(read);
                then(byte, Self { rare: rest.rare || read.depth != self.first, ..rest });
            }
        }
    }

    /// What may be part of this escape of those that begin here.
    fn readings(self) -> impl Iterator<Item = &'a Reading> {
        self.of.at(self.at).iter().filter(move |read| self.of.goes_on(read))
    }

    fn behind_reading(self, read: &Reading) -> Self {
        Self { at: read.end, before: self.before.max(read.depth), rare: self.rare || read.rare, ..self }
    }
}

fn low_byte(value: u32) -> u8 {
    value.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, depth: u8) -> Vec<(Unit, &str)> {
        let escapes = Escapes::new(text.as_bytes(), depth);
        escapes.at(0).iter().map(|read| (read.unit, &text[read.end..])).collect()
    }

    #[test]
    fn an_escape_is_read_as_its_encoder_wrote_it() {
        let c = |c: char| vec![(Unit::Character(c), "!")];
        let b = |byte: u8| vec![(Unit::Byte(byte), "!")];
        for (text, expected) in [
            ("%4a!", b(b'J')),
            ("%u00e4!", c('ä')),
            ("%uD83D%udd11!", c('🔑')),
            ("%%!", b(b'%')),
            ("\\x4A!", b(b'J')),
            ("\\u{0000e4}!", c('ä')),
            ("\\x{1f511}!", c('🔑')),
            ("\\ud83d\\uDD11!", c('🔑')),
            ("\\n!", b(b'\n')),
            ("\\/!", b(b'/')),
            ("\\\n!", vec![(Unit::Nothing, "!")]),
            ("&#0064;!", c('@')),
            ("&#x00040!", c('@')),
            ("&#64!", c('@')),
            ("&amp;!", c('&')),
            ("&ouml!", c('Ö')),
            ("=C3!", b(0xc3)),
            ("=\r\n!", vec![(Unit::Nothing, "!")]),
            ("+!", c(' ')),
            ("\"\"!", b(b'"')),
            ("'\\''!", b(b'\'')),
            ("'\"'\"'!", b(b'\'')),
            ("$$!", b(b'$')),
            ("%zz!", vec![]),
            ("\\ud83d!", vec![]),
            ("&#x110000;!", vec![]),
            ("&zilch;!", vec![]),
            ("J!", vec![]),
        ] {
            assert_eq!(read(text, 1), expected, "{text}");
            assert_eq!(read(text, 0), vec![], "{text}");
        }
        // What two encoders mean by the same is read in both ways, the longest first.
        let number = |byte, rest| (Unit::Byte(byte), rest);
        assert_eq!(
            read("\\112", 1),
            [number(b'J', ""), number(b'p', ""), number(9, "2"), number(1, "12"), number(0x11, "2")]
        );
        assert_eq!(read("\\U0001f511", 1), [(Unit::Character('🔑'), ""), (Unit::Character('\u{1}'), "f511")]);
    }

    #[test]
    fn an_escape_within_an_escape_counts_its_encoders() {
        let at = |text, depth, unit| read(text, depth).contains(&(unit, ""));
        for (text, depth, unit) in [
            ("%2540", 2, Unit::Byte(b'@')),
            ("%252540", 3, Unit::Byte(b'@')),
            ("\\u0025\\u0034\\u0030", 2, Unit::Byte(b'@')),
            ("%5Cu0040", 2, Unit::Character('@')),
            ("\\%22", 2, Unit::Byte(b'"')),
            ("&#38;quot;", 2, Unit::Character('"')),
            ("%26amp;%23x40;", 3, Unit::Character('@')),
            ("\\\\\\\"", 2, Unit::Byte(b'"')),
            ("\\\\ud83d\\\\udd11", 2, Unit::Character('🔑')),
            ("\\\\\\\\ud83d\\\\\\\\udd11", 3, Unit::Character('🔑')),
            ("&#x=\n6f;", 2, Unit::Character('o')),
            ("&qu=\r\not=\n;", 2, Unit::Character('"')),
            ("\\u0=\n022", 2, Unit::Character('"')),
            ("%=\\n41", 3, Unit::Byte(b'A')),
        ] {
            assert!(at(text, depth, unit), "{text}: {:?}", read(text, depth));
            assert!(!at(text, depth - 1, unit), "{text}");
        }
    }
}
