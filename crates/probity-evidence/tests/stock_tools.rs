//! Tools that are not ours accept what we write, and only that: the commands of docs/trust.md, taken from there and run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::{Scratch, complete, told, verify};
use probity_evidence::{Key, Outcome, Signers};

/// The fenced blocks of the section "Check it with stock tools".
fn blocks(language: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/trust.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("## Check it with stock tools").unwrap();
    let fence = format!("```{language}\n");
    section.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

fn run(program: &str, arguments: &[&str], folder: &Path, stdin: &[u8]) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), stdin).unwrap();
    child.wait_with_output().unwrap()
}

fn all_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn python_computes_the_root_that_the_checkpoint_signs() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    complete(&path, scratch.key());
    let [program] = &blocks("python")[..] else { panic!("one Python block") };
    let run_it = || run("python3", &["-c", program], &path, b"");
    assert_eq!(all_of(&run_it()), "the log is what was signed\n");
    let log = std::fs::read_to_string(path.join("evidence.jsonl")).unwrap();
    std::fs::write(path.join("evidence.jsonl"), log.replacen("200", "201", 1)).unwrap();
    assert!(all_of(&run_it()).starts_with("ALTERED"), "{}", all_of(&run_it()));
}

#[test]
fn ssh_keygen_and_sha256sum_accept_the_bundle_and_refuse_an_altered_one() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    complete(&path, scratch.key());
    std::fs::write(path.join("operator.pub"), scratch.key().public()).unwrap();
    let blocks: Vec<String> = blocks("sh")
        .iter()
        .map(|block| block.replace("/tmp/", &format!("{}/", scratch.0.display())))
        .collect();
    let run_them = || blocks.iter().map(|block| run("sh", &["-ec", block], &path, b"")).collect::<Vec<_>>();
    let good = "Good \"probity\" signature for ops@example.org with ED25519 key";
    let [checkpoint, sums, first] = &run_them()[..] else { panic!("three shell blocks") };
    assert!(checkpoint.status.success() && all_of(checkpoint).starts_with(good), "{}", all_of(checkpoint));
    assert!(first.status.success() && all_of(first).starts_with(good), "{}", all_of(first));
    assert!(sums.status.success(), "{}", all_of(sums));
    let log = std::fs::read_to_string(path.join("evidence.jsonl")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    for line in all_of(sums).lines() {
        let (digest, name) = line.split_once("  ").unwrap();
        let signed = if name.ends_with(".json") || name.ends_with(".html") {
            lines[lines.len() - 1]
        } else {
            lines[0]
        };
        assert!(signed.contains(digest), "{name} is not in the log");
    }
    assert_eq!(all_of(sums).lines().count(), 4);

    let artifact = std::fs::read_dir(path.join("artifacts")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(artifact, "something else").unwrap();
    std::fs::write(path.join("evidence.jsonl"), log.replacen("A plan", "B plan", 1)).unwrap();
    let checkpoint_text = std::fs::read_to_string(path.join("checkpoint")).unwrap();
    std::fs::write(path.join("checkpoint"), checkpoint_text.replacen("\n7\n", "\n6\n", 1)).unwrap();
    for refused in run_them() {
        assert!(!refused.status.success(), "{}", all_of(&refused));
    }
}

/// A key made by ssh-keygen; the path of its private half.
fn keygen(scratch: &Scratch, arguments: &[&str]) -> std::path::PathBuf {
    let path = scratch.join("theirs");
    let mut all = vec!["-q", "-C", "me@here", "-f", path.to_str().unwrap()];
    all.extend(arguments);
    let made = run("ssh-keygen", &all, &scratch.0, b"");
    assert!(made.status.success(), "{}", all_of(&made));
    path
}

#[test]
fn a_key_made_by_ssh_keygen_signs() {
    let scratch = Scratch::new();
    let key = Key::load(&keygen(&scratch, &["-t", "ed25519", "-N", ""])).unwrap();
    let signature = scratch.join("sig");
    std::fs::write(&signature, key.sign(b"some bytes").unwrap()).unwrap();
    let arguments = ["-Y", "check-novalidate", "-n", "probity", "-s", signature.to_str().unwrap()];
    let output = run("ssh-keygen", &arguments, &scratch.0, b"some bytes");
    assert!(output.status.success() && all_of(&output).contains(&key.fingerprint()), "{}", all_of(&output));
    assert!(!run("ssh-keygen", &arguments, &scratch.0, b"some other bytes").status.success());
    let other_namespace = ["-Y", "check-novalidate", "-n", "file", "-s", signature.to_str().unwrap()];
    assert!(!run("ssh-keygen", &other_namespace, &scratch.0, b"some bytes").status.success());
}

#[test]
fn a_key_of_another_type_is_refused_with_what_would_be_right() {
    let right = "is not an Ed25519 key in OpenSSH's form: name a private key, or the .pub file of a key that your agent \
                 holds; `ssh-keygen -t ed25519` makes one";
    for kind in ["ecdsa", "rsa"] {
        let scratch = Scratch::new();
        let path = keygen(&scratch, &["-t", kind, "-N", ""]);
        for path in [path.clone(), path.with_extension("pub")] {
            let Err(error) = Key::load(&path) else { panic!("{kind} was accepted") };
            assert_eq!(error.to_string(), format!("{} {right}", path.display()));
        }
        std::fs::write(&path, "not a key").unwrap();
        let Err(error) = Key::load(&path) else { panic!("it was accepted") };
        assert_eq!(error.to_string(), format!("{} {right}", path.display()));
    }
}

#[test]
fn a_private_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let path = keygen(&scratch, &["-t", "ed25519", "-N", ""]);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let Err(error) = Key::load(&path) else { panic!("it was accepted") };
    assert_eq!(
        error.to_string(),
        format!("the private key {0} can be read by others (mode 644): chmod 600 {0}", path.display())
    );
}

