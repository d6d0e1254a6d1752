//! A fake Kubernetes API server inside this process, for `--demo` and for tests of what a real server does only when it is broken. It
//! knows lists in pages, watches with bookmarks and 410 inside the stream, objects one by one, and faults for each kind. It authorises
//! nobody, validates nothing and keeps nothing.

mod discovery;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

/// What is wrong with one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 403, which repeats who asked with what.
    Forbidden,
    /// 401.
    Unauthenticated,
    /// 404: the kind is not served.
    Missing,
    /// 200 with a login page, which repeats who asked with what.
    Html,
    /// 200 with JSON of another shape.
    OtherShape,
    /// No answer ever.
    Silent,
    /// The second page is cut in its middle.
    HalfPage,
    /// The second page is of another moment.
    OtherMoment,
    /// The list ends though objects remain.
    EndsEarly,
}

/// Resource, namespace, name.
type Key = (String, String, String);

#[derive(Debug, Default)]
struct Store {
    version: u64,
    /// Watches from before are told 410.
    compacted: u64,
    objects: BTreeMap<Key, Value>,
    /// Version, resource, namespace, line.
    events: Vec<(u64, String, String, String)>,
    faults: BTreeMap<String, Fault>,
    /// Group and kind of what is served beside the kinds of the model.
    further_kinds: Vec<(String, String)>,
    /// If set, the only bearer token that is let in.
    token: Option<String>,
    page: Option<usize>,
    requests: Vec<String>,
    stopped: bool,
    ended: bool,
}

/// The server; ends when dropped.
#[derive(Debug)]
pub struct FakeCluster {
    address: SocketAddr,
    shared: Shared,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Clone)]
struct Shared {
    store: Arc<Mutex<Store>>,
    changed: watch::Sender<u64>,
}

impl Drop for FakeCluster {
    fn drop(&mut self) {
        self.end();
    }
}

impl FakeCluster {
    /// Starts on a free port of loopback.
    ///
    /// # Errors
    /// No port is to be had.
    pub async fn start() -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let store = Store { version: 100, ..Store::default() };
        let shared = Shared { store: Arc::new(Mutex::new(store)), changed: watch::channel(0).0 };
        let app = Router::new()
            .route("/apis", get(discovery::all_groups))
            .route("/apis/{group}", get(discovery::one_group))
            .route("/apis/{group}/{version}/{plural}", get(list_all))
            .route("/apis/{group}/{version}/namespaces/{namespace}/{plural}", get(list).post(create))
            .route(
                "/apis/{group}/{version}/namespaces/{namespace}/{plural}/{name}",
                get(read).put(replace).delete(remove),
            )
            .with_state(shared.clone());
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(FakeCluster { address, shared, task })
    }

    /// Ends: connections break, nobody listens any more.
    pub fn end(&self) {
        self.shared.store.lock().ended = true;
        self.shared.tell();
        self.task.abort();
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts an object there, new or in another's place. `resource` is the plural; namespace and name are the object's.
    pub fn put(&self, resource: &str, object: Value) {
        self.shared.put(resource, object);
    }

    /// Takes an object away.
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) -> bool {
        self.shared.delete(resource, namespace, name)
    }

    /// An object as it is now.
    #[must_use]
    pub fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
        self.shared.store.lock().objects.get(&key).cloned()
    }

    /// How many objects of a resource there are.
    #[must_use]
    pub fn count(&self, resource: &str) -> usize {
        self.shared.store.lock().objects.keys().filter(|key| key.0 == resource).count()
    }

    /// Breaks one kind, or mends it.
    pub fn break_kind(&self, resource: &str, fault: Option<Fault>) {
        let mut store = self.shared.store.lock();
        match fault {
            Some(fault) => store.faults.insert(resource.to_owned(), fault),
            None => store.faults.remove(resource),
        };
    }

    /// Serves another kind too, whose objects nobody lists.
    pub fn serve(&self, group: &str, kind: &str) {
        self.shared.store.lock().further_kinds.push((group.to_owned(), kind.to_owned()));
    }

    /// Forgets the past: watches from before now are told 410 inside the stream, running ones too.
    pub fn compact(&self) {
        {
            let mut store = self.shared.store.lock();
            store.version += 1;
            store.compacted = store.version;
            store.events.clear();
        }
        self.shared.tell();
    }

    /// Pages have at most so many objects, whatever is asked for.
    pub fn set_page(&self, objects: usize) {
        self.shared.store.lock().page = Some(objects);
    }

    /// Only this bearer token is let in from now on.
    pub fn require_token(&self, token: &str) {
        self.shared.store.lock().token = Some(token.to_owned());
    }

    /// Answers nothing while stopped, as a process under SIGSTOP.
    pub fn stop(&self, stopped: bool) {
        self.shared.store.lock().stopped = stopped;
        self.shared.tell();
    }

    /// Every request so far, path and query.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.shared.store.lock().requests.clone()
    }
}

