//! `port`: the kernel's tables of sockets, one reading of them for many looks (`tables.rs`); or one connection.

use std::collections::{BTreeMap, BTreeSet};

use probity_plan::kinds::port::{Port, Socket};
use probity_plan::{Barrier, Blocked, Value};

use super::process::{ended, executed, user_of};
use crate::connect::{self, Conversation, Fault};
use crate::look::{Context, FactSelection, Look, Seen, at_least_ms, barrier_of, elapsed_ms, no_pattern};
use crate::names::{Names, with_names};
use crate::tables::{self, Holders, Listening, Sockets, is_gone};
use crate::unix_sockets::{self, UnixSocket};

impl Look for Port {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let (port, wanted) = (self.clone(), context.wanted.clone());
        match (&self.port, &self.connect) {
            (Socket::Number(port), Some(host)) => try_to_connect(host, *port, context).await,
            (Socket::Unix(path), _) => {
                let path = path.clone();
                context.blocking(move |_| see_unix(&path, &wanted)).await
            }
            _ => match tables::sockets(context).await {
                Ok(table) => with_names(context, move |_, names| see(&port, &table, &wanted, names)).await,
                Err(blocked) => Seen::nothing(blocked),
            },
        }
    }
}

fn see(port: &Port, table: &Sockets, wanted: &FactSelection, names: &Names) -> Seen {
    let mut seen = Seen::default();
    let sought = |socket: &&Listening| match port.port {
        Socket::Number(number) => socket.local.port() == number && socket.protocol == port.protocol.name(),
        _ => true,
    };
    let found: Vec<&Listening> = table.list.iter().filter(sought).collect();
    seen.know("listening", !found.is_empty())
        .know("addresses", sorted(found.iter().map(|socket| socket.local.ip().to_string())))
        .settle("users", users(&found, names))
        .settle(
            "sockets",
            found.iter().map(|it| described(it, names).map(Value::Map)).collect::<Result<Vec<_>, _>>(),
        );
    if !found.is_empty() {
        seen.know("loopback_only", found.iter().all(|socket| socket.loopback()));
    } else {
        seen.block("loopback_only", Blocked::new(Barrier::Unreachable, "nothing listens there"));
    }
    if wanted.includes("pids") || wanted.includes("owners") {
        match holders(&found, table) {
            Ok(each) => {
                let pids: BTreeSet<i32> =
                    each.iter().flat_map(|(_, holders)| holders.keys()).copied().collect();
                seen.know("pids", pids.into_iter().map(i64::from).collect::<Vec<_>>());
                seen.settle("owners", owners(&each, names));
            }
            Err(blocked) => {
                seen.block("pids", blocked.clone()).block("owners", blocked);
            }
        }
    }
    if wanted.includes("unix_sockets") && port.port == Socket::All {
        seen.settle("unix_sockets", unix_sockets::listening().map(|sockets| paths(&sockets)));
    }
    seen.block_rest(Blocked::new(Barrier::NotMade, "the probe does not connect; `connect: HOST` does"));
    seen
}

fn users(found: &[&Listening], names: &Names) -> Result<Vec<String>, Blocked> {
    let users: BTreeSet<String> =
        found.iter().map(|socket| names.user(socket.uid)).collect::<Result<_, _>>()?;
    Ok(users.into_iter().collect())
}

fn paths(sockets: &[UnixSocket]) -> Vec<String> {
    sorted(sockets.iter().map(|socket| unix_sockets::text(&socket.name)))
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    texts.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Each socket with the processes that hold it.
fn holders<'a>(found: &[&'a Listening], table: &Sockets) -> Result<Vec<(&'a Listening, Holders)>, Blocked> {
    let owners = table.owners().as_ref().map_err(Clone::clone)?;
    found.iter().map(|socket| Ok((*socket, owners.of(socket.inode)?))).collect()
}

