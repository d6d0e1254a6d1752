//! `process` against real processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod machine;
mod support;

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use machine::{Elsewhere, json_of, look, look_as_nobody, look_elsewhere, refused};
use probity_plan::{Barrier, Value};
use serde_json::json;
use support::{barrier, known, start, text, until};

/// A copy of the program under a name that no other process has.
fn copied(folder: &tempfile::TempDir, program: &str, name: &str) -> PathBuf {
    let copy = folder.path().join(name);
    support::install(Path::new(program), &copy);
    copy
}

fn int(seen: &probity_probe::Seen, fact: &str) -> i64 {
    known(seen, fact).as_i64().unwrap()
}

#[tokio::test]
async fn a_running_process_is_found_by_path_name_and_arguments() {
    let folder = support::folder();
    let sleep = copied(&folder, "/bin/sleep", "probity-sleeper");
    let before = jiff::Timestamp::now();
    let running = start(Command::new(&sleep).args(["1000", "0.5"]));
    for parameters in [json!({ "process": sleep }), json!({ "process": "probity-sleeper" })] {
        let seen = look("process", parameters.clone()).await;
        assert_eq!(json_of(&seen, "running"), json!(true), "{parameters}: {seen:?}");
    }
    // With arguments that rule out every process whose executable we may not see.
    for parameters in [
        json!({ "process": sleep, "arguments": ["1000"] }),
        json!({ "process": "probity-sleeper", "arguments": ["1000", "0.5"] }),
    ] {
        let seen = look("process", parameters.clone()).await;
        assert_eq!(int(&seen, "count"), 1, "{parameters}: {seen:?}");
        assert_eq!(json_of(&seen, "running"), json!(true));
        assert_eq!(json_of(&seen, "pids"), json!([running.pid()]));
        assert_eq!(int(&seen, "pid"), i64::from(running.pid()));
        assert_eq!(text(&seen, "executable"), sleep.to_str().unwrap());
        assert_eq!(json_of(&seen, "executable_deleted"), json!(false));
        let user = Command::new("id").arg("-un").output().unwrap();
        assert_eq!(json_of(&seen, "users"), json!([String::from_utf8(user.stdout).unwrap().trim()]));
        assert_eq!(int(&seen, "threads"), 1);
        // Standard input, output, error, and what cargo left open.
        assert!(int(&seen, "open_files") >= 3);
        assert!(int(&seen, "memory_bytes") > 4096);
        let started: jiff::Timestamp = json_of(&seen, "started").as_str().unwrap().parse().unwrap();
        let late = started.duration_since(before).as_secs_f64();
        // The kernel tells the second in which it started, cut off, and hundredths since then.
        assert!((-1.05..60.0).contains(&late), "started {late} s after it was started");
        let process = &json_of(&seen, "processes")[0];
        assert_eq!(process["arguments"], json!(["1000", "0.5"]));
        assert_eq!(process["parent_pid"], json!(std::process::id()));
        assert_eq!(process["state"], json!("sleeping"));
    }
}

#[tokio::test]
async fn a_part_of_a_name_or_of_an_argument_is_not_enough() {
    let folder = support::folder();
    let sleep = copied(&folder, "/bin/sleep", "probity-partial");
    let _running = start(Command::new(&sleep).arg("1000"));
    let partial = sleep.with_file_name("probity-part");
    for parameters in [
        json!({ "process": "probity-part", "arguments": ["1000"] }),
        json!({ "process": partial, "arguments": ["1000"] }),
        json!({ "process": "partial", "arguments": ["1000"] }),
        json!({ "process": sleep, "arguments": ["100"] }),
        json!({ "process": sleep, "arguments": ["1000", "1000"] }),
        json!({ "process": sleep, "arguments": ["probity-partial"] }),
    ] {
        let seen = look("process", parameters.clone()).await;
        assert_eq!(int(&seen, "count"), 0, "{parameters}: {seen:?}");
    }
}

#[tokio::test]
async fn no_such_process_is_a_count_of_zero() {
    // Arguments that rule out every process that is hidden from us, so that this holds without root too.
    let parameters = json!({ "process": "probity-is-not-there", "arguments": ["--probity-is-not-there"] });
    let seen = look("process", parameters).await;
    assert_eq!(int(&seen, "count"), 0);
    assert_eq!(json_of(&seen, "running"), json!(false));
    assert_eq!(json_of(&seen, "pids"), json!([]));
    assert_eq!(int(&seen, "named_count"), 0);
    for fact in ["cpu_s", "pid", "processes", "tree", "started"] {
        assert_eq!(barrier(&seen, fact), Barrier::Unreachable, "{fact}");
    }
}

