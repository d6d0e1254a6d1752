//! Stands in for MediaMTX's API, as read from the source of version 1.5.1, because these tests must be able to run without
//! it. It keeps a configuration, notes what changes it, and ends where MediaMTX does. It opens no source and records nothing:
//! a test says which paths are ready.

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
    /// Paths whose source has been opened since they were made.
    pub opened: BTreeSet<String>,
    /// What every path sends.
    pub tracks: Vec<&'static str>,
    /// What has been asked for that changes something, as `replace front`.
    pub changes: Vec<String>,
    /// It has ended as MediaMTX does, and why.
    pub crashed: Option<&'static str>,
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
            while shared.lock().unwrap().crashed.is_none() {
                let Ok((socket, _)) = listener.accept().await else { return };
                let _ = answer(socket, &shared).await;
            }
        });
        Self { address, state, task }
    }

    pub fn set_ready(&self, name: &str) {
        let mut state = self.state.lock().unwrap();
        state.ready.insert(name.to_owned());
        state.opened.insert(name.to_owned());
    }

    /// What has changed since it was asked last; fails if it has ended meanwhile.
    pub fn changes(&self) -> Vec<String> {
        let mut state = self.state.lock().unwrap();
        assert_eq!(state.crashed, None, "after {:?}", state.changes);
        std::mem::take(&mut state.changes)
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
    let Some((status, text)) = state.lock().unwrap().asked(method, path, &body) else { return Ok(()) };
    let length = text.len();
    let answer =
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}");
    socket.write_all(answer.as_bytes()).await
}

impl State {
    /// Status and body; `None` if it ends instead.
    fn asked(&mut self, method: &str, path: &str, body: &[u8]) -> Option<(u16, String)> {
        let path = path.split('?').next().unwrap();
        let name = path.rsplit('/').next().unwrap().to_owned();
        let list = |items: Vec<Value>| Some((200, json!({ "pageCount": 1, "items": items }).to_string()));
        let refused = |status: u16, why: &str| Some((status, json!({ "error": why }).to_string()));
        match (method, path.trim_end_matches(&name)) {
            ("GET", "/v3/paths/") => list(self.configured.keys().map(|name| self.path(name)).collect()),
            ("GET", "/v3/config/paths/") => {
                list(self.configured.iter().map(|(name, path)| settings(name, path)).collect())
            }
            ("GET", "/v3/paths/get/") if self.configured.contains_key(&name) => {
                Some((200, self.path(&name).to_string()))
            }
            ("GET", "/v3/config/paths/get/") => match self.configured.get(&name) {
                Some(path) => Some((200, settings(&name, path).to_string())),
                None => refused(404, "path configuration not found"),
            },
            ("POST", "/v3/config/paths/add/") => {
                self.changes.push(format!("add {name}"));
                match self.configured.contains_key(&name) {
                    true => refused(400, "path already exists"),
                    false => self.set(&name, body),
                }
            }
            ("POST", "/v3/config/paths/replace/") => {
                self.changes.push(format!("replace {name}"));
                match self.configured.contains_key(&name) {
                    true => self.set(&name, body),
                    false => refused(404, "path not found"),
                }
            }
            ("PATCH", _) => {
                self.crashed = Some("a patch, which some paths do not survive");
                None
            }
            ("DELETE", "/v3/config/paths/delete/") => {
                self.changes.push(format!("delete {name}"));
                for paths in [&mut self.ready, &mut self.opened] {
                    paths.remove(&name);
                }
                match self.configured.remove(&name) {
                    Some(_) => Some((200, String::new())),
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

    /// A path whose `record` alone changes goes on, and others are made anew; #3246 is here.
    fn set(&mut self, name: &str, body: &[u8]) -> Option<(u16, String)> {
        let new: Value = serde_json::from_slice(body).unwrap();
        if let Some(old) = self.configured.get(name) {
            let mut as_new = old.clone();
            if as_new.is_object() {
                as_new["record"] = new["record"].clone();
            }
            let changed = *old != new;
            if changed && as_new == new {
                if new["source"] != "publisher" && !self.opened.contains(name) {
                    self.crashed = Some("a nil context in staticSourceHandler.reloadConf");
                    return None;
                }
            } else if changed {
                self.ready.remove(name);
                self.opened.remove(name);
            }
        }
        self.configured.insert(name.to_owned(), new);
        Some((200, String::new()))
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
