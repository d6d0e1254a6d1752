//! How NetBox is reached.

use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// How NetBox is reached, and how gently.
#[derive(Clone, Debug)]
pub struct Options {
    /// NetBox's address, as `https://netbox.example`; `/api/` is added.
    pub url: Url,
    /// The file with the token; read for each request, so that it can be exchanged at any time.
    pub token_file: PathBuf,
    /// Authorities to trust, as PEM, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one call may take, connection and body included.
    pub deadline: Duration,
    /// Objects a page. NetBox's `MAX_PAGE_SIZE` (1,000 unless configured) is the limit.
    pub page_size: u32,
    /// Requests a second at most.
    pub requests_per_second: u32,
    /// How often a read, or a write that was not carried out, is tried in all when NetBox is busy or fails.
    pub attempts: usize,
}

impl Options {
    /// The usual limits: 30 s a call, 500 objects a page, 50 requests a second, 4 attempts.
    pub fn new(url: Url, token_file: PathBuf) -> Self {
        Self {
            url,
            token_file,
            ca_file: None,
            deadline: Duration::from_secs(30),
            page_size: 500,
            requests_per_second: 50,
            attempts: 4,
        }
    }
}

/// Why NetBox cannot be asked at all with these options.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The address.
    #[error("{0} is no address of a NetBox; https://netbox.example would be right")]
    Address(Url),
    /// The authorities.
    #[error("the authorities in {path} cannot be used: {why}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// TLS itself.
    #[error("the client cannot be made: {0}")]
    Client(String),
}