impl Shared {
    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn put(&self, resource: &str, mut object: Value) -> Value {
        let mut store = self.store.lock();
        store.version += 1;
        let version = store.version;
        let word =
            |object: &Value, name: &str| object["metadata"][name].as_str().unwrap_or("default").to_owned();
        let (namespace, name) = (word(&object, "namespace"), word(&object, "name"));
        let key = (resource.to_owned(), namespace.clone(), name.clone());
        let old = store.objects.get(&key).cloned();
        let generation = |object: &Value| object["metadata"]["generation"].as_u64();
        object["metadata"]["namespace"] = namespace.clone().into();
        object["metadata"]["resourceVersion"] = version.to_string().into();
        object["metadata"]["uid"] = match &old {
            Some(old) => old["metadata"]["uid"].clone(),
            None => format!("00000000-0000-4000-8000-{version:012}").into(),
        };
        object["metadata"]["generation"] = match &old {
            Some(old) if old["spec"] == object["spec"] => generation(old),
            Some(old) => generation(old).map(|number| number + 1),
            None => Some(1),
        }
        .into();
        let word = if old.is_some() { "MODIFIED" } else { "ADDED" };
        let line = json!({"type": word, "object": object}).to_string();
        store.events.push((version, resource.to_owned(), namespace, line));
        store.objects.insert(key, object.clone());
        drop(store);
        self.tell();
        object
    }

    fn delete(&self, resource: &str, namespace: &str, name: &str) -> bool {
        let mut store = self.store.lock();
        let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
        let Some(mut object) = store.objects.remove(&key) else { return false };
        store.version += 1;
        let version = store.version;
        object["metadata"]["resourceVersion"] = version.to_string().into();
        let line = json!({"type": "DELETED", "object": object}).to_string();
        store.events.push((version, resource.to_owned(), namespace.to_owned(), line));
        drop(store);
        self.tell();
        true
    }

    /// What stands before every answer: a stopped process, a token, a fault.
    async fn before(
        &self,
        resource: &str,
        path: String,
        headers: &HeaderMap,
    ) -> Result<Option<Fault>, Response> {
        let mut changed = self.changed.subscribe();
        self.store.lock().requests.push(path);
        while self.store.lock().stopped {
            let _ = changed.changed().await;
        }
        let (fault, token) = {
            let store = self.store.lock();
            (store.faults.get(resource).copied(), store.token.clone())
        };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let wanted = token.map(|token| format!("Bearer {token}"));
        if wanted.is_some() && wanted.as_deref() != given {
            return Err(status(401, "Unauthorized", "Unauthorized"));
        }
        match fault {
            Some(Fault::Forbidden) => Err(status(
                403,
                "Forbidden",
                &format!("{resource} is forbidden: User \"sync\" ({given:?}) cannot list resource"),
            )),
            Some(Fault::Unauthenticated) => Err(status(401, "Unauthorized", "Unauthorized")),
            Some(Fault::Missing) => Err((StatusCode::NOT_FOUND, "404 page not found\n").into_response()),
            Some(Fault::Html) => Err((
                [(header::CONTENT_TYPE, "text/html")],
                format!("<!doctype html><title>Sign in</title>{given:?}"),
            )
                .into_response()),
            Some(Fault::OtherShape) => Err(axum::Json(json!({"kind": "List", "items": []})).into_response()),
            Some(Fault::Silent) => std::future::pending().await,
            other => Ok(other),
        }
    }
}

