//! Whose signature a reader accepts: an `allowed_signers` file of OpenSSH's (ssh-keygen(1), "ALLOWED SIGNERS"), and the
//! reader's own key.
//!
//! Stricter than OpenSSH in three places: no value holds an escaped quote, a time must end in `Z` (otherwise it would mean something else on another
//! machine), and nobody is named by a line for a certificate authority, since bundles carry no certificates, nor by one for a key that signs none.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::DateTime;
use ssh_key::PublicKey;

use crate::key::{NAMESPACE, plain};

/// The keys a reader accepts.
#[derive(Clone, Debug, Default)]
pub struct Signers {
    listed: Option<Vec<Signer>>,
    own: Option<String>,
}

/// One line of the file.
#[derive(Clone, Debug)]
struct Signer {
    principals: String,
    namespaces: Option<String>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
    /// None of a key that signs no bundle.
    key: Option<String>,
}

/// A line that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct SignersError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub reason: String,
}

/// What a reader's list says about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Listed, under these principals.
    Listed(String),
    /// The reader's own key.
    Own,
    /// Listed, but not for this: out of its time, or for other namespaces.
    NotFor(String),
    /// In the file there is no such key.
    Unlisted,
    /// Nobody said which keys to accept.
    NoList,
}

impl Signers {
    /// Reads a file, at most 1 MiB.
    ///
    /// # Errors
    /// Says which file, and what is wrong with it.
    pub fn load(path: &std::path::Path) -> Result<Self, String> {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = crate::disk::read_to_string_capped(path, 1 << 20).map_err(|error| named(&error))?;
        Self::parse(&text).map_err(|error| named(&error))
    }

    /// Accepts nobody.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads an `allowed_signers` file.
    ///
    /// # Errors
    /// [`SignersError`] at the first line that is not one.
    pub fn parse(text: &str) -> Result<Self, SignersError> {
        if text.starts_with('\u{feff}') {
            let reason =
                "a byte order mark stands before it, which would be part of a name; take it out".to_owned();
            return Err(SignersError { line: 1, reason });
        }
        let mut listed = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            listed.push(signer(line).map_err(|reason| SignersError { line: number + 1, reason })?);
        }
        Ok(Self { listed: Some(listed), own: None })
    }

    /// Accepts the reader's own key too, in OpenSSH's form.
    #[must_use]
    pub fn with_own(self, public: &str) -> Self {
        Self { own: PublicKey::from_openssh(public).ok().map(|key| plain(&key)), ..self }
    }

    /// What is known of a key at the moment a run says it began.
    pub fn standing(&self, public: &str, at: Timestamp) -> Standing {
        let Ok(public) = PublicKey::from_openssh(public) else { return Standing::Unlisted };
        let public = plain(&public);
        let mut not_for = None;
        for signer in self.listed.iter().flatten().filter(|signer| signer.key.as_ref() == Some(&public)) {
            match signer.excludes(at) {
                None => return Standing::Listed(signer.principals.clone()),
                Some(reason) => not_for = Some(reason),
            }
        }
        match (not_for, &self.listed) {
            _ if self.own.as_ref() == Some(&public) => Standing::Own,
            (Some(reason), _) => Standing::NotFor(reason),
            (None, Some(_)) => Standing::Unlisted,
            (None, None) => Standing::NoList,
        }
    }
}

impl Signer {
    /// Why this line does not cover a signature of ours at that moment.
    fn excludes(&self, at: Timestamp) -> Option<String> {
        let who = &self.principals;
        if who.split(',').all(|pattern| pattern.starts_with('!')) {
            return Some(format!("its line names nobody: {who} only excludes"));
        }
        if let Some(namespaces) = &self.namespaces
            && !matches_list(namespaces, NAMESPACE)
        {
            return Some(format!("{who} may sign for `{namespaces}`, not for `{NAMESPACE}`"));
        }
        if let Some(after) = self.valid_after.filter(|after| at < *after) {
            return Some(format!("{who}'s key counts from {after} on; the run says it began at {at}"));
        }
        if let Some(before) = self.valid_before.filter(|before| at >= *before) {
            return Some(format!("{who}'s key counted until {before}; the run says it began at {at}"));
        }
        None
    }
}

