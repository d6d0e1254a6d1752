//! Who may do what, as the service asks it: credentials, limits, addresses, links and the audit log together, with the
//! contract's errors.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use camera_access::{
    ApiKeys, AuditLog, AuthError, Authenticator, Charge, Entry, Event, Identity, LINK_LIFETIME, Limit,
    LimitError, Limiter, Limits, Links, RetryAfter, Tokens,
};
use camera_config::Network;
use camera_storage::Cleaned;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;

use crate::caller::Caller;
use crate::contract::{Code, RpcError};

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
    /// Credentials in headers that were good, and until when that is not put on record again.
    proven: Mutex<HashMap<String, Timestamp>>,
}

/// How long a good credential in a header is on record once.
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

    /// Who this connection's client is, on record. What is no credential at all is an attempt, too; a good one is charged as a sign-in of
    /// theirs, so that nobody writes to the record without end.
    pub async fn authenticate(
        &self,
        caller: &Caller,
        credential: Result<String, RpcError>,
        now: Timestamp,
    ) -> Result<Identity, RpcError> {
        let outcome = match credential {
            Ok(credential) => self.identify(credential, caller.address, now).await.and_then(|identity| {
                self.limiter.check(Charge::SignIn(&identity.user)).map_err(too_many)?;
                Ok(identity)
            }),
            Err(error) => self.charge_attempt(caller.address, None).and(Err(error)),
        };
        self.record_authentication(&caller.session, caller.address, &outcome);
        outcome
    }

    /// Who sends this credential along with a request; charged as a call of theirs.
    pub async fn identify_request(&self, credential: String, address: IpAddr) -> Result<Identity, RpcError> {
        let now = Timestamp::now();
        let outcome = self.identify(credential, address, now).await;
        let known = outcome.as_ref().is_ok_and(|identity| {
            let until = now.checked_add(PROVEN).unwrap_or(Timestamp::MAX);
            self.proven.lock().insert(identity.id.clone(), until).is_some_and(|until| until > now)
        });
        if !known {
            self.record_authentication("file request", address, &outcome);
        }
        let identity = outcome?;
        self.charge_request(Some(&identity), address)?;
        Ok(identity)
    }

    /// Who holds this credential. A good one costs no attempt, and is looked at however many wrong ones came from the same address: to
    /// look is cheap, but for keys of an older form, which are charged before. A wrong one is charged, and beyond the limit not on record.
    async fn identify(
        &self,
        credential: String,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Identity, RpcError> {
        let key = ApiKeys::claimed_id(&credential).map(str::to_owned);
        let costly = self.authenticator.is_costly(&credential);
        if costly {
            self.charge_attempt(address, key.as_deref())?;
        }
        let authenticator = Arc::clone(&self.authenticator);
        let outcome = tokio::task::spawn_blocking(move || authenticator.authenticate(&credential, now)).await;
        match outcome {
            Ok(Ok(identity)) => Ok(identity),
            Ok(Err(error)) => {
                if !costly && !error.is_ours() {
                    self.charge_attempt(address, key.as_deref())?;
                }
                Err(not_authenticated(&error))
            }
            Err(_) => Err(RpcError::new(Code::Internal, "the service failed; its log says why")),
        }
    }

    fn charge_attempt(&self, address: IpAddr, key: Option<&str>) -> Result<(), RpcError> {
        self.limiter.check(Charge::Authentication { address, key }).map_err(too_many)
    }

    /// The tokens, whose keys an identity provider may publish.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        self.authenticator.tokens()
    }

    /// Charges a call, to the identity if there is one.
    pub fn charge_request(&self, identity: Option<&Identity>, address: IpAddr) -> Result<(), RpcError> {
        let charge = identity.map_or(Charge::Address(address), |identity| Charge::Identity(&identity.user));
        self.limiter.check(charge).map_err(too_many)
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

    /// Records an attempt to authenticate, unless it is beyond the limit: that is only counted.
    fn record_authentication(&self, what: &str, address: IpAddr, outcome: &Result<Identity, RpcError>) {
        let entry = match outcome {
            Ok(identity) => Entry::new(Event::Authentication, Outcome::Success, what).by(Some(identity)),
            Err(error) if error.code == Code::RateLimited => return,
            Err(error) => Entry::new(Event::Authentication, Outcome::Denied, what).because(&error.message),
        };
        self.write(&entry.from(address));
    }

    /// Records a call that was refused for its role or address.
    pub fn record_denial(&self, caller: &Caller, method: &str, reason: &str) {
        let entry = Entry::new(Event::Denial, Outcome::Denied, method).because(reason);
        self.write(&entry.by(caller.identity.as_ref()).from(caller.address));
    }

    /// Records a call that changes something, with what it was about, however it ended.
    pub fn record_change(
        &self,
        caller: &Caller,
        method: &str,
        event: Event,
        subject: &str,
        error: Option<&RpcError>,
    ) {
        let outcome = if error.is_some() { Outcome::Failed } else { Outcome::Success };
        let what = if subject.is_empty() { method.to_owned() } else { format!("{method} {subject}") };
        let entry = Entry::new(event, outcome, &what).because(error.map_or("", |error| &error.message));
        self.write(&entry.by(caller.identity.as_ref()).from(caller.address));
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
    let data = Some(json!({ "retry_after": retry.seconds() }));
    RpcError { data, ..RpcError::new(Code::RateLimited, retry.to_string()) }
}

fn not_authenticated(error: &AuthError) -> RpcError {
    if let AuthError::Unavailable(cause) = error {
        tracing::error!(%cause, "nobody can be authenticated");
    }
    let code = if error.is_ours() { Code::DependencyFailed } else { Code::NotAuthenticated };
    RpcError::new(code, error.to_string())
}
