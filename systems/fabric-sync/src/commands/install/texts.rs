//! What `install` writes: the first configuration and the unit.

use super::{SERVICE, is_default};
use crate::home::Home;

/// The first configuration; every path is written out, so that it is seen.
pub(super) fn configuration(home: &Home) -> String {
    let at = home.folder().display();
    format!(
        r#"# The fabric sync. Every key with its default: docs/fabric-sync/configuration.md
# After a change: fabric-sync config check, and then: systemctl restart fabric-sync
netbox:
  url: https://netbox.example.org
  token_file: {at}/secrets/netbox-token # read again when it changes
fabrics:
  - name: lab # in NetBox's keys, in metrics and commands
    site: Lab # the NetBox site: found by its slug, else by its name; created where it is missing; this fabric's alone
    kubernetes: {{ kubeconfig: {at}/secrets/lab.kubeconfig }}
    mode: detect # tells differences and writes nothing; then: apply
server:
  listen: "127.0.0.1:8014" # status page, health, metrics
"#
    )
}

/// The unit: what the service needs, and nothing else of the machine.
pub(super) fn unit(home: &Home) -> String {
    let (unit, user) = (SERVICE.unit(), SERVICE.0);
    let (program, state) = (home.executable(), home.state());
    let (program, state) = (program.display(), state.display());
    let option =
        if is_default(home) { String::new() } else { format!(" --home {}", home.folder().display()) };
    let in_homes = ["/home", "/root", "/run/user"].iter().any(|folder| home.folder().starts_with(folder));
    let protect_home = if in_homes { "read-only" } else { "yes" };
    format!(
        r#"# Written by `fabric-sync install`, which writes it anew; what is yours goes into: systemctl edit {unit}
[Unit]
Description=Fabric sync
Wants=network-online.target
After=network-online.target
# Five failed starts within a minute, and it stays failed instead of looking busy.
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=notify
ExecStart={program}{option} run
User={user}
Group={user}
UMask=0027
WatchdogSec=60
Restart=on-failure
RestartSec=2
# The arguments or the configuration are wrong: starting again does not help.
RestartPreventExitStatus=2
TimeoutStartSec=30
# A write underway is finished, the lease given up.
TimeoutStopSec=60
LimitNOFILE=4096
LimitCORE=0
TasksMax=256
MemoryMax=1G

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ReadWritePaths={state}
ProtectHome={protect_home}
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
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
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"#
    )
}
