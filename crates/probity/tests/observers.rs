//! Looks from elsewhere: inside the namespaces of a process, of a booted container, of a network, and over ssh; from the plan to the
//! verification. Everything is real, and needs root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[path = "../../../lab/machine.rs"]
mod machine;
mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use machine::Machine;
use serde_json::Value as Json;
use support::{Home, code, root, stderr, stdout};

/// Whether we are root; if not, says what was left out, and fails where nothing may be.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    assert!(root || std::env::var_os("CI").is_none(), "CI runs these tests as root");
    if !root {
        eprintln!("SKIPPED: only root enters namespaces");
    }
    root
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "still not so: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process in namespaces of its own; ended with the test.
struct Inside {
    outer: Child,
    pid: u32,
}

impl Inside {
    /// One that runs this script of a shell, which says `ready`.
    fn new(script: &str) -> Self {
        let mut outer = Command::new("unshare")
            .args([
                "--mount",
                "--uts",
                "--net",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "sh",
                "-ec",
                script,
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(outer.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let id = outer.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        Self { outer, pid: children.trim().parse().unwrap() }
    }

    /// With a file and a name that are not there outside.
    fn usual() -> Self {
        Self::new(
            "mount -t tmpfs none /srv; echo it is here > /srv/marker; hostname inside; ip link set lo up; echo ready; \
             exec sleep 600",
        )
    }

    /// The processes that look from there: their numbers here.
    fn agents(&self) -> Vec<i32> {
        let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
        let own = namespace(&self.pid.to_string());
        let all = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let is_agent = |pid: &String| {
            namespace(pid) == own
                && std::fs::read(format!("/proc/{pid}/cmdline"))
                    .is_ok_and(|line| line.starts_with(b"/proc/self/fd/"))
        };
        all.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            .filter(is_agent)
            .map(|pid| pid.parse().unwrap())
            .collect()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        _ = self.outer.kill();
        _ = self.outer.wait();
    }
}

/// The entries of a log.
fn log(home: &Home, bundle: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(home.path(bundle).join("evidence.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The introductions: number and name.
fn introductions(log: &[Json]) -> Vec<(u64, &str)> {
    let introduced = log.iter().filter(|entry| entry["introduction"].is_object());
    introduced
        .map(|entry| (entry["id"].as_u64().unwrap(), entry["introduction"]["name"].as_str().unwrap()))
        .collect()
}

fn observations<'l>(log: &'l [Json], probe: &'l str) -> impl Iterator<Item = &'l Json> {
    log.iter().filter(move |entry| entry["type"] == "observation" && entry["probe"] == probe)
}

/// A plan that is accepted if all its claims hold.
fn plan(observers: &str, probes: &[&str], claims: &[&str]) -> String {
    let lines = |lines: &[&str]| lines.iter().map(|line| format!("  {line}\n")).collect::<String>();
    let names: Vec<String> =
        claims.iter().map(|claim| format!("holds({})", claim.split(':').next().unwrap())).collect();
    format!(
        "plan: Elsewhere\nobservers:\n  {observers}\nprobes:\n{}claims:\n{}verdict:\n  - {{ label: READY, when: \"{}\", accepted: true }}\n  \
         - {{ label: NOT READY, when: \"{}\" }}\n  - {{ label: UNCLEAR }}\n",
        lines(probes),
        lines(claims),
        names.join(" && "),
        names.join(" || ").replace("holds", "fails"),
    )
}

#[test]
fn what_is_inside_a_process_s_namespaces_is_seen_from_there_and_verifies() {
    if !is_root() {
        return;
    }
    let inside = Inside::usual();
    let home = Home::new();
    home.write(
        "plan.yaml",
        &plan(
            &format!("inside: {{ pid: {} }}", inside.pid),
            &[
                "marker: { file: /srv/marker, on: inside }",
                "outside: { file: /srv/marker }",
                "says: { command: [cat, /srv/marker], impact: observe, on: inside }",
                "host: { kernel-parameter: kernel/hostname, on: inside }",
                "processes: { process: all, on: inside }",
                "steady: { file: /srv/marker, on: inside, repeat: 5 }",
            ],
            &[
                "there: { of: marker, check: exists && size_bytes == 11 }",
                "not_here: { of: outside, check: '!exists' }",
                "read: { of: says, check: 'exit_code == 0 && stdout.contains(\"it is here\")' }",
                "named: { of: host, check: 'value == \"inside\"' }",
                "stays: { of: steady, check: exists }",
            ],
        ),
    );
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    assert!(stdout(&run).contains("Who looked from elsewhere"), "{}", stdout(&run));

    let log = log(&home, "out.probity");
    assert_eq!(introductions(&log), [(1, "inside")]);
    let introduced = log.iter().position(|entry| entry["introduction"].is_object()).unwrap();
    let first = log.iter().position(|entry| entry["observer"] == 1).unwrap();
    assert!(introduced < first, "introduced in entry {introduced}, first seen in entry {first}");
    let who = &log[introduced]["introduction"];
    assert_eq!(who["reach"]["pid"], inside.pid);
    assert_eq!(who["agent"]["host"], "inside");
    // It is the same program, and the same clock.
    let program = std::fs::read(env!("CARGO_BIN_EXE_probity")).unwrap();
    assert_eq!(who["agent"]["sha256"], probity_evidence::digest(&program));
    let ahead = |at: usize| who["clock_ahead_us"][at].as_i64().unwrap();
    assert!(ahead(0) <= 0 && ahead(1) >= 0, "{}", who["clock_ahead_us"]);
    let net = std::fs::read_link(format!("/proc/{}/ns/net", inside.pid)).unwrap();
    assert_eq!(who["agent"]["namespaces"]["net"], net.to_str().unwrap());
    for (probe, by) in [("marker", Json::from(1)), ("outside", Json::Null), ("steady", Json::from(1))] {
        assert!(observations(&log, probe).all(|seen| seen["observer"] == by), "{probe}");
    }
    assert_eq!(observations(&log, "steady").count(), 5);

    let verify = home.run(&["verify", "out.probity"]);
    assert_eq!(code(&verify), 0, "{}{}", stdout(&verify), stderr(&verify));
    let said = format!("by the word of the machine there: inside (pid {})", inside.pid);
    assert!(stdout(&verify).contains(&said), "{}", stdout(&verify));
    let report = home.run(&["report", "out.probity", "--format", "markdown"]);
    assert!(
        stdout(&report).contains("looks for marker, says, host, processes, steady"),
        "{}",
        stdout(&report)
    );
    until("nobody looks from there any more", || inside.agents().is_empty());
}

#[test]
fn a_network_namespace_is_another_network_with_the_same_files() {
    if !is_root() {
        return;
    }
    let name = format!("probity-{}", std::process::id());
    let ip = |arguments: &[&str]| {
        assert!(Command::new("ip").args(arguments).status().unwrap().success(), "ip {arguments:?}");
    };
    ip(&["netns", "add", &name]);
    ip(&["-n", &name, "link", "set", "lo", "up"]);
    let listens = "import socket, time\ns = socket.create_server(('127.0.0.1', 8099))\nprint('ready', flush=True)\ntime.sleep(600)";
    let mut listener = Command::new("ip")
        .args(["netns", "exec", &name, "python3", "-c", listens])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    BufReader::new(listener.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
    let home = Home::new();
    home.write("here", "x");
    home.write(
        "plan.yaml",
        &plan(
            &format!("street: {{ netns: {name} }}"),
            &[
                "bound: { port: 8099, on: street }",
                "unbound: { port: 8099 }",
                "there: { port: 8099, connect: 127.0.0.1, on: street }",
                "here: { port: 8099, connect: 127.0.0.1 }",
                "nets: { interface: lo, on: street }",
                &format!("same: {{ file: {}, on: street }}", home.path("here").display()),
            ],
            &[
                "listens: { of: bound, check: listening }",
                "nobody: { of: unbound, check: '!listening' }",
                "reached: { of: there, check: connected }",
                "closed: { of: here, check: '!connected', control: reached }",
                "up: { of: nets, check: up }",
                "files: { of: same, check: size_bytes == 1 }",
            ],
        ),
    );
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    let verify = home.run(&["verify", "out.probity"]);
    _ = listener.kill();
    _ = listener.wait();
    ip(&["netns", "del", &name]);
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    assert_eq!(code(&verify), 0, "{}", stdout(&verify));
}

#[test]
fn a_booted_container_is_found_by_its_name() {
    if !is_root() {
        return;
    }
    let machine = Machine::boot(&root());
    let home = Home::new();
    home.write(
        "plan.yaml",
        &plan(
            &format!("booted: {{ container: {} }}", machine.name),
            &[
                "journal: { service: systemd-journald, on: booted }",
                "libc: { package: libc6, on: booted }",
                "root: { user: root, on: booted }",
            ],
            &[
                "runs: { of: journal, check: 'active_state == \"active\"' }",
                "installed: { of: libc, check: installed }",
                "exists: { of: root, check: exists && uid == 0 }",
            ],
        ),
    );
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let log = log(&home, "out.probity");
    let who = log.iter().find(|entry| entry["introduction"].is_object()).unwrap();
    assert_eq!(who["introduction"]["passage"]["engine"], "systemd-nspawn");
    let verify = home.run(&["verify", "out.probity"]);
    assert_eq!(code(&verify), 0, "{}", stdout(&verify));
}

#[test]
fn a_machine_that_is_rebooted_is_reached_again_and_its_unit_is_watched() {
    if !is_root() {
        return;
    }
    let machine = Machine::boot(&root());
    let unit = |port: u16| {
        let serve = format!("/usr/bin/python3 -m http.server {port} --bind 127.0.0.1 --directory /srv");
        format!("[Service]\nExecStart={serve}\nDynamicUser=yes\n[Install]\nWantedBy=multi-user.target\n")
    };
    for (name, port) in [("web", 8080), ("lazy", 8081)] {
        machine.write(&format!("/etc/systemd/system/{name}.service"), &unit(port));
    }
    machine.run("systemctl daemon-reload; systemctl enable --now web; systemctl start lazy");
    let reboot = |unit: &str, port: u16, timeout: &str| {
        let serving = format!("serving: {{ http: \"http://127.0.0.1:{port}/\" }}, serves: {{ status: 200 }}");
        format!("{unit}: {{ lifecycle: {unit}, act: reboot, {serving}, on: booted, timeout: {timeout} }}")
    };
    let home = Home::new();
    home.write(
        "plan.yaml",
        &plan(
            &format!("booted: {{ container: {} }}", machine.name),
            &[
                "before: { http: \"http://127.0.0.1:8081/\", on: booted, every: 20s, for: 20s, until: status == 200, within: 15s }",
                // Nothing starts it with the machine.
                &reboot("lazy", 8081, "40s"),
                &reboot("web", 8080, "60s"),
                "after: { service: web, on: booted }",
                "none: { lifecycle: nowhere, act: reboot, on: booted }",
            ],
            &[
                "first: { of: before, check: status == 200 }",
                "stays_away: { of: lazy, check: \"done && served_before && !serves && active_state == 'inactive'\", control: comes_back }",
                "comes_back: { of: web, check: \"done && job == 'done' && served_before && serves && active_state == 'active' && job_ms < 60000 && serving_ms < 60000\" }",
                "stays: { of: after, check: active_state == 'active' }",
                "unknown: { of: none, check: \"!done && !exists\" }",
            ],
        ),
    );
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity", "--allow", "disrupt"]);
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let log = log(&home, "out.probity");
    let boots: std::collections::BTreeSet<String> = log
        .iter()
        .filter(|entry| entry["introduction"].is_object())
        .map(|entry| entry["boot"].to_string())
        .collect();
    assert_eq!(boots.len(), 3, "{boots:?}");
    let verify = home.run(&["verify", "out.probity"]);
    assert_eq!(code(&verify), 0, "{}", stdout(&verify));
}

/// The tools of Docker and the like are scripts here that answer as those do: no engine is started.
#[test]
fn the_tool_of_an_engine_names_the_process_of_a_container() {
    if !is_root() {
        return;
    }
    let inside = Inside::usual();
    let home = Home::new();
    std::fs::create_dir(home.path("tools")).unwrap();
    let tool = |name: &str, script: &str| {
        use std::os::unix::fs::PermissionsExt;
        let path = home.write(&format!("tools/{name}"), &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let path = format!("{}:{}", home.path("tools").display(), std::env::var("PATH").unwrap());
    home.write(
        "plan.yaml",
        &plan(
            "web: { container: web }",
            &["marker: { file: /srv/marker, on: web }"],
            &["there: { of: marker, check: exists }"],
        ),
    );
    let run = |bundle: &str| {
        home.probity().env("PATH", &path).args(["run", "plan.yaml", "-o", bundle]).output().unwrap()
    };
    // It does not run, and another engine does not know it.
    tool("docker", "echo '0 sha256:aa'");
    tool("podman", "echo 'Error: no such object' >&2; exit 125");
    let stopped = run("stopped.probity");
    assert_eq!(code(&stopped), 2);
    let said = stdout(&stopped).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("docker: it does not run; podman: Error: no such object"), "{said}");

    tool(
        "docker",
        &format!(
            "[ \"$*\" = 'inspect --type=container --format={{{{.State.Pid}}}} {{{{.Image}}}} -- web' ] && echo '{} sha256:aa'",
            inside.pid
        ),
    );
    let found = run("found.probity");
    assert_eq!(code(&found), 0, "{}{}", stdout(&found), stderr(&found));
    let log = log(&home, "found.probity");
    let who = log.iter().find(|entry| entry["introduction"].is_object()).unwrap();
    let passage = &who["introduction"]["passage"];
    assert_eq!((&passage["engine"], &passage["image"]), (&"docker".into(), &"sha256:aa".into()));
    assert_eq!(passage["pid"], inside.pid);

    // Two of that name: nobody knows which is meant.
    tool("lxc-info", "echo 1");
    let both = run("both.probity");
    assert_eq!(code(&both), 2);
    let said = stdout(&both).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("more than one container `web` runs (docker, lxc)"), "{said}");
}

#[test]
fn a_connection_that_is_lost_is_a_barrier_until_it_is_made_anew() {
    if !is_root() {
        return;
    }
    let inside = Inside::usual();
    let home = Home::new();
    home.write(
        "plan.yaml",
        &plan(
            &format!("inside: {{ pid: {} }}", inside.pid),
            &["steady: { command: [sleep, '0.3'], impact: observe, on: inside, repeat: 8 }"],
            &["works: { of: steady, check: exit_code == 0 }"],
        ),
    );
    let run = home
        .probity()
        .args(["run", "plan.yaml", "-o", "out.probity"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let evidence = home.path("out.probity/evidence.jsonl");
    until("it looks", || std::fs::read_to_string(&evidence).is_ok_and(|text| text.contains("\"slot\":2")));
    let agents = inside.agents();
    assert_eq!(agents.len(), 1);
    // In the middle of a look.
    until("a look is under way", || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", agents[0])).unwrap();
        let mut children =
            tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
        children.any(|children| !children.trim().is_empty())
    });
    let agent = rustix::process::Pid::from_raw(agents[0]).unwrap();
    rustix::process::kill_process(agent, rustix::process::Signal::KILL).unwrap();
    let run = run.wait_with_output().unwrap();
    // The look that was under way came to nothing: the claim is about all of them.
    assert_eq!(code(&run), 2, "{}{}", stdout(&run), stderr(&run));
    let log = log(&home, "out.probity");
    assert_eq!(introductions(&log), [(1, "inside"), (2, "inside")]);
    let lost: Vec<&Json> = observations(&log, "steady").filter(|seen| seen["facts"].is_null()).collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
    for seen in lost {
        let blocked = &seen["unknown"]["*"];
        assert_eq!(blocked["barrier"], "unreachable", "{blocked}");
        assert!(blocked["detail"].as_str().unwrap().starts_with("observer `inside` (pid "), "{blocked}");
    }
    let last = observations(&log, "steady").last().unwrap();
    assert_eq!((&last["observer"], &last["facts"]["exit_code"]), (&2.into(), &0.into()));
    assert_eq!(observations(&log, "steady").count(), 8);
    let verify = home.run(&["verify", "out.probity"]);
    assert_eq!(code(&verify), 0, "{}", stdout(&verify));
}

#[test]
fn what_cannot_be_reached_is_never_taken_for_absent() {
    if !is_root() {
        return;
    }
    // A process that is no more.
    let gone = {
        let inside = Inside::usual();
        inside.pid
    };
    until("it is gone", || !std::path::Path::new(&format!("/proc/{gone}")).exists());
    // One in whose place there is no C library any more.
    let bare = Inside::new(
        "mount -t tmpfs none /srv; mkfifo /srv/never; exec 3<>/srv/never; mount -t tmpfs none /usr; echo ready; read never <&3",
    );
    for (observer, why) in [
        (format!("it: {{ pid: {gone} }}"), "there is no process"),
        (format!("it: {{ pid: {} }}", bare.pid), "No such file or directory"),
        ("it: { container: no-such-container }".to_owned(), "no running container `no-such-container`"),
        ("it: { netns: no-such-namespace }".to_owned(), "no-such-namespace"),
    ] {
        let home = Home::new();
        home.write(
            "plan.yaml",
            &plan(
                &observer,
                &["it: { file: /nonexistent, on: it }", "again: { file: /nonexistent, on: it, repeat: 3 }"],
                &["absent: { of: it, check: '!exists' }"],
            ),
        );
        let run = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
        assert_eq!(code(&run), 2, "{observer}: {}{}", stdout(&run), stderr(&run));
        let log = log(&home, "out.probity");
        assert!(introductions(&log).is_empty());
        for seen in observations(&log, "it").chain(observations(&log, "again")) {
            let detail = seen["unknown"]["*"]["detail"].as_str().unwrap();
            assert!(seen["facts"].is_null() && detail.contains(why), "{observer}: {seen}");
        }
        let verify = home.run(&["verify", "out.probity"]);
        assert_eq!(code(&verify), 0, "{}", stdout(&verify));
        assert!(stdout(&run).contains("never reached by"), "{}", stdout(&run));
    }
}

#[test]
fn a_secret_goes_over_the_pipe_only_and_is_masked() {
    if !is_root() {
        return;
    }
    let inside = Inside::usual();
    let home = Home::new();
    let probes = [
        "tells: { command: [sh, -c, 'echo $${TOKEN} | rev | rev; tr \"\\\\0\" \"\\\\n\" < /proc/$$PPID/environ; cat /proc/$$PPID/cmdline'], env: { TOKEN: $token }, impact: observe, on: inside }",
    ];
    let text = plan(
        &format!("inside: {{ pid: {} }}", inside.pid),
        &probes,
        &["told: { of: tells, check: 'exit_code == 0 && stdout.contains(\"[secret token]\")' }"],
    );
    let text = text
        .replace("plan: Elsewhere\n", "plan: Elsewhere\ninputs:\n  token: { env: TOKEN, secret: true }\n");
    home.write("plan.yaml", &text);
    let secret = "s3cr3t-of-the-test-4711";
    let run =
        home.probity().env("TOKEN", secret).args(["run", "plan.yaml", "-o", "out.probity"]).output().unwrap();
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let text = std::fs::read_to_string(home.path("out.probity/evidence.jsonl")).unwrap();
    assert!(!text.contains(secret));
    let log = log(&home, "out.probity");
    let told = observations(&log, "tells").next().unwrap()["facts"]["stdout"].as_str().unwrap().to_owned();
    // Once, by the program that was given it: neither environment nor arguments of who looks hold it.
    assert_eq!(told.matches("[secret token]").count(), 1, "{told}");
    assert!(told.contains("LC_ALL=C.UTF-8"), "{told}");
}

#[test]
fn an_undo_runs_where_the_act_was_done_and_one_that_fails_withholds_the_acceptance() {
    if !is_root() {
        return;
    }
    let inside = Inside::usual();
    let undone = |undo: &str, act: &str| {
        let home = Home::new();
        home.write(
            "plan.yaml",
            &plan(
                &format!("inside: {{ pid: {} }}", inside.pid),
                &[
                    &format!(
                        "acts: {{ command: {act}, impact: write, on: inside, undo: {{ command: {undo} }} }}"
                    ),
                    "after: { file: /srv/made, on: inside }",
                    "marker: { file: /srv/marker, on: inside }",
                ],
                &["there: { of: marker, check: exists }", "clean: { of: after, check: '!exists' }"],
            ),
        );
        let run = home.run(&["run", "plan.yaml", "-o", "out.probity", "--allow", "write"]);
        let verify = home.run(&["verify", "out.probity"]);
        assert_eq!(code(&verify), 0, "{}", stdout(&verify));
        (run, log(&home, "out.probity"))
    };
    let (run, _) = undone("[rm, /srv/made]", "[touch, /srv/made]");
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    // Whoever did it is lost meanwhile: it is taken back through another connection.
    let (run, log) = undone("[rm, /srv/made]", "[sh, -c, 'touch /srv/made; kill -9 $$PPID; sleep 60']");
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    assert_eq!(introductions(&log), [(1, "inside"), (2, "inside")]);
    let (run, _) = undone("[sh, -c, 'rm /srv/made; exit 1']", "[touch, /srv/made]");
    assert_eq!(code(&run), 2, "{}{}", stdout(&run), stderr(&run));
    let said = stdout(&run);
    assert!(said.contains("READY withheld") && said.contains("was not taken back"), "{said}");
}

#[test]
fn every_kind_sees_through_an_observer_what_it_sees_here() {
    if !is_root() {
        return;
    }
    // In the very same namespaces, so that what differs is only who looks.
    let mut beside = Command::new("sleep").arg("600").spawn().unwrap();
    let acts = [
        "command: [uname, -r], impact: observe",
        "file: /etc/passwd",
        "http: http://127.0.0.1:1/",
        "process: no-such-program",
        "port: 1",
        "user: root",
        "group: root",
        "mount: /",
        "disk: /",
        "kernel-parameter: kernel.ostype",
        "interface: lo",
        "firewall: all",
        "service: systemd-journald",
        "lifecycle: no-such-unit, act: reload, impact: observe, serving: { http: 'http://127.0.0.1:1/' }, serves: { status: 200 }",
        "log: /var/log/no-such-log",
        "package: dpkg",
        "container: no-such-container",
        "tls: 127.0.0.1:1",
        "dns: localhost, server: 127.0.0.1:1",
        "redis: 127.0.0.1:1, command: [PING]",
        "jsonrpc: ws://127.0.0.1:1/ws, calls: [{ method: m, params: { t: $$x } }], impact: observe",
        "websocket: ws://127.0.0.1:1/ws, frames: [{ text: x }, { raw: '81 00' }], impact: observe",
        "rate-limit: http://127.0.0.1:1/, other_address: 127.0.0.2, impact: observe",
        "mysql: mysql://nobody@127.0.0.1:1/x, query: select 1",
        "smtp: 127.0.0.1:1",
        "icmp: 127.0.0.1",
        "postgres: host=127.0.0.1 port=1 user=nobody, query: select 1",
    ];
    for kind in probity_plan::kinds::KINDS {
        let acts = acts.iter().filter(|act| act.split(':').next() == Some(kind.name)).count();
        assert_eq!(acts, 1, "{} is not looked at", kind.name);
    }
    let here = |at: usize| format!("here_{at}: {{ {}, keep: all }}", acts[at]);
    let there = |at: usize| format!("there_{at}: {{ {}, keep: all, on: beside }}", acts[at]);
    let probes: Vec<String> = (0..acts.len()).flat_map(|at| [here(at), there(at)]).collect();
    let probes: Vec<&str> = probes.iter().map(String::as_str).collect();
    let home = Home::new();
    let claims = ["c: { of: here_0, check: exit_code == 0 }"];
    home.write("plan.yaml", &plan(&format!("beside: {{ pid: {} }}", beside.id()), &probes, &claims));
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    _ = beside.kill();
    _ = beside.wait();
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let log = log(&home, "out.probity");
    for (at, act) in acts.iter().enumerate() {
        let spec = probity_plan::kinds::kind(act.split(':').next().unwrap()).unwrap();
        let seen = |probe: String| observations(&log, &probe).next().unwrap().clone();
        let (here, there) = (seen(format!("here_{at}")), seen(format!("there_{at}")));
        assert_eq!(there["observer"], 1, "{act}");
        let barriers = |seen: &Json| -> Vec<(String, Json)> {
            let unknown = seen["unknown"].as_object().into_iter().flatten();
            unknown.map(|(name, blocked)| (name.clone(), blocked["barrier"].clone())).collect()
        };
        assert_eq!(barriers(&here), barriers(&there), "{act}");
        for fact in spec.facts {
            let (here, there) = (&here["facts"][fact.name], &there["facts"][fact.name]);
            // What is measured, or counted on a machine that goes on, is known in both and need not be the same.
            let moves = fact.ty == probity_plan::FactType::Interval
                || fact.ty == probity_plan::FactType::Float
                || matches!(spec.name, "disk" | "interface")
                // How many were under way before the first was seen to be refused.
                || (spec.name, fact.name) == ("rate-limit", "sent");
            assert!(
                if moves { here.is_null() == there.is_null() } else { here == there },
                "{act}: {}: {here} {there}",
                fact.name
            );
        }
    }
}

#[test]
fn a_plan_that_names_nobody_is_refused_with_who_was_meant() {
    let home = Home::new();
    for (observers, on, message) in [
        ("inside: { pid: 1 }", "insid", "there is no observer `insid`; did you mean `inside`?"),
        ("inside: { pid: 1, netns: x }", "inside", "by one of `pid`, `container`, `netns` and `ssh`"),
        ("inside: { pid: 0 }", "inside", "a process has a number from 1"),
        ("inside: { container: -x }", "inside", "is no such name"),
        ("inside: { ssh: -oProxyCommand=x }", "inside", "is no destination of ssh"),
        ("inside: { pid: 1, become: sudo }", "inside", "go with `ssh`"),
        ("inside: { ssh: x, host_key: abc }", "inside", "is a fingerprint"),
        ("inside: { containr: x }", "inside", "unknown"),
    ] {
        let probe = format!("it: {{ file: /x, on: {on} }}");
        home.write("plan.yaml", &plan(observers, &[&probe], &["c: { of: it, check: exists }"]));
        let check = home.run(&["plan", "check", "plan.yaml"]);
        assert_eq!(code(&check), 3);
        let said = stdout(&check) + &stderr(&check);
        assert!(said.contains(message), "{observers}: {said}");
    }
}

/// An sshd of Debian's on a free port, and the files of somebody who may go there: `box`, and `behind` it through a jump.
struct Sshd {
    server: Child,
    home: Home,
    /// Copies of the program are counted: one such test at a time.
    _alone: std::sync::MutexGuard<'static, ()>,
}

impl Sshd {
    fn start() -> Self {
        static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let home = Home::new();
        let debian = root().join("target/debian").canonicalize().unwrap();
        let file = |name: &str| home.path(name).display().to_string();
        for key in ["host", "other", "user"] {
            let made =
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &file(key)]).status();
            assert!(made.unwrap().success());
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        home.write(
            "sshd_config",
            &format!(
                "ListenAddress 127.0.0.1:{port}\nHostKey {}\nPidFile none\nUsePAM no\nStrictModes no\nAuthorizedKeysFile {}\n",
                file("host"),
                file("user.pub")
            ),
        );
        let public = std::fs::read_to_string(home.path("host.pub")).unwrap();
        let key: Vec<&str> = public.split(' ').take(2).collect();
        home.write("known_hosts", &format!("[127.0.0.1]:{port} {}\n", key.join(" ")));
        home.write(
            "config",
            &format!(
                "Host box behind barred\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile none\n\
                 Host behind\n  ProxyJump box\nHost barred\n  IdentityFile {}\n  IdentitiesOnly yes\nHost box behind\n  IdentityFile {}\n",
                file("known_hosts"),
                file("other"),
                file("user")
            ),
        );
        // As root it wants a folder and a user of the system's, which are there only for it.
        let script = "mount -t tmpfs none /run; mkdir /run/sshd; \
                      { cat /etc/passwd; echo sshd:x:64022:65534::/run/sshd:/bin/false; } > /run/passwd; \
                      mount --bind /run/passwd /etc/passwd; exec \"$@\"";
        let server = Command::new("unshare")
            .args(["--mount", "sh", "-ec", script, "sh"])
            .arg(debian.join("usr/sbin/sshd"))
            .args(["-D", "-e", "-f", &file("sshd_config")])
            .env("LD_LIBRARY_PATH", debian.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH)))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("sshd listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { server, home, _alone }
    }

    fn fingerprint(&self, key: &str) -> String {
        let path = self.home.path(&format!("{key}.pub"));
        let said = Command::new("ssh-keygen").arg("-lf").arg(path).output().unwrap();
        String::from_utf8(said.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    /// The binary with root's own configuration of ssh being that of here: ssh(1) asks the system where its user's home is.
    fn probity(&self, arguments: &[&str]) -> Command {
        let script = "mount -t tmpfs none /root; mkdir -m 700 /root/.ssh; cp \"$1\" /root/.ssh/config; shift; exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec", script, "sh"]).arg(self.home.path("config"));
        command.arg(env!("CARGO_BIN_EXE_probity")).args(arguments);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.home.path(""));
        command.current_dir(self.home.path(""));
        command
    }

    /// A run of these observers, which look at the name of the machine.
    fn run(&self, observer: &str, bundle: &str, allow: &str) -> std::process::Output {
        let probes = [
            "name: { command: [uname, -n], impact: observe, on: far }",
            "marker: { file: /etc/hostname, on: far }",
        ];
        let claims = ["named: { of: name, check: exit_code == 0 }", "there: { of: marker, check: exists }"];
        self.home.write("plan.yaml", &plan(&format!("far: {observer}"), &probes, &claims));
        self.probity(&["run", "plan.yaml", "-o", bundle, "--allow", allow]).output().unwrap()
    }

    /// Copies of the program that somebody left behind.
    fn copies() -> Vec<String> {
        let names =
            std::fs::read_dir("/tmp").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| name.starts_with("probity-agent.")).collect()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        _ = self.server.kill();
        _ = self.server.wait();
    }
}

#[test]
fn another_machine_is_reached_by_the_operator_s_own_ssh() {
    if !is_root() {
        return;
    }
    let sshd = Sshd::start();
    let before = Sshd::copies();
    // The program is not there, and nobody permitted to copy it.
    let run = sshd.run("{ ssh: box }", "refused.probity", "observe");
    assert_eq!(code(&run), 2, "{}{}", stdout(&run), stderr(&run));
    let log_of = |bundle: &str| log(&sshd.home, bundle);
    for seen in observations(&log_of("refused.probity"), "marker") {
        assert_eq!(seen["unknown"]["*"]["barrier"], "not-permitted", "{seen}");
    }
    assert!(introductions(&log_of("refused.probity")).is_empty());

    // Straight, through a jump, and with the key that it has.
    let pinned = format!("{{ ssh: box, host_key: \"{}\" }}", sshd.fingerprint("host"));
    for (observer, bundle) in [
        ("{ ssh: box }", "straight.probity"),
        ("{ ssh: behind }", "jump.probity"),
        (pinned.as_str(), "pinned.probity"),
    ] {
        let run = sshd.run(observer, bundle, "write");
        assert_eq!(code(&run), 0, "{observer}: {}{}", stdout(&run), stderr(&run));
        let log = log_of(bundle);
        assert_eq!(introductions(&log), [(1, "far")], "{observer}");
        let who = log.iter().find(|entry| entry["introduction"].is_object()).unwrap();
        let passage = &who["introduction"]["passage"];
        assert_eq!(passage["host_key"], sshd.fingerprint("host"), "{observer}");
        let copy = passage["copied_to"].as_str().unwrap();
        assert!(!std::path::Path::new(copy).exists() && passage["left_behind"].is_null(), "{passage}");
        let verify = sshd.home.run(&["verify", bundle]);
        assert_eq!(code(&verify), 0, "{observer}: {}", stdout(&verify));
    }
    assert_eq!(Sshd::copies(), before);
}

#[test]
fn a_way_that_is_closed_or_leads_to_somebody_else_is_a_barrier() {
    if !is_root() {
        return;
    }
    let sshd = Sshd::start();
    let other = format!("{{ ssh: box, host_key: \"{}\" }}", sshd.fingerprint("other"));
    let closed = |observer: &str, bundle: &str, why: &str| {
        let run = sshd.run(observer, bundle, "write");
        assert_eq!(code(&run), 2, "{observer}: {}{}", stdout(&run), stderr(&run));
        let log = log(&sshd.home, bundle);
        for seen in observations(&log, "marker").chain(observations(&log, "name")) {
            let detail = seen["unknown"]["*"]["detail"].as_str().unwrap();
            assert!(seen["facts"].is_null() && detail.contains(why), "{observer}: {seen}");
        }
    };
    // A key that is not let in, and no password is asked for; another key than the plan names; nobody there.
    closed("{ ssh: barred }", "a.probity", "Permission denied");
    closed(&other, "b.probity", "not SHA256:");
    closed("{ ssh: \"ssh://root@127.0.0.1:1\" }", "c.probity", "Connection refused");
    // Whoever it is to become there is not to be had: the copy that did not start is taken back.
    let before = Sshd::copies();
    closed("{ ssh: box, become: sudo }", "s.probity", "sudo");
    assert_eq!(Sshd::copies(), before);
    // The host's key is no more the one that is known.
    let known = std::fs::read_to_string(sshd.home.path("known_hosts")).unwrap();
    let public = std::fs::read_to_string(sshd.home.path("other.pub")).unwrap();
    let place = known.split(' ').next().unwrap();
    sshd.home.write("known_hosts", &format!("{place} {public}"));
    closed("{ ssh: box }", "d.probity", "REMOTE HOST IDENTIFICATION HAS CHANGED");
    // Nor is it known at all.
    sshd.home.write("known_hosts", "");
    closed("{ ssh: box }", "e.probity", "Host key verification failed");
}

#[test]
fn a_connection_that_is_cut_is_made_anew() {
    if !is_root() {
        return;
    }
    let sshd = Sshd::start();
    let probes = ["steady: { command: [sleep, '0.3'], impact: observe, on: far, repeat: 8 }"];
    let text = plan("far: { ssh: box }", &probes, &["works: { of: steady, check: exit_code == 0 }"]);
    sshd.home.write("plan.yaml", &text);
    let run = sshd
        .probity(&["run", "plan.yaml", "-o", "out.probity", "--allow", "write"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let evidence = sshd.home.path("out.probity/evidence.jsonl");
    until("it looks", || std::fs::read_to_string(&evidence).is_ok_and(|text| text.contains("\"slot\":1")));
    // Whoever serves the connection ends; the server goes on. Those who listen are its own children.
    let server = sshd.server.id();
    let children = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children")).unwrap();
    for child in children.split_whitespace() {
        let child = rustix::process::Pid::from_raw(child.parse().unwrap()).unwrap();
        _ = rustix::process::kill_process(child, rustix::process::Signal::KILL);
    }
    let run = run.wait_with_output().unwrap();
    assert_eq!(code(&run), 2, "{}{}", stdout(&run), stderr(&run));
    let log = log(&sshd.home, "out.probity");
    assert_eq!(introductions(&log), [(1, "far"), (2, "far")]);
    let last = observations(&log, "steady").last().unwrap();
    assert_eq!((&last["observer"], &last["facts"]["exit_code"]), (&2.into(), &0.into()));
    assert_eq!(observations(&log, "steady").count(), 8);
    let verify = sshd.home.run(&["verify", "out.probity"]);
    assert_eq!(code(&verify), 0, "{}", stdout(&verify));
}

#[test]
fn a_machine_that_is_reached_by_ssh_is_rebooted_and_reached_again() {
    if !is_root() {
        return;
    }
    let (machine, home) = (Machine::boot(&root()), Home::new());
    let key = home.path("key").display().to_string();
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &key]).status();
    assert!(made.unwrap().success());
    let public = std::fs::read_to_string(home.path("key.pub")).unwrap();
    machine.run(&format!(
        "ssh-keygen -A; mkdir -pm 700 /root/.ssh; echo '{}' > /root/.ssh/authorized_keys; systemctl enable --now ssh",
        public.trim()
    ));
    let host = machine.run("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub");
    home.write("known_hosts", &format!("10.203.8.2 {host}"));
    let known = home.path("known_hosts").display().to_string();
    home.write(
        "config",
        &format!("Host box\n  HostName 10.203.8.2\n  User root\n  IdentityFile {key}\n  UserKnownHostsFile {known}\n"),
    );
    home.write(
        "plan.yaml",
        &plan(
            "box: { ssh: box }",
            &[
                "before: { file: /run/mark, on: box }",
                "reboot: { lifecycle: ssh, act: reboot, on: box, timeout: 60s }",
                "after: { file: /run/mark, on: box }",
            ],
            &[
                "marked: { of: before, check: exists }",
                "back: { of: reboot, check: \"done && active_state == 'active'\" }",
                "gone: { of: after, check: \"!exists\", control: marked }",
            ],
        ),
    );
    machine.run("touch /run/mark");
    // From beside the machine, with root's own configuration of ssh being that of here.
    let script =
        "mount -t tmpfs none /root; mkdir -m 700 /root/.ssh; cp \"$1\" /root/.ssh/config; shift; exec \"$@\"";
    let run = Command::new("ip")
        .args(["netns", "exec", &format!("lab-{}-outside", machine.name), "sh", "-ec", script, "sh"])
        .arg(home.path("config"))
        .arg(env!("CARGO_BIN_EXE_probity"))
        .args(["run", "plan.yaml", "-o", "out.probity", "--allow", "disrupt"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", home.path(""))
        .current_dir(home.path(""))
        .output()
        .unwrap();
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let log = log(&home, "out.probity");
    let boots: std::collections::BTreeSet<String> = log
        .iter()
        .filter(|entry| entry["introduction"].is_object())
        .map(|entry| entry["boot"].to_string())
        .collect();
    assert_eq!(boots.len(), 2, "{boots:?}");
    let verify = home.run(&["verify", "out.probity"]);
    assert_eq!(code(&verify), 0, "{}", stdout(&verify));
}