fn status(code: u16, reason: &str, message: &str) -> Response {
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code});
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (code, axum::Json(body)).into_response()
}

type Asked = Query<BTreeMap<String, String>>;

async fn list_all(
    state: State<Shared>,
    Path((group, version, plural)): Path<(String, String, String)>,
    query: Asked,
    headers: HeaderMap,
) -> Response {
    collection(&state, &group, &version, None, &plural, &query, &headers).await
}

async fn list(
    state: State<Shared>,
    Path((group, version, namespace, plural)): Path<(String, String, String, String)>,
    query: Asked,
    headers: HeaderMap,
) -> Response {
    collection(&state, &group, &version, Some(&namespace), &plural, &query, &headers).await
}

async fn collection(
    shared: &Shared,
    group: &str,
    version: &str,
    namespace: Option<&str>,
    plural: &str,
    query: &BTreeMap<String, String>,
    headers: &HeaderMap,
) -> Response {
    let path = format!("/apis/{group}/{version}/{plural}?{query:?}");
    let fault = match shared.before(plural, path, headers).await {
        Ok(fault) => fault,
        Err(answer) => return answer,
    };
    if query.contains_key("sendInitialEvents") {
        return status(500, "InternalError", "required storage feature RequestWatchProgress is disabled");
    }
    if query.contains_key("watch") {
        let from = query.get("resourceVersion").and_then(|text| text.parse().ok()).unwrap_or(0);
        return follow(shared.clone(), plural.to_owned(), namespace.map(str::to_owned), from);
    }
    page(shared, &format!("{group}/{version}"), namespace, plural, query, fault)
}

/// A page. The fake's lists do not change under a continue token in its tests, so the token is just where to go on.
fn page(
    shared: &Shared,
    api: &str,
    namespace: Option<&str>,
    plural: &str,
    query: &BTreeMap<String, String>,
    fault: Option<Fault>,
) -> Response {
    let store = shared.store.lock();
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let start = number("continue").unwrap_or(0);
    let limit = store.page.or(number("limit")).unwrap_or(usize::MAX).max(1);
    let in_place = |key: &Key| key.0 == plural && namespace.is_none_or(|namespace| key.1 == namespace);
    let all: Vec<&Value> =
        store.objects.iter().filter(|(key, _)| in_place(key)).map(|(_, object)| object).collect();
    let items: Vec<&Value> = all.iter().skip(start).take(limit).copied().collect();
    let end = start + items.len();
    let mut metadata = json!({"resourceVersion": store.version.to_string()});
    if end < all.len() {
        metadata["remainingItemCount"] = (all.len() - end).into();
        if fault != Some(Fault::EndsEarly) {
            metadata["continue"] = end.to_string().into();
        }
    }
    if fault == Some(Fault::OtherMoment) && start > 0 {
        metadata["resourceVersion"] = (store.version + 7).to_string().into();
    }
    let kind = fabric_model::Kind::ALL.into_iter().find(|kind| kind.plural() == plural);
    let kind = kind.map_or("Object", |kind| kind.name());
    let body =
        json!({"apiVersion": api, "kind": format!("{kind}List"), "metadata": metadata, "items": items});
    let mut text = body.to_string();
    if fault == Some(Fault::HalfPage) && start > 0 {
        text.truncate(text.len() / 2);
    }
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn follow(shared: Shared, plural: String, namespace: Option<String>, from: u64) -> Response {
    let mut changed = shared.changed.subscribe();
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(16);
    tokio::spawn(async move {
        let mut seen = from;
        loop {
            let (lines, gone, stopped) = {
                let store = shared.store.lock();
                if store.ended {
                    return;
                }
                let gone = seen < store.compacted;
                let mine = |event: &&(u64, String, String, String)| {
                    event.0 > seen
                        && event.1 == plural
                        && namespace.as_ref().is_none_or(|name| event.2 == *name)
                };
                let lines: Vec<(u64, String)> =
                    store.events.iter().filter(mine).map(|event| (event.0, event.3.clone())).collect();
                (lines, gone, store.stopped)
            };
            if gone {
                let text = format!("too old resource version: {seen}");
                let line = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "metadata": {},
                    "status": "Failure", "message": text, "reason": "Expired", "code": 410}});
                let _ = sender.send(Ok(format!("{line}\n").into())).await;
                return;
            }
            if !stopped {
                for (version, line) in lines {
                    seen = version;
                    if sender.send(Ok(format!("{line}\n").into())).await.is_err() {
                        return;
                    }
                }
            }
            tokio::select! {
                _ = changed.changed() => {}
                () = sender.closed() => return,
                () = tokio::time::sleep(Duration::from_secs(20)) => {
                    let line = json!({"type": "BOOKMARK", "object": {"apiVersion": "v1", "kind": "Object",
                        "metadata": {"resourceVersion": seen.to_string()}}});
                    let _ = sender.send(Ok(format!("{line}\n").into())).await;
                }
            }
        }
    });
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(stream)).into_response()
}

