//! Cameras on free ports of this machine, which do what cameras do.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use camera_media::{Moment, Source, SourceOptions};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

/// What a small HTTP camera does.
#[derive(Clone, Copy, PartialEq)]
pub enum Behaviour {
    /// Motion JPEG without end, ten pictures a second.
    Plays,
    /// As above, and after so many pictures the connection ends.
    EndsAfter(u32),
    /// As above, and after so many pictures nothing comes any more.
    StallsAfter(u32),
    /// 200, and then bytes without meaning.
    Garbage,
    /// 401.
    Refuses,
}

/// A camera that speaks HTTP, on a free port; ends when it is dropped.
pub struct HttpCamera {
    pub port: u16,
    picture: Vec<u8>,
    task: tokio::task::JoinHandle<()>,
}

impl HttpCamera {
    pub async fn start(behaviour: Behaviour) -> Self {
        let picture = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180", "-frames:v", "1"])
            .args(["-f", "image2pipe", "-c:v", "mjpeg", "pipe:1"])
            .output()
            .unwrap()
            .stdout;
        Self::at(0, behaviour, picture).await
    }

    async fn at(port: u16, behaviour: Behaviour, picture: Vec<u8>) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shown = picture.clone();
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                serving.spawn(serve(socket, behaviour, shown.clone()));
            }
        });
        Self { port, picture, task }
    }

    /// Unplugged: nothing listens there any more.
    pub async fn go_away(&mut self) {
        self.task.abort();
        while !self.task.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    pub async fn come_back(&mut self, behaviour: Behaviour) {
        *self = Self::at(self.port, behaviour, self.picture.clone()).await;
    }

    pub fn source_url(&self) -> String {
        format!("http://127.0.0.1:{}/video", self.port)
    }

    pub fn source(&self) -> Source {
        self.source_at(&self.source_url())
    }

    pub fn source_at(&self, address: &str) -> Source {
        Source::parse(address, SourceOptions::default()).unwrap()
    }
}

impl Drop for HttpCamera {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut socket: tokio::net::TcpStream,
    behaviour: Behaviour,
    picture: Vec<u8>,
) -> std::io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        asked.push(socket.read_u8().await?);
    }
    if behaviour == Behaviour::Refuses {
        return socket.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await;
    }
    socket
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=p\r\n\r\n")
        .await?;
    let mut number = 0;
    loop {
        match behaviour {
            Behaviour::Garbage => socket.write_all(&[0x5a; 4096]).await?,
            Behaviour::EndsAfter(count) if number == count => return Ok(()),
            Behaviour::StallsAfter(count) if number == count => std::future::pending().await,
            _ => {
                let head =
                    format!("--p\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", picture.len());
                socket.write_all(head.as_bytes()).await?;
                socket.write_all(&picture).await?;
                socket.write_all(b"\r\n").await?;
            }
        }
        number += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A camera that speaks RTSP (RFC 2326) over TCP, on a free port; ends when it is dropped. Its pictures, and their
/// packets (RFC 6184), are made by ffmpeg when one plays.
pub struct RtspCamera {
    pub port: u16,
    scheme: &'static str,
    task: tokio::task::JoinHandle<()>,
}

const EVERY_SECOND: Film = Film { graph: "testsrc2=size=320x180:rate=10", gop: 10, over: Duration::ZERO };

/// What an RTSP camera sends.
#[derive(Clone, Copy)]
pub struct Film {
    /// ffmpeg's graph, of ten pictures a second.
    graph: &'static str,
    /// From key frame to key frame, in pictures.
    gop: u32,
    /// So much of it is over when one who asks sees the first of it.
    over: Duration,
}

impl RtspCamera {
    /// With a key frame a second.
    pub async fn start() -> Self {
        Self::showing(EVERY_SECOND, None).await
    }

    /// The same over TLS, with a certificate that nobody has signed.
    pub async fn over_tls() -> Self {
        let issued = rcgen::generate_simple_self_signed(vec!["camera".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key)
            .unwrap();
        Self::showing(EVERY_SECOND, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    /// With a key frame in so many seconds, the first of which nobody sees, and no word of what it sends before that. Its pictures are
    /// grey and get lighter for 40 s, again and again, see [`older_than_said`].
    pub async fn with_rare_key_frames(seconds: u32) -> Self {
        let graph = "nullsrc=size=64x36:rate=10,geq=lum=16+mod(N\\,400)/2:cb=128:cr=128";
        Self::showing(Film { graph, gop: seconds * 10, over: Duration::from_secs(1) }, None).await
    }

    async fn showing(film: Film, tls: Option<TlsAcceptor>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "rtsps" } else { "rtsp" };
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let tls = tls.clone();
                serving.spawn(async move {
                    match tls {
                        Some(tls) => serve_rtsp(tls.accept(socket).await?, film, port).await,
                        None => serve_rtsp(socket, film, port).await,
                    }
                });
            }
        });
        Self { port, scheme, task }
    }

    pub fn source(&self) -> Source {
        self.source_at("stream", SourceOptions::default())
    }

    /// Another of its paths: what is asked for at `moved` is at `stream`.
    pub fn source_at(&self, path: &str, options: SourceOptions) -> Source {
        Source::parse(&format!("{}://127.0.0.1:{}/{path}", self.scheme, self.port), options).unwrap()
    }
}

