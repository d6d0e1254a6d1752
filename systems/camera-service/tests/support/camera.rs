//! An HTTP camera on a free port that can be unplugged and plugged in again: Motion JPEG, ten pictures a second.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Ends when it is dropped.
pub struct HttpCamera {
    /// Where it listens, be it unplugged or not.
    pub port: u16,
    plugged: watch::Sender<bool>,
}

impl HttpCamera {
    /// Plugged in.
    pub async fn start() -> HttpCamera {
        let arguments =
            "-nostdin -v error -f lavfi -i testsrc2=size=320x180 -frames:v 1 -f image2pipe -c:v mjpeg pipe:1";
        let picture = Command::new("ffmpeg").args(arguments.split(' ')).output().unwrap().stdout;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (plugged, watched) = watch::channel(true);
        tokio::spawn(async move {
            let picture = Arc::new(picture);
            let mut ended = watched.clone();
            loop {
                let socket = tokio::select! {
                    accepted = listener.accept() => accepted.unwrap().0,
                    gone = ended.wait_for(|_| false) => return drop(gone.map(|_| ())),
                };
                // Unplugged, it hangs up on whoever calls.
                if *watched.borrow() {
                    tokio::spawn(serve(socket, Arc::clone(&picture), watched.clone()));
                }
            }
        });
        HttpCamera { port, plugged }
    }

    /// A line of the configuration's `cameras`.
    pub fn line(&self, name: &str) -> String {
        format!("  - {{ name: {name}, source: \"http://127.0.0.1:{}/video\" }}\n", self.port)
    }

    /// Ends every connection; new ones end at once, too.
    pub fn unplug(&self) {
        self.plugged.send_replace(false);
    }

    /// Plays again for whoever asks.
    pub fn plug_in(&self) {
        self.plugged.send_replace(true);
    }
}

async fn serve(mut socket: TcpStream, picture: Arc<Vec<u8>>, mut plugged: watch::Receiver<bool>) {
    let playing = async {
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(socket.read_u8().await?);
        }
        let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=p\r\n\r\n";
        socket.write_all(head.as_bytes()).await?;
        loop {
            let head =
                format!("--p\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", picture.len());
            socket.write_all(&[head.as_bytes(), &picture, b"\r\n"].concat()).await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        // Whoever watched has gone, or it is unplugged.
        _ = played(playing) => {}
        _ = plugged.wait_for(|plugged| !plugged) => {}
    }
}

/// It never ends well: without end, or with an error.
async fn played(playing: impl Future<Output = std::io::Result<()>>) {
    let _ = playing.await;
}
