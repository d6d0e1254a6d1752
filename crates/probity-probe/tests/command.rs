//! `command`, with programs that behave and programs that do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use probity_plan::kinds::command::{Command, Program};
use probity_plan::text::Piece;
use probity_plan::{Act, Barrier, Text, Value};
use probity_probe::Seen;
use support::{HOSTILE, PATIENCE, barrier, known, look, look_with, text};

fn arguments(words: &[&str]) -> Command {
    let words = words.iter().map(|&word| Text::plain(word)).collect();
    Command { command: Program::Arguments(words), stdin: None, env: BTreeMap::new() }
}

fn shell(line: &str) -> Command {
    Command { command: Program::Shell { shell: Text::plain(line) }, stdin: None, env: BTreeMap::new() }
}

async fn run(command: Command) -> Seen {
    look(Act::Command(command)).await
}

#[tokio::test]
async fn a_program_that_ends_says_how_and_what() {
    let seen = run(shell("echo one; echo two; echo three >&2; exit 7")).await;
    assert_eq!(known(&seen, "found"), &Value::Bool(true));
    assert_eq!(known(&seen, "exit_code"), &Value::from(7));
    assert_eq!(known(&seen, "signal"), &Value::from(0));
    assert_eq!(text(&seen, "stdout"), "one\ntwo");
    assert_eq!(text(&seen, "stderr"), "three");
    assert_eq!(known(&seen, "stdout_bytes"), &Value::from(8));
    assert_eq!(known(&seen, "stderr_bytes"), &Value::from(6));
    assert_eq!(known(&seen, "lines"), &Value::from(vec!["one", "two"]));
    assert_eq!(barrier(&seen, "json"), Barrier::Protocol);
    let (least, most) = known(&seen, "elapsed_ms").ends().unwrap();
    assert!(least > 0.0 && most < 10_000.0, "{least} {most}");
}

