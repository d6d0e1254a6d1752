//! Replies of a mail server (RFC 5321, 4.2), one at a time: what follows a reply may be TLS. Must not know what is asked.

use smtp_proto::response::parser::ResponseReceiver;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::conversation::Fault;

/// A reply.
#[derive(Debug)]
pub struct Reply {
    /// Its code, 200 to 599.
    pub code: u16,
    /// The code of RFC 3463 in it, if it has one.
    pub enhanced: Option<String>,
    /// Its text, a line each.
    pub lines: Vec<String>,
}

impl Reply {
    /// Whether it says that what was asked was done.
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Its whole text.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}

/// Sends a command, without its line end; what is said to it.
///
/// # Errors
/// Those of [`read`].
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, command: &str) -> Result<Reply, Fault> {
    stream.write_all(format!("{command}\r\n").as_bytes()).await.map_err(|e| broken(&e))?;
    stream.flush().await.map_err(|e| broken(&e))?;
    read(stream).await
}

/// Reads one reply. Byte by byte: what follows may be TLS, and none of it may be taken for text or the other way round.
///
/// # Errors
/// The target's fault if it says what the protocol does not, or more than 4 KiB of it.
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Reply, Fault> {
    let mut receiver = ResponseReceiver::default();
    let mut said = Vec::new();
    loop {
        let byte = [stream.read_u8().await.map_err(|e| broken(&e))?];
        said.extend_from_slice(&byte);
        match receiver.parse(&mut byte.iter()) {
            Ok(_) if !has_one_code(&said) => {
                return Err(Fault::nonsense("not SMTP: a reply of several codes"));
            }
            Ok(response) if (200..600).contains(&response.code) => {
                let [class, subject, detail] = response.esc;
                return Ok(Reply {
                    code: response.code,
                    enhanced: (class > 0).then(|| format!("{class}.{subject}.{detail}")),
                    lines: response.message.lines().map(|line| line.trim().to_owned()).collect(),
                });
            }
            Ok(response) => return Err(Fault::nonsense(format!("not SMTP: a reply {}", response.code))),
            Err(smtp_proto::Error::NeedsMoreData { .. }) => {}
            Err(error) => return Err(Fault::nonsense(format!("not SMTP: {error:?}"))),
        }
    }
}

/// Whether each line begins with the same code (RFC 5321, 4.2.1).
fn has_one_code(reply: &[u8]) -> bool {
    let code = reply.get(..3);
    reply.split_inclusive(|byte| *byte == b'\n').all(|line| line.get(..3) == code)
}

fn broken(error: &std::io::Error) -> Fault {
    Fault::of_io("talk to the mail server", error)
}
