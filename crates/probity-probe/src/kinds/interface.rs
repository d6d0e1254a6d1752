//! `interface`: getifaddrs(3), `/proc/net/dev` for the counters, rtnetlink(7) for state and MTU.

use std::collections::{BTreeMap, BTreeSet};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;
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

/// What getifaddrs(3) says of one interface.
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
    let mut all: BTreeMap<String, InterfaceState> = BTreeMap::new();
    for entry in entries {
        // An address may bear a label, which begins with the interface's name and a colon; no interface's name has one.
        let name = entry.interface_name.split(':').next().unwrap_or_default();
        let found = all.entry(name.to_owned()).or_default();
        found.flags = Some(entry.flags);
        let Some(address) = entry.address else { continue };
        if let Some(mac) = address.as_link_addr().and_then(nix::sys::socket::LinkAddr::addr) {
            found.mac = mac.map(|byte| format!("{byte:02x}")).join(":");
        }
        let prefix = entry.netmask.as_ref().map_or(0, prefix_length);
        if let Some(ip) = address.as_sockaddr_in() {
            found.addresses.insert(format!("{}/{prefix}", ip.ip()));
        } else if let Some(ip) = address.as_sockaddr_in6() {
            found.addresses.insert(format!("{}/{prefix}", ip.ip()));
        }
    }
    let unusable = unusable_addresses();
    for (name, found) in &mut all {
        found.addresses.retain(|address| !unusable.contains(&(name.clone(), address.clone())));
    }
    // The interface that reaches this machine only has a hardware address of zeros, which is none.
    for found in all.values_mut().filter(|found| found.mac == "00:00:00:00:00:00") {
        found.mac.clear();
    }
    Ok(all)
}

/// The IPv6 addresses that the kernel does not use, with their interface: somebody else has them, or that is not yet known (`IFA_F_DADFAILED`
/// and `IFA_F_TENTATIVE` of include/uapi/linux/if_addr.h, by `/proc/net/if_inet6`). None where the kernel has no IPv6.
fn unusable_addresses() -> BTreeSet<(String, String)> {
    const UNUSABLE: u8 = 0x08 | 0x40;
    let table = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let address = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [address, _, prefix, _, flags, name] = words[..] else { return None };
        let hexadecimal = |word| u8::from_str_radix(word, 16).ok();
        let ip = std::net::Ipv6Addr::from_bits(u128::from_str_radix(address, 16).ok()?);
        let is_unusable = hexadecimal(flags)? & UNUSABLE != 0;
        is_unusable.then_some((name.to_owned(), format!("{ip}/{}", hexadecimal(prefix)?)))
    };
    table.lines().filter_map(address).collect()
}

fn prefix_length(mask: &SockaddrStorage) -> u32 {
    if let Some(mask) = mask.as_sockaddr_in() {
        mask.ip().to_bits().count_ones()
    } else if let Some(mask) = mask.as_sockaddr_in6() {
        mask.ip().to_bits().count_ones()
    } else {
        0
    }
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