/// One line: principals, options, key.
fn signer(line: &str) -> Result<Signer, String> {
    let (principals, rest) = word(line)?;
    let mut signer = Signer {
        principals: principals.replace('"', ""),
        namespaces: None,
        valid_after: None,
        valid_before: None,
        key: None,
    };
    if is_algorithm(rest) {
        signer.key = public_key(rest)?;
        return Ok(signer);
    }
    let (options, key) = word(rest)?;
    let (mut given, mut authority) = (BTreeSet::new(), false);
    for option in split_outside_quotes(options, ',') {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let name = name.to_ascii_lowercase();
        if !given.insert(name.clone()) {
            return Err(format!("the option {} is given twice", name.escape_debug()));
        }
        let value = || {
            let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            quoted.filter(|value| !value.contains(['"', '\\'])).ok_or_else(|| {
                format!(
                    "the value of {} stands in quotes, without quotes or backslashes in it",
                    name.escape_debug()
                )
            })
        };
        match name.as_str() {
            "namespaces" => signer.namespaces = Some(value()?.to_owned()),
            "valid-after" => signer.valid_after = Some(time(value()?)?),
            "valid-before" => signer.valid_before = Some(time(value()?)?),
            "cert-authority" => authority = true,
            _ => {
                return Err(
                    "expected: principals, then perhaps namespaces=\"...\", valid-after=\"...\", valid-before=\"...\", then a public key"
                        .to_owned(),
                );
            }
        }
    }
    if let (Some(after), Some(before)) = (signer.valid_after, signer.valid_before)
        && after >= before
    {
        return Err("valid-before is not after valid-after: the key would never count".to_owned());
    }
    signer.key = public_key(key)?.filter(|_| !authority);
    Ok(signer)
}

/// Whether a key begins here: what OpenSSH's `sshkey.c` calls its types.
fn is_algorithm(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or_default();
    ["ssh-", "sk-ssh-", "ecdsa-sha2-", "sk-ecdsa-sha2-"].iter().any(|begins| word.starts_with(begins))
}

/// The key, without its comment; `None` if it is of a type that signs no bundle.
fn public_key(text: &str) -> Result<Option<String>, String> {
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    if is_algorithm(text) && !matches!(words[0], "ssh-ed25519" | "sk-ssh-ed25519@openssh.com") {
        return Ok(None);
    }
    let key = PublicKey::from_openssh(&words.join(" "));
    key.map(|key| Some(plain(&key))).map_err(|error| format!("its public key cannot be read: {error}"))
}

/// The first word, which may hold quoted spaces, and what follows.
fn word(text: &str) -> Result<(&str, &str), String> {
    let mut quoted = false;
    for (place, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => return Ok((&text[..place], text[place..].trim_start())),
            _ => {}
        }
    }
    Err(if quoted { "a quote is not closed" } else { "it ends before the public key" }.to_owned())
}

fn split_outside_quotes(text: &str, at: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        c == at && !quoted
    })
}

/// A pattern list as in ssh_config(5): `*` and `?`, commas between, `!` excludes.
fn matches_list(list: &str, text: &str) -> bool {
    let mut matched = false;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches_pattern(pattern.as_bytes(), text.as_bytes()) => return false,
            None if matches_pattern(pattern.as_bytes(), text.as_bytes()) => matched = true,
            _ => {}
        }
    }
    matched
}

/// One pattern, by remembering only the last `*`: linear in pattern times text.
fn matches_pattern(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((star_p, star_t)) => {
                    p = star_p + 1;
                    t = star_t + 1;
                    star = Some((star_p, t));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// `YYYYMMDDZ`, `YYYYMMDDHHMMZ` or `YYYYMMDDHHMMSSZ`.
fn time(text: &str) -> Result<Timestamp, String> {
    let wrong =
        || format!("`{}` is not a time in UTC such as 20261231Z or 20261231235959Z", text.escape_debug());
    let digits = text
        .strip_suffix('Z')
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
        .ok_or_else(wrong)?;
    if !matches!(digits.len(), 8 | 12 | 14) {
        return Err(wrong());
    }
    let part =
        |from: usize, to: usize| digits.get(from..to).map_or(Ok(0), str::parse::<i16>).map_err(|_| wrong());
    let small = |from, to| part(from, to).and_then(|n| i8::try_from(n).map_err(|_| wrong()));
    DateTime::new(part(0, 4)?, small(4, 6)?, small(6, 8)?, small(8, 10)?, small(10, 12)?, small(12, 14)?, 0)
        .and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC))
        .map(|zoned| zoned.timestamp())
        .map_err(|_| wrong())
}
