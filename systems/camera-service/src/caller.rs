//! Who makes a call, and over which connection. Below the protocol, which makes callers, and below what the calls do, which asks them.

use std::net::IpAddr;
use std::sync::Arc;

use camera_access::{Identity, Role};

use crate::contract::Audience;
use crate::events::Mailbox;

/// The one at the other end of a connection.
pub struct Caller {
    /// By which the connection is named in the audit log and revoked.
    pub session: String,
    /// The client's address.
    pub address: IpAddr,
    /// What waits to be sent to it.
    pub mailbox: Arc<Mailbox>,
    /// What links begin with for this client, such as `https://cameras.example.org`.
    pub base: Arc<str>,
    /// Who it is, once that was proved.
    pub identity: Option<Identity>,
}

impl Caller {
    /// A connection that nobody has authenticated.
    #[must_use]
    pub fn new(session: String, address: IpAddr, base: Arc<str>, mailbox: Arc<Mailbox>) -> Self {
        Caller { session, address, mailbox, base, identity: None }
    }

    /// What answers and notifications may tell it.
    #[must_use]
    pub fn audience(&self) -> Audience {
        let details = self.identity.as_ref().is_some_and(|identity| identity.role >= Role::Admin);
        Audience { details, base: Arc::clone(&self.base) }
    }
}
