//! Replies of a mail server (RFC 5321, 4.2), one at a time: what follows a reply may be TLS. Must not know what is asked.

use probity_plan::{Barrier, Blocked};
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
    /// Its text, a line each; what is not UTF-8 in it replaced.
    pub lines: Vec<String>,
    /// Whether all of it was UTF-8.
    is_utf_8: bool,
}

impl Reply {
    /// Whether it says by the code that is due here that what was asked was done; else it is a refusal.
    ///
    /// # Errors
    /// The target's fault where it is one to something else: another yes, or the middle of a talk that was not begun.
    pub fn confirms(&self, due: u16) -> Result<bool, Fault> {
        match self.code {
            code if code == due => Ok(true),
            400.. => Ok(false),
            other => {
                let text = self.text();
                Err(Fault::nonsense(format!(
                    "not SMTP: a reply {other} where {due} or a refusal is due: {text}"
                )))
            }
        }
    }

    /// Its whole text, as a fact.
    ///
    /// # Errors
    /// `protocol` where it is not UTF-8.
    pub fn shown(&self) -> Result<String, Blocked> {
        self.check_text().map(|()| self.text())
    }

    /// Whether its text is one that can be shown.
    ///
    /// # Errors
    /// `protocol` where it is not UTF-8.
    pub fn check_text(&self) -> Result<(), Blocked> {
        let not = || Blocked::new(Barrier::Protocol, format!("the reply {} is not UTF-8", self.code));
        self.is_utf_8.then_some(()).ok_or_else(not)
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
                    is_utf_8: std::str::from_utf8(&said).is_ok(),
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
