//! A fake NetBox in this process, for the demonstration and for tests. It keeps nothing when it ends, and whoever shows it says that
//! it is one. It has the API's shapes and manners that matter here, its vices included: a filter that it does not know is ignored, a
//! field that it does not know is swallowed, a device that goes leaves its cables dangling, an empty write moves `last_updated`. On
//! demand it fails as networks, proxies and servers fail ([`Fault`]).

mod answer;
mod store;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use fabric_model::ObjectKind;
use futures_util::StreamExt as _;
use parking_lot::Mutex;
use serde_json::Value;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::watch;
use url::Url;

/// A way in which a request fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 200 with a login page.
    LoginPage,
    /// This status, with an error page.
    Status(u16),
    /// 429 with `Retry-After: 0`.
    Throttled,
    /// 429 with this `Retry-After`.
    RetryAfter(&'static str),
    /// 403, as for a token that is not known; it repeats the token.
    Forbidden,
    /// JSON of another shape.
    OtherShape,
    /// The answer's second half is missing.
    HalfBody,
    /// A list lacks its last object, although it was counted.
    ShortPage,
    /// Filters are ignored.
    NoFilters,
    /// It is done, and the connection ends without an answer.
    CutAfterDone,
    /// It is never answered.
    Silence,
    /// It is answered once all is healed.
    Held,
    /// An object comes into being, before the others in order, between two pages.
    RowBetweenPages,
    /// Somebody changes the object that is about to be written.
    ChangedMeanwhile,
}

/// Which requests a fault befalls.
#[derive(Clone, Debug)]
struct Trap {
    fault: Fault,
    method: Option<Method>,
    path: String,
    /// How many are let through first.
    skip: usize,
    /// How often it strikes.
    times: usize,
}

/// A fake NetBox that listens on a free port of 127.0.0.1 until it is dropped.
pub struct FakeNetBox {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

pub(crate) struct Shared {
    store: Mutex<Store>,
    traps: Mutex<Vec<Trap>>,
    token: Mutex<String>,
    healed: watch::Sender<()>,
}

impl FakeNetBox {
    /// Starts one, with our custom fields and tags.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start(token: &str) -> io::Result<Self> {
        let fake = Self::start_bare(token).await?;
        fake.shared.store.lock().prepare();
        Ok(fake)
    }

