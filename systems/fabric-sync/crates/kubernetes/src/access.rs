//! How an API server is reached, and as whom: credentials come from files, which are read again before use, so that a rotated token,
//! certificate or authority takes effect without a restart. Knows no resources.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
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

/// Makes clients of an [`Access`]; the same one as long as its files stay the same.
pub struct Connector {
    access: Access,
    last: Mutex<Option<(u64, Client)>>,
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
    #[must_use]
    pub fn new(access: Access) -> Self {
        Connector { access, last: Mutex::new(None) }
    }

    /// A client with the credentials that the files hold now.
    ///
    /// # Errors
    /// A file is missing, too large, or makes no sense.
    pub async fn client(&self) -> Result<Client, AccessError> {
        let (config, seen) = match &self.access {
            Access::Kubeconfig { path, context } => from_kubeconfig(path, context.as_deref()).await?,
            Access::Server { url, authority, token } => {
                from_files(url, authority.as_deref(), token.as_deref())?
            }
        };
        let mut last = self.last.lock();
        if let Some((version, client)) = &*last
            && *version == seen
        {
            return Ok(client.clone());
        }
        let client = Client::try_from(config).map_err(invalid)?;
        *last = Some((seen, client.clone()));
        Ok(client)
    }
}

/// What a library says of credentials, without what it found in them.
fn invalid(error: impl std::fmt::Display) -> AccessError {
    AccessError::Invalid(error.to_string())
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

async fn from_kubeconfig(path: &Path, context: Option<&str>) -> Result<(Config, u64), AccessError> {
    let mut seen = DefaultHasher::new();
    read(path, &mut seen)?;
    let file = Kubeconfig::read_from(path).map_err(invalid)?;
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(file, &options).await.map_err(invalid)?;
    let user = &mut config.auth_info;
    let files = [&user.token_file, &user.client_certificate, &user.client_key];
    for path in files.into_iter().flatten() {
        read(Path::new(path), &mut seen)?;
    }
    // The token as it is now; kube itself would look at the file once a minute.
    if let Some(path) = user.token_file.take() {
        user.token = Some(token(Path::new(&path))?.into());
    }
    config.root_cert.hash(&mut seen);
    config.connect_timeout = Some(CONNECT);
    Ok((config, seen.finish()))
}

fn from_files(
    url: &str,
    authority: Option<&Path>,
    token_file: Option<&Path>,
) -> Result<(Config, u64), AccessError> {
    let mut seen = DefaultHasher::new();
    let uri = url.parse().map_err(|error| AccessError::Invalid(format!("{url}: {error}")))?;
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

/// The bearer token in that file, without the line end that editors add.
fn token(path: &Path) -> Result<String, AccessError> {
    let failed = |reason: &str| AccessError::File { path: path.to_owned(), reason: reason.to_owned() };
    let bytes = read(path, &mut DefaultHasher::new())?;
    let text = String::from_utf8(bytes).map_err(|_| failed("not text; a bearer token is"))?;
    let token = text.trim();
    if token.is_empty() || token.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(failed("not a bearer token; it is one word"));
    }
    Ok(token.to_owned())
}
