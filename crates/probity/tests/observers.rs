//! Looks from elsewhere: inside the namespaces of a process, of a booted container, of a network; from the plan to the verification.
//! Everything is real, and needs root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod elsewhere;
#[path = "../../../lab/machine.rs"]
mod machine;
mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use elsewhere::{Inside, boots, introductions, log, observations, plan, until};
use machine::Machine;
use serde_json::Value as Json;
use support::{Home, code, is_root, root, stderr, stdout};

#[test]
fn what_is_inside_a_process_s_namespaces_is_seen_from_there_and_verifies() {
    if !is_root("only root enters namespaces") {
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
    if !is_root("only root enters namespaces") {
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
    if !is_root("only root enters namespaces") {
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
    if !is_root("only root enters namespaces") {
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
    let boots = boots(&log);
    assert_eq!(boots.len(), 3, "{boots:?}");
    let verify = home.run(&["verify", "out.probity"]);
    assert_eq!(code(&verify), 0, "{}", stdout(&verify));
}

/// The tools of Docker and the like are scripts here that answer as those do: no engine is started.
#[test]
fn the_tool_of_an_engine_names_the_process_of_a_container() {
    if !is_root("only root enters namespaces") {
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
    tool("docker", "echo '0 sha256:aa 77fe web'");
    tool("podman", "echo 'Error: no such object' >&2; exit 125");
    let stopped = run("stopped.probity");
    assert_eq!(code(&stopped), 2);
    let said = stdout(&stopped).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("docker: it does not run; podman: Error: no such object"), "{said}");

    let answers = |name: &str| {
        let format = "{{.State.Pid}} {{.Image}} {{.Id}} {{.Name}}";
        let asked = format!("inspect --type=container --format={format} -- web");
        format!("[ \"$*\" = '{asked}' ] && echo '{} sha256:aa web77fe {name}'", inside.pid)
    };
    // Another one, whose id begins so.
    tool("docker", &answers("/batch"));
    let other = run("other.probity");
    assert_eq!(code(&other), 2);
    let said = stdout(&other).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("docker: no container is called that"), "{said}");

    // The process of a virtual machine runs at our own files.
    let here = std::process::id();
    tool("docker", &format!("echo '{here} sha256:aa 77fe /web'"));
    let own = run("own.probity");
    assert_eq!(code(&own), 2);
    let said = stdout(&own).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("is in no mount namespace of its own"), "{said}");

    tool("docker", &answers("/web"));
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
    if !is_root("only root enters namespaces") {
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
    if !is_root("only root enters namespaces") {
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
    if !is_root("only root enters namespaces") {
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
    if !is_root("only root enters namespaces") {
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
    if !is_root("only root enters namespaces") {
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
                // How many were under way before the first was seen to fail.
                || (spec.name == "rate-limit" && fact.ty == probity_plan::FactType::Int);
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

#[test]
fn what_runs_there_can_neither_change_our_program_nor_do_more_than_what_it_runs_among() {
    if !is_root("only root enters namespaces") {
        return;
    }
    let inside = Inside::new(
        "mount -t tmpfs none /srv; exec setpriv --bounding-set -sys_module,-sys_rawio -- sh -c 'echo ready; exec sleep 600'",
    );
    let home = Home::new();
    home.write("secret", "correct horse battery");
    let probes = [
        "may: { command: [grep, CapBnd, /proc/self/status], impact: observe, on: inside }",
        "open: { command: [sh, -c, 'ls -l /proc/self/fd'], impact: observe, on: inside }",
        "here: { command: [sh, -c, 'ls -l /proc/self/fd'], env: { S: $s }, impact: observe }",
        "runs: { command: [sh, -c, 'readlink /proc/$$PPID/exe'], impact: observe, on: inside }",
    ];
    let status = std::fs::read_to_string(format!("/proc/{}/status", inside.pid)).unwrap();
    let bound = status.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap().trim();
    let bounded = format!("bounded: {{ of: may, check: stdout.contains('{bound}') }}");
    let claims = [
        bounded.as_str(),
        "shut: { of: open, check: \"exit_code == 0 && !stdout.contains('secret')\" }",
        "shut_here: { of: here, check: \"exit_code == 0 && !stdout.contains('secret')\" }",
        "copied: { of: runs, check: stdout.startsWith('/memfd:probity') }",
    ];
    let text = plan(&format!("inside: {{ pid: {} }}", inside.pid), &probes, &claims);
    home.write(
        "plan.yaml",
        &text.replace("probes:", "inputs: { s: { descriptor: 7, secret: true } }\nprobes:"),
    );
    let run = Command::new("sh")
        .args(["-c", "exec \"$0\" run plan.yaml -o out.probity 7< secret", env!("CARGO_BIN_EXE_probity")])
        .env("HOME", home.path(""))
        .current_dir(home.path(""))
        .output()
        .unwrap();
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    // What it runs is sealed: not even root opens it to write.
    let sealed = plan(
        &format!("inside: {{ pid: {} }}", inside.pid),
        &["writes: { command: [sh, -c, 'exec 3>>/proc/$$PPID/exe'], impact: write, on: inside }"],
        &["refused: { of: writes, check: exit_code != 0 }"],
    );
    home.write("plan.yaml", &sealed);
    let run = home.run(&["run", "plan.yaml", "-o", "sealed.probity", "--allow", "write"]);
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
}

/// A program of anybody's that calls itself as the containers' keeper does is not asked.
#[test]
fn only_root_keeps_containers() {
    if !is_root("only root enters namespaces") {
        return;
    }
    let poses = "exec -a systemd-nspawn unshare --map-root-user --pid --fork --mount --mount-proc --kill-child sh -c 'sleep 600; :' sh --machine=posed";
    let mut poser = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c", poses])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let children = format!("/proc/{0}/task/{0}/children", poser.id());
    until("it has a child", || std::fs::read_to_string(&children).is_ok_and(|all| !all.trim().is_empty()));
    let home = Home::new();
    let claims = ["there: { of: it, check: exists }"];
    home.write("plan.yaml", &plan("c: { container: posed }", &["it: { file: /etc/passwd, on: c }"], &claims));
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    _ = poser.kill();
    _ = poser.wait();
    assert_eq!(code(&run), 2, "{}{}", stdout(&run), stderr(&run));
    assert!(introductions(&log(&home, "out.probity")).is_empty());
}

#[test]
fn what_is_left_of_a_network_after_its_end_is_looked_at_no_more() {
    if !is_root("only root enters namespaces") {
        return;
    }
    let name = format!("probity-ghost-{}", std::process::id());
    let ip = |arguments: &[&str]| {
        assert!(Command::new("ip").args(arguments).status().unwrap().success(), "ip {arguments:?}");
    };
    ip(&["netns", "add", &name]);
    let home = Home::new();
    // The second look finds another network at the same place, in which nothing of the first is.
    let probes = [
        "before: { interface: ghost, on: street }".to_owned(),
        format!(
            "change: {{ command: [sh, -c, 'ip netns del {name}; ip netns add {name}'], impact: disrupt }}"
        ),
        "after: { interface: ghost, on: street }".to_owned(),
    ];
    ip(&["-n", &name, "link", "add", "ghost", "type", "veth"]);
    let probes: Vec<&str> = probes.iter().map(String::as_str).collect();
    let claims = [
        "was: { of: before, check: exists }",
        "made: { of: change, check: exit_code == 0 }",
        "is_not: { of: after, check: '!exists', control: was }",
    ];
    home.write("plan.yaml", &plan(&format!("street: {{ netns: {name} }}"), &probes, &claims));
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity", "--allow", "disrupt"]);
    ip(&["netns", "del", &name]);
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    assert_eq!(introductions(&log(&home, "out.probity")).len(), 2);
}
