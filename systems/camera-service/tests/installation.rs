//! `install` and `uninstall` on a Debian with systemd that is booted for the test. Needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../../../lab/machine.rs"]
mod machine;
mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use machine::{Machine, possible, until};
use serde_json::Value;

/// Calls for [`calls_from_inside`], as `METHOD PARAMETERS`, one a line; and the token.
const CALLS: &str = "CAMERA_SERVICE_TEST_CALLS";
const TOKEN: &str = "CAMERA_SERVICE_TEST_TOKEN";

/// Makes calls, if this process was sent into the machine's network to make them; otherwise there is nothing to do.
#[tokio::test]
async fn calls_from_inside() {
    let (Ok(calls), Ok(token)) = (std::env::var(CALLS), std::env::var(TOKEN)) else { return };
    let mut client = support::Client::connect("ws://127.0.0.1:8002/ws").await;
    client.succeed("authenticate", serde_json::json!({ "auth_token": token })).await;
    for call in calls.lines() {
        let (method, parameters) = call.split_once(' ').unwrap();
        println!("\nANSWER {}", client.succeed(method, serde_json::from_str(parameters).unwrap()).await);
    }
}

/// Makes calls with a fresh token; their results.
fn call(machine: &Machine, calls: &str) -> Vec<Value> {
    let token = machine.run("camera-service token new --role admin 2>/dev/null");
    let mut command = machine.in_its_network();
    command.args(["calls_from_inside", "--exact", "--nocapture"]).env(CALLS, calls).env(TOKEN, token.trim());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    // As a literal: a failure within a failure is not taken for the end of the one around it.
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{calls}: {said:?} {why:?}");
    said.lines()
        .filter_map(|line| line.strip_prefix("ANSWER "))
        .map(|answer| serde_json::from_str(answer).unwrap())
        .collect()
}

/// A machine with this build's program in `/program`.
fn boot() -> Machine {
    Machine::boot(Path::new(env!("CARGO_BIN_EXE_camera-service")).parent().unwrap())
}

fn unit(machine: &Machine, property: &str) -> String {
    machine.run(&format!("systemctl show -P {property} camera-service")).trim().to_owned()
}

fn camera_delivers(machine: &Machine) {
    until("the camera delivers", || {
        call(machine, "get_camera_status {\"device\":\"front\"}")[0]["status"] == "connected"
    });
}

/// The first words of the lines that `install` says.
fn steps(said: &str) -> Vec<&str> {
    said.lines()
        .filter_map(|line| {
            ["made", "already so", "changed", "left", "removed"]
                .into_iter()
                .find(|word| line.starts_with(word))
        })
        .collect()
}

/// Every path with its mode and owner, as the specification lists them.
const PATHS: &str = "\
/opt/camera-service 755 root root
/opt/camera-service/bin 755 root root
/opt/camera-service/bin/camera-service 755 root root
/opt/camera-service/config 755 root root
/opt/camera-service/config/camera-service.yaml 644 root root
/opt/camera-service/.env 600 camera-service camera-service
/opt/camera-service/security 700 camera-service camera-service
/opt/camera-service/security/api-keys.json 600 camera-service camera-service
/opt/camera-service/security/revoked.json 600 camera-service camera-service
/opt/camera-service/state 700 camera-service camera-service
/opt/camera-service/recordings 750 camera-service camera-service
/opt/camera-service/snapshots 750 camera-service camera-service
/var/log/camera-service 755 camera-service camera-service
/var/log/camera-service/audit.jsonl 644 camera-service camera-service
/etc/systemd/system/camera-service.service 644 root root
/etc/logrotate.d/camera-service 644 root root
";

