//! All kinds of one fabric: read whole, then watched from the moment of that read.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::time::Duration;

use fabric_model::{Kind, Snapshot, Unread, UnreadCause};
use futures_util::StreamExt;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinSet;

use crate::access::{Access, Connector, Session};
use crate::discovery::find_further_kinds;
use crate::list::{List, Listing};
use crate::request::Trouble;
use crate::watch::{Arrival, Event, Watch};

/// Lists that are read at the same time.
const AT_ONCE: usize = 4;
/// Events that may wait.
const EVENTS: usize = 1024;

/// Which objects belong to a fabric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The kinds that are read.
    pub kinds: Vec<Kind>,
    /// The namespaces that are read; none: all of them.
    pub namespaces: Vec<String>,
    /// A label selector, such as `env=lab`.
    pub labels: Option<String>,
}

/// One fabric's API server.
pub struct Source {
    connector: Connector,
    scope: Scope,
    deadline: Duration,
}

/// What was read, and where watches go on.
pub struct Reading {
    /// Every kind of the scope, whole or why not.
    pub snapshot: Snapshot,
    versions: Vec<(Kind, Option<String>, String)>,
    session: Option<Session>,
}

/// Watches that end when this is dropped.
#[derive(Debug)]
pub struct Watches {
    events: Receiver<Arrival>,
    /// Those that were looked at before their turn.
    waiting: VecDeque<Arrival>,
    _tasks: JoinSet<()>,
}

impl Watches {
    /// The next event; none only if nothing is watched.
    pub async fn next(&mut self) -> Option<Arrival> {
        match self.waiting.pop_front() {
            Some(first) => Some(first),
            None => self.events.recv().await,
        }
    }

    /// An event that is there already.
    pub fn ready(&mut self) -> Option<Arrival> {
        self.waiting.pop_front().or_else(|| self.events.try_recv().ok())
    }

    /// Whether an event waits that may change what is intended, or a loss: of an agent only what it reports changes. Where too many wait to
    /// tell, it may.
    pub fn has_intent(&mut self) -> bool {
        while self.waiting.len() < EVENTS
            && let Ok(arrival) = self.events.try_recv()
        {
            self.waiting.push_back(arrival);
        }
        let concerns = |arrival: &Arrival| match &arrival.event {
            Event::Applied { kind, .. } | Event::Deleted { kind, .. } => *kind != Kind::Agent,
            Event::Lost { .. } => true,
        };
        self.waiting.len() >= EVENTS || self.waiting.iter().any(concerns)
    }
}

impl Source {
    /// A source; nothing is asked yet. Each request may take `deadline`.
    #[must_use]
    pub fn new(access: Access, scope: Scope, deadline: Duration) -> Self {
        Source { connector: Connector::new(access), scope, deadline }
    }

    /// A session with the credentials as they are now.
    ///
    /// # Errors
    /// Files of credentials that cannot be read or used.
    pub(crate) async fn session(&self) -> Result<Session, crate::AccessError> {
        self.connector.session().await
    }

    /// Reads every kind, each list whole or not at all. After the first one that is not answered in time, the others are not asked for.
    pub async fn read(&self) -> Reading {
        let mut snapshot = Snapshot::new();
        for kind in Kind::ALL.into_iter().filter(|kind| !self.scope.kinds.contains(kind)) {
            snapshot.exclude(kind);
        }
        let mut versions = Vec::new();
        let session = match self.session().await {
            Ok(session) => session,
            Err(error) => {
                let why = Trouble::from(error).into_unread();
                for kind in &self.scope.kinds {
                    snapshot.insert(*kind, Err(why.clone()));
                }
                return Reading { snapshot, versions, session: None };
            }
        };
        // A server that is not there is not asked for each kind whether it is: nothing could be concluded of a part anyway.
        let gone = OnceLock::new();
        let read = async |kind| {
            if let Some(unread) = gone.get() {
                return (kind, Err(Unread::clone(unread)));
            }
            let list = self.read_kind(&session, kind).await.inspect_err(|unread| {
                if matches!(unread.cause, UnreadCause::TimedOut | UnreadCause::Unreachable) {
                    let _ = gone.set(unread.clone());
                }
            });
            (kind, list)
        };
        let lists = futures_util::stream::iter(self.scope.kinds.clone()).map(read).buffer_unordered(AT_ONCE);
        let (lists, further_kinds) =
            tokio::join!(lists.collect::<Vec<_>>(), find_further_kinds(&session, self.deadline));
        snapshot.set_further_kinds(further_kinds);
        for (kind, lists) in lists {
            match lists {
                Ok(lists) => {
                    let mut objects = Vec::new();
                    let mut named = Vec::new();
                    for (namespace, list) in lists {
                        named.push(list.resource_version.clone());
                        versions.push((kind, namespace, list.resource_version));
                        objects.extend(list.objects);
                    }
                    snapshot.insert(kind, Ok((named.join(","), objects)));
                }
                Err(why) => snapshot.insert(kind, Err(why)),
            }
        }
        Reading { snapshot, versions, session: Some(session) }
    }

    async fn read_kind(&self, session: &Session, kind: Kind) -> Result<Vec<(Option<String>, List)>, Unread> {
        let mut lists = Vec::new();
        for namespace in self.places() {
            let labels = self.scope.labels.as_deref();
            let listing = Listing { kind, namespace: namespace.as_deref(), labels, deadline: self.deadline };
            lists.push((namespace.clone(), listing.read(session).await?));
        }
        Ok(lists)
    }

    fn places(&self) -> Vec<Option<String>> {
        match self.scope.namespaces.as_slice() {
            [] => vec![None],
            named => named.iter().cloned().map(Some).collect(),
        }
    }

    /// Watches every list of a reading from the moment at which it was read. A kind that was not read is not watched.
    #[must_use]
    pub fn watch(&self, reading: &Reading) -> Watches {
        let (sender, events) = mpsc::channel(EVENTS);
        let mut tasks = JoinSet::new();
        if let Some(session) = &reading.session {
            for (kind, namespace, version) in &reading.versions {
                let labels = self.scope.labels.as_deref();
                let listing =
                    Listing { kind: *kind, namespace: namespace.as_deref(), labels, deadline: self.deadline };
                let watch = Watch {
                    kind: *kind,
                    path: listing.path(),
                    labels: self.scope.labels.clone(),
                    resource_version: version.clone(),
                    deadline: self.deadline,
                };
                tasks.spawn(watch.tell(session.clone(), sender.clone()));
            }
        }
        Watches { events, waiting: VecDeque::new(), _tasks: tasks }
    }
}