/// An agent that ends with the test.
struct Agent(std::process::Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Set in the child that a test starts of itself, since the agent's socket comes by the environment.
const AGENT_CHILD: &str = "PROBITY_TEST_AGENT_CHILD";

/// The private half is in an agent only: a run is signed through ssh-keygen, and verifies.
#[test]
fn a_key_in_an_agent_signs_a_run() {
    if let Some(folder) = std::env::var_os(AGENT_CHILD) {
        let folder = Path::new(&folder);
        complete(&folder.join("a.probity"), Key::load(&folder.join("theirs.pub")).unwrap());
        return;
    }
    let scratch = Scratch::new();
    let path = keygen(&scratch, &["-t", "ed25519", "-N", ""]);
    let socket = scratch.join("agent");
    let agent =
        Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    let _agent = Agent(agent);
    while !socket.exists() {
        std::thread::yield_now();
    }
    let added = Command::new("ssh-add").arg("-q").arg(&path).env("SSH_AUTH_SOCK", &socket).status().unwrap();
    assert!(added.success());
    std::fs::remove_file(&path).unwrap();
    let again = |agent: &Path| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_key_in_an_agent_signs_a_run"])
            .env(AGENT_CHILD, &scratch.0)
            .env("SSH_AUTH_SOCK", agent)
            .output()
            .unwrap()
    };
    let without = again(&scratch.join("no-agent"));
    assert!(!without.status.success());
    assert!(all_of(&without).contains("No private key found"), "{}", all_of(&without));
    assert!(!scratch.join("a.probity").exists(), "a run that could not be signed left a bundle");
    let with = again(&socket);
    assert!(with.status.success(), "{}", all_of(&with));
    let public = std::fs::read_to_string(scratch.join("theirs.pub")).unwrap();
    let signers = Signers::parse(&format!("me namespaces=\"probity\" {public}")).unwrap();
    let verification = verify(&scratch.join("a.probity"), &signers);
    assert_eq!(verification.outcome, Outcome::Intact, "{}", told(&verification));
}