#[tokio::test]
async fn a_zombie_does_not_run() {
    let folder = support::folder();
    let program = copied(&folder, "/bin/true", "probity-zombie");
    let child = start(&mut Command::new(&program));
    let stat = format!("/proc/{}/stat", child.pid());
    until("it is a zombie", || std::fs::read_to_string(&stat).unwrap().contains(") Z "));
    let parameters = json!({ "process": "probity-zombie" });
    let seen = look("process", parameters).await;
    assert_eq!(int(&seen, "named_count"), 0);
    assert_ne!(seen.facts.get("running"), Some(&Value::Bool(true)), "{seen:?}");
}

#[tokio::test]
async fn what_runs_on_without_its_first_thread_runs() {
    let folder = support::folder();
    let program = folder.path().join("probity-headless");
    let source = folder.path().join("main.c");
    std::fs::write(
        &source,
        "#include <pthread.h>\n#include <unistd.h>\nstatic void *wait(void *x) { for (;;) pause(); return x; }\n\
         int main(void) { pthread_t t; pthread_create(&t, 0, wait, 0); pthread_exit(0); }\n",
    )
    .unwrap();
    let made = Command::new("cc").args(["-pthread", "-o"]).arg(&program).arg(&source).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no C compiler for a program whose first thread ends");
        return;
    }
    let child = start(Command::new(&program).arg("1000"));
    let stat = format!("/proc/{}/stat", child.pid());
    until("its first thread has ended", || std::fs::read_to_string(&stat).unwrap().contains(") Z "));
    let seen = look("process", json!({ "process": program, "arguments": ["1000"] })).await;
    assert_eq!((int(&seen, "count"), json_of(&seen, "running")), (1, json!(true)), "{seen:?}");
    assert_eq!(text(&seen, "executable"), program.to_str().unwrap());
    assert!(int(&seen, "memory_bytes") > 0 && int(&seen, "open_files") >= 3, "{seen:?}");
}

#[tokio::test]
async fn a_process_whose_executable_was_deleted_is_found_and_says_so() {
    let folder = support::folder();
    let sleep = copied(&folder, "/bin/sleep", "probity-deleted");
    let _running = start(Command::new(&sleep).arg("1000"));
    std::fs::remove_file(&sleep).unwrap();
    let seen = look("process", json!({ "process": sleep, "arguments": ["1000"] })).await;
    assert_eq!(int(&seen, "count"), 1);
    assert_eq!(json_of(&seen, "executable_deleted"), json!(true));
}

#[tokio::test]
async fn a_process_is_found_by_a_path_that_leads_to_its_file() {
    let folder = support::folder();
    let sleep = copied(&folder, "/bin/sleep", "probity-linked-1.2");
    let link = folder.path().join("probity-linked");
    std::os::unix::fs::symlink("probity-linked-1.2", &link).unwrap();
    let _running = start(Command::new(&link).arg("1000"));
    for path in [&link, &sleep] {
        let seen = look("process", json!({ "process": path, "arguments": ["1000"] })).await;
        assert_eq!(json_of(&seen, "count"), json!(1), "{path:?}: {seen:?}");
        assert_eq!(text(&seen, "executable"), sleep.to_str().unwrap());
    }
    // A link to nowhere is no program, and one that leads elsewhere now is another one.
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("missing", &link).unwrap();
    let seen = look("process", json!({ "process": link, "arguments": ["1000"] })).await;
    assert_eq!(json_of(&seen, "running"), json!(false));
}

#[tokio::test]
async fn a_process_is_found_by_every_path_of_its_file() {
    let folder = support::folder();
    let sleep = copied(&folder, "/bin/sleep", "probity-one");
    let (other, linked) = (folder.path().join("probity-other"), folder.path().join("probity-to-other"));
    std::fs::hard_link(&sleep, &other).unwrap();
    std::os::unix::fs::symlink(&other, &linked).unwrap();
    let copy = copied(&folder, "/bin/sleep", "probity-copy");
    let running = start(Command::new(&sleep).arg("1000"));
    for (path, count) in [(&sleep, 1), (&other, 1), (&linked, 1), (&copy, 0)] {
        let seen = look("process", json!({ "process": path, "arguments": ["1000"] })).await;
        assert_eq!(int(&seen, "count"), count, "{}: {seen:?}", path.display());
    }
    // The other path is that of its file until another one stands there.
    support::install(Path::new("/bin/sleep"), &copy);
    std::fs::rename(&copy, &other).unwrap();
    let seen = look("process", json!({ "process": other, "arguments": ["1000"] })).await;
    assert_eq!(int(&seen, "count"), 0, "{seen:?}");
    drop(running);
}

