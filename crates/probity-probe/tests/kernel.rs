//! `kernel-parameter` and `interface` against the running kernel.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod machine;
mod support;

use std::time::Duration;

use machine::{Elsewhere, json_of, look, look_after, look_as_nobody, look_elsewhere};
use probity_plan::Barrier;
use serde_json::json;
use support::{barrier, text};

#[tokio::test]
async fn a_parameter_shows_its_value_as_text_and_number() {
    let seen = look("kernel-parameter", json!({ "kernel-parameter": "kernel.ostype" })).await;
    assert_eq!(json_of(&seen, "exists"), json!(true));
    assert_eq!(text(&seen, "value"), "Linux");
    assert_eq!(barrier(&seen, "number"), Barrier::Unsupported);
    let kept: i64 = std::fs::read_to_string("/proc/sys/kernel/pid_max").unwrap().trim().parse().unwrap();
    let seen = look("kernel-parameter", json!({ "kernel-parameter": "kernel/pid_max" })).await;
    assert_eq!(json_of(&seen, "number"), json!(kept));
    assert_eq!(json_of(&seen, "numbers"), json!([kept]));
    // Separated by tabs.
    let seen = look("kernel-parameter", json!({ "kernel-parameter": "net.ipv4.ip_local_port_range" })).await;
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let range: Vec<i64> = range.split_whitespace().map(|number| number.parse().unwrap()).collect();
    assert_eq!(json_of(&seen, "numbers"), json!(range));
    assert_eq!(text(&seen, "value"), format!("{} {}", range[0], range[1]));
    assert_eq!(barrier(&seen, "number"), Barrier::Unsupported);
    // A pattern is no name of which nothing is there.
    let seen = look("kernel-parameter", json!({ "kernel-parameter": "kernel.osty?e" })).await;
    assert_eq!(barrier(&seen, "exists"), Barrier::Unsupported);
}

#[test]
fn a_parameter_of_any_size_is_a_number() {
    let first = "mount -t tmpfs none /mnt; echo '18446744073709551615 -5' > /mnt/value; mount --bind /mnt/value /proc/sys/kernel/hostname";
    let parameter = json!({ "kernel-parameter": "kernel.hostname" });
    let Some(seen) = look_after(first, "kernel-parameter", &parameter) else { return };
    assert_eq!(json_of(&seen, "numbers"), json!([u64::MAX, -5]));
    let seen = look_after(first.replace(" -5", ""), "kernel-parameter", &parameter).unwrap();
    assert_eq!(json_of(&seen, "number"), json!(u64::MAX));
    let seen = look_after(first.replace(" -5", " 1e3 +4"), "kernel-parameter", &parameter).unwrap();
    assert_eq!(barrier(&seen, "numbers"), Barrier::Unsupported);
}

#[test]
fn an_address_with_a_label_is_the_interfaces() {
    let first = "ip link set lo up; ip addr add 10.9.0.5/24 dev lo label lo:vip";
    let Some(seen) = look_after(first, "interface", &json!({ "interface": "lo" })) else { return };
    assert!(json_of(&seen, "addresses").as_array().unwrap().contains(&json!("10.9.0.5/24")), "{seen:?}");
    let seen = look_after(first, "interface", &json!({ "interface": "lo:vip" })).unwrap();
    assert_eq!(barrier(&seen, "exists"), Barrier::Unsupported);
    let seen = look_after(first, "interface", &json!({ "interface": "all" })).unwrap();
    let all = json_of(&seen, "interfaces");
    let names: Vec<_> = all.as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert!(names.contains(&json!("lo")) && !names.contains(&json!("lo:vip")), "{names:?}");
    // A label has no colon where nobody gave it one.
    let first = "ip link set lo up; ip addr add 10.9.0.6/32 dev lo label lovip";
    let seen = look_after(first, "interface", &json!({ "interface": "lo" })).unwrap();
    assert!(json_of(&seen, "addresses").as_array().unwrap().contains(&json!("10.9.0.6/32")), "{seen:?}");
    let seen = look_after(first, "interface", &json!({ "interface": "lovip" })).unwrap();
    assert_eq!(json_of(&seen, "exists"), json!(false));
    // Nor is it another interface's where it is called as that one.
    let first = "ip link add eth1 type veth peer name eth10; ip addr add 10.3.0.1/24 dev eth1 label eth10; \
                 ip -6 addr add fd00::1/64 dev eth10 nodad";
    for (name, addresses) in [("eth1", json!(["10.3.0.1/24"])), ("eth10", json!(["fd00::1/64"]))] {
        let seen = look_after(first, "interface", &json!({ "interface": name })).unwrap();
        assert_eq!(json_of(&seen, "addresses"), addresses, "{name}");
    }
}

#[test]
fn a_parameter_that_only_the_first_network_shows_is_not_absent_from_another() {
    let net = || Elsewhere { unshare: &["--net"], ..Elsewhere::default() };
    let look = |name: &str| look_elsewhere(&net(), "kernel-parameter", &json!({ "kernel-parameter": name }));
    let Some(seen) = look("net.core.bpf_jit_enable") else { return };
    assert_eq!(barrier(&seen, "exists"), Barrier::Unsupported);
    // What each network has, and what is of no network.
    let forwards = look("net.ipv4.ip_forward").unwrap();
    assert_eq!(json_of(&forwards, "exists"), json!(true));
    assert_eq!(json_of(&look("kernel.nosuch").unwrap(), "exists"), json!(false));
}

