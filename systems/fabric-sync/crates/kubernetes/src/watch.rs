//! A watch of one list, from the moment at which it was read: changes as they come, until the first thing that makes the list doubtful.
//! Then a whole read is due; nothing is mended here.

use std::time::{Duration, Instant as Moment};

use fabric_model::Kind;
use kube::core::{Request, Status, WatchEvent, params::WatchParams};
use serde_json::Value;
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;

use crate::access::Session;
use crate::list::{identity, trim};
use crate::request::{Trouble, get_lines};

/// The server ends a watch after this time and it is begun anew, so that a connection that died in silence is found.
const WATCH: Duration = Duration::from_secs(60);
/// How much later than that the end may come.
const MARGIN: Duration = Duration::from_secs(5);
/// A server that ends watches at once is not asked more often than this.
const PAUSE: Duration = Duration::from_secs(1);

/// What a watch says.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An object is there, new or changed.
    Applied {
        /// Its kind.
        kind: Kind,
        /// The object.
        object: Value,
    },
    /// An object is gone.
    Deleted {
        /// Its kind.
        kind: Kind,
        /// As it was last.
        object: Value,
    },
    /// From here on the list that was read may be wrong in any way: read it again.
    Lost {
        /// Of which kind.
        kind: Kind,
        /// What happened.
        why: Trouble,
    },
}

/// An event, and when it arrived here.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// The event.
    pub event: Event,
    /// When it arrived, however long it waited to be looked at.
    pub at: Moment,
}

impl Arrival {
    fn now(event: Event) -> Self {
        Arrival { event, at: Moment::now() }
    }
}

/// One list that is watched.
pub(crate) struct Watch {
    pub(crate) kind: Kind,
    pub(crate) path: String,
    pub(crate) labels: Option<String>,
    pub(crate) resource_version: String,
    pub(crate) deadline: Duration,
}

impl Watch {
    /// Tells changes until the list is lost or nobody listens.
    pub(crate) async fn tell(mut self, session: Session, events: Sender<Arrival>) {
        loop {
            let begun = Instant::now();
            match self.follow(&session, &events).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(why) => {
                    let _ = events.send(Arrival::now(Event::Lost { kind: self.kind, why })).await;
                    return;
                }
            }
            tokio::time::sleep_until(begun + PAUSE).await;
        }
    }

    /// Follows one watch to its end; whether anybody still listens.
    async fn follow(&mut self, session: &Session, events: &Sender<Arrival>) -> Result<bool, Trouble> {
        let seconds = u32::try_from(WATCH.as_secs()).unwrap_or(u32::MAX);
        let mut parameters = WatchParams::default().timeout(seconds);
        parameters.label_selector.clone_from(&self.labels);
        let request = Request::new(self.path.clone())
            .watch(&parameters, &self.resource_version)
            .map_err(|error| Trouble::Foreign(error.to_string()))?;
        let mut lines = get_lines(session, request, self.deadline).await?;
        let end = Instant::now() + WATCH + MARGIN;
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout_at(end, lines.next(session)) => next,
                () = events.closed() => return Ok(false),
            };
            let Some(line) = next.map_err(|_| Trouble::Silent { within: WATCH + MARGIN })?? else {
                return Ok(true);
            };
            let Some(event) = read_event(session, &line)? else { return Ok(true) };
            let event = match event {
                WatchEvent::Bookmark(mark) => {
                    self.resource_version = mark.metadata.resource_version;
                    continue;
                }
                WatchEvent::Error(status) => return Err(session.trouble(&kube::Error::Api(status))),
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    Event::Applied { kind: self.kind, object: self.checked(object)? }
                }
                WatchEvent::Deleted(object) => {
                    Event::Deleted { kind: self.kind, object: self.checked(object)? }
                }
            };
            if events.send(Arrival::now(event)).await.is_err() {
                return Ok(false);
            }
        }
    }

    /// The object, once it has what the next watch and the model need.
    fn checked(&mut self, mut object: Value) -> Result<Value, Trouble> {
        identity(&object)?;
        match object["metadata"]["resourceVersion"].as_str() {
            Some(version) if !version.is_empty() => version.clone_into(&mut self.resource_version),
            _ => return Err(Trouble::Foreign("an event without metadata.resourceVersion".into())),
        }
        trim(&mut object);
        Ok(object)
    }
}

/// The event in a line; none where the line ends in its middle, as the last one of a watch that was cut off.
fn read_event(session: &Session, line: &[u8]) -> Result<Option<WatchEvent<Value>>, Trouble> {
    match serde_json::from_slice(line) {
        Ok(event) => Ok(Some(event)),
        Err(error) if error.is_eof() => Ok(None),
        Err(error) => Err(session.trouble(&match serde_json::from_slice::<Status>(line) {
            Ok(status) => kube::Error::Api(status.boxed()),
            Err(_) => kube::Error::SerdeError(error),
        })),
    }
}
