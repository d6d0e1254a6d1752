//! A hand-written ClientHello of one version (RFC 2246, 4346, 5246, 8446) and what the server says to it: no crate that
//! is kept speaks TLS 1.0 or CBC suites any more, or offers groups of 1.3 that it cannot compute. Only the first flight:
//! nothing is encrypted, no key is agreed.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::connect::Fault;

/// The longest first flight that is read: certificates of any sane chain.
const MAX_FLIGHT: usize = 256 << 10;

/// Suites of every version before 1.3 by their IANA numbers and names, preferred first: ECDHE, DHE and RSA key exchange;
/// GCM, ChaCha20, CCM, CBC, 3DES, RC4.
const SUITES: [(u16, &str); 51] = [
    (0xC02B, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xC02F, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xC02C, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xC030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xCCA9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xCCA8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xCCAA, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0x009E, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009F, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xC0AC, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"),
    (0xC0AD, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"),
    (0xC09E, "TLS_DHE_RSA_WITH_AES_128_CCM"),
    (0xC09F, "TLS_DHE_RSA_WITH_AES_256_CCM"),
    (0xC023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xC027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xC024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xC028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x006B, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x009C, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009D, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0xC09C, "TLS_RSA_WITH_AES_128_CCM"),
    (0xC09D, "TLS_RSA_WITH_AES_256_CCM"),
    (0x003C, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x003D, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0xC009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xC013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xC00A, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xC014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA"),
    (0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA"),
    (0x002F, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x0045, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0088, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0xC008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    (0xC012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0013, "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA"),
    (0x000A, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0096, "TLS_RSA_WITH_SEED_CBC_SHA"),
    (0x0007, "TLS_RSA_WITH_IDEA_CBC_SHA"),
    (0xC007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"),
    (0xC011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA"),
    (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    (0x0004, "TLS_RSA_WITH_RC4_128_MD5"),
    (0x0009, "TLS_RSA_WITH_DES_CBC_SHA"),
];
/// The suites of 1.3.
const SUITES_1_3: [(u16, &str); 5] = [
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0x1304, "TLS_AES_128_CCM_SHA256"),
    (0x1305, "TLS_AES_128_CCM_8_SHA256"),
];
/// Says that we know secure renegotiation (RFC 5746), without which some servers refuse.
const SECURE_RENEGOTIATION: u16 = 0x00FF;
/// x25519, secp256r1, secp384r1, secp521r1, x448 (RFC 8422).
const GROUPS: [u16; 5] = [29, 23, 24, 25, 30];
/// Beside those, what only 1.3 has: ffdhe2048 to ffdhe8192 (RFC 7919) and hybrids with ML-KEM.
const GROUPS_1_3: [u16; 8] = [256, 257, 258, 259, 260, 4587, 4588, 4589];
/// What a server may sign with: ECDSA, EdDSA, RSA-PSS, RSA, DSA, down to SHA-1.
const SIGNATURES: [u16; 17] = [
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B, 0x0401, 0x0501,
    0x0601, 0x0203, 0x0201, 0x0202,
];

/// What the server said to a hello.
pub(super) enum Answer {
    /// It accepts this version, which may be an older one than was offered.
    Hello {
        /// As on the wire: 0x0301 is TLS 1.0.
        version: u16,
        /// The suite it chose.
        suite: u16,
        /// The certificates it sent, as DER, if they came whole.
        certificates: Vec<Vec<u8>>,
    },
    /// An alert: it does not. OpenSSL answers a version it does not speak with several codes, so any counts.
    Alert,
}

/// The IANA name of a suite that a hello offers, or its number.
pub(super) fn suite_name(suite: u16) -> String {
    let known = SUITES.iter().chain(&SUITES_1_3).find(|(number, _)| *number == suite);
    known.map_or_else(|| format!("{suite:#06x}"), |(_, name)| (*name).to_owned())
}

/// Whether a current client would take this: TLS 1.3, or 1.2 with forward secrecy and authenticated encryption.
pub(super) fn is_current(version: u16, suite: u16) -> bool {
    let name = suite_name(suite);
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let forward = has(&["_ECDHE_", "_DHE_"]) && has(&["_GCM_", "_CCM", "_CHACHA20_"]);
    version == 0x0304 || (version == 0x0303 && forward)
}

/// Offers this version alone (0x0301 to 0x0304) and reads the first flight.
pub(super) async fn offer(
    mut stream: TcpStream,
    version: u16,
    name: Option<&str>,
    random: [u8; 32],
) -> Result<Answer, Fault> {
    let broken = |e: std::io::Error| Fault::of_io("TLS hello", &e);
    stream.write_all(&client_hello(version, name, random)).await.map_err(broken)?;
    let mut handshake = Vec::new();
    loop {
        let mut header = [0; 5];
        if let Err(error) = stream.read_exact(&mut header).await {
            // What came before the end still says which version; only the certificates are not whole.
            return read(&handshake, true).unwrap_or_else(|| Err(broken(error)));
        }
        let [kind, 3, _, high, low] = header else {
            return Err(Fault::nonsense("the answer to a TLS hello is not TLS"));
        };
        let mut record = vec![0; usize::from(u16::from_be_bytes([high, low]))];
        stream.read_exact(&mut record).await.map_err(broken)?;
        match (kind, record.as_slice()) {
            (21, [_, _]) if handshake.is_empty() => return Ok(Answer::Alert),
            (22, bytes) => handshake.extend_from_slice(bytes),
            _ => return read(&handshake, true).unwrap_or_else(|| Err(not_hello())),
        }
        if let Some(answer) = read(&handshake, handshake.len() > MAX_FLIGHT) {
            return answer;
        }
    }
}

fn not_hello() -> Fault {
    Fault::nonsense("the answer to a TLS hello is neither a hello nor an alert")
}

/// The answer in these handshake messages; `None` as long as more may come. `last`: no more will.
fn read(mut messages: &[u8], last: bool) -> Option<Result<Answer, Fault>> {
    let mut hello = None;
    loop {
        let next = message(messages);
        match (next, &hello) {
            (Some((2, body, rest)), None) => {
                let Some((version, suite)) = server_hello(body) else { return Some(Err(not_hello())) };
                if version == 0x0304 {
                    // Nothing more comes in plain text.
                    return Some(Ok(Answer::Hello { version, suite, certificates: Vec::new() }));
                }
                hello = Some((version, suite));
                messages = rest;
            }
            (Some((11, body, _)), Some((version, suite))) => {
                let answer =
                    Answer::Hello { version: *version, suite: *suite, certificates: certificates(body) };
                return Some(Ok(answer));
            }
            // The certificates come next, or never.
            (None, Some((version, suite))) if last => {
                let answer = Answer::Hello { version: *version, suite: *suite, certificates: Vec::new() };
                return Some(Ok(answer));
            }
            (Some((_, _, _)), Some((version, suite))) => {
                let answer = Answer::Hello { version: *version, suite: *suite, certificates: Vec::new() };
                return Some(Ok(answer));
            }
            (Some(_), None) => return Some(Err(not_hello())),
            (None, None) if last && !messages.is_empty() => return Some(Err(not_hello())),
            (None, _) => return None,
        }
    }
}

/// The first handshake message: its kind, its body, what follows.
fn message(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&kind, rest) = bytes.split_first()?;
    let (body, rest) = counted(rest)?;
    Some((kind, body, rest))
}

/// What a length of three bytes counts, and what follows.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([a, b, c], rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_be_bytes([0, *a, *b, *c]) as usize)
}

/// Version and suite of a ServerHello: version, 32 random bytes, session id with its length, suite, compression,
/// extensions, of which one holds the version if it is 1.3 (RFC 8446, 4.1.3 and 4.2.1).
fn server_hello(body: &[u8]) -> Option<(u16, u16)> {
    let (version, rest) = body.split_first_chunk()?;
    let (session, rest) = rest.get(32..)?.split_first()?;
    let (suite, rest) = rest.get(usize::from(*session)..)?.split_first_chunk()?;
    let newer = rest.get(3..).and_then(supported_version);
    Some((newer.unwrap_or(u16::from_be_bytes(*version)), u16::from_be_bytes(*suite)))
}

/// The version in the extension 43 of a server's hello.
fn supported_version(mut extensions: &[u8]) -> Option<u16> {
    loop {
        let ([kind, number, high, low], rest) = extensions.split_first_chunk()?;
        let (body, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
        if (*kind, *number) == (0, 43) {
            return body.try_into().ok().map(u16::from_be_bytes);
        }
        extensions = rest;
    }
}

/// The certificates of a Certificate message.
fn certificates(body: &[u8]) -> Vec<Vec<u8>> {
    let mut list = counted(body).map_or(&[][..], |(list, _)| list);
    let mut certificates = Vec::new();
    while let Some((certificate, rest)) = counted(list) {
        certificates.push(certificate.to_vec());
        list = rest;
    }
    certificates
}

fn client_hello(version: u16, name: Option<&str>, random: [u8; 32]) -> Vec<u8> {
    let newest = version == 0x0304;
    let suites: &[(u16, &str)] = if newest { &SUITES_1_3 } else { &SUITES };
    let suites: Vec<u16> = suites.iter().map(|(suite, _)| *suite).chain([SECURE_RENEGOTIATION]).collect();
    let groups = if newest { [&GROUPS[..], &GROUPS_1_3].concat() } else { GROUPS.to_vec() };
    let mut extensions = Vec::new();
    if let Some(name) = name {
        // A list of one host name (RFC 6066, 3).
        let entry = [&[0][..], &with_length(name.as_bytes())].concat();
        extension(&mut extensions, 0, &with_length(&entry));
    }
    extension(&mut extensions, 10, &with_length(&words(&groups)));
    extension(&mut extensions, 11, &[1, 0]);
    if version >= 0x0303 {
        extension(&mut extensions, 13, &with_length(&words(&SIGNATURES)));
    }
    if newest {
        extension(&mut extensions, 43, &[2, 3, 4]);
        // No key yet: the server says which group it wants one of (RFC 8446, 4.2.8).
        extension(&mut extensions, 51, &with_length(&[]));
    }
    let body = [
        &version.min(0x0303).to_be_bytes()[..],
        &random,
        &[0],
        &with_length(&words(&suites)),
        &[1, 0],
        &with_length(&extensions),
    ]
    .concat();
    // The lengths fit: a name has at most 253 bytes.
    let handshake = [&[1, 0][..], &with_length(&body)].concat();
    // A record of 1.0, as every client sends its first (RFC 5246, E.1).
    [&[22, 3, 1][..], &with_length(&handshake)].concat()
}

fn extension(into: &mut Vec<u8>, kind: u16, body: &[u8]) {
    into.extend_from_slice(&kind.to_be_bytes());
    into.extend_from_slice(&with_length(body));
}

/// The bytes behind their length in two bytes.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(messages: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, body) in messages {
            bytes.extend([&[*kind, 0][..], &with_length(body)].concat());
        }
        bytes
    }

    #[test]
    fn a_first_flight_cut_anywhere_neither_panics_nor_lies() {
        let hello = [&[3, 2][..], &[7; 32], &[0], &[0xC0, 0x14], &[0]].concat();
        let list = [&[0, 0, 6][..], &[0, 0, 3], b"der"].concat();
        let bytes = flight(&[(2, &hello), (11, &list)]);
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut], false).is_none(), "cut at {cut}");
            let known = matches!(
                read(&bytes[..cut], true),
                Some(Ok(Answer::Hello { version: 0x0302, suite: 0xC014, .. }))
            );
            assert_eq!(known, cut >= 4 + hello.len(), "cut at {cut}");
        }
        let Some(Ok(Answer::Hello { certificates, .. })) = read(&bytes, false) else { panic!("no hello") };
        assert_eq!(certificates, [b"der".to_vec()]);
    }
}