#[test]
fn an_address_that_another_machine_has_is_none() {
    let first = "ip link add here0 type veth peer name there0; ip link set here0 up; ip link set there0 up; \
                 ip addr add 2001:db8::7/64 dev there0 nodad; ip addr add 2001:db8::7/64 dev here0; \
                 ip addr add 2001:db8::8/64 dev here0; \
                 while ip -6 addr show dev here0 | grep -v dadfailed | grep -q tentative; do sleep 0.1; done";
    let Some(seen) = look_after(first, "interface", &json!({ "interface": "here0" })) else { return };
    let addresses = json_of(&seen, "addresses");
    assert!(addresses.as_array().unwrap().contains(&json!("2001:db8::8/64")), "{addresses}");
    assert!(!addresses.as_array().unwrap().contains(&json!("2001:db8::7/64")), "{addresses}");
    let seen = look_after(first, "interface", &json!({ "interface": "there0" })).unwrap();
    let addresses = json_of(&seen, "addresses");
    assert!(addresses.as_array().unwrap().contains(&json!("2001:db8::7/64")), "{addresses}");
}

#[test]
fn an_alternative_name_is_the_interfaces() {
    let first = "ip link property add dev lo altname probity-alt || :";
    let Some(seen) = look_after(first, "interface", &json!({ "interface": "probity-alt" })) else { return };
    if json_of(&seen, "exists") == json!(true) {
        assert_eq!(json_of(&seen, "loopback"), json!(true));
        assert!(json_of(&seen, "mtu_bytes").is_number());
    } else {
        eprintln!("skipped: this kernel has no alternative names");
    }
    let long = "probity-name-of-more-than-15";
    let seen = look_after(first, "interface", &json!({ "interface": long })).unwrap();
    assert_eq!(barrier(&seen, "exists"), Barrier::Unsupported);
}

#[tokio::test]
async fn a_parameter_that_is_not_there_does_not_exist() {
    for name in ["net.ipv4.no_such_thing", "net.ipv4", "kernel.ostype.below"] {
        let seen = look("kernel-parameter", json!({ "kernel-parameter": name })).await;
        assert_eq!(json_of(&seen, "exists"), json!(false), "{name}");
        assert_eq!(barrier(&seen, "value"), Barrier::Unreachable);
    }
}

#[test]
fn a_parameter_that_may_not_be_read_exists_and_its_value_is_a_barrier() {
    let seen = look_as_nobody("kernel-parameter", &json!({ "kernel-parameter": "kernel.cad_pid" }));
    assert_eq!(json_of(&seen, "exists"), json!(true));
    assert_eq!(barrier(&seen, "value"), Barrier::PermissionDenied);
}

#[test]
fn without_its_tree_no_parameter_is_missing() {
    let parameter = json!({ "kernel-parameter": "kernel.ostype" });
    let Some(seen) = look_after("mount -t tmpfs none /proc", "kernel-parameter", &parameter) else { return };
    assert_eq!(barrier(&seen, "exists"), Barrier::Unsupported);
}

#[test]
fn a_parameter_with_nonsense_or_hostile_text_is_kept_as_it_is_and_capped() {
    let say = |content: &str| {
        let first = format!(
            "mount -t tmpfs none /mnt; {content} > /mnt/value; mount --bind /mnt/value /proc/sys/kernel/hostname"
        );
        look_after(first, "kernel-parameter", &json!({ "kernel-parameter": "kernel.hostname" }))
    };
    let Some(seen) = say("printf '\\033[2J\\342\\200\\256x'") else { return };
    assert_eq!(text(&seen, "value"), "\u{1b}[2J\u{202e}x");
    assert_eq!(text(&say("printf '\\377'").unwrap(), "value"), "\u{fffd}");
    assert_eq!(barrier(&say("printf 99999999999999999999x").unwrap(), "number"), Barrier::Unsupported);
    assert_eq!(barrier(&say("printf ''").unwrap(), "numbers"), Barrier::Unsupported);
    assert_eq!(barrier(&say("head -c 70000 /dev/zero").unwrap(), "value"), Barrier::TooLarge);
}

#[test]
fn a_long_parameter_is_seen_to_its_end() {
    let name = "net/ipv4/ip_local_reserved_ports";
    let file = format!("/proc/sys/{name}");
    let first = format!("seq -s, 3001 2 15000 | dd bs=64k iflag=fullblock status=none of={file}");
    let ports: Vec<String> = (3001..15000).step_by(2).map(|port| port.to_string()).collect();
    let Some(seen) = look_after(&first, "kernel-parameter", &json!({ "kernel-parameter": name })) else {
        return;
    };
    assert_eq!(text(&seen, "value"), ports.join(","));
    let seen = look_after(&first, "file", &json!({ "file": file })).unwrap();
    assert_eq!(text(&seen, "content").trim_end(), ports.join(","));
}

