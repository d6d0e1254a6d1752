//! `run --demo`: a fake cluster and a fake NetBox inside this process, the service between them as always, and the whole loop shown: what
//! is missing is created, a change is carried over, a human's edit is healed or kept, a deletion waits and is done, a silent API server
//! makes everything unknown. Whatever a step says it saw, it read from the fake NetBox.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fabric_kubernetes::fake::FakeCluster;
use fabric_model::{Kind, ObjectKind, Summary};
use fabric_netbox::fake::FakeNetBox;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use service_setup::say;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::commands::{Failure, because};
use crate::config;
use crate::history;
use crate::home::Home;
use crate::report::Report;
use crate::run::Service;

const FABRIC: &str = "demo";
const TOKEN: &str = "a-token-of-the-demonstration";
/// Stands on every page.
const NOTE: &str = "Demonstration: the cluster and the NetBox are fakes inside this process.";
/// How long a step may take.
const MAX_STEP: Duration = Duration::from_secs(60);

/// An object of the demonstration's fabric.
#[derive(Deserialize)]
struct Object {
    kind: Kind,
    name: String,
    spec: Value,
}

/// Both fakes and the service between them.
struct Stage {
    cluster: FakeCluster,
    netbox: FakeNetBox,
    service: Service,
    home: Home,
}

/// Shows the loop; then keeps the status page up until it is told to stop, unless `once`.
///
/// # Errors
/// A step that did not come out as it says.
pub async fn run(once: bool) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    let stage = Stage::set(stop.clone()).await?;
    say!(
        "The fabric sync, demonstrated. The cluster and the NetBox are FAKES inside this process; nothing else is touched.\n"
    );
    say!("  status page  http://{}/", stage.service.address);
    say!("  files        {}\n", stage.home.folder().display());
    let played = stage.play().await;
    if played.is_ok() && !once {
        say!("\nThe service goes on, and so does the status page. Ctrl-C ends it; the folder stays.");
        let mut term = signal(SignalKind::terminate()).map_err(because("signals"))?;
        let mut int = signal(SignalKind::interrupt()).map_err(because("signals"))?;
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    }
    stop.cancel();
    stage.service.end().await;
    played
}

impl Stage {
    async fn set(stop: CancellationToken) -> Result<Self, Failure> {
        let cluster = FakeCluster::start().await.map_err(because("the fake cluster"))?;
        let netbox = FakeNetBox::start(TOKEN).await.map_err(because("the fake NetBox"))?;
        let objects: Vec<Object> =
            serde_json::from_str(include_str!("fabric.json")).map_err(because("the fabric"))?;
        for Object { kind, name, spec } in objects {
            let api = format!("{}/{}", kind.group(), kind.version());
            let metadata = json!({"name": name, "namespace": "default"});
            let object = json!({"apiVersion": api, "kind": kind.name(), "metadata": metadata, "spec": spec});
            cluster.put(kind.plural(), object);
        }
        let home = folder().map_err(because("the demonstration's folder"))?;
        let write =
            |path: PathBuf, text: String| std::fs::write(&path, text).map_err(because(path.display()));
        write(home.secrets().join("netbox-token"), TOKEN.to_owned())?;
        write(home.config(), configuration(&home, &cluster, &netbox))?;
        let config = config::load(&home.config())?;
        let problems = config::problems(&config);
        crate::log::start(&config.log);
        let service = Service::start(&home, &config, &problems, Some(NOTE), stop).await?;
        Ok(Stage { cluster, netbox, service, home })
    }

    async fn play(&self) -> Result<(), Failure> {
        self.create().await?;
        self.carry_over().await?;
        self.heal().await?;
        self.delete().await?;
        self.observe().await?;
        self.silence().await?;
        self.check_history()
    }

    async fn create(&self) -> Result<(), Failure> {
        say!("1  A fabric of {} objects, an empty NetBox.", self.source_count());
        let seconds = self.until("NetBox has everything", |report| report.summary == Summary::InSync).await?;
        let counts = [
            (ObjectKind::Device, "devices"),
            (ObjectKind::Interface, "interfaces"),
            (ObjectKind::Cable, "cables"),
            (ObjectKind::Prefix, "prefixes"),
        ]
        .map(|(kind, name)| format!("{} {name}", self.netbox.objects(kind).len()));
        say!(
            "   After {seconds:.1} s NetBox has {}, and every object compares as the same.",
            counts.join(", ")
        );
        let before = self.netbox.change_count();
        self.next_look().await?;
        let after = self.netbox.change_count();
        if after != before {
            return Err(Failure::Failed(format!("a second run wrote {} times", after - before)));
        }
        say!(
            "   Both sides were read once more: nothing was written ({after} entries in NetBox's changelog before and after).\n"
        );
        Ok(())
    }

