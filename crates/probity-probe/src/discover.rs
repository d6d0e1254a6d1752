//! What runs on this machine and answers, grouped as its services: for the draft of a plan, never for evidence. Asks every
//! port that somebody listens on whether it speaks TLS, HTTP, Redis, PostgreSQL, MySQL or SMTP.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use probity_plan::{Blocked, Value};
use serde_json::json;

use crate::look::{Context, FactSelection, Seen};
use crate::names::Names;
use crate::program;
use crate::secrets::Secrets;
use crate::single::single_probe;
use crate::tables::{self, Listening, Running};

/// How long each look may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How long a port is given to answer in one of the ways.
const ANSWER: Duration = Duration::from_millis(700);

/// What belongs together: a unit of systemd, or the executable that listens.
#[derive(Debug, Default)]
pub struct Service {
    /// The unit's name without its ending, or the executable's.
    pub name: String,
    /// The unit that its processes are in.
    pub unit: Option<String>,
    /// The executable of its first process, and the users whom processes of that executable run as, other services' too.
    pub process: Option<(String, BTreeSet<String>)>,
    /// The package that the executable is of.
    pub package: Option<String>,
    /// What it listens on.
    pub listeners: Vec<Listener>,
}

/// A port that somebody listens on.
#[derive(Debug)]
pub struct Listener {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Its number.
    pub port: u16,
    /// The addresses it is bound to.
    pub addresses: BTreeSet<String>,
    /// What it answers, in TLS and in what that holds; of UDP nobody asks.
    pub answers: Vec<Answer>,
}

impl Listener {
    /// Host and port at which it is reached from here.
    pub fn reached(&self) -> String {
        // The first that is no wildcard, of IPv4 if there is one.
        let first = self.addresses.iter().find(|address| !address.contains(':')).or(self.addresses.first());
        match first.map(String::as_str) {
            None | Some("0.0.0.0") => format!("127.0.0.1:{}", self.port),
            Some("::") => format!("[::1]:{}", self.port),
            Some(address) if address.contains(':') => format!("[{address}]:{}", self.port),
            Some(address) => format!("{address}:{}", self.port),
        }
    }
}

/// What a port answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// TLS, with a chain of certificates of which the first expires in so many days.
    Tls {
        /// Whole days; negative where that is past.
        expires_in_days: i64,
        /// Whether this system trusts it.
        trusted: bool,
    },
    /// HTTP, with this status for `/`.
    Http {
        /// `http`, or `https` where the certificate is for this address.
        scheme: &'static str,
        /// 100 to 599.
        status: i64,
    },
    /// Redis; whether it lets anybody in.
    Redis {
        /// Whether it answered `PING`.
        open: bool,
    },
    /// PostgreSQL; whether it lets `postgres` in without a password.
    Postgres {
        /// Whether it answered a query.
        open: bool,
    },
    /// MySQL or MariaDB.
    Mysql,
    /// A mail server.
    Smtp,
}

/// The services of this machine, by name; and what could not be seen, with its barrier.
///
/// # Errors
/// If the system has no resources for it.
pub fn services() -> std::io::Result<(Vec<Service>, Vec<String>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(Discovery::default().services());
    runtime.shutdown_background();
    Ok(found)
}

#[derive(Default)]
struct Discovery {
    secrets: Secrets,
    unseen: Vec<String>,
}

/// A process as the table tells it.
struct Process {
    pid: i64,
    parent: i64,
    executable: String,
    user: String,
    unit: Option<String>,
}

impl Discovery {
    /// One look by a probe as a plan has it.
    async fn look(&self, probe: serde_json::Value, timeout: Duration) -> Seen {
        let Ok(plan) = single_probe("discovery", &probe.to_string()) else { return Seen::default() };
        let Some(cell) = plan.probes.first().and_then(|probe| probe.cells.first()) else {
            return Seen::default();
        };
        let (wanted, began, run_began) = (&FactSelection::All, Instant::now(), jiff::Timestamp::now());
        let context = Context { wanted, secrets: &self.secrets, began, run_began, timeout };
        crate::kinds::look(&cell.act, &context).await
    }

    /// Every listening socket with each process that holds it, without one where that is not known.
    async fn listeners(&mut self) -> Vec<(Listening, Option<i64>)> {
        let (wanted, began, run_began) = (&FactSelection::All, Instant::now(), jiff::Timestamp::now());
        let context = Context { wanted, secrets: &self.secrets, began, run_began, timeout: TIMEOUT };
        let mut unseen = |what: &str, blocked: &Blocked| {
            self.unseen.push(format!("{what} ({}: {})", blocked.barrier, blocked.detail));
        };
        let table = match tables::sockets(&context).await {
            Ok(table) => table,
            Err(blocked) => {
                unseen("listening sockets", &blocked);
                return Vec::new();
            }
        };
        let owners = table.owners();
        let mut hidden = None;
        let mut listeners = Vec::new();
        for socket in &table.list {
            match owners.as_ref().map_err(Clone::clone).and_then(|owners| owners.of(socket.inode)) {
                Ok(holders) => {
                    listeners.extend(holders.keys().map(|pid| (socket.clone(), Some(i64::from(*pid)))));
                }
                Err(blocked) => {
                    hidden.get_or_insert(blocked);
                    listeners.push((socket.clone(), None));
                }
            }
        }
        if let Some(blocked) = hidden {
            unseen("who listens", &blocked);
        }
        listeners
    }

