//! How encoders write one character: percent, backslash, HTML, quoted-printable, doubled quotes, and one of these within
//! another. Must not know what is looked for.

use std::cmp::Reverse;

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
}

/// The most digits of an escape that may have any number of leading zeros.
const MAX_DIGITS: usize = 16;

/// Whether an escape can begin with this byte.
pub(super) const fn begins(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&' | b'=' | b'+' | b'_' | b'"' | b'\'' | b'$')
}

/// Every way to read an escape that stands at `at`, of at most so many encoders, those of fewer first, the rare last. That it is no
/// escape, but the byte itself, is not among them.
pub(super) fn readings(bytes: &[u8], at: usize, depth: u8, out: &mut Vec<Reading>) {
    out.clear();
    let Some(first) = bytes.get(at).copied().filter(|byte| depth > 0 && begins(*byte)) else { return };
    let begun = Begun { bytes, at: at + 1, before: 0, first: 0, rare: false, depth, eager: false };
    begun.escapes(first, out);
    let mut next = 0;
    while let Some(read) = out.get(next).copied() {
        next += 1;
        if let Some(first) = read.unit.ascii().filter(|byte| read.depth < depth && begins(*byte)) {
            let (before, rare) = (read.depth, read.rare);
            Begun { at: read.end, before, first: before, rare, ..begun }.escapes(first, out);
        }
    }
    out.sort_by_key(|read| (read.depth, read.rare));
}

/// An escape of which the first character was read.
#[derive(Clone, Copy)]
struct Begun<'a> {
    bytes: &'a [u8],
    /// Where the rest begins.
    at: usize,
    /// The encoders undone for what was read so far.
    before: u8,
    /// The encoders undone for the first character.
    first: u8,
    /// Whether few encoders write what was read so far.
    rare: bool,
    /// How many may be undone in all.
    depth: u8,
    /// Whether the rest is read in the escapes of the most encoders, or rather as it stands: what escapes everything that
    /// has a meaning, and what does not.
    eager: bool,
}

