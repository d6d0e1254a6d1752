//! How an API server is reached, and as whom: credentials come from files, which are read again before use, so that a rotated token,
//! certificate or authority takes effect without a restart. Knows no resources.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fabric_model::Secret;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError, LoadDataError};
use kube::{Client, Config};
use parking_lot::Mutex;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// A file of credentials that is larger is none.
const MAX_FILE: u64 = 1 << 20;

/// Where an API server is and who asks.
#[derive(Debug, Clone)]
pub enum Access {
    /// By a kubeconfig file.
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// The context in it; not given: its current one.
        context: Option<String>,
    },
    /// By address and files, as inside a pod.
    Server {
        /// Such as `https://10.0.0.1:6443`.
        url: String,
        /// The authority that signed the server's certificate (PEM); not given: the system's.
        authority: Option<PathBuf>,
        /// The file that holds the bearer token; not given: anonymous.
        token: Option<PathBuf>,
    },
}

/// Why there is no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// A file cannot be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// What the files say makes no client; the text names no secret.
    #[error("{0}")]
    Invalid(String),
}

/// Makes sessions of an [`Access`]; the same one as long as its files stay the same.
pub(crate) struct Connector {
    access: Access,
    last: Mutex<Option<(u64, Session)>>,
}

/// A client, and what it sends that nobody is shown.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) client: Client,
    secrets: Vec<Secret>,
}

impl Session {
    /// What a server says, without the credentials if it repeats them.
    pub(crate) fn hide<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        self.secrets.iter().fold(Cow::Borrowed(text), |text, secret| match secret.hide(&text) {
            Cow::Owned(hidden) => Cow::Owned(hidden),
            Cow::Borrowed(_) => text,
        })
    }
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Access::Kubeconfig { path, context: None } => write!(f, "{}", path.display()),
            Access::Kubeconfig { path, context: Some(context) } => {
                write!(f, "{}, context {context}", path.display())
            }
            Access::Server { url, .. } => f.write_str(url),
        }
    }
}

impl Connector {
    /// For that access; nothing is read yet.
    pub(crate) fn new(access: Access) -> Self {
        Connector { access, last: Mutex::new(None) }
    }

    /// A session with the credentials that the files hold now.
    ///
    /// # Errors
    /// A file is missing, too large, or makes no sense.
    pub(crate) async fn session(&self) -> Result<Session, AccessError> {
        let (config, seen) = match &self.access {
            Access::Kubeconfig { path, context } => {
                self.access.read_kubeconfig(path, context.as_deref()).await?
            }
            Access::Server { url, authority, token } => {
                self.access.read_files(url, authority.as_deref(), token.as_deref())?
            }
        };
        check_safe(&config).map_err(|reason| self.access.invalid(reason))?;
        let mut last = self.last.lock();
        if let Some((version, session)) = &*last
            && *version == seen
        {
            return Ok(session.clone());
        }
        let secrets = secrets(&config.auth_info);
        let client = Client::try_from(config).map_err(|error| self.access.invalid(why_no_client(&error)))?;
        let session = Session { client, secrets };
        *last = Some((seen, session.clone()));
        Ok(session)
    }
}

impl Access {
    /// It makes no client, for `reason`.
    fn invalid(&self, reason: impl std::fmt::Display) -> AccessError {
        AccessError::Invalid(format!("{self}: {reason}"))
    }
}

/// What is wrong with a kubeconfig. The library's own words are not repeated: they quote the file, and with it the token.
fn why_no_config(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!("not a kubeconfig, line {} column {}", at.line(), at.column()),
            None => "not a kubeconfig".into(),
        },
        KubeconfigError::ReadConfig(error, _) => error.kind().to_string(),
        KubeconfigError::CurrentContextNotSet => "it has no `current-context`: name one in `context`".into(),
        KubeconfigError::LoadContext(name) => format!("it has no context `{name}`"),
        KubeconfigError::LoadClusterOfContext(name) => format!("it has no cluster `{name}`"),
        KubeconfigError::MissingClusterUrl => "its cluster has no `server`".into(),
        KubeconfigError::ParseClusterUrl(_) => "its cluster's `server` is not an address".into(),
        KubeconfigError::LoadCertificateAuthority(LoadDataError::ReadFile(error, path)) => {
            format!("{}: {}", path.display(), error.kind())
        }
        KubeconfigError::LoadCertificateAuthority(_) | KubeconfigError::ParseCertificates(_) => {
            "its certificate authority is not PEM, or not base64 of it".into()
        }
        KubeconfigError::LoadClientCertificate(_) | KubeconfigError::LoadClientKey(_) => {
            "its client certificate or key is missing or not base64".into()
        }
        _ => "it cannot be used".into(),
    }
}

/// Why no client comes of what the files say; as [`why_no_config`], without the library's words.
fn why_no_client(error: &kube::Error) -> String {
    match error {
        kube::Error::InferKubeconfig(error) => why_no_config(error),
        kube::Error::Auth(_) => "the token or password cannot be sent: it is one line of text".into(),
        kube::Error::RustlsTls(_) => {
            "no TLS with these: the authority, the client's certificate and its key are PEM, and the key is the certificate's".into()
        }
        _ => "it cannot be used".into(),
    }
}

