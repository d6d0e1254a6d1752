//! Cookies, kept and sent as a browser does (RFC 6265), which is the crate's word.

use std::sync::PoisonError;

use cookie_store::RawCookie;
use hyper::header::{HeaderMap, SET_COOKIE};
use url::Url;

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
        .filter_map(|value| RawCookie::parse(String::from_utf8(value.as_bytes().to_vec()).ok()?).ok());
    store.store_response_cookies(set.take(room), url);
}

/// The header for a request to this URL; empty if there is nothing to send.
pub(super) fn of(memory: &Memory, url: &Url) -> String {
    let store = memory.cookies.lock().unwrap_or_else(PoisonError::into_inner);
    let pairs: Vec<String> =
        store.get_request_values(url).map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("; ")
}
