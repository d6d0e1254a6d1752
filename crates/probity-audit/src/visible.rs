//! Text of a report made harmless, as everywhere; only that the emoji form of a sign, harmless and common in reports, is not
//! shown.

/// The text on one line, every hidden character as `⟨U+202E⟩`.
pub fn visible(text: &str) -> String {
    probity_text::visible(&text.replace('\u{fe0f}', "")).into_owned()
}