    /// Those whose executable may be seen.
    async fn processes(&mut self) -> Vec<Process> {
        let (wanted, began, run_began) = (&FactSelection::All, Instant::now(), jiff::Timestamp::now());
        let context = Context { wanted, secrets: &self.secrets, began, run_began, timeout: TIMEOUT };
        let table = match tables::processes(&context).await {
            Ok(table) => table,
            Err(blocked) => {
                self.unseen.push(format!("processes ({}: {})", blocked.barrier, blocked.detail));
                return Vec::new();
            }
        };
        let hidden = table.list.values().filter_map(|running| running.executable.as_ref().err());
        let hidden: Vec<_> = table.hidden.iter().chain(hidden).collect();
        if let Some(first) = hidden.first() {
            let processes = if hidden.len() == 1 { "process" } else { "processes" };
            let (count, barrier, detail) = (hidden.len(), first.barrier, &first.detail);
            self.unseen.push(format!("at least {count} {processes} ({barrier}: {detail})"));
        }
        let names = Names::read();
        table.list.values().filter_map(|running| process(running, &names)).collect()
    }

    async fn services(mut self) -> (Vec<Service>, Vec<String>) {
        let processes = self.processes().await;
        let mut services: BTreeMap<String, Service> = BTreeMap::new();
        let units: BTreeSet<&String> = processes.iter().filter_map(|process| process.unit.as_ref()).collect();
        for unit in units {
            let of_unit: Vec<&Process> =
                processes.iter().filter(|it| it.unit.as_ref() == Some(unit)).collect();
            let pids: BTreeSet<i64> = of_unit.iter().map(|process| process.pid).collect();
            let Some(first) = of_unit.iter().find(|process| !pids.contains(&process.parent)) else {
                continue;
            };
            let name = unit.trim_end_matches(".service").to_owned();
            let service = Service {
                unit: Some(name.clone()),
                process: Some(with_users(&first.executable, &processes)),
                ..Service::default()
            };
            services.insert(name, service);
        }
        for (socket, pid) in self.listeners().await {
            let owner = pid.and_then(|pid| processes.iter().find(|it| it.pid == pid));
            let executable = owner.map(|process| process.executable.clone());
            let name = match owner.and_then(|process| process.unit.clone()) {
                Some(unit) => unit.trim_end_matches(".service").to_owned(),
                None => {
                    executable.as_deref().and_then(|path| path.rsplit('/').next()).unwrap_or("").to_owned()
                }
            };
            let service = services.entry(name).or_default();
            if let (None, Some(executable)) = (&service.process, executable) {
                service.process = Some(with_users(&executable, &processes));
            }
            add_listener(&mut service.listeners, &socket);
        }
        for (name, service) in &mut services {
            service.name.clone_from(name);
            if let Some((executable, _)) = &service.process {
                service.package = self.package_of(executable).await;
            }
            for listener in service.listeners.iter_mut().filter(|it| it.protocol == "tcp") {
                listener.answers = self.answers(&listener.reached()).await;
            }
        }
        (services.into_values().collect(), self.unseen)
    }

    /// What is answered there, asked in all ways at once, each over a connection of its own.
    async fn answers(&self, address: &str) -> Vec<Answer> {
        let Some((host, port)) = address.rsplit_once(':') else { return Vec::new() };
        let postgres =
            format!("host={} port={port} user=postgres dbname=postgres", host.trim_matches(['[', ']']));
        let (tls, http, https, redis, postgres, mysql, smtp) = tokio::join!(
            self.look(json!({ "tls": address }), ANSWER),
            self.look(json!({ "http": format!("http://{address}/") }), ANSWER),
            self.look(json!({ "http": format!("https://{address}/") }), ANSWER),
            self.look(json!({ "redis": address, "command": ["PING"] }), ANSWER),
            self.look(json!({ "postgres": postgres, "query": "SELECT 1" }), ANSWER),
            self.look(json!({ "mysql": format!("mysql://probity@{address}/"), "query": "SELECT 1" }), ANSWER),
            self.look(json!({ "smtp": address }), ANSWER),
        );
        let is = |seen: &Seen, fact: &str| seen.facts.get(fact) == Some(&Value::Bool(true));
        let status = |seen: &Seen, scheme| {
            let status = seen.facts.get("status").and_then(Value::as_i64).filter(|_| is(seen, "answered"))?;
            Some(Answer::Http { scheme, status })
        };
        let trusted = is(&tls, "trusted");
        #[expect(clippy::cast_possible_truncation, reason = "days of a certificate's validity")]
        let days =
            tls.facts.get("chain_expires_in_days").and_then(Value::as_f64).map(|days| days.floor() as i64);
        if let Some(expires_in_days) = days {
            let shown = Answer::Tls { expires_in_days, trusted };
            return [shown].into_iter().chain(status(&https, "https")).collect();
        }
        let plain = if is(&redis, "answered") {
            Some(Answer::Redis { open: !is(&redis, "denied") })
        } else if is(&postgres, "answered") {
            Some(Answer::Postgres { open: postgres.facts.contains_key("value") })
        } else if mysql.facts.contains_key("server_version") {
            Some(Answer::Mysql)
        } else if smtp.facts.contains_key("capabilities") {
            Some(Answer::Smtp)
        } else {
            status(&http, "http")
        };
        plain.into_iter().collect()
    }

