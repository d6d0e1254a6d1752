//! A real NetBox, looked at and changed as its administrator.

use std::sync::Mutex;

use reqwest::Method;
use serde_json::Value;

use crate::lab::Servers;

/// Of a test that is over. It ends with the process of the tests, by its standard input.
static IDLE: Mutex<Option<Servers>> = Mutex::new(None);

pub struct NetBox {
    servers: Option<Servers>,
    pub url: String,
    client: reqwest::Client,
}

impl NetBox {
    /// One with nothing in it. It takes NetBox long to start, so the one of the test before is emptied, if there was one.
    pub async fn start() -> Self {
        let servers = tokio::task::spawn_blocking(|| match IDLE.lock().unwrap().take() {
            Some(mut servers) => {
                servers.command("reset");
                servers
            }
            None => Servers::start("netbox/start", &[]),
        });
        let servers = servers.await.unwrap();
        // Of the two providers that rustls could have, ours; that it is set already is no matter.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        Self { url: servers.text("/url"), client: reqwest::Client::new(), servers: Some(servers) }
    }

    pub fn servers(&self) -> &Servers {
        self.servers.as_ref().unwrap()
    }

    /// The value of the header `Authorization` of `admin`, `fabric-sync` or `reader`.
    pub fn token(&self, user: &str) -> String {
        self.servers().text(&format!("/tokens/{user}"))
    }

    /// Status and body of an answer; the path begins after `/api/`.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let request = self.client.request(method, format!("{}/api/{path}", self.url));
        let request = request.header("authorization", self.token("admin"));
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
    }

    /// A list, whole.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (status, body) = self.ask(Method::GET, &format!("{path}{separator}limit=1000"), None).await;
        assert_eq!(status, 200, "{path}: {body}");
        assert!(body["next"].is_null(), "{path} has more than one page");
        body["results"].as_array().unwrap().clone()
    }

    /// The one object of a list that has this name; `None` if there is none.
    pub async fn find(&self, path: &str, name: &str) -> Option<Value> {
        let mut found = self.list(path).await;
        found.retain(|one| one["name"] == name || one["label"] == name);
        assert!(found.len() < 2, "{path} has {} objects named {name}", found.len());
        found.pop()
    }

    pub async fn named(&self, path: &str, name: &str) -> Value {
        self.find(path, name).await.unwrap_or_else(|| panic!("{path} has nothing named {name}"))
    }

    pub async fn create(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(Method::POST, path, Some(body)).await;
        assert_eq!(status, 201, "{path}: {answer}");
        answer
    }

    /// As a person does.
    pub async fn change(&self, path: &str, name: &str, body: &Value) -> Value {
        let id = self.named(path, name).await["id"].clone();
        let (status, answer) = self.ask(Method::PATCH, &format!("{path}{id}/"), Some(body)).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// How many changes NetBox has logged.
    pub async fn changes(&self) -> u64 {
        let (_, body) = self.ask(Method::GET, "core/object-changes/?limit=1", None).await;
        body["count"].as_u64().unwrap()
    }

    /// When each object of these lists was last written: a write that changes nothing moves it too, and is in no log.
    pub async fn last_updated(&self, paths: &[&str]) -> Vec<(String, Value, Value)> {
        let mut all = Vec::new();
        for path in paths {
            let list = self.list(path).await;
            all.extend(
                list.iter().map(|one| ((*path).to_owned(), one["id"].clone(), one["last_updated"].clone())),
            );
        }
        all
    }

    /// Cables of which an end is gone.
    pub async fn dangling_cables(&self) -> Vec<Value> {
        let mut cables = self.list("dcim/cables/").await;
        let is_empty = |cable: &Value, end: &str| cable[end].as_array().is_none_or(Vec::is_empty);
        cables.retain(|cable| is_empty(cable, "a_terminations") || is_empty(cable, "b_terminations"));
        cables
    }
}

impl Drop for NetBox {
    fn drop(&mut self) {
        // After a test that failed nobody knows how it is: then it ends with it.
        if !std::thread::panicking() {
            *IDLE.lock().unwrap() = self.servers.take();
        }
    }
}
