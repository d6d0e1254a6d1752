//! A real Kubernetes API with a fabric in it, changed as its administrator.

use http::{Method, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use crate::lab::Servers;

const WIRING: [&str; 5] = ["switches", "servers", "connections", "switchgroups", "vlannamespaces"];

const VPC: [&str; 7] = [
    "vpcs",
    "vpcattachments",
    "vpcpeerings",
    "ipv4namespaces",
    "externals",
    "externalattachments",
    "externalpeerings",
];

pub struct Cluster {
    pub servers: Servers,
    client: kube::Client,
}

impl Cluster {
    /// With a fabric of so many leaves, spines, servers and VPCs; further options are kube-apiserver's.
    pub async fn start(fabric: [u32; 4], options: &[&str]) -> Self {
        let numbers = fabric.map(|number| number.to_string());
        let mut arguments: Vec<String> = vec!["--fabric".to_owned()];
        arguments.extend(numbers);
        arguments.push("--".to_owned());
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        let servers = tokio::task::spawn_blocking(move || {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            Servers::start("kubernetes/start", &arguments)
        });
        let servers = servers.await.unwrap();
        let client = Self::client(&servers.text("/admin_kubeconfig")).await;
        Self { servers, client }
    }

    async fn client(kubeconfig: &str) -> kube::Client {
        let config = Kubeconfig::read_from(kubeconfig).unwrap();
        let config =
            kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
        kube::Client::try_from(config).unwrap()
    }

    /// The kubeconfig of the sync's own account.
    pub fn kubeconfig(&self) -> String {
        self.servers.text("/kubeconfig")
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Option<&Value>,
    ) -> kube::Result<Value> {
        Self::ask_by(&self.client, method, path, kind, body).await
    }

    /// The status with which the server refuses a request of the sync's own account.
    pub async fn refusal(&self, method: Method, path: &str, body: Option<&Value>) -> u16 {
        let client = Self::client(&self.kubeconfig()).await;
        match Self::ask_by(&client, method, path, "application/merge-patch+json", body).await {
            Err(kube::Error::Api(status)) => status.code,
            other => panic!("{path}: {other:?}"),
        }
    }

    async fn ask_by(
        client: &kube::Client,
        method: Method,
        path: &str,
        kind: &str,
        body: Option<&Value>,
    ) -> kube::Result<Value> {
        let body = body.map(|body| serde_json::to_vec(body).unwrap()).unwrap_or_default();
        let request =
            Request::builder().method(method).uri(path).header("content-type", kind).body(body).unwrap();
        client.request(request).await
    }

    /// Where an object of a kind, by its plural, is.
    fn path(plural: &str, name: &str) -> String {
        let group = if WIRING.contains(&plural) {
            "wiring"
        } else if plural == "agents" {
            "agent"
        } else {
            "vpc"
        };
        format!("/apis/{group}.githedgehog.com/v1beta1/namespaces/default/{plural}/{name}")
    }

    /// The objects of a kind, or of all if there is no name.
    pub async fn get(&self, plural: &str, name: &str) -> Value {
        let path = Self::path(plural, name);
        self.ask(Method::GET, path.trim_end_matches('/'), "application/json", None).await.unwrap()
    }

    pub async fn create(&self, kind: &str, plural: &str, name: &str, spec: Value) {
        let path = Self::path(plural, "");
        let group = path.split('/').nth(2).unwrap();
        let body = json!({ "apiVersion": format!("{group}/v1beta1"), "kind": kind, "metadata": { "name": name }, "spec": spec });
        self.ask(Method::POST, path.trim_end_matches('/'), "application/json", Some(&body)).await.unwrap();
    }

    pub async fn change(&self, plural: &str, name: &str, spec: Value) {
        self.merge(&Self::path(plural, name), json!({ "spec": spec })).await;
    }

    /// Labels and annotations.
    pub async fn mark(&self, plural: &str, name: &str, metadata: Value) {
        self.merge(&Self::path(plural, name), json!({ "metadata": metadata })).await;
    }

    pub async fn change_status(&self, plural: &str, name: &str, status: Value) {
        self.merge(&format!("{}/status", Self::path(plural, name)), json!({ "status": status })).await;
    }

    async fn merge(&self, path: &str, body: Value) {
        self.ask(Method::PATCH, path, "application/merge-patch+json", Some(&body)).await.unwrap();
    }

    pub async fn delete(&self, plural: &str, name: &str) {
        let path = Self::path(plural, name);
        self.ask(Method::DELETE, path.trim_end_matches('/'), "application/json", None).await.unwrap();
    }

    /// Every object of a kind.
    pub async fn delete_all(&self, plural: &str) {
        self.delete(plural, "").await;
    }

    /// The kind itself, and with it its objects.
    pub async fn delete_kind(&self, plural: &str) {
        let path = Self::path(plural, "");
        let group = path.split('/').nth(2).unwrap();
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.{group}");
        self.ask(Method::DELETE, &path, "application/json", None).await.unwrap();
        let gone = async || self.ask(Method::GET, &path, "application/json", None).await.err();
        crate::wait_for("the kind is gone", gone).await;
    }

    /// The sync's account may no longer look at a kind.
    pub async fn forbid(&self, plural: &str) {
        let path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/fabric-sync";
        let mut role = self.ask(Method::GET, path, "application/json", None).await.unwrap();
        for rule in role["rules"].as_array_mut().unwrap() {
            rule["resources"].as_array_mut().unwrap().retain(|resource| resource != plural);
        }
        self.ask(Method::PUT, path, "application/json", Some(&role)).await.unwrap();
    }

    /// How many objects there are of the 12 kinds.
    pub async fn count(&self) -> usize {
        let mut count = 0;
        for plural in WIRING.iter().chain(&VPC) {
            count += self.get(plural, "").await["items"].as_array().unwrap().len();
        }
        count
    }

    /// A switch's agent reports this now: what it applied last, its interfaces.
    pub async fn report(&self, switch: &str, at: jiff::Timestamp, mut status: Value) {
        status["lastHeartbeat"] = at.to_string().into();
        self.change_status("agents", switch, status).await;
    }

    /// Makes the sync's account anew and a token of it; those that were before are no longer good.
    pub async fn renew_account(&self) -> String {
        let accounts = "/api/v1/namespaces/default/serviceaccounts";
        let account = format!("{accounts}/fabric-sync");
        self.ask(Method::DELETE, &account, "application/json", None).await.unwrap();
        let body = json!({ "metadata": { "name": "fabric-sync" } });
        self.ask(Method::POST, accounts, "application/json", Some(&body)).await.unwrap();
        let asked = json!({ "spec": { "expirationSeconds": 3600 } });
        let answer =
            self.ask(Method::POST, &format!("{account}/token"), "application/json", Some(&asked)).await;
        answer.unwrap()["status"]["token"].as_str().unwrap().to_owned()
    }

    /// Writes another token into the kubeconfig of the sync's account.
    pub fn set_token(&self, token: &str) {
        self.rewrite_kubeconfig(&self.kubeconfig(), |config| {
            config["users"][0]["user"]["token"] = token.into();
        });
    }

    /// A kubeconfig of the sync's account that reaches the server at another address.
    pub fn kubeconfig_by_way_of(&self, address: &str) -> String {
        let path = format!("{}.proxy", self.kubeconfig());
        self.rewrite_kubeconfig(&path, |config| {
            config["clusters"][0]["cluster"]["server"] = format!("https://{address}").into();
        });
        path
    }

    fn rewrite_kubeconfig(&self, into: &str, change: impl FnOnce(&mut Value)) {
        let mut config: Value = serde_json::from_slice(&std::fs::read(self.kubeconfig()).unwrap()).unwrap();
        change(&mut config);
        let new = format!("{into}.new");
        std::fs::write(&new, config.to_string()).unwrap();
        std::fs::rename(new, into).unwrap();
    }

    /// Whether a watch from this version on is answered with 410.
    pub async fn is_forgotten(&self, plural: &str, version: &str) -> bool {
        let event = self.first_event(plural, &format!("resourceVersion={version}")).await.unwrap();
        event.is_some_and(|event| event["object"]["code"] == 410)
    }

    /// Whether the server gives a list as the beginning of a watch.
    pub async fn has_streaming_lists(&self) -> bool {
        let asked = "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan";
        match self.first_event("switches", asked).await {
            Ok(event) => event.is_some_and(|event| event["type"] == "ADDED"),
            Err(kube::Error::Api(_)) => false,
            Err(other) => panic!("{other}"),
        }
    }

    async fn first_event(&self, plural: &str, asked: &str) -> kube::Result<Option<Value>> {
        let path = Self::path(plural, "");
        let path = format!("{}?watch=1&timeoutSeconds=1&{asked}", path.trim_end_matches('/'));
        let request = Request::builder().uri(path).body(Vec::new()).unwrap();
        let events = self.client.request_text(request).await?;
        Ok(events.lines().next().map(|line| serde_json::from_str(line).unwrap()))
    }
}
