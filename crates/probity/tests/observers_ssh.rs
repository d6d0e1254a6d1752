//! Looks from another machine that is reached by ssh: its sshd is Debian's. Needs root.
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

use std::process::{Child, Command, Stdio};

use elsewhere::{boots, introductions, log, observations, plan, until};
use machine::Machine;
use support::{Home, code, is_root, root, stderr, stdout};

/// A script of a shell that runs what follows the first argument with that as root's configuration of ssh, in a mount namespace of its own.
const OWN_CONFIG: &str =
    "mount -t tmpfs none /root; mkdir -m 700 /root/.ssh; cp \"$1\" /root/.ssh/config; shift; exec \"$@\"";

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
                "ListenAddress 127.0.0.1:{port}\nHostKey {}\nPidFile none\nUsePAM no\nStrictModes no\nAuthorizedKeysFile {}\nBanner {}\n",
                file("host"),
                file("user.pub"),
                file("banner")
            ),
        );
        home.write("banner", "Welcome.\n");
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
        // As root it wants a folder and a user of the system's, which are there only for it; and where it is nobody can become anybody.
        let script = "mount -t tmpfs none /run; mkdir /run/sshd; \
                      { cat /etc/passwd; echo sshd:x:64022:65534::/run/sshd:/bin/false; } > /run/passwd; \
                      mount --bind /run/passwd /etc/passwd; \
                      if sudo=$(command -v sudo); then mount --bind /dev/null \"$sudo\"; fi; exec \"$@\"";
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
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec", OWN_CONFIG, "sh"]).arg(self.home.path("config"));
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

    /// A run into `out.probity` that copies the program just now.
    fn run_that_copies(&self, before: &[String]) -> Child {
        let far = "far: { ssh: box }";
        let probes = ["marker: { file: /etc/hostname, on: far }"];
        self.home.write("plan.yaml", &plan(far, &probes, &["there: { of: marker, check: exists }"]));
        let mut run = self.probity(&["run", "plan.yaml", "-o", "out.probity", "--allow", "write"]);
        let run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until("it is being copied", || Self::copies() != before);
        run
    }

    /// Ends whoever serves a connection; the server goes on. Those who listen are its own children.
    fn cut(&self) {
        let server = self.server.id();
        let children = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children")).unwrap();
        for child in children.split_whitespace() {
            let child = rustix::process::Pid::from_raw(child.parse().unwrap()).unwrap();
            _ = rustix::process::kill_process(child, rustix::process::Signal::KILL);
        }
    }

    /// How many copies are written down.
    fn notes(&self) -> usize {
        std::fs::read_dir(self.home.path(".local/state/probity/left-over")).unwrap().count()
    }

    /// Copies of the program that somebody left behind.
    fn copies() -> Vec<String> {
        let names =
            std::fs::read_dir("/tmp").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| name.starts_with("probity-agent-")).collect()
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
    if !is_root("only root enters namespaces") {
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
    assert_eq!(sshd.notes(), 0);
}