    /// Starts one without custom fields.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start_bare(token: &str) -> io::Result<Self> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            store: Mutex::default(),
            traps: Mutex::default(),
            token: Mutex::new(token.into()),
            healed: watch::Sender::default(),
        });
        let router = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // It ends when the task is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, server })
    }

    /// Where it listens.
    pub fn url(&self) -> Url {
        let mut url = LOCAL.clone();
        // An http address takes both.
        let _ = url.set_ip_host(self.address.ip());
        let _ = url.set_port(Some(self.address.port()));
        url
    }

    /// Accepts this token from now on, and no other.
    pub fn set_token(&self, token: &str) {
        *self.shared.token.lock() = token.into();
    }

    /// `fault` befalls the next `times` requests of `method` (any, if None) whose path, below `/api/`, begins with `path`.
    pub fn fail(&self, fault: Fault, method: Option<&str>, path: &str, times: usize) {
        self.fail_after(0, fault, method, path, times);
    }

    /// As [`FakeNetBox::fail`], after `skip` such requests.
    pub fn fail_after(&self, skip: usize, fault: Fault, method: Option<&str>, path: &str, times: usize) {
        let method = method.and_then(|method| method.parse().ok());
        self.shared.traps.lock().push(Trap { fault, method, path: path.into(), skip, times });
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.shared.traps.lock().clear();
        self.shared.healed.send_replace(());
    }

    /// Whether every fault that was to befall a request has done so.
    pub fn is_sound(&self) -> bool {
        self.shared.traps.lock().is_empty()
    }

    /// Creates an object as a person would, from the body of a request; its number.
    ///
    /// # Panics
    /// Never; an object that cannot be is not created, and its number is 0.
    pub fn create(&self, kind: ObjectKind, body: Value) -> u64 {
        let created = self.shared.store.lock().create(kind, body);
        created.map_or(0, |created| created["id"].as_u64().unwrap_or_default())
    }

    /// Makes an object once more, with the same key: as two requests at the same time would. Its number; 0 if there is none such.
    pub fn duplicate(&self, kind: ObjectKind, id: u64) -> u64 {
        self.shared.store.lock().duplicate(kind, id)
    }

    /// Changes an object as a person would.
    pub fn change(&self, kind: ObjectKind, id: u64, body: Value) -> bool {
        self.shared.store.lock().change(kind, id, body).is_ok()
    }

    /// Deletes an object as a person would.
    pub fn delete(&self, kind: ObjectKind, id: u64) -> bool {
        self.shared.store.lock().delete(kind, id).is_ok()
    }

    /// All objects of `kind`, as the API answers them.
    pub fn objects(&self, kind: ObjectKind) -> Vec<Value> {
        self.shared.store.lock().objects(kind)
    }

    /// Changes a property of a custom field, as an administrator would.
    pub fn change_custom_field(&self, name: &str, property: &str, value: &Value) {
        for field in &mut self.shared.store.lock().custom_fields {
            if field["name"] == name {
                field[property] = value.clone();
            }
        }
    }

    /// Gives a tag another slug, as an administrator would.
    pub fn rename_tag(&self, slug: &str, new: &str) {
        for tag in &mut self.shared.store.lock().tags {
            if tag["slug"] == slug {
                tag["slug"] = new.into();
            }
        }
    }

    /// How many changes stand in the changelog.
    pub fn change_count(&self) -> usize {
        self.shared.store.lock().changes.len()
    }

    /// The messages in the changelog, oldest first.
    pub fn change_messages(&self) -> Vec<String> {
        self.shared.store.lock().changes.clone()
    }

    /// The cables that have an empty end.
    pub fn dangling_cables(&self) -> usize {
        let is_empty = |cable: &Value, end: &str| cable[end].as_array().is_none_or(Vec::is_empty);
        let cables = self.objects(ObjectKind::Cable);
        cables
            .iter()
            .filter(|cable| is_empty(cable, "a_terminations") || is_empty(cable, "b_terminations"))
            .count()
    }
}

static LOCAL: std::sync::LazyLock<Url> = std::sync::LazyLock::new(|| {
    #[allow(clippy::expect_used, reason = "a constant")]
    Url::parse("http://127.0.0.1/").expect("an address")
});

impl Drop for FakeNetBox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn spring(&self, method: &Method, path: &str) -> Option<Fault> {
        let mut traps = self.traps.lock();
        let at = traps.iter().position(|trap| {
            path.starts_with(&trap.path) && trap.method.as_ref().is_none_or(|wanted| wanted == method)
        })?;
        let trap = traps.get_mut(at)?;
        if trap.skip > 0 {
            trap.skip -= 1;
            return None;
        }
        let fault = trap.fault.clone();
        trap.times -= 1;
        if trap.times == 0 {
            traps.remove(at);
        }
        Some(fault)
    }
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path().trim_start_matches("/api/").to_owned();
    let mut healed = shared.healed.subscribe();
    let fault = shared.spring(&head.method, &path);
    if fault == Some(Fault::Silence) {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    if fault == Some(Fault::Held) {
        let _ = healed.changed().await;
    }
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap_or_default();
    answer::answer(&shared, &head, &path, &body, fault.as_ref()).unwrap_or_else(|cut| {
        // The connection ends in the middle: after the head was sent, if anything was.
        let start = futures_util::stream::iter(Some(cut).filter(|cut| !cut.is_empty()).map(Ok));
        let end = futures_util::stream::once(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Err(io::Error::other("cut"))
        });
        let mut response = Response::new(Body::from_stream(start.chain(end)));
        response
            .headers_mut()
            .insert("content-type", axum::http::HeaderValue::from_static("application/json"));
        response
    })
}
