//! Who may do what, as the service asks it: credentials, limits, addresses, links and the audit log together, with the
//! contract's errors.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use camera_access::{
    ApiKeys, AuditLog, AuthError, Authenticator, Charge, Entry, Event, Identity, LINK_LIFETIME, Limit,
    LimitError, Limiter, Limits, Links, RetryAfter,
};
use camera_config::Network;
use camera_storage::Cleaned;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;

use crate::contract::{Call, Code, RpcError};
use crate::rpc::session::Session;

pub use camera_access::Outcome;

/// Who may do what.
pub struct Access {
    authenticator: Arc<Authenticator>,
    limiter: Limiter,
    links: Links,
    audit: AuditLog,
    /// Why the audit log could not be written the last time.
    audit_trouble: Mutex<Option<String>>,
    admin_addresses: Vec<Network>,
    /// Credentials in headers that were good, by a hash nobody outside can aim, and until when that is remembered.
    proven: Mutex<HashMap<u64, Timestamp>>,
    hasher: RandomState,
}

/// How long a good credential in a header is remembered as no guess.
const PROVEN: Duration = Duration::from_secs(300);

impl Access {
    /// Of what it is made.
    ///
    /// # Errors
    /// Limits out of range.
    pub fn new(
        authenticator: Authenticator,
        links: Links,
        audit: AuditLog,
        limits: &camera_config::Limits,
        admin_addresses: Vec<Network>,
    ) -> Result<Self, LimitError> {
        Ok(Access {
            authenticator: Arc::new(authenticator),
            limiter: Limiter::new(limits_of(limits))?,
            links,
            audit,
            audit_trouble: Mutex::default(),
            admin_addresses,
            proven: Mutex::default(),
            hasher: RandomState::new(),
        })
    }

    /// Other limits from now on.
    pub fn set_limits(&self, limits: &camera_config::Limits) {
        if let Err(error) = self.limiter.set(limits_of(limits)) {
            tracing::error!(%error, "the limits stay as they were");
        }
    }

    /// Forgets who has rested; to be called now and then.
    pub fn purge(&self) {
        self.limiter.purge();
        let now = Timestamp::now();
        self.proven.lock().retain(|_, until| *until > now);
    }

    /// Charges an attempt to authenticate, before the credential is looked at.
    pub fn charge_authentication(&self, address: IpAddr, credential: Option<&str>) -> Result<(), RpcError> {
        let key = credential.and_then(ApiKeys::claimed_id);
        self.limiter.check(Charge::Authentication { address, key }).map_err(too_many)
    }

    /// Who sends this credential along with a request. Until it has proved good it is charged as an attempt to authenticate, then
    /// only as a call of its identity.
    pub async fn identify_request(&self, credential: String, address: IpAddr) -> Result<Identity, RpcError> {
        let now = Timestamp::now();
        let hash = self.hasher.hash_one(&credential);
        // Taken out while it is looked at: one that is no longer good is a guess from then on.
        let proven = self.proven.lock().remove(&hash).is_some_and(|until| until > now);
        if !proven {
            self.charge_authentication(address, Some(&credential))?;
        }
        let outcome = self.identify(credential, now).await;
        match &outcome {
            Ok(identity) => {
                let until = now.checked_add(PROVEN).unwrap_or(Timestamp::MAX);
                self.proven.lock().insert(hash, until);
                if !proven {
                    let entry = Entry::new(Event::Authentication, Outcome::Success, "file request");
                    self.write(&entry.by(Some(identity)).from(address));
                }
            }
            Err(error) => {
                let entry = Entry::new(Event::Authentication, Outcome::Denied, "file request")
                    .because(&error.message);
                self.write(&entry.from(address));
            }
        }
        let identity = outcome?;
        self.charge_request(Some(&identity), address)?;
        Ok(identity)
    }

    /// Charges a call, to the identity if there is one.
    pub fn charge_request(&self, identity: Option<&Identity>, address: IpAddr) -> Result<(), RpcError> {
        let charge = identity.map_or(Charge::Address(address), |identity| Charge::Identity(&identity.user));
        self.limiter.check(charge).map_err(too_many)
    }

    /// Who holds this credential.
    pub async fn identify(&self, credential: String, now: Timestamp) -> Result<Identity, RpcError> {
        let authenticator = Arc::clone(&self.authenticator);
        let outcome = tokio::task::spawn_blocking(move || authenticator.authenticate(&credential, now)).await;
        match outcome {
            Ok(outcome) => outcome.map_err(|error| not_authenticated(&error)),
            Err(_) => Err(RpcError::new(Code::Internal, "the service failed; its log says why")),
        }
    }

    /// Why an identity, or its session, is no longer good.
    #[must_use]
    pub fn ended(&self, session: &str, identity: &Identity, now: Timestamp) -> Option<String> {
        let error = self.authenticator.check(identity, session, now).err()?;
        if error.is_over() {
            return Some(format!("the session has ended ({error}): authenticate anew"));
        }
        if let AuthError::Unavailable(cause) = &error {
            tracing::error!(%cause, "whether a session is still good cannot be read");
        }
        Some(error.to_string())
    }

    /// Whether administrators' calls are taken from this address.
    #[must_use]
    pub fn admin_address(&self, address: IpAddr) -> bool {
        self.admin_addresses.is_empty()
            || self.admin_addresses.iter().any(|network| network.net().contains(&address.to_canonical()))
    }