    async fn carry_over(&self) -> Result<(), Failure> {
        say!(
            "2  Somebody describes the switch leaf-01 otherwise in Kubernetes: \"rack 2\" becomes \"rack 7, cold aisle\"."
        );
        let mut object = self
            .cluster
            .object("switches", "default", "leaf-01")
            .ok_or_else(|| Failure::Failed("there is no leaf-01".into()))?;
        object["spec"]["description"] = "rack 7, cold aisle".into();
        self.cluster.put("switches", object);
        let seconds = self
            .until_netbox("the change arrived", || {
                self.field("leaf-01", "description") == "rack 7, cold aisle"
            })
            .await?;
        say!("   NetBox has it {seconds:.2} s later.\n");
        Ok(())
    }

    async fn heal(&self) -> Result<(), Failure> {
        say!(
            "3  Somebody edits leaf-02 in NetBox: the description, which the fabric declares, and the comments, which it does not."
        );
        let id = self.device("leaf-02")?["id"].as_u64().unwrap_or_default();
        let edit = json!({"description": "changed by hand", "comments": "ask Ann before touching this"});
        if !self.netbox.change(ObjectKind::Device, id, edit) {
            return Err(Failure::Failed("the fake NetBox refused the edit".into()));
        }
        let seconds = self
            .until_netbox("the description is healed", || self.field("leaf-02", "description") == "rack 3")
            .await?;
        let comments = self.field("leaf-02", "comments");
        say!(
            "   {seconds:.1} s later the description is \"rack 3\" again; the comments are still {comments}.\n"
        );
        Ok(())
    }

    async fn delete(&self) -> Result<(), Failure> {
        say!("4  The server server-03 is deleted in Kubernetes.");
        self.cluster.delete("servers", "default", "server-03");
        let marked =
            |device: &Value| !device["custom_fields"][fabric_model::netbox::TOMBSTONE_FIELD].is_null();
        let seconds = self
            .until_netbox("it is marked", || self.device("server-03").is_ok_and(|device| marked(&device)))
            .await?;
        say!(
            "   {seconds:.1} s later NetBox still has it, marked: its source is gone. It stays for the grace period (3 s here)."
        );
        let seconds = self.until_netbox("it is deleted", || self.device("server-03").is_err()).await?;
        say!(
            "   {seconds:.1} s later it is deleted; {} cables have an empty end.\n",
            self.netbox.dangling_cables()
        );
        Ok(())
    }

    async fn observe(&self) -> Result<(), Failure> {
        say!(
            "5  The agent of leaf-01 reports: by LLDP it hears server-02 at the port where the wiring has server-01."
        );
        let heard = |name: &str| json!([{"name": name, "portID": "enp2s1"}]);
        let interfaces = json!({"E1/1": {"lldpNeighbors": heard("server-02")}});
        let status = json!({"lastHeartbeat": Timestamp::now(), "lastAppliedGen": 1, "state": {"interfaces": interfaces}});
        let api = format!("{}/{}", Kind::Agent.group(), Kind::Agent.version());
        let metadata = json!({"name": "leaf-01", "namespace": "default"});
        let agent =
            json!({"apiVersion": api, "kind": "Agent", "metadata": metadata, "spec": {}, "status": status});
        self.cluster.put(Kind::Agent.plural(), agent);
        let seconds = self.until("it is told", |report| !report.observed.differs.is_empty()).await?;
        let report = self.report();
        say!("   {seconds:.1} s later the report says: {}.", report.observed.differs.join("; "));
        say!("   NetBox keeps what is intended; the state is still \"{}\".\n", report.summary);
        Ok(())
    }

