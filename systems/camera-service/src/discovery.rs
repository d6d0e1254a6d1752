//! Looking for RTSP servers in the address ranges that the configuration names, and nowhere else.

use std::net::IpAddr;
use std::time::Duration;

use camera_config::Network;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// RTSP's port (RFC 7826).
const PORT: u16 = 554;
/// How long one address may take.
const PATIENCE: Duration = Duration::from_millis(800);
/// Addresses asked at once.
const AT_ONCE: usize = 128;

/// An address that answers as an RTSP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtspServer {
    /// Where.
    pub address: IpAddr,
    /// What it says it is; hostile text.
    pub server: Option<String>,
}

/// Those that answer, and how many were asked.
pub async fn rtsp_servers(networks: &[Network]) -> (Vec<RtspServer>, u64) {
    let addresses: Vec<IpAddr> = networks.iter().flat_map(|network| network.net().hosts()).collect();
    let scanned = addresses.len() as u64;
    let mut found: Vec<RtspServer> = futures_util::stream::iter(addresses)
        .map(|address| async move { timeout(PATIENCE, ask(address, PORT)).await.ok().flatten() })
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    found.sort_by_key(|found| found.address);
    (found, scanned)
}

async fn ask(address: IpAddr, port: u16) -> Option<RtspServer> {
    let mut stream = TcpStream::connect((address, port)).await.ok()?;
    let host = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
    stream.write_all(format!("OPTIONS rtsp://{host}/ RTSP/1.0\r\nCSeq: 1\r\n\r\n").as_bytes()).await.ok()?;
    let mut bytes = Vec::new();
    let mut part = [0u8; 1024];
    while bytes.len() < 8192 && !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => break,
            Ok(read) => bytes.extend_from_slice(&part[..read]),
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    lines.next()?.starts_with("RTSP/").then_some(())?;
    let server = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("server")
            .then(|| value.trim().chars().filter(|c| !c.is_control()).take(100).collect())
    });
    Some(RtspServer { address, server })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn answering(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0u8; 512];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"OPTIONS rtsp://127.0.0.1/ RTSP/1.0\r\n"));
            stream.write_all(answer).await.unwrap();
        });
        port
    }

    #[tokio::test]
    async fn an_rtsp_server_is_told_from_something_else_on_its_port() {
        let address = IpAddr::from([127, 0, 0, 1]);
        let port = answering(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Cam\x1b[31mera\r\n\r\n").await;
        let found = ask(address, port).await.unwrap();
        assert_eq!(found.server.as_deref(), Some("Cam[31mera"));
        let port = answering(b"HTTP/1.1 400 Bad Request\r\nServer: web\r\n\r\n").await;
        assert_eq!(ask(address, port).await, None);
    }
}
