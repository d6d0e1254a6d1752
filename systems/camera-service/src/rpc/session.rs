//! A connection's identity, and what every call has to pass before it is made: the limit, the role, the address.

use std::net::IpAddr;
use std::sync::Arc;

use camera_access::{Identity, Role};
use jiff::Timestamp;
use serde_json::value::RawValue;

use super::message::{self, Incoming, Refused, Request};
use crate::access;
use crate::contract::{self, Authenticated, Call, Code, METHODS, Method, RpcError};
use crate::events::Mailbox;
use crate::service::Service;

/// One connection.
pub struct Session {
    /// By which it is named in the audit log and revoked.
    pub id: String,
    /// The client's address.
    pub peer: IpAddr,
    /// What waits to be sent to it.
    pub mailbox: Arc<Mailbox>,
    identity: Option<Identity>,
}

/// What a message leads to.
#[derive(Debug, Default)]
pub struct Answer {
    /// The text to send back; none where only notifications came.
    pub text: Option<String>,
    /// Why the connection is to be closed afterwards.
    pub close: Option<String>,
}

impl Session {
    /// A connection that nobody has authenticated.
    #[must_use]
    pub fn new(id: String, peer: IpAddr, mailbox: Arc<Mailbox>) -> Self {
        Session { id, peer, mailbox, identity: None }
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// When its identity ends by itself.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.identity.as_ref().and_then(|identity| identity.expires)
    }

    /// Why its identity is no longer good, if so.
    #[must_use]
    pub fn ended(&self, service: &Service, now: Timestamp) -> Option<String> {
        self.identity.as_ref().and_then(|identity| service.access.ended(&self.id, identity, now))
    }

    /// Answers one message, whose calls are made one after the other.
    pub async fn answer(&mut self, service: &Arc<Service>, text: &str) -> Answer {
        let mut answer = Answer::default();
        let mut out = String::new();
        match message::read(text) {
            Incoming::One(request) => self.answer_one(service, request, &mut out, &mut answer.close).await,
            Incoming::Batch(requests) => {
                for request in requests {
                    out.push(if out.is_empty() { '[' } else { ',' });
                    let before = out.len();
                    self.answer_one(service, request, &mut out, &mut answer.close).await;
                    if out.len() == before {
                        out.pop();
                    }
                }
                if !out.is_empty() {
                    out.push(']');
                }
            }
        }
        answer.text = Some(out).filter(|out| !out.is_empty());
        answer
    }

    async fn answer_one(
        &mut self,
        service: &Arc<Service>,
        request: Result<Request<'_>, Refused<'_>>,
        out: &mut String,
        close: &mut Option<String>,
    ) {
        match request {
            Err(Refused { id, error }) => {
                // Nonsense costs as much as a call, so that it is no way around the limit.
                let error = self.charge(service).err().unwrap_or(error);
                service.metrics.count_error(error.code);
                message::write(out, id, &Err(error));
            }
            Ok(request) => {
                let outcome = self.call(service, &request, close).await;
                if let Err(error) = &outcome {
                    service.metrics.count_error(error.code);
                }
                if request.id.is_some() {
                    message::write(out, request.id, &outcome);
                }
            }
        }
    }

    /// Makes one call, if it may be made. The limit comes first, so that guessing is limited too.
    async fn call(
        &mut self,
        service: &Arc<Service>,
        request: &Request<'_>,
        close: &mut Option<String>,
    ) -> Result<String, RpcError> {
        let now = Timestamp::now();
        if request.method == "authenticate" {
            return self.authenticate(service, request.params, now).await;
        }
        if let Some(why) = self.ended(service, now) {
            *close = Some(why.clone());
            return Err(RpcError::new(Code::NotAuthenticated, why));
        }
        self.charge(service)?;
        let Some(method) = contract::method(&request.method) else {
            let message = format!("there is no call {:?}", shortened(&request.method));
            return Err(RpcError::new(Code::MethodNotFound, message));
        };
        service.metrics.count_call(method.name);
        self.permit(service, method)?;
        let call = match Call::read(method.name, request.params) {
            Some(call) => call?,
            None => return Err(RpcError::new(Code::Internal, "the table of calls contradicts itself")),
        };
        if service.stop.is_cancelled() {
            return Err(RpcError::new(Code::DependencyFailed, "the service is stopping"));
        }
        if !method.changes {
            return service.perform(self, call).await;
        }
        service.access.require_audit()?;
        let subject = access::subject(&call);
        let outcome = service.perform(self, call).await;
        service.access.record_change(self, method.name, &subject, outcome.as_ref().err());
        outcome
    }

