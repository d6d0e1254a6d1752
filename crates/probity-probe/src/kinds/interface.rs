//! `interface`: getifaddrs(3), `/proc/net/dev` for the counters, rtnetlink(7) for addresses, state and MTU.

use std::collections::{BTreeMap, BTreeSet};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{LinkAddr, SockaddrStorage};
use probity_plan::kinds::interface::Interface;
use probity_plan::{Barrier, Blocked, Value};
use procfs::Current;
use procfs::net::InterfaceDeviceStatus;

use crate::links;
use crate::look::{Context, Look, Seen, barrier_of};
use crate::tables::barrier_of_proc;

impl Look for Interface {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let name = self.interface.clone();
        context.blocking(move |_| see(&name)).await
    }
}

/// One interface.
#[derive(Default)]
struct InterfaceState {
    flags: Option<InterfaceFlags>,
    mac: String,
    addresses: BTreeSet<String>,
}

impl InterfaceState {
    fn has(&self, flag: InterfaceFlags) -> bool {
        self.flags.is_some_and(|flags| flags.contains(flag))
    }
    /// Its flags and addresses as facts.
    fn facts(&self) -> [(&'static str, Value); 5] {
        let up = self.has(InterfaceFlags::IFF_UP);
        [
            ("up", up.into()),
            ("running", (up && self.has(InterfaceFlags::IFF_RUNNING)).into()),
            ("loopback", self.has(InterfaceFlags::IFF_LOOPBACK).into()),
            ("addresses", self.addresses.iter().map(String::as_str).collect::<Vec<_>>().into()),
            ("mac", self.mac.as_str().into()),
        ]
    }
}

fn see(name: &str) -> Seen {
    let mut seen = Seen::default();
    let all = match interfaces() {
        Ok(all) => all,
        Err(blocked) => return Seen::nothing(blocked),
    };
    if name == "all" {
        let each = all.iter().map(|(name, found)| {
            let facts = found.facts().into_iter().map(|(fact, value)| (fact.to_owned(), value));
            Value::Map(facts.chain([("name".to_owned(), name.as_str().into())]).collect())
        });
        seen.know("interfaces", each.collect::<Vec<_>>());
        seen.block_rest(Blocked::new(
            Barrier::NotMade,
            "`interface: all` lists interfaces; name one for this fact",
        ));
        return seen;
    }
    let main = known_as(name);
    let name = main.as_deref().filter(|_| !all.contains_key(name)).unwrap_or(name);
    // The kernel's calls take no longer name than this, so that none can be asked for.
    if !all.contains_key(name) && name.len() > MAX_NAME {
        let why = format!("`{name}` can only be an interface's alternative name: write its main one");
        return Seen::nothing(Blocked::new(Barrier::Unsupported, why));
    }
    let Some(found) = all.get(name) else {
        seen.absent("exists", name, format!("there is no interface {name}"));
        return seen;
    };
    seen.know("exists", true);
    for (fact, value) in found.facts() {
        seen.know(fact, value);
    }
    match links::see(name) {
        Ok(link) => _ = seen.know("state", link.state).know("mtu_bytes", i64::from(link.mtu)),
        Err(blocked) => _ = seen.block("state", blocked.clone()).block("mtu_bytes", blocked),
    }
    see_counters(name, &mut seen);
    seen.block_rest(Blocked::new(Barrier::NotMade, "only `interface: all` lists interfaces"));
    seen
}

/// The longest name of an interface (`IFNAMSIZ` less its end); an alternative one may have up to 127 bytes.
const MAX_NAME: usize = 15;

/// The main name of the interface that the kernel knows by this one, which may be an alternative name (ip-link(8), `altname`).
fn known_as(name: &str) -> Option<String> {
    // Behind a colon stands an address's label, which the kernel leaves out.
    if name.len() > MAX_NAME || name.contains(':') {
        return None;
    }
    let index = nix::net::if_::if_nametoindex(name).ok()?;
    nix::net::if_::if_indextoname(index).ok()?.into_string().ok()
}

fn interfaces() -> Result<BTreeMap<String, InterfaceState>, Blocked> {
    let entries = getifaddrs().map_err(|error| barrier_of("list the interfaces", &error.into()))?;
    let entries: Vec<_> = entries.collect();
    let is_link = |entry: &&nix::ifaddrs::InterfaceAddress| {
        entry.address.as_ref().is_some_and(|address| address.as_link_addr().is_some())
    };
    let (mut all, mut names) = (BTreeMap::new(), BTreeMap::new());
    for entry in entries.iter().filter(is_link) {
        let address = entry.address.as_ref().and_then(SockaddrStorage::as_link_addr);
        let mut found = InterfaceState { flags: Some(entry.flags), ..InterfaceState::default() };
        // The interface that reaches this machine only has a hardware address of zeros, which is none.
        if let Some(mac) = address.and_then(LinkAddr::addr).filter(|mac| *mac != [0; 6]) {
            found.mac = mac.map(|byte| format!("{byte:02x}")).join(":");
        }
        names.extend(address.map(|address| (address.ifindex(), entry.interface_name.clone())));
        all.insert(entry.interface_name.clone(), found);
    }
    for address in links::addresses()? {
        let name = usize::try_from(address.index).ok().and_then(|index| names.get(&index));
        let Some(found) = name.and_then(|name| all.get_mut(name)) else {
            let why = "interfaces changed while they were listed";
            return Err(Blocked::new(Barrier::Changed, why));
        };
        found.addresses.insert(format!("{}/{}", address.ip, address.prefix));
    }
    Ok(all)
}

fn see_counters(name: &str, seen: &mut Seen) {
    const PATH: &str = "/proc/net/dev";
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let blocked = match InterfaceDeviceStatus::current().map(|mut all| all.0.remove(name)) {
        Ok(Some(counters)) => {
            seen.know("received_bytes", whole(counters.recv_bytes))
                .know("sent_bytes", whole(counters.sent_bytes))
                .know("received_packets", whole(counters.recv_packets))
                .know("sent_packets", whole(counters.sent_packets))
                .know("received_errors", whole(counters.recv_errs))
                .know("sent_errors", whole(counters.sent_errs))
                .know("received_dropped", whole(counters.recv_drop))
                .know("sent_dropped", whole(counters.sent_drop));
            return;
        }
        Ok(None) => Blocked::new(Barrier::Unreachable, format!("{PATH} has no line for {name}")),
        Err(error) => barrier_of_proc(&format!("read {PATH}"), &error),
    };
    for direction in ["received", "sent"] {
        for what in ["bytes", "packets", "errors", "dropped"] {
            seen.block(&format!("{direction}_{what}"), blocked.clone());
        }
    }
}
