//! One question over HTTP, and its whole answer, on a connection that somebody made.

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HOST};
use hyper_util::rt::TokioIo;

use crate::web::tls::Io;

/// Why there is no answer.
pub type NoAnswer = Box<dyn std::error::Error + Send + Sync>;

/// Asks that host for a path; reads at most `longest` bytes of the answer.
///
/// # Errors
/// The connection ended first, the answer is no HTTP, or longer.
pub async fn get(
    stream: Box<dyn Io>,
    host: &str,
    path: &str,
    longest: usize,
) -> Result<(StatusCode, Bytes), NoAnswer> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = hyper::Request::get(path).header(HOST, host).header(ACCEPT, "application/json");
    let request = request.body(Empty::<Bytes>::new())?;
    let conversation = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        Ok((status, Limited::new(response.into_body(), longest).collect().await?.to_bytes()))
    };
    tokio::select! {
        answer = conversation => answer,
        // It carries the conversation; should it end first, the answer says why.
        Err(error) = connection => Err(error.into()),
    }
}
