//! Stands in for MediaMTX's API, as read from the source of version 1.20.1, because these tests must be able to run without
//! it. It keeps a configuration and notes what changes it. It opens no source and records nothing: a test says which paths are
//! ready.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Default)]
pub struct State {
    /// By name; null for one of `mediamtx.yml` with nothing below its name.
    pub configured: BTreeMap<String, Value>,
    /// Paths whose pictures come.
    pub ready: BTreeSet<String>,
    /// What every path sends.
    pub tracks: Vec<&'static str>,
    /// What has been asked for that changes something, as `replace front`.
    pub changes: Vec<String>,
}

pub struct Api {
    pub address: String,
    pub state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Api {
    pub async fn start(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let _ = answer(socket, &shared).await;
            }
        });
        Self { address, state, task }
    }

    pub fn set_ready(&self, name: &str) {
        self.state.lock().unwrap().ready.insert(name.to_owned());
    }

    /// What has changed since it was asked last.
    pub fn changes(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().changes)
    }

    pub fn records(&self, name: &str) -> bool {
        self.state.lock().unwrap().configured[name]["record"] == true
    }
}

async fn answer(socket: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    let (mut first, mut length) = (String::new(), 0);
    socket.read_line(&mut first).await?;
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).await?;
        match line.trim().to_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await?;
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap_or_default());
    let (status, text) = state.lock().unwrap().asked(method, path, &body);
    let length = text.len();
    let answer =
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}");
    socket.write_all(answer.as_bytes()).await
}

impl State {
    /// Status and body.
    fn asked(&mut self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let path = path.split('?').next().unwrap();
        let name = path.rsplit('/').next().unwrap().to_owned();
        let list = |items: Vec<Value>| (200, json!({ "pageCount": 1, "items": items }).to_string());
        let refused = |status: u16, why: &str| (status, json!({ "error": why }).to_string());
        match (method, path.trim_end_matches(&name)) {
            ("GET", "/v3/paths/") => list(self.configured.keys().map(|name| self.path(name)).collect()),
            ("GET", "/v3/config/paths/") => {
                list(self.configured.iter().map(|(name, path)| settings(name, path)).collect())
            }
            ("POST", "/v3/config/paths/replace/") => {
                self.changes.push(format!("replace {name}"));
                self.set(&name, body)
            }
            ("DELETE", "/v3/config/paths/delete/") => {
                self.changes.push(format!("delete {name}"));
                self.ready.remove(&name);
                match self.configured.remove(&name) {
                    Some(_) => (200, String::new()),
                    None => refused(404, "path not found"),
                }
            }
            _ => refused(404, "not found"),
        }
    }

    fn path(&self, name: &str) -> Value {
        let ready = self.ready.contains(name);
        let tracks = if ready { self.tracks.as_slice() } else { &[] };
        json!({ "name": name, "confName": name, "ready": ready, "tracks": tracks, "readers": [] })
    }

    /// A path whose `record` alone changes goes on, and others are made anew.
    fn set(&mut self, name: &str, body: &[u8]) -> (u16, String) {
        let new: Value = serde_json::from_slice(body).unwrap();
        if let Some(old) = self.configured.get(name) {
            let mut as_new = old.clone();
            if as_new.is_object() {
                as_new["record"] = new["record"].clone();
            }
            let changed = *old != new;
            if changed && as_new != new {
                self.ready.remove(name);
            }
        }
        self.configured.insert(name.to_owned(), new);
        (200, String::new())
    }
}

fn settings(name: &str, path: &Value) -> Value {
    let mut settings = path.clone();
    if settings.is_null() {
        settings = json!({ "source": "publisher", "record": false });
    }
    settings["name"] = json!(name);
    settings
}
