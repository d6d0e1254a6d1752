//! Some bytes with the escapes in them undone that at most so many encoders wrote, and what these escapes can be part of. Must
//! not know what is looked for.

use std::cmp::Reverse;
use std::sync::LazyLock;

use super::block::{BLOCKS, Block};
use super::escape::{Escapes, Reading, Unit, begins};
use super::list;

/// What `=` is before digits or the end of a line: the beginning of an escape of quoted-printable, or what stands between a
/// name and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Equals {
    Quoted,
    Itself,
}

/// Which escapes are undone.
#[derive(Clone, Copy)]
pub(super) struct Layers<'e> {
    escapes: &'e Escapes<'e>,
    /// The most encoders of one.
    pub depth: u8,
    equals: Equals,
}

impl<'e> Layers<'e> {
    pub(super) const fn new(escapes: &'e Escapes<'e>, depth: u8, equals: Equals) -> Self {
        Self { escapes, depth, equals }
    }

    /// The same escapes with those of quoted-printable, if they are without.
    pub(super) fn quoted(self) -> Option<Self> {
        (self.equals == Equals::Itself).then_some(Self { equals: Equals::Quoted, ..self })
    }

    fn has(self, read: &Reading) -> bool {
        let is_hidden = read.quoted && read.unit.ascii() != Some(b'=');
        read.depth <= self.depth && !(is_hidden && self.equals == Equals::Itself)
    }

    /// Every way to read the escape that begins here, those of fewer encoders first.
    pub(super) fn at(self, at: usize) -> impl Iterator<Item = &'e Reading> {
        self.escapes.at(at).iter().filter(move |read| self.has(read))
    }

    /// Where any escape begins, from the first to the last.
    pub(super) fn places(self) -> impl Iterator<Item = usize> {
        self.escapes.places().map(|(at, _)| at)
    }

    /// Behind the `=` at this place, should it end a name and begin no escape.
    pub(super) fn behind_equals(self, bytes: &[u8], at: usize) -> Option<usize> {
        let is_written = bytes.get(at) == Some(&b'=');
        let escape = || self.at(at).find(|read| read.unit.ascii() == Some(b'='));
        if is_written { Some(at + 1) } else { escape().map(|read| read.end) }
    }

    /// The byte at this place, in the escape of the most encoders: if it is in one, that is what it was written in. Where an
    /// encoder cut the line, the one behind; nothing behind the end.
    pub(super) fn byte(self, bytes: &[u8], at: usize) -> Option<Undone> {
        let cut = self.escape(bytes, at).filter(|read| read.unit == Unit::Nothing);
        let (start, cut_depth) = cut.map_or((at, 0), |cut| (cut.end, cut.depth));
        let byte = *bytes.get(start)?;
        let read =
            self.escape(bytes, start).and_then(|read| Some((byte_of(read.unit)?, read.end, read.depth)));
        let (byte, end, depth) = read.unwrap_or((byte, start + 1, 0));
        Some(Undone { byte, start, end, depth: depth.max(cut_depth) })
    }

    /// The escape of the most encoders here that is a byte or nothing.
    fn escape(self, bytes: &[u8], at: usize) -> Option<&'e Reading> {
        if self.depth == 0 || !bytes.get(at).is_some_and(|byte| begins(*byte)) {
            return None;
        }
        let escapes = self.at(at).filter(|read| read.unit == Unit::Nothing || byte_of(read.unit).is_some());
        escapes.min_by_key(|read| (Reverse(read.depth), read.rare))
    }
}

fn byte_of(unit: Unit) -> Option<u8> {
    match unit {
        Unit::Byte(byte) => Some(byte),
        Unit::Character(c) => u8::try_from(c).ok(),
        Unit::Nothing => None,
    }
}

/// A byte, and where it stands.
pub(super) struct Undone {
    pub byte: u8,
    pub start: usize,
    pub end: usize,
    /// The encoders of its escape; 0, if it is in none.
    pub depth: u8,
}

/// What an escape can be part of, a bit each: the encodings of [`BLOCKS`] come first, then lists of numbers, then UTF-16 as
/// the byte that is nothing.
pub(super) const LIST: u8 = 1 << BLOCKS.len();
pub(super) const NUL: u8 = LIST << 1;
/// That there is an escape of as many encoders.
const ESCAPE: u8 = NUL << 1;

/// What each ASCII character can be part of.
static PARTS: LazyLock<[u8; 128]> = LazyLock::new(|| {
    std::array::from_fn(|at| {
        let byte = u8::try_from(at).unwrap_or_default();
        let of_block = |(number, block): (usize, &Block)| u8::from(block.may_have(byte)) << number;
        let of_blocks = BLOCKS.iter().enumerate().map(of_block).fold(0, std::ops::BitOr::bitor);
        of_blocks | (u8::from(list::stands(byte)) * LIST) | (u8::from(byte == 0) * NUL)
    })
});

/// What the escapes of some layers can be part of.
pub(super) struct Uses {
    /// Where there is one that is part of anything, and what.
    places: Vec<(usize, u8)>,
    /// What one of just so many encoders is part of.
    pub any: u8,
    /// Of what a `=` that was taken for an escape may have hidden the beginning.
    pub hidden: u8,
}

impl Uses {
    /// Of no escape: anything can be without one.
    pub(super) const NONE: Self = Self { places: Vec::new(), any: u8::MAX, hidden: 0 };

    pub(super) fn of(bytes: &[u8], layers: Layers<'_>) -> Self {
        let mut uses = Self { places: Vec::new(), any: 0, hidden: 0 };
        for (at, readings) in layers.escapes.places() {
            let mut parts = 0;
            for read in readings.iter().filter(|read| layers.has(read)) {
                let mut part = match read.unit {
                    // Between the characters of whatever it is.
                    Unit::Nothing => NUL - 1,
                    unit => unit.ascii().map_or(0, |byte| PARTS[usize::from(byte)]),
                };
                // A number directly behind it is a number only if it is undone.
                if bytes.get(read.end).is_some_and(|byte| list::begins(*byte)) {
                    part |= LIST;
                }
                parts |= part;
                if read.depth == layers.depth {
                    uses.any |= part | ESCAPE;
                }
                if read.quoted {
                    // Its digits may be the first number of a list, whatever they were taken for.
                    uses.hidden |= LIST | if read.unit == Unit::Nothing { 0 } else { part };
                }
            }
            if parts != 0 {
                uses.places.push((at, parts));
            }
        }
        uses
    }

    /// Where there is an escape that can be part of this.
    pub(super) fn places_of(&self, part: u8) -> impl Iterator<Item = usize> {
        self.places.iter().filter(move |(_, parts)| parts & part != 0).map(|(at, _)| *at)
    }
}
