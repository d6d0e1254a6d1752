//! The relay through which a source is read over RTSP (RFC 2326). ffmpeg and MediaMTX follow a redirect by themselves, wherever it leads; so they
//! are connected to nothing but this, which makes each connection to an address that was just checked, and reads every word of the camera's
//! before it passes it on: what a redirect names is where it connects next.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, BytesMut};
use rtsp_types::headers::{CSEQ, LOCATION};
use rtsp_types::{Message, ParseError, Response, StatusCode, Version};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use url::Url;

use crate::certificates::Certificates;
use crate::gate::Gate;
use crate::guard::{Barred, Guard, PATIENCE};
use crate::source::host_and_port;

/// The longest message of a camera's, in bytes: a packet of pictures has at most 65,539.
const MAX_MESSAGE: usize = 128 << 10;
/// The longest head of one.
const MAX_HEAD: usize = 16 << 10;
/// Redirects in a row.
const MAX_REDIRECTS: u32 = 5;

/// Where a source is.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    host: String,
    port: u16,
    tls: bool,
}

impl Place {
    fn of(url: &Url) -> Option<Place> {
        let tls = match url.scheme() {
            "rtsp" => false,
            "rtsps" => true,
            _ => return None,
        };
        let (host, port) = host_and_port(url)?;
        Some(Place { host, port, tls })
    }
}

struct Relay {
    guard: Guard,
    address: SocketAddr,
    own: Place,
    certificates: Certificates,
    /// Where the next connection leads instead, after so many redirects.
    redirected: Mutex<Option<(Place, u32)>>,
}

/// Why nothing more is passed on.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Barred(#[from] Barred),
    #[error("TLS: {0}")]
    Tls(std::io::Error),
    #[error("the camera sent what is no RTSP")]
    NoRtsp,
    #[error("the camera's redirect names no RTSP address")]
    BadRedirect,
    #[error("the camera redirects without end")]
    EndlessRedirect,
}

impl Refusal {
    /// The status with which the one who reads is told.
    fn status(&self) -> StatusCode {
        match self {
            Refusal::Barred(Barred::Address(_)) => StatusCode::Forbidden,
            _ => StatusCode::BadGateway,
        }
    }
}

/// Opens a relay to this address.
///
/// # Errors
/// It is no RTSP address, or nothing can be listened on.
pub(crate) async fn open(guard: Guard, url: &Url, certificates: Certificates) -> std::io::Result<Gate> {
    let own = Place::of(url).ok_or(std::io::ErrorKind::InvalidInput)?;
    Gate::open(|address| {
        let relay = Arc::new(Relay { guard, address, own, certificates, redirected: Mutex::default() });
        move |stream| {
            let relay = Arc::clone(&relay);
            async move { relay.serve(stream).await }
        }
    })
    .await
}