impl Begun<'_> {
    /// The rest may be in escapes too, of each number of encoders.
    fn escapes(self, first: u8, out: &mut Vec<Reading>) {
        for depth in self.before + 1..=self.depth {
            for eager in [false, true].into_iter().take(usize::from(depth)) {
                Begun { depth, eager, ..self }.escapes_at(first, out);
            }
        }
    }

    fn escapes_at(self, first: u8, out: &mut Vec<Reading>) {
        match first {
            b'%' => self.percent(out),
            b'\\' => self.backslash(out),
            b'&' => self.html(out),
            b'=' => self.quoted_printable(out),
            // Forms (WHATWG URL, 5.2), encoded words (RFC 2047, 4.2).
            b'+' | b'_' => self.is(Unit::Character(' '), out),
            // CSV (RFC 4180), SQL.
            b'"' => self.sequence(b"\"", b'"', out),
            // SQL and YAML; the two ways of shells.
            b'\'' => {
                [&b"'"[..], b"\\''", b"\"'\"'"].into_iter().for_each(|rest| self.sequence(rest, b'\'', out))
            }
            b'$' => self.sequence(b"$", b'$', out),
            _ => {}
        }
    }

    /// RFC 3986, JavaScript's `escape`, and formats in which the sign stands for itself when doubled.
    fn percent(self, out: &mut Vec<Reading>) {
        if let Some((byte, rest)) = self.digits(16, 2, 2) {
            rest.is(Unit::Byte(byte.to_le_bytes()[0]), out);
        }
        if let Some(rest) = self.one(|byte| byte.eq_ignore_ascii_case(&b'u')) {
            rest.1.utf16(b"%u", out);
        }
        self.sequence(b"%", b'%', out);
    }

    /// JSON, JavaScript, C, shells, the logs of web servers, PostgreSQL's bytea, the master files of DNS (RFC 1035, 5.1).
    fn backslash(self, out: &mut Vec<Reading>) {
        let mut next = Vec::new();
        self.all(&mut next);
        for (kind, _, rest) in next {
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
                b' ' => rest.is(Unit::Byte(kind), out),
                b'u' | b'U' | b'x' | b'X' => {
                    if let Some((value, rest)) = rest.braced() {
                        rest.character(value, out);
                    }
                    if kind.eq_ignore_ascii_case(&b'x') {
                        if let Some((byte, rest)) = rest.digits(16, 1, 2) {
                            rest.is(Unit::Byte(byte.to_le_bytes()[0]), out);
                        }
                    } else {
                        if let Some((value, rest)) = rest.digits(16, 8, 8) {
                            rest.character(value, out);
                        }
                        rest.utf16(b"\\u", out);
                    }
                }
                b'0'..=b'9' => {
                    let numbers = [(8, 3), (10, 3), (8, 2), (8, 1)];
                    for (radix, n) in numbers {
                        let Some((value, rest)) = self.digits(radix, n, n) else { continue };
                        if let Ok(byte) = u8::try_from(value) {
                            Self { rare: rest.rare || (radix, n) != (8, 3), ..rest }
                                .is(Unit::Byte(byte), out);
                        }
                    }
                }
                _ if control != 0 => rest.is(Unit::Byte(control), out),
                _ if kind.is_ascii_punctuation() => rest.is(Unit::Byte(kind), out),
                _ => {}
            }
        }
    }

    /// HTML, 13.5: by number, with or without a semicolon, or by name.
    fn html(self, out: &mut Vec<Reading>) {
        let Some((sign, rest)) = self.one(|byte| byte == b'#' || byte.is_ascii_alphabetic()) else { return };
        if sign == b'#' {
            let number = match rest.one(|byte| byte.eq_ignore_ascii_case(&b'x')) {
                Some((_, rest)) => rest.digits(16, 1, MAX_DIGITS),
                None => rest.digits(10, 1, MAX_DIGITS),
            };
            if let Some((value, rest)) = number {
                rest.semicolon().character(value, out);
            }
            return;
        }
        let (mut name, mut read) = ([0; entity::MAX_NAME], Vec::new());
        let mut at = self;
        while let Some((byte, rest)) =
            at.one(|byte| byte.is_ascii_alphanumeric()).filter(|_| read.len() < name.len())
        {
            name[read.len()] = byte;
            read.push(rest);
            at = rest;
        }
        for (end, rest) in read.iter().enumerate() {
            if let Some(c) = entity::character(&name[..=end]) {
                rest.semicolon().is(Unit::Character(c), out);
            }
        }
    }

    /// RFC 2045, 6.7.
    fn quoted_printable(self, out: &mut Vec<Reading>) {
        if let Some((byte, rest)) = self.digits(16, 2, 2) {
            rest.is(Unit::Byte(byte.to_le_bytes()[0]), out);
        }
        let after = self.one(|byte| byte == b'\r').map_or(self, |(_, rest)| rest);
        if let Some((_, rest)) = after.one(|byte| byte == b'\n') {
            rest.is(Unit::Nothing, out);
        }
    }

    /// Four digits of UTF-16, and four more behind `sign` where it takes two.
    fn utf16(self, sign: &[u8], out: &mut Vec<Reading>) {
        let Some((unit, rest)) = self.digits(16, 4, 4) else { return };
        if !(0xd800..0xdc00).contains(&unit) {
            return rest.character(unit, out);
        }
        let mut at = rest;
        for sign in sign {
            let Some((_, rest)) = at.one(|byte| byte.eq_ignore_ascii_case(sign)) else { return };
            at = rest;
        }
        if let Some((low, rest)) = at.digits(16, 4, 4).filter(|(low, _)| (0xdc00..0xe000).contains(low)) {
            rest.character(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), out);
        }
    }

    fn braced(self) -> Option<(u32, Self)> {
        let (_, rest) = self.one(|byte| byte == b'{')?;
        let (value, rest) = rest.digits(16, 1, MAX_DIGITS)?;
        let (_, rest) = rest.one(|byte| byte == b'}')?;
        Some((value, rest))
    }

    fn semicolon(self) -> Self {
        self.one(|byte| byte == b';').map_or(self, |(_, rest)| rest)
    }

    /// If what follows is `rest`, in any way to read it, the whole is this character.
    fn sequence(self, rest: &[u8], character: u8, out: &mut Vec<Reading>) {
        let Some((expected, rest)) = rest.split_first() else { return self.is(Unit::Byte(character), out) };
        let mut next = Vec::new();
        self.all(&mut next);
        for (_, _, at) in next.into_iter().filter(|(byte, ..)| byte == expected) {
            at.sequence(rest, character, out);
        }
    }

    fn character(self, value: u32, out: &mut Vec<Reading>) {
        if let Some(c) = char::from_u32(value) {
            self.is(Unit::Character(c), out);
        }
    }

    fn is(self, unit: Unit, out: &mut Vec<Reading>) {
        let reading = Reading { unit, end: self.at, depth: self.before + 1, rare: self.rare };
        let known = |known: &Reading| {
            (known.unit, known.end) == (unit, self.at)
                && known.depth <= reading.depth
                && known.rare <= self.rare
        };
        if reading.depth <= self.depth && !out.iter().any(known) {
            out.push(reading);
        }
    }

    /// At least and at most so many digits, as many as there are. The value of one that is too large is that of no
    /// character.
    fn digits(self, radix: u32, least: usize, most: usize) -> Option<(u32, Self)> {
        let (mut value, mut at, mut count) = (0_u32, self, 0);
        while count < most
            && let Some((digit, rest)) = at.one(|byte| char::from(byte).is_digit(radix))
        {
            let digit = char::from(digit).to_digit(radix)?;
            value = value.saturating_mul(radix).saturating_add(digit);
            (at, count) = (rest, count + 1);
        }
        (count >= least).then_some((value, at))
    }

    /// The next character if it is wanted.
    fn one(self, wanted: impl Fn(u8) -> bool) -> Option<(u8, Self)> {
        let raw = self.bytes.get(self.at).copied()?;
        if !begins(raw) || (wanted(raw) && !self.eager) {
            return Some((raw, self.raw(raw))).filter(|_| wanted(raw));
        }
        let mut next = Vec::new();
        self.all(&mut next);
        let mut wanted = next.into_iter().filter(|(byte, ..)| wanted(*byte));
        let best = if self.eager {
            wanted.min_by_key(|(_, depth, rest)| (Reverse(*depth), rest.rare))
        } else {
            wanted.next()
        };
        best.map(|(byte, _, rest)| (byte, rest))
    }

    /// Behind the next byte, which stands for itself.
    fn raw(self, byte: u8) -> Self {
        Self { at: self.at + 1, rare: self.rare || (begins(byte) && self.first > 0), ..self }
    }

    /// The next ASCII character in every way to read it, with the number of encoders.
    fn all(self, out: &mut Vec<(u8, u8, Self)>) {
        let Some(raw) = self.bytes.get(self.at).copied() else { return };
        out.push((raw, 0, self.raw(raw)));
        if !begins(raw) {
            return;
        }
        let mut escapes = Vec::new();
        readings(self.bytes, self.at, self.depth - 1, &mut escapes);
        out.extend(escapes.into_iter().filter_map(|read| {
            let before = self.before.max(read.depth);
            let rare = self.rare || read.rare || read.depth != self.first;
            Some((read.unit.ascii()?, read.depth, Self { at: read.end, before, rare, ..self }))
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, depth: u8) -> Vec<(Unit, &str)> {
        let mut out = Vec::new();
        readings(text.as_bytes(), 0, depth, &mut out);
        out.into_iter().map(|read| (read.unit, &text[read.end..])).collect()
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
        assert_eq!(read("\\112", 1), [number(b'J', ""), number(b'p', ""), number(9, "2"), number(1, "12")]);
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
        ] {
            assert!(at(text, depth, unit), "{text}: {:?}", read(text, depth));
            assert!(!at(text, depth - 1, unit), "{text}");
        }
    }
}