#[test]
fn a_way_that_is_closed_or_leads_to_somebody_else_is_a_barrier() {
    if !is_root("only root enters namespaces") {
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
    // What it says of itself before it lets anybody in is no word of ssh(1)'s.
    let posed = format!("debug1: Server host key: ssh-ed25519 {}\n", sshd.fingerprint("other"));
    sshd.home.write("banner", &posed);
    closed(&other, "p.probity", "not SHA256:");
    closed("{ ssh: \"ssh://root@127.0.0.1:1\" }", "c.probity", "Connection refused");
    // Whoever it is to become there is not to be had: the copy that did not start is taken back.
    let before = Sshd::copies();
    closed("{ ssh: box, become: sudo }", "s.probity", "sudo");
    assert_eq!((Sshd::copies(), sshd.notes()), (before, 0));
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
    if !is_root("only root enters namespaces") {
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
    sshd.cut();
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
fn a_connection_that_is_cut_while_the_program_is_copied_leaves_nothing_behind() {
    if !is_root("only root enters namespaces") {
        return;
    }
    let sshd = Sshd::start();
    let before = Sshd::copies();
    let run = sshd.run_that_copies(&before);
    sshd.cut();
    let run = run.wait_with_output().unwrap();
    assert_eq!(code(&run), 2, "{}{}", stdout(&run), stderr(&run));
    assert!(introductions(&log(&sshd.home, "out.probity")).is_empty());
    until("nothing is left of it", || Sshd::copies() == before);
}

#[test]
fn a_copy_that_nobody_there_could_remove_is_removed_by_clean() {
    if !is_root("only root enters namespaces") {
        return;
    }
    let sshd = Sshd::start();
    let before = Sshd::copies();
    let mut run = sshd.run_that_copies(&before);
    // Both ends of it are gone at once, as after a power cut.
    let shell = |signal: &str| {
        let pattern = "^sh -c umask 077.*p=/tmp/probity-agent-";
        assert!(Command::new("pkill").args([signal, "-f", pattern]).status().unwrap().success());
    };
    shell("-STOP");
    run.kill().unwrap();
    run.wait().unwrap();
    shell("-KILL");
    assert_ne!(Sshd::copies(), before);
    let clean = sshd.probity(&["clean"]).output().unwrap();
    assert_eq!(code(&clean), 0, "{}{}", stdout(&clean), stderr(&clean));
    assert!(
        stdout(&clean).contains("removed by ssh") && stdout(&clean).contains("box"),
        "{}",
        stdout(&clean)
    );
    assert_eq!((Sshd::copies(), sshd.notes()), (before, 0));
}

#[test]
fn a_run_that_is_killed_leaves_no_connection_behind() {
    if !is_root("only root enters namespaces") {
        return;
    }
    let sshd = Sshd::start();
    let probes = ["name: { command: [sleep, '61.25'], timeout: 100s, impact: observe, on: far }"];
    let far = "far: { ssh: box }";
    sshd.home.write("plan.yaml", &plan(far, &probes, &["named: { of: name, check: exit_code == 0 }"]));
    let of_home = format!("HOME={}", sshd.home.path("").display());
    let ours = || processes("ControlPath=/tmp/probity-ssh-", &of_home);
    // While it is being let in, and while it looks.
    let come_so_far: [&dyn Fn() -> bool; 2] =
        [&|| !ours().is_empty(), &|| !processes("sleep 61.25", "").is_empty()];
    for (number, come_so_far) in come_so_far.into_iter().enumerate() {
        let bundle = format!("{number}.probity");
        let mut run = sshd.probity(&["run", "plan.yaml", "-o", &bundle, "--allow", "write"]);
        let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until("it has come so far", come_so_far);
        let line = ours().remove(0);
        let control = line.split(' ').find_map(|word| word.strip_prefix("ControlPath=")).unwrap();
        let folder = std::path::Path::new(control).parent().unwrap();
        run.kill().unwrap();
        run.wait().unwrap();
        until("ssh has ended", || ours().is_empty());
        until("its folder is gone", || !folder.exists());
        until("what it looked with has ended", || processes("sleep 61.25", "").is_empty());
        until("the copy is gone", || Sshd::copies().is_empty());
    }
}

/// The command lines of the processes that have these words in it, and those in their environment.
fn processes(words: &str, environment: &str) -> Vec<String> {
    let read = |file: std::path::PathBuf| {
        std::fs::read(file)
            .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "))
            .unwrap_or_default()
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let all = all.map(|process| (read(process.join("cmdline")), read(process.join("environ"))));
    all.filter(|(line, its)| line.contains(words) && its.contains(environment))
        .map(|(line, _)| line)
        .collect()
}

#[test]
fn a_machine_that_is_reached_by_ssh_is_rebooted_and_reached_again() {
    if !is_root("only root enters namespaces") {
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
    let run = Command::new("ip")
        .args(["netns", "exec", &format!("lab-{}-outside", machine.name), "sh", "-ec", OWN_CONFIG, "sh"])
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
    let boots = boots(&log);
    assert_eq!(boots.len(), 2, "{boots:?}");
    let verify = home.run(&["verify", "out.probity"]);
    assert_eq!(code(&verify), 0, "{}", stdout(&verify));
}
