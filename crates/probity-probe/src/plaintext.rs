//! Secrets in their places: text to be sent, encoded for where it stands in it. What holds a secret is of a type of its
//! own, which neither `Debug` nor `Display` shows.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use probity_plan::Text;
use probity_plan::text::Piece;

/// What is not encoded in a URL: RFC 3986, 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Text with its secrets in their places.
#[derive(Clone, PartialEq, Eq)]
pub struct Plaintext(String);

impl Plaintext {
    /// The text itself, to be handed to what needs it and to nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext")
    }
}

/// The syntax of a text in which a secret stands, which says how it is encoded there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// It is taken as it is: a header, a body, an argument, a password.
    Plain,
    /// A URL: behind its scheme every character that has a meaning in a URL is percent-encoded.
    Url,
    /// How to connect to PostgreSQL: a URL, or `key=value ...`, in which blanks, quotes and backslashes are escaped (libpq,
    /// 34.1.1).
    Connection,
}

impl Syntax {
    /// The text with each secret in its place; the first name that `secret` does not know is the error. A secret that a
    /// URL or a connection string begins with is taken as it is: it says what follows.
    ///
    /// # Errors
    /// The name of a secret that there is not.
    pub fn fill<'s>(
        self,
        text: &Text,
        secret: impl Fn(&str) -> Option<&'s str>,
    ) -> Result<Plaintext, String> {
        let mut out = String::new();
        for piece in &text.0 {
            match piece {
                Piece::Plain(text) => out.push_str(text),
                Piece::Secret(name) => {
                    let value = secret(name).ok_or_else(|| name.clone())?;
                    match self {
                        Self::Url | Self::Connection if out.contains("://") => {
                            out.extend(utf8_percent_encode(value, RESERVED));
                        }
                        Self::Connection if !out.trim().is_empty() => {
                            for c in value.chars() {
                                if c.is_whitespace() || matches!(c, '\'' | '\\') {
                                    out.push('\\');
                                }
                                out.push(c);
                            }
                        }
                        Self::Plain | Self::Url | Self::Connection => out.push_str(value),
                    }
                }
            }
        }
        Ok(Plaintext(out))
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use proptest::prelude::*;

    use super::*;

    /// The text, in which `{}` is the secret.
    fn fill(syntax: Syntax, text: &str, secret: &str) -> String {
        let mut pieces = Vec::new();
        for (at, part) in text.split("{}").enumerate() {
            if at > 0 {
                pieces.push(Piece::Secret("s".to_owned()));
            }
            if !part.is_empty() {
                pieces.push(Piece::Plain(part.to_owned()));
            }
        }
        syntax.fill(&Text(pieces), |_| Some(secret)).unwrap().0
    }

    #[test]
    fn a_secret_is_encoded_for_its_place() {
        let secret = "x&y=/ #q";
        for (syntax, text, expected) in [
            (Syntax::Plain, "Bearer {}", "Bearer x&y=/ #q"),
            (Syntax::Url, "http://h/a?t={}&u=1", "http://h/a?t=x%26y%3D%2F%20%23q&u=1"),
            (Syntax::Url, "http://u:{}@h/", "http://u:x%26y%3D%2F%20%23q@h/"),
            (Syntax::Url, "{}/path", "x&y=/ #q/path"),
            (Syntax::Connection, "postgresql://u:{}@h/d", "postgresql://u:x%26y%3D%2F%20%23q@h/d"),
            (Syntax::Connection, "host=h password={}", "host=h password=x&y=/\\ #q"),
            (Syntax::Connection, "{}", "x&y=/ #q"),
        ] {
            assert_eq!(fill(syntax, text, secret), expected, "{text}");
        }
        // A secret that is the beginning of a URL is followed by what a URL holds.
        let whole = Text(vec![
            Piece::Secret("base".to_owned()),
            Piece::Plain("/a?t=".to_owned()),
            Piece::Secret("token".to_owned()),
        ]);
        let value = |name: &str| Some(if name == "base" { "https://h" } else { "a&b" });
        assert_eq!(Syntax::Url.fill(&whole, value).unwrap().0, "https://h/a?t=a%26b");
        assert_eq!(
            Syntax::Url.fill(&whole, |name| value(name).filter(|_| name != "token")),
            Err("token".to_owned())
        );
    }

    #[test]
    fn plaintext_is_not_shown() {
        let text = Syntax::Plain.fill(&Text::plain("correct horse"), |_| None).unwrap();
        assert_eq!(format!("{text:?} {:?}", Some(&text)), "Plaintext Some(Plaintext)");
    }

    proptest! {
        #[test]
        fn what_reads_the_text_finds_the_secret_in_it(secret in "[ -~äö€\\n\\t]{1,20}") {
            let url = url::Url::parse(&fill(Syntax::Url, "http://u:{}@h/a/{}/b?t={}#{}", &secret)).unwrap();
            let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
            prop_assert_eq!(url.password().map(decoded), Some(secret.clone()));
            prop_assert_eq!(url.query_pairs().next().map(|(_, value)| value.into_owned()), Some(secret.clone()));
            prop_assert_eq!(url.fragment().map(decoded), Some(secret.clone()));
            prop_assert_eq!(url.host_str(), Some("h"));
            if secret != "." && secret != ".." {
                prop_assert_eq!(url.path_segments().unwrap().nth(1).map(decoded), Some(secret.clone()));
            }
            for text in ["postgresql://u:{}@h/d", "host=h password={} user=u", "host=h user=u password='{}'"] {
                let config = tokio_postgres::Config::from_str(&fill(Syntax::Connection, text, &secret)).unwrap();
                prop_assert_eq!(config.get_password(), Some(secret.as_bytes()), "{}", text);
                prop_assert_eq!(config.get_user(), Some("u"), "{}", text);
            }
        }
    }
}
