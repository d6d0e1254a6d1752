//! What a body says: the codings undone that its headers name (RFC 9110, 8.4), and read as text. Nothing is guessed.

use std::borrow::Cow;
use std::io::Read;

use encoding_rs::{Encoding, UTF_8};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use mime::Mime;
use probity_plan::{Barrier, Blocked};

use crate::documents::UTF_32_MARK;

/// The most codings on top of each other that are undone.
const MAX_CODINGS: usize = 3;

/// The body as it was before the server encoded it; at most so many bytes.
///
/// # Errors
/// `unsupported` for a coding that is not known here, `protocol` where the body is not in it, `too-large`.
pub(super) fn decoded<'b>(body: &'b [u8], headers: &HeaderMap, max: usize) -> Result<Cow<'b, [u8]>, Blocked> {
    let named: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .to_lowercase()
                .split(',')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .map(|coding| coding.trim().to_owned())
        .filter(|coding| !coding.is_empty() && coding != "identity")
        .collect();
    if named.len() > MAX_CODINGS {
        return Err(Blocked::new(
            Barrier::Unsupported,
            format!("more than {MAX_CODINGS} codings of the body"),
        ));
    }
    let mut content = Cow::Borrowed(body);
    // The last one was put on last.
    for coding in named.iter().rev().filter(|_| !body.is_empty()) {
        content = Cow::Owned(undone(coding, &content, max)?);
    }
    Ok(content)
}

fn undone(coding: &str, bytes: &[u8], max: usize) -> Result<Vec<u8>, Blocked> {
    let read = |from: &mut dyn Read| {
        let mut content = Vec::new();
        let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
        from.take(limit).read_to_end(&mut content).map(|_| content)
    };
    // What follows the end is none of it, as with gzip.
    let ended = |content: Vec<u8>, ended: bool| match ended || content.len() > max {
        true => Ok(content),
        false => Err(std::io::Error::other("something follows its end")),
    };
    let content = match coding {
        "gzip" | "x-gzip" => read(&mut MultiGzDecoder::new(bytes)),
        // It is to be in the format of zlib (RFC 9110, 8.4.1.2); some leave that out.
        "deflate" => {
            let (mut zlib, mut bare) = (ZlibDecoder::new(bytes), DeflateDecoder::new(bytes));
            let (content, taken) = match read(&mut zlib) {
                Ok(content) => (Ok(content), zlib.total_in()),
                Err(_) => (read(&mut bare), bare.total_in()),
            };
            content.and_then(|content| ended(content, taken == bytes.len() as u64))
        }
        "br" => {
            let mut brotli = brotli_decompressor::Decompressor::new(bytes, 4096);
            read(&mut brotli).and_then(|content| {
                // Only a further reading tells what is left in its buffer.
                let is_all = brotli.read(&mut [0]).is_ok() && brotli.get_ref().is_empty();
                ended(content, is_all)
            })
        }
        other => {
            let why = format!("the body is encoded in `{other}`; gzip, deflate and br are undone");
            return Err(Blocked::new(Barrier::Unsupported, why));
        }
    };
    let content = content
        .map_err(|e| Blocked::new(Barrier::Protocol, format!("the body is not in `{coding}`: {e}")))?;
    if content.len() > max {
        return Err(Blocked::new(Barrier::TooLarge, format!("the body, decoded, has more than {max} bytes")));
    }
    Ok(content)
}

/// The content as text: in what a byte order mark says, else what the headers say, else UTF-8. Names of charsets mean what
/// they mean to browsers (WHATWG Encoding): `iso-8859-1` is windows-1252.
///
/// # Errors
/// `unsupported` for a charset that is not known, `protocol` where the content is not in it.
pub(super) fn text(content: &[u8], headers: &HeaderMap) -> Result<String, Blocked> {
    if content.starts_with(UTF_32_MARK) {
        let why = "the body begins with the mark of UTF-32, which is not read";
        return Err(Blocked::new(Barrier::Unsupported, why));
    }
    let (encoding, content) = match Encoding::for_bom(content) {
        Some((encoding, mark)) => (encoding, content.get(mark..).unwrap_or_default()),
        None => (charset(headers)?, content),
    };
    let text = encoding.decode_without_bom_handling_and_without_replacement(content);
    text.map(Cow::into_owned).ok_or_else(|| {
        Blocked::new(Barrier::Protocol, format!("the body is not in {}, as it should be", encoding.name()))
    })
}

fn charset(headers: &HeaderMap) -> Result<&'static Encoding, Blocked> {
    let unsupported = |why: String| Err(Blocked::new(Barrier::Unsupported, why));
    let mut all = headers.get_all(CONTENT_TYPE).iter();
    let Some(first) = all.next() else { return Ok(UTF_8) };
    if all.any(|other| other != first) {
        return unsupported("several types of content, which may name several charsets".to_owned());
    }
    let said = String::from_utf8_lossy(first.as_bytes());
    let ty = said.parse::<Mime>();
    match ty.as_ref().map(|ty| ty.get_param(mime::CHARSET)) {
        Err(_) if said.to_ascii_lowercase().contains("charset") => {
            unsupported(format!("the charset in `{said}`"))
        }
        Err(_) | Ok(None) => Ok(UTF_8),
        Ok(Some(label)) => Encoding::for_label_no_replacement(label.as_str().as_bytes())
            .ok_or_else(|| Blocked::new(Barrier::Unsupported, format!("the charset `{label}`"))),
    }
}