/// Each pair of socket and process as a map.
fn owners(each: &[(&Listening, Holders)], names: &Names) -> Result<Vec<Value>, Blocked> {
    let mut maps = Vec::new();
    for (socket, holders) in each {
        let described = described(socket, names)?;
        for (pid, folder) in holders {
            let link = format!("{folder}/exe");
            let path = std::fs::read_link(&link).map_err(|error| {
                if is_gone(&error) { ended(*pid) } else { barrier_of(&format!("readlink {link}"), &error) }
            })?;
            let mut map = described.clone();
            map.insert("pid".to_owned(), i64::from(*pid).into());
            map.insert("executable".to_owned(), executed(|| folder.clone(), &path).0.into_owned().into());
            map.insert("process_user".to_owned(), user_of(*pid, names)?.into());
            maps.push(Value::Map(map));
        }
    }
    Ok(maps)
}

fn described(socket: &Listening, names: &Names) -> Result<BTreeMap<String, Value>, Blocked> {
    Ok(BTreeMap::from([
        ("protocol".to_owned(), socket.protocol.into()),
        ("address".to_owned(), socket.local.ip().to_string().into()),
        ("port".to_owned(), i64::from(socket.local.port()).into()),
        ("loopback".to_owned(), socket.loopback().into()),
        ("user".to_owned(), names.user(socket.uid)?.into()),
        ("uid".to_owned(), i64::from(socket.uid).into()),
    ]))
}

fn see_unix(path: &str, wanted: &FactSelection) -> Seen {
    let sockets = match unix_sockets::listening() {
        Ok(sockets) => sockets,
        Err(blocked) => return Seen::nothing(blocked),
    };
    let mut seen = Seen::default();
    if wanted.includes("unix_sockets") {
        seen.know("unix_sockets", paths(&sockets));
    }
    let listening = match path.strip_prefix('@') {
        Some(name) => {
            let name = [b"\0", name.as_bytes()].concat();
            Ok(sockets.iter().any(|socket| socket.name == name))
        }
        None => unix_sockets::listens(path, &sockets),
    };
    let listening =
        match listening.and_then(|found| if found { Ok(found) } else { no_pattern(path).map(|()| found) }) {
            Ok(listening) => listening,
            Err(blocked) => {
                seen.block_rest(blocked);
                return seen;
            }
        };
    seen.know("listening", listening);
    seen.know("addresses", if listening { vec![path] } else { Vec::new() });
    if listening {
        seen.know("loopback_only", true);
    } else {
        seen.block("loopback_only", Blocked::new(Barrier::Unreachable, "nothing listens there"));
    }
    seen.block_rest(Blocked::new(Barrier::Unsupported, "not of a Unix socket"));
    seen
}

/// Connects and lets go at once. That nobody takes the connection is a fact; that the name has no address, or that this
/// machine does not let us try, is not.
async fn try_to_connect(host: &str, port: u16, context: &Context<'_>) -> Seen {
    let mut seen = Seen::default();
    seen.block_rest(Blocked::new(
        Barrier::NotMade,
        "with `connect` the probe does not look at listening sockets",
    ));
    let conversation = Conversation::default();
    let attempt = async {
        let addresses = connect::resolve(host, port).await?;
        conversation.call();
        connect::tcp(&addresses).await.map(drop)
    };
    let tried = tokio::time::timeout_at(context.deadline(), attempt).await;
    let elapsed = context.began.elapsed();
    let outcome = match &tried {
        Ok(Ok(())) => "connected",
        Ok(Err(Fault::Target(blocked))) if blocked.barrier == Barrier::TimedOut => "timed-out",
        Ok(Err(Fault::Target(blocked))) if blocked.barrier == Barrier::Unreachable => "unreachable",
        Ok(Err(Fault::Target(_))) => "refused",
        Ok(Err(Fault::Observer(blocked))) => return Seen::nothing(blocked.clone()),
        Err(_) if !conversation.called() => return Seen::nothing(context.timed_out()),
        Err(_) => {
            seen.know("connected", false)
                .know("outcome", "timed-out")
                .know("connect_ms", at_least_ms(elapsed));
            return seen;
        }
    };
    seen.know("connected", outcome == "connected").know("outcome", outcome);
    match tried {
        _ if outcome == "timed-out" => seen.know("connect_ms", at_least_ms(elapsed)),
        // How long it took to be turned away is no time to connect.
        Ok(Err(fault)) => seen.block("connect_ms", fault.blocked().clone()),
        _ => seen.know("connect_ms", elapsed_ms(elapsed)),
    };
    seen
}
