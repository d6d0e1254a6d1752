//! What `install` writes: the first configuration, the unit, the rotation of logs.

use std::path::Path;

use camera_config::Config;

use super::{SERVICE, is_default};
use crate::home::Home;
use service_setup::files::folder_of;

/// The first configuration; every path is written out, so that it is seen.
pub(super) fn configuration(home: &Home) -> String {
    let at = home.folder().display();
    format!(
        r#"# The camera service. Every key with its default: docs/camera-service/configuration.md
# After a change: camera-service config check, and then: systemctl restart camera-service
server:
  listen: "127.0.0.1:8002" # WebSocket, files, console; beyond this machine only with TLS
  health: "127.0.0.1:8003" # health and metrics
security:
  api_keys: {at}/security/api-keys.json
storage:
  recordings: {at}/recordings
  snapshots: {at}/snapshots
audit_log: /var/log/camera-service/audit.jsonl
cameras: []
# The password is a line of .env: DOOR_PASSWORD='...'
#  - {{ name: door, source: "rtsp://viewer:${{DOOR_PASSWORD}}@192.168.1.20/stream1" }}
"#
    )
}

/// From this version of systemd on, the pause between restarts can grow.
const GROWING_PAUSE: u32 = 254;

/// The unit, for this version of systemd: what the service needs, and nothing else of the machine.
pub(super) fn unit(home: &Home, config: &Config, systemd: Option<u32>) -> String {
    let (unit, user) = (SERVICE.unit(), SERVICE.0);
    let at = home.folder().display();
    let program = home.executable();
    let program = program.display();
    let option = if is_default(home) { String::new() } else { format!(" --home {at}") };
    let mut writable = vec![home.folder().join("security"), home.state()];
    writable.extend([config.storage.recordings.clone(), config.storage.snapshots.clone()]);
    writable.push(folder_of(&config.audit_log).to_owned());
    writable.extend(config.log.file.as_deref().map(|file| folder_of(file).to_owned()));
    writable.push(folder_of(&config.security.api_keys).to_owned());
    writable.sort();
    writable.dedup();
    let in_homes =
        writable.iter().any(|path| ["/home", "/root", "/run/user"].iter().any(|home| path.starts_with(home)));
    let protect_home = if in_homes { "read-only" } else { "yes" };
    let media = [&config.storage.recordings, &config.storage.snapshots].map(|path| quoted(path)).join(" ");
    let pause = if systemd.is_some_and(|version| version >= GROWING_PAUSE) {
        "RestartSec=2\nRestartSteps=5\nRestartMaxDelaySec=30"
    } else {
        "RestartSec=5"
    };
    let writable: Vec<String> = writable.iter().map(|path| quoted(path)).collect();
    let writable = writable.join(" ");
    format!(
        r#"# Written by `camera-service install`, which writes it anew; what is yours goes into: systemctl edit {unit}
[Unit]
Description=Camera service
Wants=network-online.target
After=network-online.target
# Never into the folder below a disk that is not mounted yet.
RequiresMountsFor={media}
# A disk or an address that comes late: it is tried again for ever.
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={program}{option} run
# The shell's own kill: the program is not on every machine.
ExecReload=/bin/sh -c "kill -HUP $MAINPID"
User={user}
Group={user}
UMask=0022
WatchdogSec=30
Restart=on-failure
{pause}
# The arguments or the configuration are wrong: starting again does not help.
RestartPreventExitStatus=2
TimeoutStartSec=30
# Recordings are finished within 10 seconds.
TimeoutStopSec=20
# The service ends its own children; whoever is left over then is killed.
KillMode=mixed
LimitNOFILE=65536
LimitCORE=0
TasksMax=2048
MemoryMax=75%
# One ffmpeg that wants too much is ended and started again; the others go on.
OOMPolicy=continue

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ReadWritePaths={writable}
ProtectHome={protect_home}
PrivateTmp=yes
# Video devices, and no others.
PrivateDevices=no
DevicePolicy=closed
DeviceAllow=char-video4linux rw
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectProc=invisible
ProcSubset=pid
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
# To ask the kernel whether its clock is right, which ProtectClock= would forbid; without a capability, nothing can be set by them.
SystemCallFilter=adjtimex clock_adjtime
# setpriv(1), by which children end with the service, sets the capabilities that it has: none.
SystemCallFilter=capset
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"#
    )
}

/// A path as a unit file takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string().replace('%', "%%");
    if text.contains([' ', '"', '\\', '\'']) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text
    }
}

/// The rotation of the logs; the service opens them anew when it is told.
pub(super) fn logrotate(config: &Config) -> String {
    let (unit, user) = (SERVICE.unit(), SERVICE.0);
    let files = [Some(&config.audit_log), config.log.file.as_ref()].into_iter().flatten();
    let files: Vec<String> = files.map(|path| format!("\"{}\"", path.display())).collect();
    format!(
        "# Written by `camera-service install`, which writes it anew.
{} {{
    weekly
    rotate 52
    maxsize 100M
    missingok
    notifempty
    compress
    delaycompress
    su {user} {user}
    create 644 {user} {user}
    sharedscripts
    postrotate
        if systemctl --quiet is-active {unit}; then systemctl reload {unit}; fi
    endscript
}}
",
        files.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit_of(configuration: &str, systemd: Option<u32>) -> String {
        let config =
            camera_config::parse(configuration, "c.yaml", &camera_config::Environment::new()).unwrap();
        unit(&Home::new("/opt/camera-service"), &config, systemd)
    }

    #[test]
    fn the_service_waits_for_its_disks_and_is_tried_again_for_ever() {
        let unit = unit_of("storage: { recordings: /mnt/big disk/r }", Some(257));
        assert!(
            unit.contains("RequiresMountsFor=\"/mnt/big disk/r\" /opt/camera-service/snapshots\n"),
            "{unit}"
        );
        assert!(
            unit.contains("StartLimitIntervalSec=0\n") && unit.contains("RestartPreventExitStatus=2\n"),
            "{unit}"
        );
        assert!(unit.contains("\nRestartSec=2\nRestartSteps=5\nRestartMaxDelaySec=30\n"), "{unit}");
    }

    #[test]
    fn an_older_systemd_is_told_nothing_that_it_does_not_know() {
        for systemd in [Some(252), None] {
            let unit = unit_of("", systemd);
            assert!(unit.contains("\nRestartSec=5\n") && !unit.contains("RestartSteps"), "{unit}");
        }
    }
}
