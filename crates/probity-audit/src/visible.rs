//! Text of a report made harmless: characters that move the cursor, turn the direction of writing or hide are shown as
//! their code point. `probity-report` has the same for text from a target. There is no third place for it: this crate must
//! not know bundles, which `probity-report` brings along, and `probity-plan` must not know how anything is shown. A test of
//! the command line holds the two together.

use std::fmt::Write as _;

/// The text on one line, every hidden character as `⟨U+202E⟩`.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            // The emoji form of a sign is harmless and common.
            '\u{fe0f}' => {}
            c if c.is_control()
                || matches!(c,
                    '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180e}'
                    | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
                    | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
                    | '\u{e0000}'..='\u{e0fff}') =>
            {
                _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}