type One = Path<(String, String, String, String, String)>;

async fn read(State(shared): State<Shared>, Path(path): One, headers: HeaderMap) -> Response {
    let (_, _, namespace, plural, name) = path;
    if let Err(answer) = shared.before(&plural, format!("GET {plural}/{name}"), &headers).await {
        return answer;
    }
    let store = shared.store.lock();
    match store.objects.get(&(plural.clone(), namespace, name.clone())) {
        Some(object) => axum::Json(object.clone()).into_response(),
        None => status(404, "NotFound", &format!("{plural} \"{name}\" not found")),
    }
}

async fn create(
    State(shared): State<Shared>,
    Path((_, _, namespace, plural)): Path<(String, String, String, String)>,
    headers: HeaderMap,
    axum::Json(mut object): axum::Json<Value>,
) -> Response {
    if let Err(answer) = shared.before(&plural, format!("POST {plural}"), &headers).await {
        return answer;
    }
    object["metadata"]["namespace"] = namespace.clone().into();
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let there = shared.store.lock().objects.contains_key(&(plural.clone(), namespace, name));
    if there {
        return status(409, "AlreadyExists", "already exists");
    }
    (StatusCode::CREATED, axum::Json(shared.put(&plural, object))).into_response()
}

async fn replace(
    State(shared): State<Shared>,
    Path(path): One,
    headers: HeaderMap,
    axum::Json(object): axum::Json<Value>,
) -> Response {
    let (_, _, namespace, plural, name) = path;
    if let Err(answer) = shared.before(&plural, format!("PUT {plural}/{name}"), &headers).await {
        return answer;
    }
    let key = (plural.clone(), namespace, name.clone());
    let there = shared.store.lock().objects.get(&key).cloned();
    match there {
        None => status(404, "NotFound", &format!("{plural} \"{name}\" not found")),
        Some(old) if old["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] => status(
            409,
            "Conflict",
            "the object has been modified; please apply your changes to the latest version",
        ),
        Some(_) => axum::Json(shared.put(&plural, object)).into_response(),
    }
}

async fn remove(State(shared): State<Shared>, Path(path): One, headers: HeaderMap) -> Response {
    let (_, _, namespace, plural, name) = path;
    if let Err(answer) = shared.before(&plural, format!("DELETE {plural}/{name}"), &headers).await {
        return answer;
    }
    match shared.delete(&plural, &namespace, &name) {
        true => status(200, "", "deleted"),
        false => status(404, "NotFound", &format!("{plural} \"{name}\" not found")),
    }
}
