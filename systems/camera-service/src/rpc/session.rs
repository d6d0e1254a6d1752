//! A connection's identity, and what every call has to pass before it is made: the limit, the role, the address.

use std::sync::Arc;

use camera_access::{Identity, Role};
use jiff::Timestamp;
use serde_json::value::RawValue;

use super::message::{self, Incoming, Refused, Request};
use crate::caller::Caller;
use crate::contract::{
    self, AUTHENTICATE, Authenticated, Call, Code, Credential, METHODS, Method, RpcError, to_json,
};
use crate::places::Place;
use crate::service::Service;

/// Bytes of answers to one batch, beyond which its further calls are refused.
const MAX_ANSWER: usize = 4 << 20;
/// Calls in a row that are answered as too many; then the connection is closed, so that who does not listen is not answered without end.
const MAX_REFUSALS: u32 = 10;

/// One connection.
pub struct Session {
    /// Who is at its other end.
    pub caller: Caller,
    place: Arc<Place>,
    refusals: u32,
}

/// Why a connection is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// Its identity is no longer good.
    Ended(String),
    /// It goes on calling beyond its limit.
    TooMany,
}

/// What a message leads to.
#[derive(Debug, Default)]
pub struct Answer {
    /// The text to send back; none where only notifications came.
    pub text: Option<String>,
    /// Why the connection is to be closed afterwards.
    pub close: Option<Closing>,
}

impl Session {
    /// A connection that nobody has authenticated.
    #[must_use]
    pub fn new(caller: Caller, place: Arc<Place>) -> Self {
        Session { caller, place, refusals: 0 }
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.caller.identity.as_ref()
    }

    /// When its identity ends by itself.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.identity().and_then(|identity| identity.expires)
    }

    /// Why its identity is no longer good, if so.
    #[must_use]
    pub fn ended(&self, service: &Service, now: Timestamp) -> Option<String> {
        self.identity().and_then(|identity| service.access.ended(&self.caller.session, identity, now))
    }

    /// Answers one message, whose calls are made one after the other.
    pub async fn answer(&mut self, service: &Arc<Service>, text: &str) -> Answer {
        let mut answer = Answer::default();
        let mut out = String::new();
        match message::read(text) {
            Incoming::One(request) => self.answer_one(service, request, &mut out, &mut answer.close).await,
            Incoming::Batch(requests) => {
                for request in requests {
                    if answer.close.is_some() {
                        break;
                    }
                    out.push(if out.is_empty() { '[' } else { ',' });
                    let before = out.len();
                    let request = if out.len() > MAX_ANSWER { request.and_then(too_long) } else { request };
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
        close: &mut Option<Closing>,
    ) {
        let (id, answered, outcome) = match request {
            // Nonsense costs as much as a call, so that it is no way around the limit.
            Err(Refused { id, error }) => (id, true, Err(self.charge(service).err().unwrap_or(error))),
            Ok(request) => (request.id, request.id.is_some(), self.call(service, &request, close).await),
        };
        match &outcome {
            Err(error) => {
                service.metrics.count_error(error.code);
                if let Some(detail) = &error.detail {
                    tracing::info!(%detail, "a call failed");
                }
                self.refusals = if error.code == Code::RateLimited { self.refusals + 1 } else { 0 };
                if self.refusals >= MAX_REFUSALS {
                    close.get_or_insert(Closing::TooMany);
                }
            }
            Ok(_) => self.refusals = 0,
        }
        if answered {
            message::write(out, id, &outcome.map_err(|error| error.fitted(&self.caller.audience())));
        }
    }

    /// Makes one call, if it may be made. The limit comes first, so that guessing is limited too.
    async fn call(
        &mut self,
        service: &Arc<Service>,
        request: &Request<'_>,
        close: &mut Option<Closing>,
    ) -> Result<String, RpcError> {
        let now = Timestamp::now();
        if request.method == AUTHENTICATE.name {
            return self.authenticate(service, request.params, now).await;
        }
        if let Some(why) = self.ended(service, now) {
            *close = Some(Closing::Ended(why.clone()));
            return Err(RpcError::new(Code::NotAuthenticated, why));
        }
        self.charge(service)?;
        let Some(method) = contract::method(&request.method) else {
            let message = format!("there is no call {:?}", shortened(&request.method));
            return Err(RpcError::new(Code::MethodNotFound, message));
        };
        service.metrics.count_call(method.name);
        self.permit(service, method)?;
        let Some(call) = Call::read(method.name, request.params) else {
            return Err(RpcError::new(Code::Internal, "the table of calls contradicts itself"));
        };
        let call = call?;
        if service.stop.is_cancelled() {
            return Err(RpcError::new(Code::DependencyFailed, "the service is stopping"));
        }
        let Some(event) = method.audit else {
            return call.make(&**service, &self.caller).await;
        };
        service.access.require_audit()?;
        let subject = call.subject();
        let outcome = call.make(&**service, &self.caller).await;
        service.access.record_change(&self.caller, method.name, event, &subject, outcome.as_ref().err());
        outcome
    }

    async fn authenticate(
        &mut self,
        service: &Arc<Service>,
        params: Option<&RawValue>,
        now: Timestamp,
    ) -> Result<String, RpcError> {
        service.metrics.count_call(AUTHENTICATE.name);
        let credential = contract::read_params::<Credential>(params).map(|credential| credential.auth_token);
        let identity = service.access.authenticate(&self.caller, credential, now).await?;
        if let Some(why) = service.access.ended(&self.caller.session, &identity, now) {
            return Err(RpcError::new(Code::NotAuthenticated, why));
        }
        self.place
            .settle(Some(&identity.user))
            .map_err(|no_place| RpcError::new(Code::InvalidState, no_place.to_string()))?;
        let answer = Authenticated {
            authenticated: true,
            role: identity.role,
            permissions: permissions(identity.role),
            expires_at: identity.expires,
            session_id: self.caller.session.clone(),
        };
        self.caller.identity = Some(identity);
        self.caller.mailbox.set_audience(self.caller.audience());
        to_json(&answer)
    }

    /// An identity pays for its calls wherever it connects from; without one, the address does.
    fn charge(&self, service: &Service) -> Result<(), RpcError> {
        service.access.charge_request(self.identity(), self.caller.address)
    }

    fn permit(&self, service: &Service, method: &Method) -> Result<(), RpcError> {
        let Some(least) = method.role else { return Ok(()) };
        let Some(identity) = self.identity() else {
            let refusal = "authenticate first: {\"auth_token\": ...}";
            service.access.record_denial(&self.caller, method.name, refusal);
            return Err(RpcError::new(Code::NotAuthenticated, refusal));
        };
        let refusal = if identity.role < least {
            format!("{} needs the role {least}; yours is {}", method.name, identity.role)
        } else if least == Role::Admin && !service.access.admin_address(self.caller.address) {
            format!("{} may not be called from your address", method.name)
        } else {
            return Ok(());
        };
        service.access.record_denial(&self.caller, method.name, &refusal);
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

/// A call of a batch whose answer has become too long; one that is not answered is made all the same.
fn too_long(request: Request<'_>) -> Result<Request<'_>, Refused<'_>> {
    if request.id.is_none() {
        return Ok(request);
    }
    let error =
        RpcError::new(Code::InvalidState, "the answer to this batch is too long: ask for less at once");
    Err(Refused { id: request.id, error })
}

/// The beginning of a name that a client sent.
fn shortened(name: &str) -> &str {
    let end = name.char_indices().nth(64).map_or(name.len(), |(at, _)| at);
    &name[..end]
}