    /// The path with a signature that ends after five minutes; a path that ends in `/` opens what is below it.
    #[must_use]
    pub fn link(&self, path: &str, now: Timestamp) -> String {
        match self.links.sign(path, LINK_LIFETIME, now) {
            Ok(query) => query,
            Err(error) => {
                tracing::error!(%path, %error, "a link could not be signed");
                String::new()
            }
        }
    }

    /// The decoded path that a signed link opens; else why it opens nothing.
    pub fn open_link(
        &self,
        path: &str,
        query: &str,
        now: Timestamp,
    ) -> Result<String, camera_access::LinkError> {
        self.links.verify(path, query, now)
    }

    /// Why the audit log cannot be written, if so.
    #[must_use]
    pub fn audit_trouble(&self) -> Option<String> {
        self.audit_trouble.lock().clone()
    }

    /// Refuses what must be on record while nothing can be recorded; whether it can is tried by recording.
    pub fn require_audit(&self) -> Result<(), RpcError> {
        if self.audit_trouble.lock().is_none() {
            return Ok(());
        }
        self.write(&Entry::new(Event::Service, Outcome::Success, "the audit log can be written again"));
        match self.audit_trouble() {
            None => Ok(()),
            Some(_) => {
                let message =
                    "nothing is changed while the audit log cannot be written; the service's log says why";
                Err(RpcError::new(Code::DependencyFailed, message))
            }
        }
    }

    /// Records an attempt to authenticate.
    pub fn record_authentication(&self, session: &Session, outcome: &Result<Identity, RpcError>) {
        let entry = match outcome {
            Ok(identity) => {
                Entry::new(Event::Authentication, Outcome::Success, &session.id).by(Some(identity))
            }
            Err(error) => {
                Entry::new(Event::Authentication, Outcome::Denied, &session.id).because(&error.message)
            }
        };
        self.write(&entry.from(session.peer));
    }

    /// Records a call that was refused for its role or address.
    pub fn record_denial(&self, session: &Session, method: &str, reason: &str) {
        let entry = Entry::new(Event::Denial, Outcome::Denied, method).because(reason);
        self.write(&entry.by(session.identity()).from(session.peer));
    }

    /// Records a call that changes something, with what it was about.
    pub fn record_change(&self, session: &Session, method: &str, subject: &str, error: Option<&RpcError>) {
        let event = if method.starts_with("delete_") || method == "cleanup_old_files" {
            Event::Deletion
        } else if matches!(method, "add_camera" | "modify_config" | "set_retention_policy") {
            Event::ConfigurationChange
        } else {
            return;
        };
        let outcome = if error.is_some() { Outcome::Failed } else { Outcome::Success };
        let what = if subject.is_empty() { method.to_owned() } else { format!("{method} {subject}") };
        let entry = Entry::new(event, outcome, &what).because(error.map_or("", |error| &error.message));
        self.write(&entry.by(session.identity()).from(session.peer));
    }

    /// Records what the retention policy removed, file by file.
    pub fn record_retention(&self, cleaned: &Cleaned) {
        for removed in &cleaned.removed {
            let what = format!("retention {}", removed.name.as_str());
            self.write(&Entry::new(Event::Deletion, Outcome::Success, &what));
        }
    }

    /// Records something else.
    pub fn write(&self, entry: &Entry<'_>) {
        // Waits for the disk: other connections go on meanwhile.
        let written = tokio::task::block_in_place(|| self.audit.write(entry, Timestamp::now()));
        let trouble = written.err().map(|error| error.to_string());
        if let Some(error) = &trouble {
            tracing::error!(%error, "not on record");
        }
        *self.audit_trouble.lock() = trouble;
    }

    /// Opens the audit log anew, after it was rotated away.
    pub fn reopen_audit(&self) {
        if let Err(error) = self.audit.reopen() {
            tracing::error!(%error, "entries go on into the old file");
        }
    }
}

/// What a call that changes something is about; never a credential.
#[must_use]
pub fn subject(call: &Call) -> String {
    match call {
        Call::StartStreaming(device) | Call::StopStreaming(device) | Call::StopRecording(device) => {
            device.device.clone()
        }
        Call::DeleteCamera(device) => device.device.clone(),
        Call::DeleteRecording(file) | Call::DeleteSnapshot(file) => file.filename.clone(),
        Call::AddCamera(new) => new.name.clone(),
        Call::ModifyConfig(patch) => patch.patch.to_string(),
        Call::SetRetentionPolicy(policy) => json!(policy).to_string(),
        _ => String::new(),
    }
}

fn limits_of(limits: &camera_config::Limits) -> Limits {
    Limits {
        request: Limit { per_minute: limits.requests_per_minute.get(), burst: limits.burst.get() },
        authentication: Limit {
            per_minute: limits.authentications_per_minute.get(),
            burst: limits.authentication_burst.get(),
        },
    }
}

fn too_many(retry: RetryAfter) -> RpcError {
    RpcError {
        code: Code::RateLimited,
        message: retry.to_string(),
        data: Some(json!({ "retry_after": retry.seconds() })),
    }
}

fn not_authenticated(error: &AuthError) -> RpcError {
    if let AuthError::Unavailable(cause) = error {
        tracing::error!(%cause, "nobody can be authenticated");
    }
    let code = if error.is_ours() { Code::DependencyFailed } else { Code::NotAuthenticated };
    RpcError::new(code, error.to_string())
}