/// What an operator writes into the configuration: a camera, and limits (of calls, and of the disk, which is the machine's
/// own around this test) that are out of its way.
const CAMERA: &str = "cd /opt/camera-service/config
sed -i -e '/^cameras:/d' -e 's/^storage:$/storage:\\n  warn: 98 %\\n  block: 99 %/' camera-service.yaml; cat >>camera-service.yaml <<'END'
cameras: [{ name: front, source: \"test:pattern\", resolution: 320x240, fps: 10 }]
limits: { requests_per_minute: 60000, burst: 6000, authentications_per_minute: 60000, authentication_burst: 6000 }
END
systemctl restart camera-service";

#[test]
fn a_service_is_installed_works_survives_and_is_taken_off_again() {
    if !possible("installs the service in a machine with systemd, kills it, reboots, takes it off") {
        return;
    }
    let mut machine = boot();
    let said = machine.run("/program/camera-service install");
    println!("{said}");
    assert!(steps(&said).iter().filter(|step| **step == "made").count() >= 14, "{said}");
    assert!(said.contains("http://127.0.0.1:8002/"), "{said}");
    machine.run("camera-service status");
    assert_eq!((unit(&machine, "ActiveState"), unit(&machine, "Type")), ("active".into(), "notify".into()));
    assert_eq!(unit(&machine, "UnitFileState"), "enabled");
    assert_eq!(unit(&machine, "User"), "camera-service");
    assert!(machine.run("id -nG camera-service").contains("video"));
    let names: Vec<&str> = PATHS.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(machine.run(&format!("stat -c '%n %a %U %G' {}", names.join(" "))), PATHS);
    only_loopback_is_listened_on(&machine);
    the_kernel_may_be_asked_for_its_clock(&machine);
    let said = machine.run("journalctl --unit=camera-service --no-pager --output=cat");
    assert!(said.contains("ready") && !said.contains("setpriv"), "children end with the service: {said}");
    let exposure = machine.run("systemd-analyze security --no-pager camera-service | tail -1");
    println!("{exposure}");
    let level: f64 = exposure.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    // ProtectClock= would take two tenths more off, and the kernel's word with them.
    assert!(level <= 2.0, "{exposure}");

    // An operator's configuration, and a second run that changes nothing.
    machine.run(CAMERA);
    let files = "cd /opt/camera-service && sha256sum .env config/* security/*";
    let before = machine.run(files);
    let process = unit(&machine, "MainPID");
    let again = machine.run("/program/camera-service install");
    assert!(steps(&again).iter().all(|step| matches!(*step, "already so" | "left")), "{again}");
    assert_eq!((machine.run(files), unit(&machine, "MainPID")), (before, process));

    recording_and_rotation_work(&machine);
    a_killed_service_comes_back_without_its_children(&machine);
    a_stop_finishes_what_is_being_recorded(&machine);

    machine.run("systemctl start camera-service");
    machine.reboot();
    until("ready after the reboot", || machine.try_run("camera-service status").status.success());

    it_is_taken_off(&machine);
}

/// By the unit; systemd-nspawn, in which this runs, forbids it to everybody.
fn the_kernel_may_be_asked_for_its_clock(machine: &Machine) {
    let allowed = unit(machine, "SystemCallFilter");
    let has = |call: &str| allowed.split(' ').any(|allowed| allowed == call);
    assert!(has("adjtimex") && has("clock_adjtime") && !has("clock_settime"), "{allowed}");
    assert_eq!(unit(machine, "ProtectClock"), "no", "it would forbid it");
    let clock = call(machine, "get_system_status {}")[0]["clock"].clone();
    assert!(clock["reason"].as_str().unwrap().contains("clock not yet trusted"), "{clock}");
}

fn only_loopback_is_listened_on(machine: &Machine) {
    let table = machine.run("cat /proc/net/tcp /proc/net/tcp6");
    let listening: Vec<&str> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.get(3) == Some(&"0A"))
        .map(|words| words[1])
        .filter(|address| address.ends_with(":1F42") || address.ends_with(":1F43"))
        .collect();
    assert_eq!(listening.len(), 2, "{table}");
    assert!(listening.iter().all(|address| address.starts_with("0100007F:")), "{table}");
}

fn recording_and_rotation_work(machine: &Machine) {
    camera_delivers(machine);
    let answers = call(
        machine,
        "take_snapshot {\"device\":\"front\"}\nstart_recording {\"device\":\"front\",\"duration\":2}",
    );
    let recording = answers[1]["filename"].as_str().unwrap().to_owned();
    until("the recording has ended", || {
        call(machine, "get_camera_status {\"device\":\"front\"}")[0]["recording"] != true
    });
    machine.run(&format!("ffprobe -v error /opt/camera-service/recordings/{recording}"));

    machine.run("logrotate --force /etc/logrotate.d/camera-service");
    let mode = "stat -c '%a %U' /var/log/camera-service/audit.jsonl";
    assert_eq!(machine.run(mode), "644 camera-service\n");
    until("the service goes on in the new file", || {
        call(machine, "get_camera_list {}");
        machine.run("cat /var/log/camera-service/audit.jsonl").contains("\"authentication\"")
    });
}

fn a_killed_service_comes_back_without_its_children(machine: &Machine) {
    camera_delivers(machine);
    let processes = machine.run("find /proc -maxdepth 1 -name '[0-9]*' -user camera-service -printf '%f\\n'");
    let before: Vec<&str> = processes.lines().collect();
    assert!(before.len() > 1, "the service has children: {before:?}");
    let process = unit(machine, "MainPID");
    machine.run("systemctl kill --signal=KILL --kill-whom=main camera-service");
    until("it is back", || {
        let now = unit(machine, "MainPID");
        now != process && now != "0" && machine.try_run("camera-service status").status.success()
    });
    for process in before {
        assert!(
            !machine.try_run(&format!("test -e /proc/{process}")).status.success(),
            "process {process} is left over"
        );
    }
}

fn a_stop_finishes_what_is_being_recorded(machine: &Machine) {
    camera_delivers(machine);
    let recording = call(machine, "start_recording {\"device\":\"front\",\"duration\":600}")[0]["filename"]
        .as_str()
        .unwrap()
        .to_owned();
    std::thread::sleep(Duration::from_secs(2));
    let begun = Instant::now();
    machine.run("systemctl stop camera-service");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert_eq!(
        (unit(machine, "Result"), unit(machine, "ActiveState")),
        ("success".into(), "inactive".into())
    );
    let file = format!("/opt/camera-service/recordings/{recording}");
    let output =
        machine.try_run(&format!("ffprobe -v error -show_entries format=duration -of csv=p=0 {file}"));
    let seconds: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    assert!(
        seconds >= 1.0 && output.stderr.is_empty(),
        "{seconds}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn it_is_taken_off(machine: &Machine) {
    let media = machine.run("ls /opt/camera-service/recordings /opt/camera-service/snapshots");
    assert!(media.contains("front_"), "{media}");
    let secrets = machine.run("sha256sum /opt/camera-service/.env");
    machine.run("camera-service uninstall");
    for gone in [
        "/etc/systemd/system/camera-service.service",
        "/etc/logrotate.d/camera-service",
        "/opt/camera-service/bin",
        "/usr/local/bin/camera-service",
    ] {
        machine.run(&format!("test ! -e {gone}"));
    }
    assert_eq!(unit(machine, "LoadState"), "not-found");
    assert_eq!(machine.run("ls /opt/camera-service/recordings /opt/camera-service/snapshots"), media);
    machine.run("/program/camera-service uninstall");

    machine.run("/program/camera-service install");
    assert_eq!(
        machine.run("sha256sum /opt/camera-service/.env"),
        secrets,
        "an installation anew takes what is there"
    );
    machine.run("camera-service backup /root/backup.tar --media");
    let said = machine.run("camera-service uninstall --purge");
    assert!(said.contains("removed     /opt/camera-service/recordings"), "{said}");
    machine.run(
        "test ! -e /opt/camera-service; test ! -e /var/log/camera-service; ! id camera-service 2>/dev/null",
    );
    machine.run("/program/camera-service uninstall --purge");

    // A backup is all that a new machine needs.
    machine.run("/program/camera-service restore /root/backup.tar; /program/camera-service install");
    assert_eq!(machine.run("sha256sum /opt/camera-service/.env"), secrets);
    assert_eq!(machine.run("ls /opt/camera-service/recordings /opt/camera-service/snapshots"), media);
    let names: Vec<&str> = PATHS.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(machine.run(&format!("stat -c '%n %a %U %G' {}", names.join(" "))), PATHS);
    camera_delivers(machine);
}

#[test]
fn what_is_missing_or_wrong_is_said_and_nothing_is_overwritten() {
    if !possible("installs the service in machines that lack something") {
        return;
    }
    let machine = boot();
    let said = machine
        .fails(1, "setpriv --reuid=65534 --regid=65534 --clear-groups /program/camera-service install");
    assert!(said.contains("only root"), "{said}");
    machine.run("mv /usr/bin/ffmpeg /usr/bin/ffmpeg.away");
    let said = machine.fails(1, "/program/camera-service install");
    assert!(said.contains("apt-get install ffmpeg"), "{said}");
    machine.run("test ! -e /opt/camera-service; mv /usr/bin/ffmpeg.away /usr/bin/ffmpeg");

    // Without systemd: only files.
    let without = "unshare --mount sh -euc 'mount -t tmpfs none /run/systemd; exec \"$@\"' -";
    let said = machine.fails(1, &format!("{without} /program/camera-service install"));
    assert!(said.contains("--no-start"), "{said}");
    machine.run("test ! -e /opt/camera-service");
    machine.run(&format!("{without} /program/camera-service install --no-start"));
    machine.run("test -x /opt/camera-service/bin/camera-service");
    assert_ne!(unit(&machine, "ActiveState"), "active");

    // A file of secrets that all could read is put right; a configuration that is wrong is left alone.
    machine.run("chmod 644 /opt/camera-service/.env; echo 'colour: red' >>/opt/camera-service/config/camera-service.yaml");
    let before = machine.run("sha256sum /opt/camera-service/config/camera-service.yaml");
    let said = machine.fails(2, "/program/camera-service install");
    assert!(said.contains("colour"), "{said}");
    assert_eq!(machine.run("sha256sum /opt/camera-service/config/camera-service.yaml"), before);
    assert_eq!(machine.run("stat -c %a /opt/camera-service/.env"), "600\n");

    // Started by hand with that, it fails at once and for good, instead of being started again and again.
    machine.fails(1, "systemctl daemon-reload; systemctl start camera-service");
    assert_eq!((unit(&machine, "ActiveState"), unit(&machine, "NRestarts")), ("failed".into(), "0".into()));
    machine.run("sed -i '/^colour/d' /opt/camera-service/config/camera-service.yaml");

    // A port that somebody has is no success that looks like one.
    machine.run("systemd-run --quiet --unit=taken systemd-socket-activate --listen=127.0.0.1:8002 --inetd --accept /bin/cat");
    until("the port is taken", || machine.run("cat /proc/net/tcp").contains("0100007F:1F42"));
    let said = machine.fails(1, "/program/camera-service install");
    assert!(said.contains("127.0.0.1:8002 cannot be listened on"), "{said}");
    until("it is tried again", || unit(&machine, "NRestarts") != "0");
    // In between it is just starting.
    until("it is told as not running", || {
        machine.fails(1, "camera-service status").contains("systemctl start camera-service")
    });
    machine.run("systemctl stop taken");
    until("it is ready as soon as the port is free", || {
        machine.try_run("camera-service status").status.success()
    });
    machine.run("/program/camera-service install");

    folders_of_others_are_not_taken_over(&machine);
    the_firewall_is_told(&machine);
}

fn folders_of_others_are_not_taken_over(machine: &Machine) {
    let config = "/opt/camera-service/config/camera-service.yaml";
    machine.run(&format!("cp {config} /root/before.yaml; mkdir -p /mnt/usb; touch /mnt/usb/holiday.jpg"));
    let look = "stat -c '%n %a %U %G' /var/log /tmp /mnt/usb /mnt/usb/holiday.jpg";
    let before = machine.run(look);
    for (key, change, folder) in [
        ("audit_log", "s|^audit_log:.*|audit_log: /var/log/camera-audit.jsonl|", "/var/log"),
        ("log.file", "$ a log: { file: /tmp/camera-service.log }", "/tmp"),
        ("storage.recordings", "s|recordings:.*|recordings: /mnt/usb|", "/mnt/usb"),
    ] {
        machine.run(&format!("sed -i '{change}' {config}"));
        let said = machine.fails(2, "/program/camera-service install");
        assert!(said.contains(&format!("{key}: {folder} is there and is not the service's")), "{said}");
        machine.run(&format!("cp /root/before.yaml {config}"));
    }
    assert_eq!(machine.run(look), before);
    // A folder of its own on that disk is made; what is in it belongs to the service, what is beside it does not.
    machine.run(&format!(
        "sed -i 's|recordings:.*|recordings: /mnt/usb/recordings|' {config}; /program/camera-service install"
    ));
    assert_eq!(machine.run("stat -c '%a %U' /mnt/usb/recordings"), "750 camera-service\n");
    assert_eq!(machine.run(look), before);
    machine.run(&format!("cp /root/before.yaml {config}; /program/camera-service install"));
}

/// With a stand-in for ufw: what it would do to packets is not looked at.
fn the_firewall_is_told(machine: &Machine) {
    let sentence = camera_config::PLAIN_TEXT_SENTENCE;
    machine.run(&format!(
        "sed -i 's|listen: .*|listen: \"0.0.0.0:8002\"\\n  allow_plain_text: {sentence}|' /opt/camera-service/config/camera-service.yaml"
    ));
    let said = machine.run("/program/camera-service install");
    assert!(
        said.contains("ufw allow 8002/tcp")
            && said.contains("nft add rule inet filter input tcp dport 8002 accept"),
        "{said}"
    );
    machine.run(
        "cat >/usr/local/sbin/ufw <<'END'
#!/bin/sh
touch /run/rules
case \"$*\" in
status) echo 'Status: active' ;;
'show added') cat /run/rules ;;
allow*comment*) echo \"ufw allow $2 comment '$4'\" >>/run/rules ;;
'delete allow '*) sed -i \"\\|^ufw allow $3 |d\" /run/rules ;;
*) exit 1 ;;
esac
END
chmod 755 /usr/local/sbin/ufw",
    );
    assert!(machine.run("/program/camera-service install").contains("made        ufw allow 8002/tcp"));
    assert!(machine.run("/program/camera-service install").contains("already so  ufw allow 8002/tcp"));
    // Another port, for which the operator has made a rule.
    machine.run("echo 'ufw allow 8012/tcp' >>/run/rules; sed -i 's|0.0.0.0:8002|0.0.0.0:8012|' /opt/camera-service/config/camera-service.yaml");
    let said = machine.run("/program/camera-service install");
    assert!(
        said.contains("removed     ufw allow 8002/tcp") && said.contains("already so  ufw allow 8012/tcp"),
        "{said}"
    );
    let said = machine.run("/program/camera-service uninstall");
    assert!(!said.contains("ufw"), "{said}");
    assert_eq!(machine.run("cat /run/rules"), "ufw allow 8012/tcp\n");
    machine.run("sed -i 's|0.0.0.0:8012|0.0.0.0:8002|' /opt/camera-service/config/camera-service.yaml; /program/camera-service install");
    assert!(machine.run("/program/camera-service uninstall").contains("removed     ufw allow 8002/tcp"));
    assert_eq!(machine.run("cat /run/rules"), "ufw allow 8012/tcp\n");
}
