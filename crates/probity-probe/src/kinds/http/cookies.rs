//! Cookies, kept and sent as a browser does: RFC 6265 is the word of the crate, what browsers refuse beside (RFC 6265bis) is ours.

use std::sync::PoisonError;

use cookie_store::RawCookie;
use hyper::header::{HeaderMap, SET_COOKIE};
use url::{Host, Url};

use crate::memory::Memory;

/// The most cookies that are kept: a server may send new ones each time.
const MAX_COOKIES: usize = 1000;

/// Keeps what an answer from this URL sets.
pub(super) fn keep(memory: &Memory, url: &Url, headers: &HeaderMap) {
    let mut store = memory.cookies.lock().unwrap_or_else(PoisonError::into_inner);
    let room = MAX_COOKIES.saturating_sub(store.iter_any().count());
    let set = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|value| RawCookie::parse(as_text(value.as_bytes())).ok())
        .filter(|cookie| is_kept(cookie, url));
    store.store_response_cookies(set.take(room), url);
}

/// Whether a browser keeps what this URL sets (RFC 6265bis, 5.7): what is for secure connections comes over one, a prefix of
/// the name says how it was set, and a domain of one label is nobody's but that host's.
fn is_kept(cookie: &RawCookie<'_>, url: &Url) -> bool {
    let over_secure = url.scheme() == "https"
        || match url.host() {
            Some(Host::Domain(host)) => host == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
    let secure = cookie.secure() == Some(true);
    let name = cookie.name().to_ascii_lowercase();
    let as_named = match name.as_str() {
        name if name.starts_with("__host-") => {
            secure && cookie.path() == Some("/") && cookie.domain().is_none()
        }
        name if name.starts_with("__secure-") => secure,
        _ => true,
    };
    let domain = cookie.domain().unwrap_or_default().trim_start_matches('.');
    let own =
        domain.contains('.') || domain.is_empty() || url.host_str() == Some(&domain.to_ascii_lowercase());
    as_named && own && (over_secure || !secure)
}

/// The header for a request to this URL; empty if there is nothing to send.
pub(super) fn of(memory: &Memory, url: &Url) -> Vec<u8> {
    let store = memory.cookies.lock().unwrap_or_else(PoisonError::into_inner);
    let mut cookies = store.matches(url);
    // Those of longer paths come first (RFC 6265, 5.4).
    cookies.sort_by(|a, b| b.path.len().cmp(&a.path.len()).then_with(|| a.name().cmp(b.name())));
    let pairs = cookies.iter().map(|cookie| cookie.name_value());
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
    as_bytes(&pairs.join("; "))
}

/// What stands for the byte 0x80, and so on: letters, so that the crate takes none for a blank.
const BEYOND_ASCII: u32 = 0x180;

/// Bytes as the text that the crate keeps, which gives them back as they came, in whatever encoding that was.
fn as_text(bytes: &[u8]) -> String {
    let letter = |byte: u8| char::from_u32(BEYOND_ASCII - 0x80 + u32::from(byte)).unwrap_or_default();
    bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { letter(*byte) }).collect()
}

fn as_bytes(text: &str) -> Vec<u8> {
    let byte = |letter: char| u8::try_from(u32::from(letter) % 0x100).unwrap_or_default();
    text.chars().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_came() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(as_bytes(&as_text(&bytes)), bytes);
        assert!(as_text(&bytes[0x80..]).chars().all(char::is_alphabetic));
    }
}
