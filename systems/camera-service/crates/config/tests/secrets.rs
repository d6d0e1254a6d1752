//! The secrets: from where they come, and when the service must not start.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use camera_config::{Environment, JWT_SECRET, MEDIAMTX_PASSWORD, read_env_file, secrets};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

const GOOD: &str = "q8Zr5tG1nB7vX3cL9mK2pW6yH4dF0sAj";

fn env_file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

#[test]
fn the_file_is_read_and_the_process_overrides_it() {
    let text = format!(
        "# comment with $ and \"\nexport A=1\nB='with $ and blank'\nC=\"quoted\"\n\n{JWT_SECRET}={GOOD}\n"
    );
    let (_folder, path) = env_file(&text, 0o600);
    let process = Environment::from([("A".into(), "2".into())]);
    let variables = read_env_file(&path, &process).unwrap();
    let value = |name: &str| variables.get(name).map(String::as_str);
    assert_eq!((value("A"), value("B"), value("C")), (Some("2"), Some("with $ and blank"), Some("quoted")));
    let secrets = secrets(&variables, &path).unwrap();
    assert_eq!((secrets.jwt.expose(), secrets.mediamtx_password.as_ref()), (GOOD, None));
    assert_eq!(format!("{secrets:?}"), "Secrets { jwt: ***, mediamtx_password: None }");
}

#[test]
fn a_file_that_others_may_use_is_refused_with_the_command_that_cures_it() {
    for mode in [0o640, 0o604, 0o644, 0o620, 0o602, 0o610, 0o666] {
        let (_folder, path) = env_file(&format!("{JWT_SECRET}={GOOD}"), mode);
        let shown = path.display();
        assert_eq!(
            read_env_file(&path, &Environment::new()).unwrap_err().to_string(),
            format!(
                "{shown}: others than its owner may use this file of secrets (mode {mode:o}): type `chmod 600 {shown}`, \
                 and change the secrets if somebody may have read them"
            )
        );
    }
    for mode in [0o600, 0o400] {
        let (_folder, path) = env_file(&format!("{JWT_SECRET}={GOOD}"), mode);
        assert!(read_env_file(&path, &Environment::new()).is_ok(), "{mode:o}");
    }
}

#[test]
fn a_missing_file_adds_nothing_and_a_folder_or_fifo_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let process = Environment::from([("A".into(), "2".into())]);
    assert_eq!(read_env_file(&folder.path().join(".env"), &process).unwrap(), process);
    assert!(
        read_env_file(folder.path(), &process).unwrap_err().to_string().ends_with(": this is not a file")
    );
    let fifo = folder.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    assert!(read_env_file(&fifo, &process).unwrap_err().to_string().ends_with(": this is not a file"));
}

#[test]
fn lines_that_mean_different_things_to_different_readers_are_refused_and_not_repeated() {
    for (text, why) in [
        ("A=1\nB=hunter2$x\n", "line 2: put a value with `$` between single quotes"),
        ("B=\"hunter2$x\"\n", "line 1: put a value with `$` between single quotes"),
        (
            "A=1\nhunter2\n",
            "line 2: this is not NAME=value; put a value with blanks or quotes between single quotes",
        ),
        (
            "A=1\nB=hunter2 hunter2\n",
            "line 2: this is not NAME=value; put a value with blanks or quotes between single quotes",
        ),
    ] {
        let (_folder, path) = env_file(text, 0o600);
        let error = read_env_file(&path, &Environment::new()).unwrap_err().to_string();
        assert_eq!(error, format!("{}: {why}", path.display()));
        assert!(!error.contains("hunter2"));
    }
}

#[test]
fn without_a_good_secret_there_is_none_and_the_error_says_how_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    let make = format!(
        "make one with `camera-service install`, or type `(umask 077; echo \"{JWT_SECRET}=$(head -c 48 /dev/urandom | base64 -w 0)\" >> {})`",
        path.display()
    );
    let error = |value: Option<&str>| {
        let variables = value.map(|value| (JWT_SECRET.into(), value.into())).into_iter().collect();
        secrets(&variables, &path).unwrap_err().to_string()
    };
    let missing = format!(
        "there is no secret to sign tokens with: {JWT_SECRET} is neither in the environment nor in {}; {make}",
        path.display()
    );
    assert_eq!(error(None), missing);
    assert_eq!(error(Some("")), missing);
    assert_eq!(
        error(Some(&GOOD[1..])),
        format!("{JWT_SECRET} has 31 bytes and can be guessed; it must have at least 32; {make}")
    );
    assert_eq!(
        error(Some(&"abc".repeat(20))),
        format!("{JWT_SECRET} repeats a few characters and can be guessed; {make}")
    );
}

#[test]
fn the_command_that_the_error_names_makes_a_secret_that_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    let error = secrets(&Environment::new(), &path).unwrap_err().to_string();
    let command = error.rsplit_once("or type `").unwrap().1.strip_suffix('`').unwrap();
    assert!(Command::new("sh").args(["-c", command]).status().unwrap().success());
    let variables = read_env_file(&path, &Environment::new()).unwrap();
    assert_eq!(secrets(&variables, &path).unwrap().jwt.expose().len(), 64);
}

#[test]
fn the_password_of_mediamtx_is_taken_if_there_is_one() {
    let variables = |password: &str| {
        Environment::from([(JWT_SECRET.into(), GOOD.into()), (MEDIAMTX_PASSWORD.into(), password.into())])
    };
    let path = PathBuf::from("/e");
    assert_eq!(secrets(&variables("hunter2"), &path).unwrap().mediamtx_password.unwrap().expose(), "hunter2");
    assert_eq!(secrets(&variables(""), &path).unwrap().mediamtx_password, None);
}
