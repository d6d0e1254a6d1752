//! What a body says: the codings undone that its headers name (RFC 9110, 8.4; RFC 9112, 7), and read as text. Nothing is guessed.

use std::borrow::Cow;
use std::io::Read;
use std::sync::OnceLock;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, TRANSFER_ENCODING};
use mime::Mime;
use probity_plan::{Barrier, Blocked};
use regex::bytes::Regex;

use crate::documents::{UTF_32_MARK, encoding_of};

/// The most codings on top of each other that are undone.
const MAX_CODINGS: usize = 3;

/// The body as it was before the server encoded it; at most so many bytes.
///
/// # Errors
/// `unsupported` for a coding that is not known here, `protocol` where the body is not in it, `too-large`.
pub(super) fn decoded<'b>(body: &'b [u8], headers: &HeaderMap, max: usize) -> Result<Cow<'b, [u8]>, Blocked> {
    let listed = |name: HeaderName| {
        let values = headers.get_all(name).iter();
        let codings = values.flat_map(|value| {
            let value = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
            value.split(',').map(|coding| coding.trim().to_owned()).collect::<Vec<_>>()
        });
        codings.filter(|coding| !coding.is_empty() && coding != "identity").collect::<Vec<_>>()
    };
    // Those of the transfer were put on last, but for the chunks, which are undone already.
    let mut of_transfer = listed(TRANSFER_ENCODING);
    of_transfer.pop_if(|last| last == "chunked");
    let named = [listed(CONTENT_ENCODING), of_transfer].concat();
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

/// The content as text: in what a byte order mark says, else what the headers say, else what XML or HTML say of themselves, else
/// UTF-8. Names of charsets mean what they mean to browsers (WHATWG Encoding): `iso-8859-1` is windows-1252.
///
/// # Errors
/// `unsupported` for a charset that is not known, `protocol` where the content is not in it.
pub(super) fn text(content: &[u8], headers: &HeaderMap) -> Result<String, Blocked> {
    if content.starts_with(UTF_32_MARK) {
        let why = "the body begins with the mark of UTF-32, which is not read";
        return Err(Blocked::new(Barrier::Unsupported, why));
    }
    let (encoding, content, said) = match Encoding::for_bom(content) {
        Some((encoding, mark)) => (encoding, content.get(mark..).unwrap_or_default(), true),
        None => match label(content, headers)? {
            Some(label) => (encoding_of(&label, content)?.0, content, true),
            None => (UTF_8, content, false),
        },
    };
    let text = encoding.decode_without_bom_handling_and_without_replacement(content);
    text.map(Cow::into_owned).ok_or_else(|| {
        let why = match said {
            true => format!("the body is not in {}, as it should be", encoding.name()),
            false => {
                "the body is not in UTF-8, and nothing names another charset that it could be in".to_owned()
            }
        };
        Blocked::new(Barrier::Protocol, why)
    })
}

/// The name of the charset, in the headers or else in the content.
fn label(content: &[u8], headers: &HeaderMap) -> Result<Option<String>, Blocked> {
    let unsupported = |why: String| Err(Blocked::new(Barrier::Unsupported, why));
    let mut all = headers.get_all(CONTENT_TYPE).iter();
    let said = all.next().map(|first| String::from_utf8_lossy(first.as_bytes())).unwrap_or_default();
    if all.any(|other| other.as_bytes() != said.as_bytes()) {
        return unsupported("several types of content, which may name several charsets".to_owned());
    }
    let ty = said.parse::<Mime>();
    match ty.as_ref().map(|ty| ty.get_param(mime::CHARSET)) {
        Err(_) if said.to_ascii_lowercase().contains("charset") => {
            return unsupported(format!("the charset in `{said}`"));
        }
        Ok(Some(label)) => return Ok(Some(label.as_str().to_owned())),
        Err(_) | Ok(None) => {}
    }
    let own = own_label(content, said.to_ascii_lowercase().contains("html"));
    // What says in letters of ASCII that it is in UTF-16 is not (HTML, 13.2.3.2), as what .NET writes.
    let is_true = |own: &String| {
        Encoding::for_label(own.as_bytes()).is_none_or(|named| ![UTF_16LE, UTF_16BE].contains(&named))
    };
    Ok(own.filter(is_true))
}

/// No document says further on than this in which charset it is (HTML, 13.2.3.2).
const MAX_PROLOGUE: usize = 1024;

/// The charset that XML (4.3.3) or HTML (13.2.3.2) says of itself.
fn own_label(content: &[u8], html: bool) -> Option<String> {
    static FORMS: OnceLock<Option<[Regex; 4]>> = OnceLock::new();
    let forms = FORMS.get_or_init(|| {
        let form = |form: &str| Regex::new(&format!("(?is-u){form}")).ok();
        Some([
            form(r#"^<\?xml\s[^>]*?\sencoding\s*=\s*["']([^"'>]+)["']"#)?,
            form(r"<!--.*?-->|<meta[\s/][^>]*>")?,
            form(r#"[\s/"']charset\s*=\s*["']?\s*([^\s"'/>;]+)"#)?,
            form(r#"[\s/"']content\s*=\s*(?:"[^"]*"|'[^']*')"#)?,
        ])
    });
    let [xml, tags, charset, attribute] = forms.as_ref()?;
    let start = content.get(..MAX_PROLOGUE).unwrap_or(content);
    let found = |form: &Regex, text: &[u8]| {
        form.captures(text).map(|found| String::from_utf8_lossy(&found[1]).into_owned())
    };
    found(xml, start).or_else(|| {
        let mut tags = tags.find_iter(start).map(|tag| tag.as_bytes()).filter(|_| html);
        tags.find_map(|tag| {
            let tag = tag.to_ascii_lowercase();
            let speaks_of_type = memchr::memmem::find(&tag, b"http-equiv").is_some()
                && memchr::memmem::find(&tag, b"content-type").is_some();
            let bare = attribute.replace_all(&tag, &b" "[..]);
            let own = if tag.starts_with(b"<!--") { None } else { found(charset, &bare) };
            own.or_else(|| found(charset, &tag).filter(|_| speaks_of_type && !tag.starts_with(b"<!--")))
        })
    })
}