#[tokio::test]
async fn arguments_are_given_as_they_are_and_no_shell_reads_them() {
    let seen = run(arguments(&["printf", "%s|", "a b", "$HOME", "*", "; exit 1"])).await;
    assert_eq!(text(&seen, "stdout"), "a b|$HOME|*|; exit 1|");
    let seen = run(arguments(&["printf", r#"{"a": [1, 2.5, "x"]}"#])).await;
    let expected =
        Value::Map([("a".to_owned(), Value::List(vec![1.into(), Value::decimal(2.5), "x".into()]))].into());
    assert_eq!(known(&seen, "json"), &expected);
}

#[tokio::test]
async fn a_signal_leaves_no_exit_code() {
    let seen = run(shell("kill -TERM $$")).await;
    assert_eq!(known(&seen, "signal"), &Value::from(15));
    assert_eq!(barrier(&seen, "exit_code"), Barrier::Aborted);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_fact() {
    let mut missing = vec!["/nonexistent/program"];
    // PATH may name folders that are closed to an ordinary user, who then cannot tell.
    if support::root() {
        missing.push("probity-nosuch");
    }
    for missing in missing {
        let seen = run(arguments(&[missing])).await;
        assert_eq!(known(&seen, "found"), &Value::Bool(false));
        assert_eq!(barrier(&seen, "exit_code"), Barrier::ToolMissing);
    }
}

#[tokio::test]
async fn a_program_that_may_not_be_run_is_a_barrier() {
    // Not even root may execute what bears no such bit.
    let folder = support::folder();
    let path = folder.path().join("program");
    std::fs::write(&path, "#!/bin/sh\n").unwrap();
    let seen = run(arguments(&[path.to_str().unwrap()])).await;
    assert_eq!(barrier(&seen, "found"), Barrier::PermissionDenied);
    // Nor what is no program.
    std::fs::write(&path, [0; 64]).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(barrier(&run(arguments(&[path.to_str().unwrap()])).await, "exit_code"), Barrier::Protocol);
}

#[tokio::test]
async fn standard_input_and_environment_are_what_the_plan_says() {
    let mut command = shell("cat; echo \"$GREETING\"; env | cut -d= -f1 | sort | tr '\\n' ' '");
    command.stdin = Some(Text::plain("from the plan\n"));
    command.env.insert("GREETING".to_owned(), Text::plain("hello"));
    let seen = run(command).await;
    let expected = "from the plan\nhello\nGREETING LC_ALL PATH PROBITY_LOOK PWD ";
    // A shell may add `_`, `SHLVL` and `OLDPWD` of its own.
    let kept = |word: &&str| !["_", "SHLVL", "OLDPWD"].contains(word);
    let stdout = text(&seen, "stdout").split(' ').filter(kept).collect::<Vec<_>>().join(" ");
    assert_eq!(stdout, expected);
    // Without it there is nothing to read, so that a program that reads does not wait.
    assert_eq!(text(&run(arguments(&["cat"])).await, "stdout"), "");
    // More than a pipe holds, to a program that does not read.
    let mut command = arguments(&["true"]);
    command.stdin = Some(Text::plain("x".repeat(1 << 20)));
    assert_eq!(known(&run(command).await, "exit_code"), &Value::from(0));
}

#[tokio::test]
async fn a_secret_reaches_the_program() {
    let mut command = shell("cat; printf %s \"$TOKEN\"");
    let secret = || {
        Text(vec![
            Piece::Plain("<".to_owned()),
            Piece::Secret("token".to_owned()),
            Piece::Plain(">".to_owned()),
        ])
    };
    command.stdin = Some(secret());
    command.env.insert("TOKEN".to_owned(), secret());
    assert_eq!(Act::Command(command.clone()).describe(), "sh -c 'cat; printf %s \"$TOKEN\"'");
    let seen =
        look_with(Act::Command(command.clone()), &[("token", "correct horse")], Duration::from_secs(10))
            .await;
    assert_eq!(text(&seen, "stdout"), "<correct horse><correct horse>");
    // Without the secret nothing is run.
    assert_eq!(barrier(&run(command).await, "exit_code"), Barrier::NotMade);
}

#[tokio::test]
async fn what_is_recorded_of_an_output_names_the_secret_in_its_place() {
    let mut command =
        shell("echo \"$TOKEN\"; printf %s \"user:$TOKEN\" | base64; printf %s\\\\n \"$TOKEN\" >&2");
    command.env.insert("TOKEN".to_owned(), Text(vec![Piece::Secret("token".to_owned())]));
    let plan = probe(command);
    let secrets =
        probity_probe::Secrets::new([("token".to_owned(), "correct horse".to_owned())].into()).unwrap();
    let observation = tokio::task::spawn_blocking(move || {
        let here = probity_probe::Here::new(&secrets, jiff::Timestamp::now());
        probity_probe::look_once(&here, &plan, &plan.cells[0], &secrets).unwrap()
    })
    .await
    .unwrap();
    let recorded = serde_json::to_string(&observation).unwrap();
    assert!(!recorded.contains("correct") && !recorded.contains("Y29ycmVjdC"), "{recorded}");
    assert_eq!(observation.facts["stderr"], Value::from("[secret token]"));
    assert!(recorded.matches("[secret token]").count() >= 3, "{recorded}");
}

fn probe(command: Command) -> probity_plan::Probe {
    probity_plan::Probe {
        name: "probe".to_owned(),
        cells: vec![probity_plan::model::Cell { row: BTreeMap::new(), act: Act::Command(command) }],
        columns: Vec::new(),
        schedule: probity_plan::Schedule {
            every: None,
            lasting: None,
            repeat: None,
            timeout: "10s".parse().unwrap(),
            until: None,
            within: None,
        },
        trial: None,
        with: None,
        on: None,
        needs: None,
        impact: probity_plan::Impact::Disrupt,
        declared_harmless: false,
        keep_all: true,
        undo: None,
        at: probity_plan::Position::default(),
    }
}

/// Every process that is started below writes its number there; all of them must be gone.
fn all_gone(pids: &Path) {
    for pid in std::fs::read_to_string(pids).unwrap().split_whitespace() {
        // A killed process may still be there as a zombie, if its parent lives on.
        support::until(&format!("process {pid} is gone"), || {
            std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
        });
    }
}

#[tokio::test]
async fn a_program_that_hangs_is_ended_with_everything_it_started() {
    let folder = support::folder();
    let pids = folder.path().join("pids");
    let note = format!("echo $$ >>{0}", pids.display());
    let scripts = [
        // Itself, deaf to SIGTERM.
        format!("trap '' TERM INT HUP; {note}; while :; do sleep 1; done"),
        // A child in a session of its own.
        format!("setsid sh -c '{note}; sleep 600' & {note}; sleep 600"),
        // A daemon: forked twice, its parents gone, its pipes closed.
        format!("(setsid sh -c '({note}; exec sleep 600) <&- >&- 2>&- &') & {note}; sleep 600"),
        // Children of children.
        format!("sh -c '{note}; sh -c \"{}; sleep 600\" & sleep 600' & sleep 600", note.replace('$', "\\$")),
    ];
    for script in scripts {
        std::fs::write(&pids, "").unwrap();
        let began = Instant::now();
        let seen = look_with(Act::Command(shell(&script)), &[], Duration::from_millis(700)).await;
        assert!(began.elapsed() < PATIENCE, "{script}");
        assert_eq!(barrier(&seen, "exit_code"), Barrier::TimedOut, "{script}: {seen:?}");
        assert_eq!(known(&seen, "found"), &Value::Bool(true));
        let (least, most) = known(&seen, "elapsed_ms").ends().unwrap();
        assert!(least >= 700.0 && most.is_infinite());
        assert!(!std::fs::read_to_string(&pids).unwrap().is_empty(), "{script} did not start");
        all_gone(&pids);
    }
}

#[tokio::test]
async fn a_child_that_holds_the_output_open_does_not_keep_the_look() {
    let began = Instant::now();
    // Its standard error it has let go.
    let seen = run(shell("echo done; sleep 60 2>/dev/null &")).await;
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(known(&seen, "exit_code"), &Value::from(0));
    // What it may still print nobody knows.
    for fact in ["stdout", "stdout_bytes", "lines", "json"] {
        assert_eq!(barrier(&seen, fact), Barrier::Unsupported, "{fact}");
    }
    assert_eq!((text(&seen, "stderr"), known(&seen, "stderr_bytes")), ("", &Value::from(0)));
    let seen = run(shell("echo done; sleep 60 >/dev/null 2>&1 &")).await;
    assert_eq!(text(&seen, "stdout"), "done");
}

#[tokio::test]
async fn a_program_whose_interpreter_is_missing_is_there_and_says_so() {
    let folder = support::folder();
    let path = folder.path().join("program");
    for (script, why) in [
        ("#!/nonexistent/python -u\n", "there is no interpreter `/nonexistent/python -u`"),
        ("#! /bin/sh\r\necho hello\r\n", "its first line ends with a carriage return: `#!/bin/sh\\r`"),
    ] {
        std::fs::write(folder.path().join("script"), script).unwrap();
        support::install(&folder.path().join("script"), &path);
        let mut by_name = arguments(&["program"]);
        by_name.env.insert("PATH".to_owned(), Text::plain(folder.path().to_str().unwrap()));
        for command in [arguments(&[path.to_str().unwrap()]), by_name] {
            let seen = run(command).await;
            assert_eq!(known(&seen, "found"), &Value::Bool(true), "{script}");
            assert_eq!(barrier(&seen, "exit_code"), Barrier::ToolMissing);
            assert!(seen.unknown["*"].detail.ends_with(why), "{seen:?}");
        }
    }
}

#[tokio::test]
async fn lines_end_as_on_any_system() {
    let seen = run(arguments(&["printf", "a\r\n\nb\r\n"])).await;
    assert_eq!(known(&seen, "lines"), &Value::from(vec!["a", "", "b"]));
    assert_eq!(text(&seen, "stdout"), "a\r\n\nb");
    assert_eq!(known(&seen, "stdout_bytes"), &Value::from(7));
}

#[tokio::test]
async fn what_left_group_session_and_environment_is_ended_too() {
    let folder = support::folder();
    let pids = folder.path().join("pids");
    std::fs::File::create(&pids).unwrap().set_permissions(PermissionsExt::from_mode(0o666)).unwrap();
    let sleep = format!("echo $$ >>{}; sleep 600; :", pids.display());
    let mut commands = vec![format!("env -i PATH=$PATH setsid sh -c '{sleep}' & wait")];
    if support::root() {
        commands.push(format!("su --login nobody -s /bin/sh -c '{sleep}'"));
    } else {
        assert!(std::env::var_os("CI").is_none(), "CI runs these tests as root");
        eprintln!("SKIPPED: as root this test also runs `su --login`");
    }
    for command in commands {
        std::fs::write(&pids, "").unwrap();
        let seen = look_with(Act::Command(shell(&command)), &[], Duration::from_secs(2)).await;
        assert_eq!(barrier(&seen, "exit_code"), Barrier::TimedOut, "{seen:?}");
        let pid = std::fs::read_to_string(&pids).unwrap();
        assert!(!pid.trim().is_empty(), "it did not come that far: {command}");
        support::until("it is gone", || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        });
    }
}

#[tokio::test]
async fn a_look_that_is_dropped_ends_its_program_too() {
    let folder = support::folder();
    let pids = folder.path().join("pids");
    let script =
        format!("setsid sh -c 'echo $$ >>{0}; sleep 600' & echo $$ >>{0}; sleep 600", pids.display());
    let look = look_with(Act::Command(shell(&script)), &[], Duration::from_secs(600));
    let started = async {
        while std::fs::read_to_string(&pids).unwrap_or_default().lines().count() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        seen = look => panic!("{seen:?}"),
        () = started => {}
    }
    all_gone(&pids);
}

#[tokio::test]
async fn more_output_than_is_kept_is_counted_and_not_shown_in_part() {
    let seen = run(shell("head -c 20000000 /dev/zero; head -c 5 /dev/zero >&2")).await;
    assert_eq!(known(&seen, "exit_code"), &Value::from(0));
    assert_eq!(known(&seen, "stdout_bytes"), &Value::from(20_000_000));
    for fact in ["stdout", "lines", "json"] {
        assert_eq!(barrier(&seen, fact), Barrier::TooLarge);
    }
    assert_eq!(text(&seen, "stderr"), "\0\0\0\0\0");
}

#[tokio::test]
async fn output_without_end_ends_at_the_time_out() {
    let seen = look_with(Act::Command(arguments(&["yes"])), &[], Duration::from_millis(500)).await;
    assert_eq!(barrier(&seen, "stdout"), Barrier::TimedOut);
}

#[tokio::test]
async fn what_is_not_utf_8_is_not_text_and_hostile_text_is() {
    let seen = run(shell("printf '\\377\\376'")).await;
    assert_eq!(known(&seen, "exit_code"), &Value::from(0));
    assert_eq!(known(&seen, "stdout_bytes"), &Value::from(2));
    for fact in ["stdout", "lines", "json"] {
        assert_eq!(barrier(&seen, fact), Barrier::Protocol);
    }
    assert_eq!(text(&run(arguments(&["printf", "%s", HOSTILE])).await, "stdout"), HOSTILE);
    let deep = "printf '%*s' 100000 '' | tr ' ' '['";
    assert_eq!(barrier(&run(shell(deep)).await, "json"), Barrier::TooLarge);
}

#[tokio::test]
async fn a_byte_order_mark_is_none_of_the_json_behind_it() {
    let seen = run(shell("printf '\\357\\273\\277{\"a\": 1}\\n'")).await;
    assert_eq!(known(&seen, "json"), &Value::from_json(r#"{"a": 1}"#).unwrap());
    assert_eq!(text(&seen, "stdout"), "\u{feff}{\"a\": 1}");
}
