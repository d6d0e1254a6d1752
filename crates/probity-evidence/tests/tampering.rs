//! Whatever is done to a bundle, verifying it never says that it is intact, and never panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};

use common::{Scratch, complete, running, told, verify};
use probity_evidence::store::Store;
use probity_evidence::verify::{Status, verify_store};
use probity_evidence::{Bundle, Outcome, Signers, Verification};

fn bundle() -> (Scratch, PathBuf, Signers) {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    complete(&path, scratch.key());
    let signers = scratch.signers();
    (scratch, path, signers)
}

fn files_below(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for item in std::fs::read_dir(path).unwrap().map(Result::unwrap) {
        if item.file_type().unwrap().is_dir() {
            files.extend(files_below(&item.path()));
        } else {
            files.push(item.path());
        }
    }
    files.sort();
    files
}

/// The one failed check; its name and detail.
fn failed(verification: &Verification) -> (&'static str, String) {
    let failed: Vec<_> = verification.checks.iter().filter(|check| check.status == Status::Failed).collect();
    let [one] = failed[..] else { panic!("one failed check expected:\n{}", told(verification)) };
    (one.name, one.detail.clone())
}

#[test]
fn no_byte_can_change_unnoticed() {
    let (_scratch, path, signers) = bundle();
    let files = files_below(&path);
    assert_eq!(files.len(), 8);
    let (mut changes, mut bytes) = (0, 0);
    for file in files {
        let original = std::fs::read(&file).unwrap();
        bytes += original.len();
        for place in 0..original.len() {
            let mut changed = original.clone();
            changed[place] ^= if place % 2 == 0 { 0x01 } else { 0x20 };
            std::fs::write(&file, &changed).unwrap();
            let verification = verify(&path, &signers);
            assert!(
                matches!(verification.outcome, Outcome::Altered | Outcome::Newer),
                "{} byte {place}: {:?}\n{}",
                file.display(),
                verification.outcome,
                told(&verification)
            );
            changes += 1;
        }
        std::fs::write(&file, &original).unwrap();
    }
    assert!(changes == bytes && bytes > 3_000, "{changes} of {bytes}");
    assert_eq!(verify(&path, &signers).outcome, Outcome::Intact);
}

#[test]
fn no_file_can_be_cut_unnoticed() {
    let (_scratch, path, signers) = bundle();
    for file in files_below(&path) {
        let original = std::fs::read(&file).unwrap();
        for length in 0..original.len() {
            std::fs::write(&file, &original[..length]).unwrap();
            let outcome = verify(&path, &signers).outcome;
            assert_eq!(outcome, Outcome::Altered, "{} cut to {length}", file.display());
        }
        std::fs::write(&file, [&original[..], b"\n"].concat()).unwrap();
        assert_eq!(verify(&path, &signers).outcome, Outcome::Altered, "{} with a byte more", file.display());
        std::fs::remove_file(&file).unwrap();
        let outcome = verify(&path, &signers).outcome;
        let expected = match file.file_name().unwrap().to_str().unwrap() {
            "checkpoint.sig" => Outcome::Incomplete,
            "evidence.jsonl" => Outcome::NotABundle,
            _ => Outcome::Altered,
        };
        assert_eq!(outcome, expected, "{} removed", file.display());
        std::fs::write(&file, &original).unwrap();
    }
}

#[test]
fn a_cut_tar_is_never_intact() {
    let (_scratch, path, signers) = bundle();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir_all("a.probity", &path).unwrap();
    let whole = builder.into_inner().unwrap();
    let content_ends = whole.len() - 1024;
    for length in (0..content_ends - 512).step_by(97) {
        if let Ok(store) = Store::from_tar(&whole[..length]) {
            let verification = verify_store(store, &signers, &mut |_, _| {});
            assert_ne!(verification.outcome, Outcome::Intact, "cut to {length}");
        }
    }
    let store = Store::from_tar(&whole).unwrap();
    assert_eq!(verify_store(store, &signers, &mut |_, _| {}).outcome, Outcome::Intact);
}

