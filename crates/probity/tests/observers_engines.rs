//! Looks from inside containers of a real Podman, Docker and LXC. Needs root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[path = "../../probity-probe/tests/engines/mod.rs"]
mod engines;
#[path = "support/mod.rs"]
mod home;
#[path = "../../probity-probe/tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, Output};

use engines::docker::Docker;
use engines::lxc::Lxc;
use engines::podman::Podman;
use home::{Home, code, is_root, stderr, stdout};

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
    is_root("only root enters containers").then(Podman::start).flatten()
}

/// Starts `web`, which sleeps.
fn run_web(podman: &Podman, image: &str) {
    podman.podman(&["run", "--detach", "--name", "web", image, "/bin/busybox", "sleep", "600"]);
}

/// By a program that runs among the containers' processes.
fn judged(mut probity: Command, home: &Home) -> Output {
    home.write("plan.yaml", PLAN);
    // There, the folder is not where we are.
    probity.arg("run").arg(home.path("plan.yaml")).arg("-o").arg(home.path("out.probity"));
    probity.env("HOME", home.path("")).output().unwrap()
}

/// That it was accepted; who named the container, and which image it has.
fn introduced(run: &Output, home: &Home) -> String {
    assert_eq!(code(run), 0, "{}{}", stdout(run), stderr(run));
    stdout(&home.run(&["report", "out.probity", "--format", "markdown"]))
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

/// The marker that the plan looks for, beside what our program is linked with.
fn mark(rootfs: &Path) {
    std::fs::write(rootfs.join("marker"), "here\n").unwrap();
    add_libraries(rootfs);
}

#[test]
fn what_is_inside_a_container_of_podman_is_seen_from_there() {
    let Some(podman) = start() else { return };
    let home = Home::new();
    mark(&podman.rootfs());
    podman.import("localhost/linked:1");
    run_web(&podman, "localhost/linked:1");
    let said = introduced(&judged(podman.beside(Path::new(PROBITY)), &home), &home);
    let id = podman.podman(&["image", "inspect", "--format", "{{.Id}}", "localhost/linked:1"]);
    assert!(said.contains("which podman named") && said.contains(&format!("image {}", id.trim())), "{said}");
}

#[test]
fn what_is_inside_a_container_of_docker_is_seen_from_there() {
    let Some(docker) = is_root("only root enters containers").then(Docker::start).flatten() else { return };
    let home = Home::new();
    mark(&docker.rootfs());
    docker.run_web();
    let said = introduced(&judged(docker.beside(Path::new(PROBITY)), &home), &home);
    let id = docker.docker(&["image", "inspect", "--format", "{{.Id}}", "localhost/web:1"]);
    assert!(said.contains("which docker named") && said.contains(&format!("image {}", id.trim())), "{said}");

    docker.docker(&["kill", "web"]);
    let stopped = judged(docker.beside(Path::new(PROBITY)), &Home::new());
    assert_eq!(code(&stopped), 2, "{}{}", stdout(&stopped), stderr(&stopped));
    assert!(stdout(&stopped).contains("docker: it does not run"), "{}", stdout(&stopped));
}

#[test]
fn what_is_inside_a_container_of_lxc_is_seen_from_there() {
    let Some(lxc) = is_root("only root enters containers").then(|| Lxc::start(mark)).flatten() else {
        return;
    };
    let home = Home::new();
    let said = introduced(&judged(lxc.beside(Path::new(PROBITY)), &home), &home);
    assert!(said.contains("which lxc named"), "{said}");
}

#[test]
fn a_root_without_a_c_library_wants_a_static_build_and_says_so() {
    let Some(podman) = start() else { return };
    let home = Home::new();
    run_web(&podman, "localhost/busybox:1");
    let run = judged(podman.beside(Path::new(PROBITY)), &home);
    assert_eq!(code(&run), 2, "{}{}", stdout(&run), stderr(&run));
    let said = stdout(&run).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("a static build needs no C library there"), "{said}");
}

#[test]
#[ignore = "needs a static build, which `make test-static` makes"]
fn a_static_build_looks_from_within_a_root_without_a_c_library() {
    let program = std::env::var("STATIC_PROBITY").expect("the path of a static build");
    let Some(podman) = start() else { return };
    let home = Home::new();
    std::fs::write(podman.rootfs().join("marker"), "here\n").unwrap();
    podman.import("localhost/marked:1");
    run_web(&podman, "localhost/marked:1");
    let run = judged(podman.beside(Path::new(&program)), &home);
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
}
