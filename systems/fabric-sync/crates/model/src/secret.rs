//! A credential that goes to a server with each request, and that nobody is shown where the server repeats it.

use memchr::memmem;
use std::borrow::Cow;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What stands where a secret stood.
const HIDDEN: &[u8] = b"[token]";
/// Shorter words are no tokens, and stand in many texts that repeat none.
const MIN_LENGTH: usize = 8;

/// A token or password as it is sent.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Of a whole token, without the scheme before it.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Secret(Arc::new(Zeroizing::new(token.to_owned())))
    }

    /// An answer of a server without this secret. The part of a token behind its last dot counts alone, too: what stands before it is no
    /// secret in `nbt_KEY.TOKEN` and in what is signed.
    #[must_use]
    pub fn hide<'a>(&self, answer: &'a [u8]) -> Cow<'a, [u8]> {
        let whole = self.0.as_str();
        let tail = whole.rsplit_once('.').map_or("", |(_, tail)| tail);
        [whole, tail].into_iter().filter(|secret| secret.len() >= MIN_LENGTH).fold(
            Cow::Borrowed(answer),
            |answer, secret| match replace(&answer, secret.as_bytes()) {
                Some(hidden) => Cow::Owned(hidden),
                None => answer,
            },
        )
    }
}

/// `text` with [`HIDDEN`] for each `secret`; nothing if there is none.
fn replace(text: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    let mut hidden = Vec::new();
    let mut rest = 0;
    for at in memmem::find_iter(text, secret) {
        hidden.extend_from_slice(&text[rest..at]);
        hidden.extend_from_slice(HIDDEN);
        rest = at + secret.len();
    }
    if rest == 0 {
        return None;
    }
    hidden.extend_from_slice(&text[rest..]);
    Some(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_wherever_an_answer_repeats_it() {
        for (token, answer, shown) in [
            ("0123456789abcdef", "no 0123456789abcdef, no 0123456789abcdef!", "no [token], no [token]!"),
            ("nbt_KEY.0123456789", "Bearer nbt_KEY.0123456789", "Bearer [token]"),
            ("nbt_KEY.0123456789", "of nbt_KEY.*, 0123456789", "of nbt_KEY.*, [token]"),
            ("0123456789abcdef", "0123456789ABCDEF 0123", "0123456789ABCDEF 0123"),
            ("true", "{\"paused\": true}", "{\"paused\": true}"),
        ] {
            assert_eq!(Secret::new(token).hide(answer.as_bytes()).as_ref(), shown.as_bytes(), "{token}");
        }
        assert_eq!(format!("{:?}", Secret::new("0123456789")), "Secret");
    }
}
