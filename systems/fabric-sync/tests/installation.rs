//! `install` and `uninstall` on a Debian with systemd that is booted for the test. Needs root. Neither end can be
//! reached from it: what the service does with them is tested elsewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../../../lab/machine.rs"]
mod machine;

use std::path::Path;

use machine::{Machine, possible, until};

/// Every path with its mode and owner.
const PATHS: &str = "\
/opt/fabric-sync 755 root root
/opt/fabric-sync/bin 755 root root
/opt/fabric-sync/bin/fabric-sync 755 root root
/opt/fabric-sync/config 755 root root
/opt/fabric-sync/config/fabric-sync.yaml 644 root root
/opt/fabric-sync/secrets 700 fabric-sync fabric-sync
/opt/fabric-sync/secrets/netbox-token 600 fabric-sync fabric-sync
/opt/fabric-sync/state 750 fabric-sync fabric-sync
/etc/systemd/system/fabric-sync.service 644 root root
";

/// What an operator writes: both ends on this machine, where nobody listens. The machine has no authorities of its own.
const CONFIGURATION: &str = "cat >/opt/fabric-sync/config/fabric-sync.yaml <<'END'
netbox: { url: \"http://127.0.0.1:9\", token_file: /opt/fabric-sync/secrets/netbox-token }
fabrics: [{ name: lab, site: Lab, kubernetes: { url: \"https://127.0.0.1:9\", ca_file: /opt/fabric-sync/secrets/ca.pem }, interval: 1 s }]
END
echo secret >/opt/fabric-sync/secrets/netbox-token; chmod 644 /opt/fabric-sync/secrets/netbox-token";

fn unit(machine: &Machine, property: &str) -> String {
    machine.run(&format!("systemctl show -P {property} fabric-sync")).trim().to_owned()
}

#[test]
fn a_service_is_installed_started_stopped_and_taken_off_again() {
    if !possible("installs the service in a machine with systemd, stops it, takes it off") {
        return;
    }
    let machine = Machine::boot(Path::new(env!("CARGO_BIN_EXE_fabric-sync")).parent().unwrap());
    let drop_privileges = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    let said = machine.fails(1, &format!("{drop_privileges} /program/fabric-sync install"));
    assert!(said.contains("only root"), "{said}");

    // The first time there is nothing to start yet.
    let said = machine.run("/program/fabric-sync install");
    assert!(said.contains("Nothing was started") && said.contains("made        user fabric-sync"), "{said}");
    assert_eq!(unit(&machine, "ActiveState"), "inactive");
    machine.run(CONFIGURATION);
    let authority = rcgen::generate_simple_self_signed(vec!["kubernetes".into()]).unwrap().cert.pem();
    machine.run(&format!("echo '{authority}' >/opt/fabric-sync/secrets/ca.pem"));
    let said = machine.run("fabric-sync install");
    assert!(said.contains("made        the service runs"), "{said}");
    assert_eq!(
        (unit(&machine, "ActiveState"), unit(&machine, "User")),
        ("active".into(), "fabric-sync".into())
    );
    let names: Vec<&str> = PATHS.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(machine.run(&format!("stat -c '%n %a %U %G' {}", names.join(" "))), PATHS);
    let exposure = machine.run("systemd-analyze security --no-pager fabric-sync | tail -1");
    println!("{exposure}");
    let level: f64 = exposure.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    assert!(level <= 2.0, "{exposure}");

    // It says that it knows nothing, and keeps its record of that.
    until("it was looked at", || {
        machine::said(&machine.try_run("fabric-sync status")).contains("not read whole")
    });
    let said = machine.fails(1, "fabric-sync status");
    let unread = "not read whole: Kubernetes, VLANNamespace, IPv4Namespace, SwitchGroup, Switch and 9 more: not reachable";
    assert!(said.contains(unread), "{said}");
    machine.run("fabric-sync history");

    // A second run changes nothing.
    let before = machine.run("sha256sum /opt/fabric-sync/config/* /opt/fabric-sync/secrets/*");
    let process = unit(&machine, "MainPID");
    let again = machine.run("/program/fabric-sync install");
    assert!(!again.contains("made  ") && !again.contains("changed  "), "{again}");
    assert_eq!(machine.run("sha256sum /opt/fabric-sync/config/* /opt/fabric-sync/secrets/*"), before);
    assert_eq!(unit(&machine, "MainPID"), process);

    // Killed, it comes back; stopped, it ends well and at once.
    machine.run("systemctl kill --signal=KILL fabric-sync");
    until("it is back", || unit(&machine, "ActiveState") == "active" && unit(&machine, "MainPID") != process);
    machine.run("systemctl stop fabric-sync");
    assert_eq!(
        (unit(&machine, "Result"), unit(&machine, "ActiveState")),
        ("success".into(), "inactive".into())
    );

    // A configuration that cannot be: it is not started again and again.
    machine.run("echo 'colour: red' >>/opt/fabric-sync/config/fabric-sync.yaml");
    let said = machine.fails(2, "fabric-sync install");
    assert!(said.contains("unknown key `colour`"), "{said}");
    machine.fails(1, "systemctl start fabric-sync");
    assert_eq!((unit(&machine, "ActiveState"), unit(&machine, "NRestarts")), ("failed".into(), "0".into()));

    machine.run("fabric-sync uninstall");
    machine.run("test ! -e /etc/systemd/system/fabric-sync.service; test ! -e /usr/local/bin/fabric-sync");
    machine.run(
        "test -s /opt/fabric-sync/state/lab.history.jsonl; test -s /opt/fabric-sync/secrets/netbox-token",
    );
    machine.run("/program/fabric-sync uninstall --purge");
    machine.run("test ! -e /opt/fabric-sync; ! id fabric-sync 2>/dev/null");
    machine.run("/program/fabric-sync uninstall --purge");
}
