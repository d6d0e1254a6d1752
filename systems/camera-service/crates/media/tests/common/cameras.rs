//! Cameras on free ports of this machine, which do what cameras do.

use std::process::Command;
use std::time::Duration;

use camera_media::{Source, SourceOptions};

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
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                serving.spawn(serve(socket, behaviour, picture.clone()));
            }
        });
        Self { port, task }
    }

    pub fn source(&self) -> Source {
        self.source_at(&format!("http://127.0.0.1:{}/video", self.port))
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
    task: tokio::task::JoinHandle<()>,
}

impl RtspCamera {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                serving.spawn(serve_rtsp(socket));
            }
        });
        Self { port, task }
    }
}

impl Drop for RtspCamera {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve_rtsp(socket: tokio::net::TcpStream) -> std::io::Result<()> {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
    let (reading, mut writing) = socket.into_split();
    let mut lines = tokio::io::BufReader::new(reading).lines();
    let packets = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
    let mut encoder = tokio::process::Command::new("ffmpeg")
        .args(
            "-nostdin -v error -re -f lavfi -i testsrc2=size=320x180:rate=10 -c:v libx264 -preset ultrafast"
                .split(' '),
        )
        .args(
            "-tune zerolatency -pix_fmt yuv420p -g 10 -flags +global_header -f rtp -sdp_file pipe:1"
                .split(' '),
        )
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
    let (mut method, mut number) = (String::new(), String::new());
    while let Some(line) = lines.next_line().await? {
        if method.is_empty() {
            method = line.split(' ').next().unwrap_or_default().to_owned();
        } else if let Some(value) = line.strip_prefix("CSeq: ") {
            number = value.to_owned();
        } else if line.is_empty() {
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
    loop {
        let count = packets.recv(&mut packet).await?;
        let length = u16::try_from(count).unwrap().to_be_bytes();
        writing.write_all(&[&[b'$', 0, length[0], length[1]], &packet[..count]].concat()).await?;
    }
}