#[test]
fn a_process_started_through_a_mount_is_found_by_the_path_of_its_file() {
    let folder = support::folder();
    let sleep = copied(&folder, "/bin/sleep", "probity-original");
    let mounted = folder.path().join("probity-mounted");
    std::fs::write(&mounted, "").unwrap();
    let (sleep, mounted) = (sleep.display(), mounted.display());
    let first = format!(
        "mount --bind {sleep} {mounted}; {mounted} 1000 >/dev/null & until [ \"$(readlink /proc/$!/exe)\" = {mounted} ]; do :; done"
    );
    let unshare: &[&str] =
        &["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let elsewhere = Elsewhere { unshare, first, ..Elsewhere::default() };
    let Some(seen) = look_elsewhere(&elsewhere, "process", &json!({ "process": sleep.to_string() })) else {
        return;
    };
    assert_eq!(int(&seen, "count"), 1, "{seen:?}");
}

#[tokio::test]
async fn what_runs_in_a_container_is_told_from_what_does_not() {
    if !support::root() {
        eprintln!("SKIPPED: only root makes process namespaces");
        return;
    }
    let folder = support::folder();
    let sleep = copied(&folder, "/bin/sleep", "probity-inside");
    let _here = start(Command::new(&sleep).arg("1000"));
    let mut unshare = Command::new("unshare");
    let _inside = start(unshare.args(["--pid", "--fork", "--kill-child"]).arg(&sleep).arg("1000"));
    let name = json!({ "process": "probity-inside", "arguments": ["1000"] });
    let began = std::time::Instant::now();
    let mut seen = look("process", name.clone()).await;
    while json_of(&seen, "count") != json!(2) {
        assert!(began.elapsed() < support::PATIENCE, "{seen:?}");
        seen = look("process", name.clone()).await;
    }
    assert_eq!(json_of(&seen, "contained_count"), json!(1), "{seen:?}");
    let contained = json_of(&seen, "processes");
    let contained: Vec<_> = contained.as_array().unwrap().iter().map(|one| &one["contained"]).collect();
    assert!(contained.contains(&&json!(true)) && contained.contains(&&json!(false)), "{contained:?}");
}

#[tokio::test]
async fn a_file_that_is_called_deleted_hides_no_process() {
    let folder = support::folder();
    let sleep = copied(&folder, "/bin/sleep", "probity-decoy");
    let _running = start(Command::new(&sleep).arg("1000"));
    std::fs::remove_file(&sleep).unwrap();
    std::fs::write(folder.path().join("probity-decoy (deleted)"), "").unwrap();
    for process in [sleep.to_str().unwrap(), "probity-decoy"] {
        let seen = look("process", json!({ "process": process, "arguments": ["1000"] })).await;
        assert_eq!(int(&seen, "count"), 1, "{process}: {seen:?}");
        assert_eq!(json_of(&seen, "executable_deleted"), json!(true));
    }
    // One that is really called so is no deleted one.
    let own = copied(&folder, "/bin/sleep", "probity-own (deleted)");
    let _running = start(Command::new(&own).arg("1000"));
    let seen = look("process", json!({ "process": own, "arguments": ["1000"] })).await;
    assert_eq!((int(&seen, "count"), json_of(&seen, "executable_deleted")), (1, json!(false)));
}

#[test]
fn the_same_path_on_other_mounts_is_another_file() {
    let folder = support::folder();
    let sleep = copied(&folder, "/bin/sleep", "probity-contained");
    let other = copied(&folder, "/bin/sleep", "probity-other");
    let (sleep, other) = (sleep.display(), other.display());
    let started = format!("until [ \"$(readlink /proc/$!/exe)\" = {sleep} ]; do :; done");
    // As in a container whose image has a file at the same path.
    let contained = format!(
        "unshare --mount --propagation private sh -c 'mount --bind {other} {sleep}; exec {sleep} 1000' >/dev/null & {started}"
    );
    let unshare: &[&str] =
        &["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let at = |first: String| Elsewhere { unshare, first, ..Elsewhere::default() };
    let parameters = json!({ "process": sleep.to_string() });
    let Some(seen) = look_elsewhere(&at(contained), "process", &parameters) else { return };
    assert_eq!((json_of(&seen, "running"), json_of(&seen, "count")), (json!(false), json!(0)), "{seen:?}");
    // Ours is found; also when its file is replaced meanwhile.
    for meanwhile in ["", "; cp -f --remove-destination {other} {sleep}"] {
        let meanwhile =
            meanwhile.replace("{other}", &other.to_string()).replace("{sleep}", &sleep.to_string());
        let first = format!("{sleep} 1000 >/dev/null & {started}{meanwhile}");
        let seen = look_elsewhere(&at(first), "process", &parameters).unwrap();
        assert_eq!(json_of(&seen, "count"), json!(1), "{meanwhile}: {seen:?}");
        assert_eq!(json_of(&seen, "executable_deleted"), json!(!meanwhile.is_empty()));
    }
}

#[test]
fn when_it_started_does_not_move_with_the_clock() {
    // The kernel's `btime` moves by as much as somebody sets the clock.
    let first = "awk '/^btime/ { $2 += 7200 } { print }' /proc/stat > /dev/shm/stat.$$; mount --bind /dev/shm/stat.$$ /proc/stat; rm /dev/shm/stat.$$";
    let unshare: &[&str] = &["--mount", "--propagation", "private"];
    let elsewhere = Elsewhere { unshare, first: first.to_owned(), ..Elsewhere::default() };
    let Some(seen) = look_elsewhere(
        &elsewhere,
        "process",
        &json!({ "process": "look", "arguments": ["machine::look_as_told"] }),
    ) else {
        return;
    };
    let started: jiff::Timestamp = text(&seen, "started").parse().unwrap();
    let age = jiff::Timestamp::now().duration_since(started).as_secs_f64();
    assert!((-0.1..600.0).contains(&age), "{age}");
    let told = json_of(&seen, "age_s").as_f64().unwrap();
    assert!((0.0..600.0).contains(&told), "{told}");
}

#[tokio::test]
async fn the_tree_holds_what_a_process_started() {
    let folder = support::folder();
    let sleep = copied(&folder, "/bin/sleep", "probity-leaf");
    let shell = copied(&folder, "/bin/sh", "probity-root");
    let line = format!("{0} 1000 & {0} 1001 & wait", sleep.display());
    let running = start(Command::new(&shell).args(["-c", &line]));
    let leaves = || std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", running.pid())).unwrap();
    let both = || {
        leaves()
            .split_whitespace()
            .all(|leaf| std::fs::read_link(format!("/proc/{leaf}/exe")).is_ok_and(|exe| exe == sleep))
    };
    until("both leaves run", || leaves().split_whitespace().count() == 2 && both());
    let seen = look("process", json!({ "process": shell, "arguments": ["-c"] })).await;
    assert_eq!(int(&seen, "count"), 1);
    let tree = json_of(&seen, "tree");
    let tree = tree.as_array().unwrap();
    assert_eq!(tree.iter().map(|one| one["depth"].as_i64().unwrap()).collect::<Vec<_>>(), [0, 1, 1]);
    assert_eq!(tree[0]["pid"], json!(running.pid()));
    for leaf in &tree[1..] {
        assert_eq!(leaf["parent_pid"], json!(running.pid()));
        assert_eq!(leaf["executable"], json!(sleep));
    }
}

#[tokio::test]
async fn without_a_name_every_process_is_listed() {
    let seen = look("process", json!({ "process": "all" })).await;
    let pids = json_of(&seen, "pids");
    assert!(pids.as_array().unwrap().contains(&json!(std::process::id())));
    assert_eq!(int(&seen, "count"), i64::try_from(pids.as_array().unwrap().len()).unwrap());
    let hidden = pids.as_array().unwrap().iter().any(|pid| {
        std::fs::read_link(format!("/proc/{pid}/exe"))
            .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
    });
    if hidden {
        assert_eq!(barrier(&seen, "processes"), Barrier::PermissionDenied);
    } else {
        let processes = json_of(&seen, "processes");
        assert!(processes.as_array().unwrap().iter().any(|one| one["pid"] == json!(std::process::id())));
    }
}

#[test]
fn a_hidden_executable_is_a_barrier_and_not_a_zero() {
    // Process 1 is root's and does not show its executable to others.
    let seen = look_as_nobody("process", &json!({ "process": "probity-is-not-there" }));
    for fact in ["count", "running", "pids", "cpu_s", "processes"] {
        assert_eq!(barrier(&seen, fact), Barrier::PermissionDenied, "{fact}");
    }
    assert_eq!(int(&seen, "named_count"), 0);
    // What its arguments rule out is ruled out.
    let parameters = json!({ "process": "probity-is-not-there", "arguments": ["--probity-is-not-there"] });
    let seen = look_as_nobody("process", &parameters);
    assert_eq!(int(&seen, "count"), 0);
}

#[test]
fn one_that_is_seen_runs_whatever_is_hidden() {
    // The copy of this test that looks finds itself.
    let seen = look_as_nobody("process", &json!({ "process": "look" }));
    assert_eq!(json_of(&seen, "running"), json!(true));
    assert_eq!(barrier(&seen, "count"), Barrier::PermissionDenied);
}

#[test]
fn a_proc_that_hides_processes_is_a_barrier() {
    for hidepid in ["noaccess", "invisible", "ptraceable"] {
        let elsewhere = Elsewhere {
            unshare: &["--mount", "--propagation", "private"],
            first: format!("mount -t proc -o hidepid={hidepid} proc /proc"),
            as_nobody: true,
            ..Elsewhere::default()
        };
        for parameters in
            [json!({ "process": "all" }), json!({ "process": "x", "arguments": ["--probity-no"] })]
        {
            let Some(seen) = look_elsewhere(&elsewhere, "process", &parameters) else { return };
            for fact in ["count", "pids", "named_count"] {
                assert_eq!(barrier(&seen, fact), Barrier::PermissionDenied, "{hidepid} {fact}");
            }
        }
    }
}

#[test]
fn without_proc_nothing_is_known() {
    let Some(seen) =
        machine::look_after("mount -t tmpfs none /proc", "process", &json!({ "process": "all" }))
    else {
        return;
    };
    assert_eq!(barrier(&seen, "count"), Barrier::Unsupported);
}

#[tokio::test]
async fn what_a_process_calls_itself_does_not_count() {
    let folder = support::folder();
    let sleep = copied(&folder, "/bin/sleep", "probity-true-name");
    let alias = folder.path().join("probity-alias");
    std::os::unix::fs::symlink(&sleep, &alias).unwrap();
    let _running = start(Command::new(&alias).arg0("probity-third-name").arg("1000"));
    let count = async |name: &str| look("process", json!({ "process": name, "arguments": ["1000"] })).await;
    assert_eq!(int(&count("probity-true-name").await, "count"), 1);
    let alias = count("probity-alias").await;
    assert_eq!((int(&alias, "count"), int(&alias, "named_count")), (0, 1));
    assert_eq!(int(&count("probity-third-name").await, "count"), 0);
}

#[tokio::test]
async fn hostile_names_and_arguments_are_recorded_as_they_are() {
    let folder = support::folder();
    // A name made to end the field of /proc/PID/stat early and to forge the ones after it.
    let name = ") Z 1 (\u{1b}[2J\n";
    let sleep = copied(&folder, "/bin/sleep", name);
    let shell = copied(&folder, "/bin/sh", "probity-hostile");
    let running = start(Command::new(&sleep).arg("1000"));
    let seen = look("process", json!({ "process": sleep, "arguments": ["1000"] })).await;
    assert_eq!(json_of(&seen, "processes")[0]["parent_pid"], json!(std::process::id()), "{seen:?}");
    assert_eq!(int(&seen, "pid"), i64::from(running.pid()));
    assert_eq!(text(&seen, "executable").as_bytes(), sleep.as_os_str().as_bytes());

    let line = "read x; exit";
    let arguments = ["-c", line, support::HOSTILE, "a\nb", "", "\u{202e}"];
    let mut command = Command::new(&shell);
    let _shell = start(command.args(arguments).stdin(std::process::Stdio::piped()));
    let seen =
        look("process", json!({ "process": shell, "arguments": ["-c", line, support::HOSTILE, "a\nb", ""] }))
            .await;
    assert_eq!(json_of(&seen, "processes")[0]["arguments"], json!(arguments));
}

#[test]
fn a_relative_path_is_refused() {
    assert!(refused("process", json!({ "process": "bin/nginx" })).contains("write an absolute path"));
    assert!(refused("process", json!({ "process": "" })).contains("the executable is empty"));
    assert!(refused("process", json!({ "process": "x", "args": ["y"] })).contains("unknown field"));
}