#[test]
fn a_tar_is_read_in_place() {
    let (scratch, path, signers) = bundle();
    let tar = scratch.join("a.tar");
    let made = std::process::Command::new("tar")
        .arg("-C")
        .arg(&scratch.0)
        .arg("-cf")
        .arg(&tar)
        .arg("a.probity")
        .status();
    assert!(made.unwrap().success());
    let verification = verify(&tar, &signers);
    assert_eq!(verification.outcome, Outcome::Intact, "{}", told(&verification));
    let (folder, packed) = (Bundle::open(&path).unwrap(), Bundle::open(&tar).unwrap());
    assert_eq!(packed.files().unwrap(), folder.files().unwrap());
    assert_eq!(packed.store().files(), folder.store().files());
}

/// A tar of the bundle with one more member.
fn tar_with(path: &Path, add: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Store {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir_all("a.probity", path).unwrap();
    add(&mut builder);
    Store::from_tar(&builder.into_inner().unwrap()).unwrap()
}

fn member(name: &str, kind: tar::EntryType) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    // Past the library's own refusal of `..`.
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(0o600);
    header.set_cksum();
    header
}

#[test]
fn a_tar_cannot_hide_members() {
    let (_scratch, path, signers) = bundle();
    let cases = [
        ("a.probity/../../escaped", tar::EntryType::Regular, "the odd name `a.probity/../../escaped`"),
        ("/etc/passwd", tar::EntryType::Regular, "the odd name `/etc/passwd`"),
        ("a.probity/plan.yaml", tar::EntryType::Regular, "`plan.yaml` is there twice"),
        (
            "a.probity/includes/x",
            tar::EntryType::Symlink,
            "`a.probity/includes/x` is a link or a special file",
        ),
        ("a.probity/includes/x", tar::EntryType::Link, "`a.probity/includes/x` is a link or a special file"),
        ("elsewhere", tar::EntryType::Regular, "`elsewhere` lies outside the bundle"),
        ("a.probity/includes/x", tar::EntryType::Regular, "`includes/x` does not belong there"),
    ];
    for (name, kind, told_as) in cases {
        let store = tar_with(&path, |builder| builder.append(&member(name, kind), std::io::empty()).unwrap());
        let verification = verify_store(store, &signers, &mut |_, _| {});
        assert_eq!(verification.outcome, Outcome::Altered, "{name}");
        let bundle = verification.checks.iter().find(|check| check.name == "bundle").unwrap();
        assert_eq!((bundle.status, &*bundle.detail), (Status::Failed, told_as));
    }
}

