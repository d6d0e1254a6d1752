//! Looks from inside containers of a real Podman. Needs root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[path = "support/mod.rs"]
mod home;
#[path = "../../probity-probe/tests/podman/mod.rs"]
mod podman;
#[path = "../../probity-probe/tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, Output};

use home::{Home, code, stderr, stdout};
use podman::Podman;

const PROBITY: &str = env!("CARGO_BIN_EXE_probity");

const PLAN: &str = "\
plan: A container
observers: { web: { container: web } }
probes:
  marker: { file: /marker, on: web }
  sleeper: { process: /bin/busybox, on: web }
claims:
  there: { of: marker, check: exists && size_bytes == 5 }
  first: { of: sleeper, check: running && 1 in pids }
verdict:
  - { label: SEEN, when: holds(there) && holds(first), accepted: true }
  - { label: NOT SEEN }
";

fn start() -> Option<Podman> {
    let root = support::root();
    assert!(root || std::env::var_os("CI").is_none(), "CI runs these tests as root");
    if !root {
        eprintln!("SKIPPED: only root enters containers");
        return None;
    }
    Podman::start()
}

/// Starts `web`, which sleeps.
fn run_web(podman: &Podman, image: &str) {
    podman.podman(&["run", "--detach", "--name", "web", image, "/bin/busybox", "sleep", "600"]);
}

fn judged(podman: &Podman, home: &Home) -> Output {
    let mut probity = podman.beside(Path::new(PROBITY));
    // Among the containers' processes, the folder is not where we are.
    probity.arg("run").arg(home.path("plan.yaml")).arg("-o").arg(home.path("out.probity"));
    probity.env("HOME", home.path("")).output().unwrap()
}

/// Gives a root what this build of our program is linked with.
fn add_libraries(rootfs: &Path) {
    let linked = support::run(Command::new("ldd").arg(PROBITY));
    for library in linked.split_whitespace().filter(|word| word.starts_with('/')) {
        let to = rootfs.join(library.trim_start_matches('/'));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        support::install(Path::new(library), &to);
    }
}

#[test]
fn what_is_inside_a_container_of_podman_is_seen_from_there() {
    let Some(podman) = start() else { return };
    let home = Home::new();
    home.write("plan.yaml", PLAN);
    std::fs::write(podman.rootfs().join("marker"), "here\n").unwrap();
    add_libraries(&podman.rootfs());
    podman.import("localhost/linked:1");
    run_web(&podman, "localhost/linked:1");
    let run = judged(&podman, &home);
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let id = podman.podman(&["image", "inspect", "--format", "{{.Id}}", "localhost/linked:1"]);
    let introduced = home.run(&["report", "out.probity", "--format", "markdown"]);
    let said = stdout(&introduced);
    assert!(said.contains("which podman named") && said.contains(&format!("image {}", id.trim())), "{said}");
}

#[test]
fn a_root_without_a_c_library_wants_a_static_build_and_says_so() {
    let Some(podman) = start() else { return };
    let home = Home::new();
    home.write("plan.yaml", PLAN);
    run_web(&podman, "localhost/busybox:1");
    let run = judged(&podman, &home);
    assert_eq!(code(&run), 2, "{}{}", stdout(&run), stderr(&run));
    let said = stdout(&run).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("a static build needs no C library there"), "{said}");
}