impl Drop for RtspCamera {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// By how many seconds the picture in a file is older than the time that is said of it, for a camera [with rare key
/// frames](RtspCamera::with_rare_key_frames) that has played since it was asked.
pub fn older_than_said(path: &std::path::Path, said: Moment, asked: Moment) -> f64 {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(path)
        .args("-vf scale=1:1:out_range=tv -pix_fmt gray -frames:v 1 -f rawvideo pipe:1".split(' '))
        .output()
        .unwrap();
    assert_eq!(output.stdout.len(), 1, "{}", String::from_utf8_lossy(&output.stderr));
    let shown = f64::from(output.stdout[0] - 16) / 5.0;
    let late = said.since(asked).as_secs_f64() - shown;
    late - (late / 40.0).round() * 40.0
}

async fn serve_rtsp(
    socket: impl AsyncRead + AsyncWrite + Send,
    film: Film,
    port: u16,
) -> std::io::Result<()> {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
    let (reading, mut writing) = tokio::io::split(socket);
    let mut lines = tokio::io::BufReader::new(reading).lines();
    let packets = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
    let mut encoder = tokio::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", film.graph])
        .args(
            "-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -crf 10 -sc_threshold 0"
                .split(' '),
        )
        .args(["-g", &film.gop.to_string()])
        .args((film.gop == 10).then_some(["-flags", "+global_header"]).into_iter().flatten())
        .args("-f rtp -sdp_file pipe:1".split(' '))
        .arg(format!("rtp://127.0.0.1:{}?pkt_size=1200", packets.local_addr()?.port()))
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut description = String::new();
    let mut said = tokio::io::BufReader::new(encoder.stdout.take().unwrap()).lines();
    // The last line of a description of H.264.
    while !description.contains("a=fmtp") {
        let line = said.next_line().await?.unwrap();
        let line = if line.starts_with("m=video") { "m=video 0 RTP/AVP 96".to_owned() } else { line };
        description.push_str(&format!("{line}\r\n"));
    }
    description.push_str("a=control:track1\r\n");
    let (mut method, mut number, mut moved) = (String::new(), String::new(), false);
    while let Some(line) = lines.next_line().await? {
        if method.is_empty() {
            method = line.split(' ').next().unwrap_or_default().to_owned();
            moved = line.contains("/moved ");
        } else if let Some(value) = line.strip_prefix("CSeq: ") {
            number = value.to_owned();
        } else if line.is_empty() {
            if moved && method == "DESCRIBE" {
                let location = format!("Location: rtsp://127.0.0.1:{port}/stream");
                let answer =
                    format!("RTSP/1.0 302 Moved Temporarily\r\nCSeq: {number}\r\n{location}\r\n\r\n");
                return writing.write_all(answer.as_bytes()).await;
            }
            let (head, body) = match method.as_str() {
                "OPTIONS" => ("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n".to_owned(), ""),
                "DESCRIBE" => (
                    format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", description.len()),
                    description.as_str(),
                ),
                "SETUP" => {
                    ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n".to_owned(), "")
                }
                _ => ("Session: 1\r\n".to_owned(), ""),
            };
            let answer = format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{head}\r\n{body}");
            writing.write_all(answer.as_bytes()).await?;
            if method == "PLAY" {
                break;
            }
            method.clear();
        }
    }
    let mut packet = [0; 2048];
    let begun = std::time::Instant::now();
    loop {
        let count = packets.recv(&mut packet).await?;
        if begun.elapsed() < film.over {
            continue;
        }
        let length = u16::try_from(count).unwrap().to_be_bytes();
        writing.write_all(&[&[b'$', 0, length[0], length[1]], &packet[..count]].concat()).await?;
    }
}
