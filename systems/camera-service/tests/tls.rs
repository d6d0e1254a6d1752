//! TLS on both listeners: required beyond loopback, its certificate read again without a restart, clients' certificates asked for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use support::{Installation, PATIENCE, Running};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

const WITH_TLS: &str = "cameras: []\nserver: { listen: \"127.0.0.1:0\", health: \"127.0.0.1:0\", tls: { certificate: HERE/cert.pem, \
                        key: HERE/key.pem } }\n";

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key, PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn client(&self, own: Option<&(String, String)>) -> TlsConnector {
        use tokio_rustls::rustls::pki_types::pem::PemObject;
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                    PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
                )
                .unwrap(),
        };
        TlsConnector::from(Arc::new(config))
    }
}

fn put(folder: &Path, (certificate, key): &(String, String)) {
    for (name, text) in [("key", key), ("cert", certificate)] {
        let new = folder.join(format!("{name}.new"));
        std::fs::write(&new, text).unwrap();
        std::fs::set_permissions(&new, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::rename(new, folder.join(format!("{name}.pem"))).unwrap();
    }
}

/// What is answered over TLS, or why nothing is.
async fn ask(
    connector: &TlsConnector,
    address: SocketAddr,
    name: &str,
    path: &str,
) -> std::io::Result<String> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut stream = tokio::time::timeout(PATIENCE, connector.connect(name, stream)).await??;
    stream
        .write_all(
            format!("GET {path} HTTP/1.1\r\nHost: cameras.test\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn a_new_certificate_is_served_without_a_restart_and_a_broken_one_is_not() {
    let installation = Installation::new(WITH_TLS);
    let (first, second) = (Authority::new(), Authority::new());
    put(installation.path(), &first.issue("cameras.test"));
    let service: Running = installation.start();
    for (address, path) in [(service.health, "/health/live"), (service.clients, "/files/recordings/x")] {
        let answer = ask(&first.client(None), address, "cameras.test", path).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1") && !answer.contains(" 421 "),
            "its certificate's name is its own"
        );
        assert_eq!(
            answer.contains("strict-transport-security: max-age="),
            address == service.clients,
            "{answer}"
        );
    }
    // A client that speaks no TLS is not served, and one that never finishes its handshake keeps nobody waiting.
    let _hanging = TcpStream::connect(service.health).await.unwrap();
    let mut plain = TcpStream::connect(service.health).await.unwrap();
    plain.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut text = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, plain.read_to_end(&mut text)).await.unwrap();
    assert!(!text.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&text));

    std::fs::write(installation.path().join("cert.pem"), "not a certificate").unwrap();
    put(installation.path(), &second.issue("cameras.test"));
    let until = Instant::now() + PATIENCE;
    while ask(&second.client(None), service.health, "cameras.test", "/health/live").await.is_err() {
        assert!(Instant::now() < until, "the new certificate is never served");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    std::fs::write(installation.path().join("cert.pem"), "not a certificate").unwrap();
    // Asked with the old one, which stays in use: it says so.
    let until = Instant::now() + PATIENCE;
    loop {
        let health =
            ask(&second.client(None), service.health, "cameras.test", "/health/system").await.unwrap();
        if health.contains("the old certificate stays in use") {
            break;
        }
        assert!(Instant::now() < until, "{health}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused_where_one_is_asked_for() {
    let text = WITH_TLS.replace("key: HERE/key.pem", "key: HERE/key.pem, client_ca: HERE/clients.pem");
    let installation = Installation::new(&text);
    let (servers, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    put(installation.path(), &servers.issue("cameras.test"));
    std::fs::write(installation.path().join("clients.pem"), clients.0.pem()).unwrap();
    let service = installation.start();
    let known = clients.issue("phone.test");
    let unknown = others.issue("phone.test");
    let status = async |own: Option<&(String, String)>| {
        ask(&servers.client(own), service.health, "cameras.test", "/health/live").await.unwrap_or_default()
    };
    assert!(status(Some(&known)).await.starts_with("HTTP/1.1 200 OK"));
    assert!(!status(None).await.contains("200 OK"));
    assert!(!status(Some(&unknown)).await.contains("200 OK"));
}

#[test]
fn beyond_loopback_it_needs_tls_or_the_operator_s_word() {
    let open = "server: { listen: \"0.0.0.0:0\", health: \"127.0.0.1:0\" }\ncameras: []\n";
    let installation = Installation::new(open);
    let output = installation.command().arg("run").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("server.tls")
            && said.contains("I accept that tokens and pictures cross the network in clear"),
        "{said}"
    );
    let word = "allow_plain_text: \"I accept that tokens and pictures cross the network in clear\" }";
    let installation = Installation::new(&open.replacen(" }", &format!(", {word}"), 1));
    installation.start();
}