#[test]
fn a_parameter_that_hangs_ends_in_a_time_out() {
    let elsewhere = Elsewhere {
        unshare: &["--mount", "--propagation", "private"],
        first: "exec 9<>/dev/fuse; mount -i -t fuse -o fd=9,rootmode=100000,user_id=0,group_id=0 none \
                /proc/sys/kernel/hostname"
            .to_owned(),
        timeout: Duration::from_millis(300),
        ..Elsewhere::default()
    };
    let parameter = json!({ "kernel-parameter": "kernel.hostname" });
    let Some(seen) = look_elsewhere(&elsewhere, "kernel-parameter", &parameter) else { return };
    assert_eq!(barrier(&seen, "value"), Barrier::TimedOut);
}

#[tokio::test]
async fn the_loopback_interface_shows_state_addresses_and_counters() {
    let seen = look("interface", json!({ "interface": "lo" })).await;
    assert_eq!(json_of(&seen, "exists"), json!(true));
    assert_eq!(json_of(&seen, "up"), json!(true));
    assert_eq!(json_of(&seen, "running"), json!(true));
    assert_eq!(json_of(&seen, "loopback"), json!(true));
    assert!(json_of(&seen, "addresses").as_array().unwrap().contains(&json!("127.0.0.1/8")));
    assert_eq!(text(&seen, "mac"), "");
    let mtu: i64 = std::fs::read_to_string("/sys/class/net/lo/mtu").unwrap().trim().parse().unwrap();
    assert_eq!(json_of(&seen, "mtu_bytes"), json!(mtu));
    let sent = || async {
        json_of(&look("interface", json!({ "interface": "lo" })).await, "sent_bytes").as_i64().unwrap()
    };
    let before = sent().await;
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&[0; 1000], socket.local_addr().unwrap()).unwrap();
    assert!(sent().await >= before + 1000);
}

#[test]
fn an_interface_that_is_down_is_not_up() {
    // A network namespace begins with a loopback interface that is switched off.
    let Some(seen) = look_after("true", "interface", &json!({ "interface": "lo" })) else { return };
    assert_eq!(json_of(&seen, "up"), json!(false));
    assert_eq!(json_of(&seen, "running"), json!(false));
    assert_eq!(json_of(&seen, "addresses"), json!([]));
    let first = "ip link set lo up; ip addr add 192.0.2.1/24 dev lo; ip addr add 2001:db8::1/64 dev lo";
    let seen = look_after(first, "interface", &json!({ "interface": "all" })).unwrap();
    let interfaces = json_of(&seen, "interfaces");
    assert_eq!(interfaces[0]["name"], json!("lo"));
    let addresses = interfaces[0]["addresses"].as_array().unwrap();
    for address in ["127.0.0.1/8", "192.0.2.1/24", "2001:db8::1/64"] {
        assert!(addresses.contains(&json!(address)), "{address}: {addresses:?}");
    }
}

#[tokio::test]
async fn an_interface_that_is_not_there_does_not_exist() {
    let seen = look("interface", json!({ "interface": "probity0" })).await;
    assert_eq!(json_of(&seen, "exists"), json!(false));
    assert_eq!(barrier(&seen, "up"), Barrier::Unreachable);
}

#[test]
fn state_and_mtu_are_those_of_the_own_network_whoever_mounted_sys() {
    let elsewhere = Elsewhere {
        // The mounts are those of the machine, and so is what /sys shows.
        unshare: &["--net"],
        first: "ip link set lo mtu 1280 up".to_owned(),
        ..Elsewhere::default()
    };
    let Some(seen) = look_elsewhere(&elsewhere, "interface", &json!({ "interface": "lo" })) else { return };
    assert_eq!((json_of(&seen, "mtu_bytes"), text(&seen, "state")), (json!(1280), "unknown"));
    let renamed = Elsewhere { first: "ip link set lo mtu 1400 name probity1".to_owned(), ..elsewhere };
    let seen = look_elsewhere(&renamed, "interface", &json!({ "interface": "probity1" })).unwrap();
    assert_eq!((json_of(&seen, "mtu_bytes"), text(&seen, "state")), (json!(1400), "down"));
    let seen = look_after("umount -l /sys", "interface", &json!({ "interface": "lo" })).unwrap();
    assert_eq!((json_of(&seen, "exists"), text(&seen, "state")), (json!(true), "down"));
    assert_eq!(json_of(&seen, "sent_bytes"), json!(0));
}

#[test]
fn a_hostile_interface_name_is_recorded_as_it_is() {
    let name = "\u{1b}[2J\u{202e}x";
    let first = format!("ip link set lo name '{name}'");
    let Some(seen) = look_after(first.clone(), "interface", &json!({ "interface": "all" })) else { return };
    assert_eq!(json_of(&seen, "interfaces")[0]["name"], json!(name));
    let seen = look_after(first, "interface", &json!({ "interface": name })).unwrap();
    assert_eq!(json_of(&seen, "loopback"), json!(true));
    assert_eq!(json_of(&seen, "sent_bytes"), json!(0));
}
