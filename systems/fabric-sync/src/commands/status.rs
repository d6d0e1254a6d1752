//! `status`: what the running service says of each fabric.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use fabric_model::Summary;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use service_setup::say;
use tokio::net::TcpStream;

use super::{Failure, harmless};
use crate::config;
use crate::home::Home;
use crate::report::{Report, ago, kinds_line, unread_lines};
use crate::web::StatusDocument;

/// How long the service may take to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 20;

type Anything = Box<dyn std::error::Error + Send + Sync>;

/// Asks and prints; well only if every fabric is in sync.
///
/// # Errors
/// The service cannot be asked, or a fabric is not in sync.
pub async fn run(home: &Home, json: bool) -> Result<(), Failure> {
    let config = config::load(&home.config())?;
    let address = reachable(config.server.listen);
    let body = tokio::time::timeout(ANSWER, get(address, "/status.json")).await;
    let body = match body {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return Err(nobody(address, &error.to_string())),
        Err(_) => return Err(nobody(address, "no answer within 5 s")),
    };
    let document: StatusDocument = serde_json::from_slice(&body).map_err(|_| {
        Failure::Failed(format!(
            "another program answers at {address}: give the service another address in server.listen"
        ))
    })?;
    if json {
        say!("{}", String::from_utf8_lossy(&body));
    } else {
        say!("fabric-sync {} at {address}", harmless(&document.version));
        let now = Timestamp::now();
        for report in &document.fabrics {
            show(report, now);
        }
    }
    let well = document.fabrics.iter().filter(|report| report.summary == Summary::InSync).count();
    match document.fabrics.len() - well {
        0 => Ok(()),
        other => {
            Err(Failure::Failed(format!("{other} of {} fabrics are not in sync", document.fabrics.len())))
        }
    }
}

fn show(report: &Report, now: Timestamp) {
    let counts = report.counts;
    let state =
        if report.as_of.is_none() { "not looked at yet".to_owned() } else { report.summary.to_string() };
    say!(
        "  {:<16} {state}: {} same, {} differ, {} missing, {} extra, {} unknown, {} refused",
        harmless(&report.fabric),
        counts.same,
        counts.differs,
        counts.missing,
        counts.extra,
        counts.unknown,
        report.quarantine.len()
    );
    let line = |text: String| say!("                   {}", harmless(&text));
    line(format!("both sides read whole: {}", ago(report.whole_as_of, now)));
    if let Some(progress) = &report.writing {
        line(format!("it is being written: {} of {} changes", progress.done, progress.of));
    }
    if let Some(standstill) = &report.standstill {
        line(format!("nothing is written: {standstill}"));
    }
    for list in unread_lines(&report.unread) {
        line(format!("not read whole: {list}"));
    }
    for refused in &report.quarantine {
        line(format!("refused: {}: {}", refused.object, refused.reason));
    }
    if report.deletions_to_confirm > 0 {
        line(format!(
            "{} deletions wait for somebody's word: fabric-sync plan --confirm-deletions",
            report.deletions_to_confirm
        ));
    }
    if let Some(kinds) = kinds_line(&report.unrepresented_kinds, report.kinds_unread.as_ref()) {
        line(format!("not represented: {kinds}"));
    }
    for observed in &report.observed.differs {
        line(format!("observed otherwise: {observed}"));
    }
    if let Some(fault) = &report.history {
        line(format!("history: {fault}"));
    }
}

/// The address as it can be reached from this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn nobody(address: SocketAddr, reason: &str) -> Failure {
    Failure::Failed(format!(
        "the service does not answer at {address}: {reason}. Is it running? systemctl status fabric-sync; what happened: journalctl -u fabric-sync -n 50"
    ))
}

async fn get(address: SocketAddr, path: &str) -> Result<Bytes, Anything> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = hyper::Request::get(path).header(HOST, address.to_string()).body(Empty::<Bytes>::new())?;
    let conversation = async {
        let response = sender.send_request(request).await?;
        Ok(Limited::new(response.into_body(), MAX_ANSWER).collect().await?.to_bytes())
    };
    tokio::select! {
        answer = conversation => answer,
        // It carries the conversation; should it end first, the answer says why.
        Err(error) = connection => Err(error.into()),
    }
}