/// Refuses what would send a token to whoever answers: a certificate that nobody looks at, or no TLS at all.
fn check_safe(config: &Config) -> Result<(), &'static str> {
    if config.accept_invalid_certs {
        return Err(
            "TLS is always verified: take `insecure-skip-tls-verify` out and name the cluster's `certificate-authority`",
        );
    }
    let host = config.cluster_url.host().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost" || literal.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match config.cluster_url.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if here => Ok(()),
        Some("http") => Err(
            "a token does not go out in clear: the server's address begins with https:// (http:// only to this machine)",
        ),
        _ => Err("the server's address begins with https://"),
    }
}

/// Refuses what is none of ours to do: other programs that make credentials, for which there is neither a deadline nor a place beside
/// the service, and proxies.
fn check_own(config: &Config) -> Result<(), &'static str> {
    let user = &config.auth_info;
    if user.exec.is_some() || user.auth_provider.is_some() {
        return Err(
            "no other program is run for credentials: write `tokenFile`, or a client certificate, in place of `exec` and `auth-provider`",
        );
    }
    if config.proxy_url.is_some() {
        return Err("no proxy is used: take `proxy-url` out of it, and HTTPS_PROXY out of the environment");
    }
    Ok(())
}

fn read(path: &Path, seen: &mut DefaultHasher) -> Result<Vec<u8>, AccessError> {
    let failed = |reason: String| AccessError::File { path: path.to_owned(), reason };
    let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if size > MAX_FILE {
        return Err(failed(format!("{size} bytes; a file of credentials has at most {MAX_FILE}")));
    }
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    path.hash(seen);
    bytes.hash(seen);
    Ok(bytes)
}

impl Access {
    async fn read_kubeconfig(
        &self,
        path: &Path,
        context: Option<&str>,
    ) -> Result<(Config, u64), AccessError> {
        let mut seen = DefaultHasher::new();
        read(path, &mut seen)?;
        let wrong = |error: KubeconfigError| self.invalid(why_no_config(&error));
        let file = Kubeconfig::read_from(path).map_err(wrong)?;
        let options =
            KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
        let mut config = Config::from_custom_kubeconfig(file, &options).await.map_err(wrong)?;
        check_own(&config).map_err(|reason| self.invalid(reason))?;
        let user = &mut config.auth_info;
        let files = [&user.token_file, &user.client_certificate, &user.client_key];
        for path in files.into_iter().flatten() {
            read(Path::new(path), &mut seen)?;
        }
        if written(user)["token"].as_str().is_some_and(|token| !is_token(token)) {
            return Err(self.invalid("its `token` is not a bearer token; it is one word"));
        }
        // The token as it is now; kube itself would look at the file once a minute.
        if let Some(path) = user.token_file.take() {
            user.token = Some(token(Path::new(&path))?.into());
        }
        config.root_cert.hash(&mut seen);
        config.connect_timeout = Some(CONNECT);
        Ok((config, seen.finish()))
    }

    fn read_files(
        &self,
        url: &str,
        authority: Option<&Path>,
        token_file: Option<&Path>,
    ) -> Result<(Config, u64), AccessError> {
        let mut seen = DefaultHasher::new();
        let uri: http::Uri = url.parse().map_err(|error| self.invalid(error))?;
        let mut config = Config::new(uri);
        if let Some(path) = authority {
            read(path, &mut seen)?;
            config.root_cert_file = Some(path.to_owned());
        }
        if let Some(path) = token_file {
            read(path, &mut seen)?;
            config.auth_info = AuthInfo { token: Some(token(path)?.into()), ..AuthInfo::default() };
        }
        config.connect_timeout = Some(CONNECT);
        Ok((config, seen.finish()))
    }
}

/// A user as a kubeconfig has it: a secret shows itself only when it is written out.
fn written(user: &AuthInfo) -> serde_json::Value {
    serde_json::to_value(user).unwrap_or_default()
}

/// What is sent of a user; a key never is.
fn secrets(user: &AuthInfo) -> Vec<Secret> {
    let written = written(user);
    ["token", "password"].iter().filter_map(|name| written[name].as_str()).map(Secret::new).collect()
}

/// Whether it can be sent: in the library, what cannot be in a header ends the task that asks.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}

/// The bearer token in that file, without the line end that editors add.
fn token(path: &Path) -> Result<String, AccessError> {
    let failed = |reason: &str| AccessError::File { path: path.to_owned(), reason: reason.to_owned() };
    let bytes = read(path, &mut DefaultHasher::new())?;
    let text = String::from_utf8(bytes).map_err(|_| failed("not text; a bearer token is"))?;
    let token = text.trim();
    if !is_token(token) {
        return Err(failed("not a bearer token; it is one word"));
    }
    Ok(token.to_owned())
}