    async fn authenticate(
        &mut self,
        service: &Arc<Service>,
        params: Option<&RawValue>,
        now: Timestamp,
    ) -> Result<String, RpcError> {
        service.metrics.count_call("authenticate");
        let credential = match Call::read("authenticate", params) {
            Some(Ok(Call::Authenticate(credential))) => Ok(credential.auth_token),
            Some(Err(error)) => Err(error),
            _ => Err(RpcError::new(Code::Internal, "the table of calls contradicts itself")),
        };
        // Charged before anything is looked at, whatever was sent.
        service.access.charge_authentication(self.peer, credential.as_deref().ok())?;
        let outcome = service.access.identify(credential?, now).await;
        service.access.record_authentication(self, &outcome);
        let identity = outcome?;
        if let Some(why) = service.access.ended(&self.id, &identity, now) {
            return Err(RpcError::new(Code::NotAuthenticated, why));
        }
        let answer = Authenticated {
            authenticated: true,
            role: identity.role,
            permissions: permissions(identity.role),
            expires_at: identity.expires,
            session_id: self.id.clone(),
        };
        self.identity = Some(identity);
        to_json(&answer)
    }

    /// An identity pays for its calls wherever it connects from; without one, the address does.
    fn charge(&self, service: &Service) -> Result<(), RpcError> {
        service.access.charge_request(self.identity.as_ref(), self.peer)
    }

    fn permit(&self, service: &Service, method: &Method) -> Result<(), RpcError> {
        let Some(least) = method.role else { return Ok(()) };
        let Some(identity) = &self.identity else {
            let refusal = "authenticate first: {\"auth_token\": ...}";
            service.access.record_denial(self, method.name, refusal);
            return Err(RpcError::new(Code::NotAuthenticated, refusal));
        };
        let refusal = if identity.role < least {
            format!("{} needs the role {least}; yours is {}", method.name, identity.role)
        } else if least == Role::Admin && !service.access.admin_address(self.peer) {
            format!("{} may not be called from your address", method.name)
        } else {
            return Ok(());
        };
        service.access.record_denial(self, method.name, &refusal);
        Err(RpcError::new(Code::NotPermitted, refusal))
    }
}

/// The calls that a role may make.
#[must_use]
pub fn permissions(role: Role) -> Vec<&'static str> {
    METHODS
        .iter()
        .filter(|method| method.role.is_none_or(|least| role >= least))
        .map(|method| method.name)
        .collect()
}

/// A result as JSON.
///
/// # Errors
/// Never, for the contract's types.
pub fn to_json<T: serde::Serialize>(value: &T) -> Result<String, RpcError> {
    // Most results fit, so that it does not grow again and again.
    let mut bytes = Vec::with_capacity(1024);
    let written = serde_json::to_writer(&mut bytes, value).map_err(|error| error.to_string());
    let text = written.and_then(|()| String::from_utf8(bytes).map_err(|error| error.to_string()));
    text.map_err(|error| RpcError::new(Code::Internal, error))
}

/// The beginning of a name that a client sent.
fn shortened(name: &str) -> &str {
    let end = name.char_indices().nth(64).map_or(name.len(), |(at, _)| at);
    &name[..end]
}