    async fn package_of(&self, executable: &str) -> Option<String> {
        // Where /bin is /usr/bin, the package may know the file by either name.
        let other = match executable.strip_prefix("/usr") {
            Some(short) => short.to_owned(),
            None => format!("/usr{executable}"),
        };
        for path in [executable, other.as_str()] {
            if let Some(said) = self.ask(&["dpkg-query", "--search", "--", path]).await {
                // `nginx-core:amd64: /usr/sbin/nginx`
                let package = said.split(": ").next()?.split([':', ',']).next()?;
                return Some(package.to_owned());
            }
        }
        let said =
            self.ask(&["rpm", "--query", "--queryformat", "%{NAME}\n", "--file", "--", executable]).await?;
        said.lines().next().map(str::to_owned)
    }

    async fn ask(&self, words: &[&str]) -> Option<String> {
        let (wanted, began, run_began) = (&FactSelection::All, Instant::now(), jiff::Timestamp::now());
        let context = Context { wanted, secrets: &self.secrets, began, run_began, timeout: TIMEOUT };
        match program::ask(words, &[], &context).await {
            Ok((0, said, _)) => Some(said),
            _ => None,
        }
    }
}

/// All of them, as a probe of the executable sees them.
fn with_users(executable: &str, processes: &[Process]) -> (String, BTreeSet<String>) {
    let same = processes.iter().filter(|process| process.executable == executable);
    (executable.to_owned(), same.map(|process| process.user.clone()).collect())
}

/// One that executes a file, and no part of systemd itself.
fn process(running: &Running, names: &Names) -> Option<Process> {
    let executable = running.executable.as_ref().ok()?.as_ref().filter(|_| !running.ended())?;
    let executable = executable.to_string_lossy();
    let executable = executable.strip_suffix(" (deleted)").unwrap_or(&executable).to_owned();
    let pid = running.stat.pid;
    let uid = procfs::process::Process::new(pid).and_then(|process| process.status()).ok()?.euid;
    let user = names.user(uid).unwrap_or_else(|_| uid.to_string());
    let (pid, parent) = (i64::from(pid), i64::from(running.stat.ppid));
    (!executable.contains("/systemd/")).then(|| Process { pid, parent, executable, user, unit: unit_of(pid) })
}

/// The system's unit that a process is in, by its control group: the one of systemd, which alone names them.
fn unit_of(pid: i64) -> Option<String> {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = groups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        matches!(controllers, "" | "name=systemd").then_some(path)
    })?;
    let unit = path.strip_prefix("/system.slice/")?.split('/').find(|part| part.ends_with(".service"))?;
    Some(unit.to_owned())
}

fn add_listener(listeners: &mut Vec<Listener>, socket: &Listening) {
    let (protocol, port) = (socket.protocol.to_owned(), socket.local.port());
    let address = socket.local.ip().to_string();
    match listeners.iter_mut().find(|it| (&it.protocol, it.port) == (&protocol, port)) {
        Some(known) => _ = known.addresses.insert(address),
        None => listeners.push(Listener { protocol, port, addresses: [address].into(), answers: Vec::new() }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;
    use std::mem::MaybeUninit;
    use std::net::TcpListener;
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

    use super::*;

    #[tokio::test]
    async fn a_socket_that_nobody_holds_hides_no_other_s_owner() {
        let (own, sent) =
            (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let (own_port, sent_port) = (port(&own), port(&sent));
        let (_to, from) = UnixStream::pair().unwrap();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = [sent.as_fd()];
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
        sendmsg(&from, &[IoSlice::new(b"x")], &mut ancillary, SendFlags::empty()).unwrap();
        drop(sent);
        let mut discovery = Discovery::default();
        let listeners = discovery.listeners().await;
        let holder = |port: u16| {
            let mut found = listeners.iter().filter(|(socket, _)| socket.local.port() == port);
            found.next().map(|(_, pid)| *pid)
        };
        assert_eq!(holder(own_port), Some(Some(i64::from(std::process::id()))));
        assert_eq!(holder(sent_port), Some(None));
        assert!(discovery.unseen.iter().any(|what| what.starts_with("who listens (")), "{listeners:?}");
    }
}