#[test]
fn a_tar_header_cannot_ask_for_memory() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_path("././@LongLink").unwrap();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(3 << 20);
    header.set_cksum();
    builder.append(&header, &vec![b'x'; 3 << 20][..]).unwrap();
    let error = Store::from_tar(&builder.into_inner().unwrap()).unwrap_err();
    assert!(error.to_string().contains("a header takes more than 1 MiB"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_and_strange_files_are_named_and_not_followed() {
    use std::os::unix::fs::symlink;
    let (scratch, path, signers) = bundle();
    symlink("/etc/passwd", path.join("includes/passwd")).unwrap();
    assert_eq!(failed(&verify(&path, &signers)), ("bundle", "`includes/passwd` is a link".to_owned()));
    std::fs::remove_file(path.join("includes/passwd")).unwrap();

    // The right content behind a link is refused too.
    std::fs::rename(path.join("plan.yaml"), scratch.join("plan.yaml")).unwrap();
    symlink(scratch.join("plan.yaml"), path.join("plan.yaml")).unwrap();
    let verification = verify(&path, &signers);
    assert_eq!(verification.outcome, Outcome::Altered);
    assert!(told(&verification).contains("`plan.yaml` is a link"), "{}", told(&verification));
    std::fs::remove_file(path.join("plan.yaml")).unwrap();
    std::fs::rename(scratch.join("plan.yaml"), path.join("plan.yaml")).unwrap();

    std::fs::rename(path.join("artifacts"), scratch.join("artifacts")).unwrap();
    symlink(scratch.join("artifacts"), path.join("artifacts")).unwrap();
    assert_eq!(verify(&path, &signers).outcome, Outcome::Altered);
    std::fs::remove_file(path.join("artifacts")).unwrap();
    std::fs::rename(scratch.join("artifacts"), path.join("artifacts")).unwrap();

    // A pipe that nobody writes to does not make the reader wait.
    let pipe = std::process::Command::new("mkfifo").arg(path.join("includes/pipe")).status().unwrap();
    assert!(pipe.success());
    assert_eq!(
        failed(&verify(&path, &signers)),
        ("bundle", "`includes/pipe` is neither a file nor a folder".to_owned())
    );
    std::fs::remove_file(path.join("includes/pipe")).unwrap();
    std::fs::create_dir(path.join("hidden")).unwrap();
    assert_eq!(
        failed(&verify(&path, &signers)),
        ("bundle", "the folder `hidden` does not belong there".to_owned())
    );
}

#[test]
fn extra_files_are_named() {
    let (_scratch, path, signers) = bundle();
    for name in ["extra", "artifacts/short", "includes/other.yaml", "checkpoint.partial"] {
        std::fs::write(path.join(name), "").unwrap();
        let (check, detail) = failed(&verify(&path, &signers));
        assert_eq!(check, "bundle");
        assert_eq!(detail, format!("`{name}` does not belong there"));
        std::fs::remove_file(path.join(name)).unwrap();
    }
    // A name cannot write to the terminal.
    std::fs::write(path.join("\u{1b}[31m\u{202e}"), "").unwrap();
    assert_eq!(failed(&verify(&path, &signers)).1, "the odd name `\\u{1b}[31m\\u{202e}`");
    std::fs::remove_file(path.join("\u{1b}[31m\u{202e}")).unwrap();
    let unused = path.join("artifacts").join("0".repeat(64));
    std::fs::write(&unused, "").unwrap();
    assert_eq!(failed(&verify(&path, &signers)).0, "artifacts");
    std::fs::remove_file(unused).unwrap();
    std::fs::create_dir(path.join("countersignatures")).unwrap();
    std::fs::write(path.join("countersignatures/later"), "").unwrap();
    assert_eq!(verify(&path, &signers).outcome, Outcome::Intact);
}

#[test]
fn a_missing_or_swapped_artifact_is_named() {
    let (_scratch, path, signers) = bundle();
    let [artifact] = &files_below(&path.join("artifacts"))[..] else { panic!("one artifact") };
    let original = std::fs::read(artifact).unwrap();
    std::fs::write(artifact, vec![b'x'; original.len()]).unwrap();
    let (check, detail) = failed(&verify(&path, &signers));
    assert_eq!(check, "artifacts");
    assert!(detail.ends_with("is not what was signed"), "{detail}");
    std::fs::remove_file(artifact).unwrap();
    let (check, detail) = failed(&verify(&path, &signers));
    assert_eq!(check, "artifacts");
    assert!(detail.ends_with("is missing (entry 3)"), "{detail}");
}

#[test]
fn a_log_cannot_be_reordered_shortened_or_extended() {
    let (_scratch, path, signers) = bundle();
    let log_path = path.join("evidence.jsonl");
    let log = std::fs::read_to_string(&log_path).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let write = |lines: &[&str]| {
        std::fs::write(&log_path, lines.iter().flat_map(|line| [line, "\n"]).collect::<String>()).unwrap();
        verify(&path, &signers)
    };
    let mut swapped = lines.clone();
    swapped.swap(4, 5);
    let reordered = write(&swapped);
    assert_eq!(reordered.outcome, Outcome::Altered);
    assert!(told(&reordered).contains("entry 4: it says it is entry 5"), "{}", told(&reordered));
    let mut without = lines.clone();
    without.remove(4);
    assert_eq!(write(&without).outcome, Outcome::Altered);
    assert_eq!(write(&lines[..6]).outcome, Outcome::Altered);
    let longer = write(&[&lines[..], &[lines[5]]].concat());
    assert_eq!(
        failed(&longer),
        ("closing entry", "entry 7 follows the closing entry: it was added".to_owned())
    );
    assert_eq!(write(&lines).outcome, Outcome::Intact);
}

#[test]
fn a_checkpoint_or_signature_from_another_run_is_refused() {
    let (scratch, path, signers) = bundle();
    let other = scratch.join("b.probity");
    complete(&other, scratch.key());
    let original = std::fs::read(path.join("checkpoint")).unwrap();
    std::fs::copy(other.join("checkpoint"), path.join("checkpoint")).unwrap();
    let verification = verify(&path, &signers);
    assert_eq!(verification.outcome, Outcome::Altered);
    assert!(told(&verification).contains("it is from another run"), "{}", told(&verification));
    std::fs::write(path.join("checkpoint"), original).unwrap();
    std::fs::copy(other.join("checkpoint.sig"), path.join("checkpoint.sig")).unwrap();
    assert_eq!(failed(&verify(&path, &signers)).0, "operator's signature on the last checkpoint");
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let (_scratch, path, signers) = bundle();
    let log = std::fs::read_to_string(path.join("evidence.jsonl")).unwrap();
    std::fs::write(path.join("evidence.jsonl"), log.replacen("\"format\":1", "\"format\":2,\"more\":[]", 1))
        .unwrap();
    let verification = verify(&path, &signers);
    assert_eq!(verification.outcome, Outcome::Newer);
    assert_eq!(
        told(&verification),
        "Failed first entry: the bundle has format 2; this program reads up to 1: use a newer one"
    );
}

#[test]
fn what_is_no_bundle_is_told_so() {
    let scratch = Scratch::new();
    for (name, content) in [("empty", &b""[..]), ("text", b"some text\n"), ("zip", b"PK\x03\x04rest")] {
        std::fs::write(scratch.join(name), content).unwrap();
        assert_eq!(verify(&scratch.join(name), &Signers::none()).outcome, Outcome::NotABundle, "{name}");
    }
    assert_eq!(verify(&scratch.0, &Signers::none()).outcome, Outcome::NotABundle);
    assert_eq!(verify(&scratch.join("missing"), &Signers::none()).outcome, Outcome::NotABundle);
    #[cfg(unix)]
    assert_eq!(verify(Path::new("/dev/null"), &Signers::none()).outcome, Outcome::NotABundle);
}

#[test]
fn what_follows_the_checkpoint_of_a_killed_run_decides_nothing() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    drop(running(&path, scratch.key()));
    let log_path = path.join("evidence.jsonl");
    let log = std::fs::read_to_string(&log_path).unwrap();
    let forged = log.lines().nth(4).unwrap().replacen("\"entry\":4", "\"entry\":6", 1);
    std::fs::write(&log_path, format!("{log}{forged}\n{{\"entry\":7,\"sa")).unwrap();
    std::fs::write(path.join("artifacts").join("0".repeat(64)), "an artifact of an entry that is not there")
        .unwrap();
    std::fs::write(path.join("findings.json.partial"), "{").unwrap();
    let mut seen = 0;
    let verification = probity_evidence::verify(&path, &scratch.signers(), &mut |_, _| seen += 1);
    assert_eq!(verification.outcome, Outcome::Incomplete, "{}", told(&verification));
    assert_eq!((seen, verification.signed, verification.entries), (6, 6, 7));
    let closing = verification.checks.iter().find(|check| check.name == "closing entry").unwrap();
    assert_eq!(
        closing.detail,
        "the run did not come to its end; 1 entries and a cut line after the last checkpoint are unsigned and decide nothing"
    );
}
