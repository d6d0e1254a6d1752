//! The head of an answer: its header lines, those that hyper leaves out, and where a redirect leads.

use std::collections::BTreeMap;

use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use probity_plan::{Barrier, Blocked, Value};
use url::Url;

use super::request::is_http;
use crate::connect::status_code;
use crate::look::Seen;

/// The most bytes of a head that are read.
pub(super) const MAX_HEAD: usize = 1 << 20;
/// The most header lines of a head that are read.
pub(super) const MAX_HEADERS: usize = 10_000;

/// An answer whose head has arrived.
pub(super) struct Answer {
    pub response: Response<Incoming>,
    /// What came until then, at least; nothing of HTTP/2, whose head is no text.
    pub head: Vec<u8>,
}

impl Answer {
    /// Headers by lower-case name; what authenticates is never recorded.
    ///
    /// # Errors
    /// `protocol` where a line is no header: the rest is then not all that there is.
    pub fn headers(&self) -> Result<Value, Blocked> {
        if let Some(line) = odd_lines(&self.head).first() {
            return Err(odd(line));
        }
        Ok(recorded(self.response.headers()))
    }
}

/// Headers as they are recorded.
pub(in crate::kinds) fn recorded(headers: &HeaderMap) -> Value {
    let mut map: BTreeMap<String, Value> = BTreeMap::new();
    for (name, value) in headers {
        let text = match name.as_str() {
            "set-cookie" => cookie_set(&text_of(value)),
            "cookie" | "authorization" | "proxy-authorization" => "[masked]".to_owned(),
            _ => text_of(value),
        };
        match map.get_mut(name.as_str()) {
            Some(Value::Text(before)) => {
                before.push_str(", ");
                before.push_str(&text);
            }
            _ => _ = map.insert(name.as_str().to_owned(), Value::Text(text)),
        }
    }
    Value::Map(map)
}

/// A cookie's name and attributes, without its value: what stands between the first `=` and the first `;` (RFC 6265, 5.2).
fn cookie_set(text: &str) -> String {
    let (pair, attributes) = text.split_at(text.find(';').unwrap_or(text.len()));
    match pair.split_once('=') {
        Some((name, _)) => format!("{name}=[masked]{attributes}"),
        // All of it is the value then.
        None => format!("[masked]{attributes}"),
    }
}

/// Which lines say where a body ends.
const FRAMING: [&[u8]; 2] = [b"content-length", b"transfer-encoding"];

/// That nothing tells where the body ends, if a line that was to say so is no header.
pub(super) fn lost_framing(answer: &Answer) -> Option<Blocked> {
    let says_where = |line: &&[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
        FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing))
    };
    odd_lines(&answer.head).into_iter().find(says_where).map(odd)
}

fn odd(line: &[u8]) -> Blocked {
    let line = probity_text::whole(&String::from_utf8_lossy(line), 200);
    Blocked::new(Barrier::Protocol, format!("a line that is no header (RFC 9110, 5): {line}"))
}

/// In UTF-8, else in ISO-8859-1, which headers were once in (RFC 9110, 5.5).
fn text_of(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned)
}

/// Where a redirect leads, if to one place alone (Fetch, "location URL"), and to one that speaks HTTP. Bytes beyond ASCII stay
/// what they are.
pub(super) fn location(response: &Response<Incoming>, from: &Url) -> Option<Url> {
    let mut all = response.headers().get_all(LOCATION).iter();
    let first = all.next()?;
    if all.any(|other| other != first) {
        return None;
    }
    let written: String = first
        .as_bytes()
        .iter()
        .map(|byte| if byte.is_ascii() { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    from.join(&written).ok().filter(is_http)
}

/// Whether a head arrived whole.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    final_head(bytes).is_some_and(|lines| lines.first().copied().and_then(status_of).is_some())
}

/// Sees a head that arrived whole, of an answer that hyper takes for none: for where its body ends, or for its minor version,
/// which is to be read like the highest that is known (RFC 9110, 2.5).
pub(super) fn see_whole(bytes: &[u8], seen: &mut Seen) {
    let lines = final_head(bytes).unwrap_or_default();
    let Some((status, lines)) = lines.split_first() else { return };
    let Some((version, code)) = status_of(status) else { return };
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some((name, value)) = header_of(line) else { continue };
        // No more lines are read than a map of headers holds.
        _ = headers.try_append(name, value);
    }
    let unread = lines.iter().find(|line| header_of(line).is_none());
    seen.know("head_received", true)
        .settle("status", status_code(code))
        .know("version", version)
        .settle("headers", unread.map_or_else(|| Ok(recorded(&headers)), |line| Err(odd(line))));
}

/// Version and code of a status line of HTTP/1 (RFC 9112, 4).
fn status_of(line: &[u8]) -> Option<(String, u16)> {
    let line =
        std::str::from_utf8(line.get(..12)?).ok().filter(|_| matches!(line.get(12), None | Some(b' ')))?;
    let (version, code) = line.split_once(' ')?;
    let minor = version.strip_prefix("HTTP/1.")?;
    let are_digits =
        minor.len() == 1 && [minor, code].iter().all(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    are_digits.then_some((version.to_owned(), code.parse().ok()?))
}

/// The lines of the final head, its status line first, once it is whole; those of 100 to 199 lead it (RFC 9110, 15.2).
pub(super) fn final_head(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut head: Vec<&[u8]> = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        // What has no line end yet is not whole.
        let line = line.strip_suffix(b"\n")?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.is_empty() {
            head.push(line);
        } else if head.first().is_some_and(|status| !is_interim(status)) {
            return Some(head);
        } else {
            // The end of an interim one, or an empty line before any (RFC 9112, 2.2).
            head.clear();
        }
    }
    None
}

fn is_interim(status: &[u8]) -> bool {
    status.get(8..10) == Some(b" 1") && status.get(8..12) != Some(b" 101")
}

/// The lines of the final head that are no headers, and which hyper left out therefore.
fn odd_lines(bytes: &[u8]) -> Vec<&[u8]> {
    let lines = final_head(bytes).unwrap_or_default().into_iter().skip(1);
    // A line that begins with a blank continues the one before.
    lines
        .filter(|line| !line.starts_with(b" ") && !line.starts_with(b"\t") && header_of(line).is_none())
        .collect()
}

fn header_of(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
    let name = HeaderName::from_bytes(name.trim_ascii_end()).ok()?;
    Some((name, HeaderValue::from_bytes(value.get(1..)?.trim_ascii()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_header_is_found_only_in_the_final_head() {
        for (head, odd) in [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\nno header\r\n", None),
            ("HTTP/1.1 200 OK\r\nA : b\r\n folded\r\nC:\r\n\r\n", None),
            ("HTTP/1.0 200 OK\nA: b\n\nx", None),
            ("HTTP/1.1 200 OK\r\nA: b\u{b}c\r\n\r\n", Some("A: b\u{b}c")),
            ("HTTP/1.1 200 OK\r\nno header\r\n\r\n", Some("no header")),
            ("HTTP/1.1 103 Early Hints\r\nno header\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n", None),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA(b): c\r\n\r\n", Some("A(b): c")),
            ("HTTP/1.1 101 Switching Protocols\r\nA(b): c\r\n\r\n", Some("A(b): c")),
            ("", None),
        ] {
            assert_eq!(odd_lines(head.as_bytes()).first().copied(), odd.map(str::as_bytes), "{head:?}");
        }
    }
}