impl Relay {
    fn redirected(&self) -> std::sync::MutexGuard<'_, Option<(Place, u32)>> {
        self.redirected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut here: TcpStream) {
        let (place, redirects) = self.redirected().take().unwrap_or_else(|| (self.own.clone(), 0));
        let mut number = None;
        let ended = match self.connect(&place).await {
            Err(refusal) => {
                // It has to be asked before it can refuse.
                let mut request = [0; 2048];
                let length = here.read(&mut request).await.unwrap_or(0);
                number = number_of(&request[..length]);
                Err(refusal)
            }
            Ok(there) => self.pass_on(&mut here, there, redirects).await,
        };
        let Err(refusal) = ended else { return };
        if !matches!(refusal, Refusal::Barred(Barred::Unreachable(_))) {
            tracing::warn!(host = place.host, %refusal, "a source that is read over RTSP was broken off");
        }
        let answer = Response::builder(Version::V1_0, refusal.status()).reason_phrase(refusal.to_string());
        let answer = number.into_iter().fold(answer, |answer, number| answer.header(CSEQ, number));
        // It may have gone.
        let _ = here.write_all(&written(&answer.build(Vec::new()))).await;
        let _ = here.shutdown().await;
    }

    async fn connect(&self, place: &Place) -> Result<Box<dyn Stream>, Refusal> {
        let stream = self.guard.connect(&place.host, place.port).await?;
        if !place.tls {
            return Ok(Box::new(stream));
        }
        let bad = |why| Refusal::Tls(std::io::Error::other(why));
        let config = self.certificates.client().map_err(bad)?;
        let name = ServerName::try_from(place.host.clone()).map_err(|error| bad(error.to_string()))?;
        let connected = timeout(PATIENCE, TlsConnector::from(config).connect(name, stream)).await;
        let stream = connected.map_err(|_| Refusal::Tls(std::io::ErrorKind::TimedOut.into()))?;
        Ok(Box::new(stream.map_err(Refusal::Tls)?))
    }

    /// Passes on what either side says until one of them ends.
    async fn pass_on(
        &self,
        here: &mut TcpStream,
        there: Box<dyn Stream>,
        redirects: u32,
    ) -> Result<(), Refusal> {
        let (mut from_reader, mut to_reader) = here.split();
        let (mut from_camera, mut to_camera) = tokio::io::split(there);
        let asks = async {
            if tokio::io::copy(&mut from_reader, &mut to_camera).await.is_err() {
                // Only the camera hears no more: what it said before is still to come.
                std::future::pending::<()>().await;
            }
        };
        let answers = async {
            let mut buffer = BytesMut::with_capacity(16 << 10);
            loop {
                let (length, next) = read(&buffer);
                if to_reader.write_all(&buffer[..length]).await.is_err() {
                    return Ok(());
                }
                buffer.advance(length);
                match next {
                    Next::Redirect(answer) => {
                        let answer = written(&self.redirect(answer, redirects)?);
                        let _ = to_reader.write_all(&answer).await;
                        return Ok(());
                    }
                    Next::NoRtsp => return Err(Refusal::NoRtsp),
                    Next::Incomplete if buffer.len() > MAX_MESSAGE => return Err(Refusal::NoRtsp),
                    Next::Incomplete => {}
                }
                if !matches!(from_camera.read_buf(&mut buffer).await, Ok(1..)) {
                    return Ok(());
                }
            }
        };
        tokio::select! {
            () = asks => Ok(()),
            ended = answers => ended,
        }
    }

    /// The redirect, back to this relay, which will connect to where it led.
    fn redirect(&self, answer: Response<Vec<u8>>, redirects: u32) -> Result<Response<Vec<u8>>, Refusal> {
        if redirects == MAX_REDIRECTS {
            return Err(Refusal::EndlessRedirect);
        }
        let location = answer.header(&LOCATION).and_then(|location| Url::parse(location.as_str()).ok());
        let location = location.ok_or(Refusal::BadRedirect)?;
        let place = Place::of(&location).ok_or(Refusal::BadRedirect)?;
        *self.redirected() = Some((place, redirects + 1));
        let location = at(&location, self.address).ok_or(Refusal::BadRedirect)?;
        let mut redirect =
            Response::builder(Version::V1_0, answer.status()).header(LOCATION, location.as_str());
        if let Some(number) = answer.header(&CSEQ) {
            redirect = redirect.header(CSEQ, number.as_str());
        }
        Ok(redirect.build(Vec::new()))
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The same file, asked for at this address without TLS.
pub(crate) fn at(url: &Url, address: SocketAddr) -> Option<Url> {
    let mut moved = url.clone();
    moved.set_scheme("rtsp").ok()?;
    moved.set_ip_host(IpAddr::from(address.ip())).ok()?;
    moved.set_port(Some(address.port())).ok()?;
    Some(moved)
}

/// The number of a request, which its answer repeats.
fn number_of(request: &[u8]) -> Option<String> {
    match Message::<Vec<u8>>::parse(request) {
        Ok((Message::Request(request), _)) => request.header(&CSEQ).map(|number| number.as_str().to_owned()),
        _ => None,
    }
}

fn written(answer: &Response<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Fails only where memory cannot be written to.
    let _ = answer.write(&mut bytes);
    bytes
}

/// What follows those bytes that may be passed on as they are.
#[derive(Debug, PartialEq)]
enum Next {
    /// The beginning of a message.
    Incomplete,
    Redirect(Response<Vec<u8>>),
    NoRtsp,
}

/// How many bytes may be passed on, and what comes then.
fn read(bytes: &[u8]) -> (usize, Next) {
    let mut length = 0;
    loop {
        let rest = &bytes[length..];
        let (message, taken) = match Message::<&[u8]>::parse(rest) {
            Ok(parsed) => parsed,
            Err(ParseError::Incomplete(_)) if is_endless(rest) => return (length, Next::NoRtsp),
            Err(ParseError::Incomplete(_)) => return (length, Next::Incomplete),
            Err(ParseError::Error) => return (length, Next::NoRtsp),
        };
        match message {
            Message::Data(_) => {}
            Message::Response(answer) if (300..400).contains(&u16::from(answer.status())) => {
                return (length, Next::Redirect(answer.map_body(<[u8]>::to_vec)));
            }
            Message::Request(_) | Message::Response(_) if !is_unambiguous(&rest[..taken]) => {
                return (length, Next::NoRtsp);
            }
            Message::Request(_) | Message::Response(_) => {}
        }
        length += taken;
    }
}

/// Whether these are lines that go on beyond all measure.
fn is_endless(bytes: &[u8]) -> bool {
    let head = bytes.get(..MAX_HEAD).filter(|head| !head.starts_with(b"$"));
    head.is_some_and(|head| !head.windows(4).any(|four| four == b"\r\n\r\n"))
}

/// Whether everybody who reads this message takes the same for its lines and its end. ffmpeg ends a line at any line feed, leaves
/// carriage returns out, believes the last `Content-Length`, and takes a line that begins with `$` for the beginning of a packet.
fn is_unambiguous(message: &[u8]) -> bool {
    let text = message.trim_ascii_start();
    let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let Ok(head) = std::str::from_utf8(&text[..end]) else { return false };
    let lines = || head.split("\r\n");
    let is_length = |line: &&str| line.to_ascii_lowercase().starts_with("content-length");
    lines().all(|line| !line.starts_with('$') && !line.chars().any(|c| c.is_control() && c != '\t'))
        && lines().filter(is_length).count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: &[u8] = b"$\x00\x00\x03abc";
    const DESCRIPTION: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 5\r\n\r\nv=0\r\n";

    #[test]
    fn packets_and_answers_are_passed_on_as_far_as_they_are_whole() {
        let bytes = [PACKET, DESCRIPTION, PACKET].concat();
        assert_eq!(read(&bytes), (bytes.len(), Next::Incomplete));
        for cut in 1..bytes.len() {
            let (length, next) = read(&bytes[..cut]);
            assert!(next == Next::Incomplete && [0, 7, 7 + DESCRIPTION.len()].contains(&length), "{cut}");
        }
        let redirect = b"RTSP/1.0 302 Moved\r\nCSeq: 3\r\nLocation: rtsp://127.0.0.1/x\r\n\r\n";
        let endless = [b"RTSP/1.0 200 OK\r\nX: ".as_slice(), &[b'x'; MAX_HEAD]].concat();
        assert_eq!(read(&endless[..MAX_HEAD - 1]), (0, Next::Incomplete));
        assert_eq!(read(&endless), (0, Next::NoRtsp));
        let (length, next) = read(&[DESCRIPTION, redirect].concat());
        assert!(length == DESCRIPTION.len() && matches!(next, Next::Redirect(_)), "{next:?}");
    }

    #[test]
    fn a_request_that_is_refused_is_answered_with_its_number() {
        let request =
            b"OPTIONS rtsp://127.0.0.1:7001/x RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Lavf59.27.100\r\n\r\n";
        assert_eq!(number_of(request).as_deref(), Some("1"));
        assert_eq!(number_of(b"OPTIONS"), None);
        let answer = Response::builder(Version::V1_0, StatusCode::BadGateway).reason_phrase("closed");
        let answer = answer.header(CSEQ, "1").build(Vec::new());
        assert_eq!(written(&answer), b"RTSP/1.0 502 closed\r\nCSeq: 1\r\n\r\n");
    }

    /// Each hides a redirect from one who reads otherwise than ffmpeg does.
    #[test]
    fn what_two_read_in_two_ways_is_refused() {
        let redirect = "RTSP/1.0 302 Moved\r\nLocation: rtsp://127.0.0.1/x\r\n\r\n";
        let body = redirect.len();
        for hidden in [
            format!("RTSP/1.0 200 OK\r\nX: a\n\n{redirect}"),
            format!("RTSP/1.0 200 OK\r\nX: a\r\r\n{redirect}"),
            format!("RTSP/1.0 200 OK\r\nContent-Length: {body}\r\nContent-Length: 0\r\n\r\n{redirect}"),
            format!("RTSP/1.0 200 OK\r\nContent-Length: {body}\r\ncontent-length: 0\r\n\r\n{redirect}"),
            format!("RTSP/1.0 200 OK\r\nContent-Length: {body}\r\n$: 0\r\n\r\n{redirect}"),
            format!("ANNOUNCE rtsp://cam/ RTSP/1.0\r\nX: a\n\n{redirect}"),
            "HTTP/1.1 302 Found\r\nLocation: rtsp://127.0.0.1/x\r\n\r\n".to_owned(),
        ] {
            assert_eq!(read(hidden.as_bytes()), (0, Next::NoRtsp), "{hidden}");
        }
    }
}