    async fn silence(&self) -> Result<(), Failure> {
        say!("6  The API server falls silent.");
        let before = self.netbox.change_count();
        self.cluster.stop(true);
        let seconds = self
            .until("it is known that nothing is known", |report| report.summary == Summary::Unknown)
            .await?;
        let report = self.report();
        say!(
            "   {seconds:.1} s later the state is \"{}\": {} lists could not be read, {} objects are unknown, nothing was deleted.",
            report.summary,
            report.unread.len(),
            report.counts.unknown
        );
        self.cluster.stop(false);
        let seconds = self.until("it is in sync again", |report| report.summary == Summary::InSync).await?;
        let written = self.netbox.change_count() - before;
        say!(
            "   It answers again; {seconds:.1} s later everything compares as the same, {written} writes in between.\n"
        );
        Ok(())
    }

    fn check_history(&self) -> Result<(), Failure> {
        let (mut records, mut faults) = (0, 0);
        history::read(&self.home.history(FABRIC), &[], |entry| {
            records += 1;
            faults += usize::from(entry.fault.is_some());
        })
        .map_err(because("the history"))?;
        say!(
            "7  The history has {records} records, each chained to the one before, {faults} of them otherwise than written."
        );
        say!("   To see it: fabric-sync --home {} history", self.home.folder().display());
        if faults == 0 { Ok(()) } else { Err(Failure::Failed("the history is not as it was written".into())) }
    }

    fn source_count(&self) -> usize {
        Kind::ALL.iter().map(|kind| self.cluster.count(kind.plural())).sum()
    }

    fn report(&self) -> Report {
        self.service.board.reports().into_iter().next().unwrap_or_else(|| Report::new(FABRIC, FABRIC))
    }

    fn device(&self, name: &str) -> Result<Value, Failure> {
        let found = self.netbox.objects(ObjectKind::Device).into_iter().find(|device| device["name"] == name);
        found.ok_or_else(|| Failure::Failed(format!("NetBox has no device {name}")))
    }

    fn field(&self, device: &str, field: &str) -> Value {
        self.device(device).map(|device| device[field].clone()).unwrap_or_default()
    }

    /// Waits for both sides to be read whole once more.
    async fn next_look(&self) -> Result<(), Failure> {
        let before = self.report().whole_as_of;
        self.until("both sides are read again", |report| report.whole_as_of > before).await.map(|_| ())
    }

    /// Waits until the report says so; for how long that was.
    async fn until(&self, what: &str, condition: impl Fn(&Report) -> bool) -> Result<f64, Failure> {
        self.until_netbox(what, || condition(&self.report())).await
    }

    async fn until_netbox(&self, what: &str, condition: impl Fn() -> bool) -> Result<f64, Failure> {
        let begun = Instant::now();
        while !condition() {
            if begun.elapsed() > MAX_STEP {
                return Err(Failure::Failed(format!("not within {} s: {what}", MAX_STEP.as_secs())));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(begun.elapsed().as_secs_f64())
    }
}

fn folder() -> std::io::Result<Home> {
    let stamp = Timestamp::now().strftime("%Y%m%d-%H%M%S");
    let home =
        Home::new(std::env::temp_dir().join(format!("fabric-sync-demo-{stamp}-{}", std::process::id())));
    let make = |path: PathBuf| std::fs::DirBuilder::new().mode(0o700).create(path);
    make(home.folder().to_owned())?;
    for path in [home.folder().join("config"), home.secrets(), home.state()] {
        make(path)?;
    }
    Ok(home)
}

fn configuration(home: &Home, cluster: &FakeCluster, netbox: &FakeNetBox) -> String {
    let port = std::net::TcpListener::bind("127.0.0.1:8014").map_or(0, |_| 8014);
    format!(
        "# A demonstration. Every key: docs/fabric-sync/configuration.md\n\
         netbox: {{ url: \"{}\", token_file: {} }}\n\
         fabrics:\n\
         \x20 - name: {FABRIC}\n\
         \x20   site: Demonstration\n\
         \x20   kubernetes: {{ url: \"{}\", deadline: 1 s }}\n\
         \x20   interval: 2 s\n\
         \x20   deletion: {{ grace: 3 s }}\n\
         server: {{ listen: \"127.0.0.1:{port}\" }}\n\
         log: {{ level: error }}\n",
        netbox.url(),
        home.secrets().join("netbox-token").display(),
        cluster.url()
    )
}
