//! The small readers: checkpoints, files of signers, ledgers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{Scratch, complete, time};
use probity_evidence::checkpoint::parse;
use probity_evidence::signers::Standing;
use probity_evidence::{Ledger, Signers};

#[test]
fn a_checkpoint_is_read_in_one_way_only() {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    complete(&path, scratch.key());
    let good = std::fs::read_to_string(path.join("checkpoint")).unwrap();
    let read = parse(good.as_bytes()).unwrap();
    assert_eq!(read.size, 7);
    let lines: Vec<&str> = good.lines().collect();
    let [_, size, root, _, signature] = lines[..] else { panic!("five lines") };
    let others = [
        good.replacen(&format!("\n{size}\n"), "\n07\n", 1),
        good.replacen(&format!("\n{size}\n"), "\n+7\n", 1),
        good.replacen(&format!("\n{size}\n"), "\n99999999999999999999\n", 1),
        good.replacen(root, &root[..root.len() - 4], 1),
        good.replacen(root, &format!("{root}\nextension"), 1),
        good.replace('\n', "\r\n"),
        good.trim_end().to_owned(),
        format!("{good}{signature}\n"),
        format!("{good}\n"),
        good.replacen('\n', "\n\n", 1),
        String::new(),
        "\n\n".to_owned(),
    ];
    for other in others {
        assert!(parse(other.as_bytes()).is_err(), "{other:?}");
    }
}

#[test]
fn a_file_of_signers_is_read_as_ssh_keygen_reads_it() {
    let scratch = Scratch::new();
    let key = scratch.key().public();
    let at = time("2026-01-31T12:00:00Z");
    let listed = |who: &str| Standing::Listed(who.to_owned());
    let cases = [
        (format!("a@b {key}"), listed("a@b")),
        (format!("  # comment\n\na@b,c@d {key} a comment\n"), listed("a@b,c@d")),
        (format!("\"a b\" {key}"), listed("a b")),
        (format!("a@b namespaces=\"file,probity\" {key}"), listed("a@b")),
        (format!("a@b namespaces=\"pro*\",valid-after=\"20260131Z\",valid-before=\"202602010000Z\" {key}"), listed("a@b")),
        (format!("a@b NAMESPACES=\"probity\" {key}"), listed("a@b")),
        (
            format!("a@b namespaces=\"*,!probity\" {key}"),
            Standing::NotFor("a@b may sign for `*,!probity`, not for `probity`".to_owned()),
        ),
        (
            format!("a@b valid-before=\"20260131115959Z\" {key}"),
            Standing::NotFor(
                "a@b's key counted until 2026-01-31T11:59:59Z; the run says it began at 2026-01-31T12:00:00Z".to_owned(),
            ),
        ),
        (
            format!("a@b valid-after=\"20260201Z\" {key}"),
            Standing::NotFor(
                "a@b's key counts from 2026-02-01T00:00:00Z on; the run says it began at 2026-01-31T12:00:00Z".to_owned(),
            ),
        ),
        (format!("old valid-before=\"20200101Z\" {key}\nnew {key}"), listed("new")),
        (String::new(), Standing::Unlisted),
        (format!("!a@b {key}"), Standing::NotFor("its line names nobody: !a@b only excludes".to_owned())),
        (format!("!a@b,*@b {key}"), listed("!a@b,*@b")),
        (format!("a@b cert-authority {key}"), Standing::Unlisted),
        (format!("c@b cert-authority ssh-rsa AAAA\nc@b ecdsa-sha2-nistp256 AAAA\na@b {key}"), listed("a@b")),
        (format!("a@b {}", key.replacen(' ', "\t", 1)), listed("a@b")),
    ];
    for (file, expected) in cases {
        assert_eq!(Signers::parse(&file).unwrap().standing(&key, at), expected, "{file}");
    }
    assert_eq!(Signers::none().standing(&key, at), Standing::NoList);
    assert_eq!(Signers::none().with_own(&format!("{key} a comment")).standing(&key, at), Standing::Own);
}

#[test]
fn a_bad_line_among_signers_is_told_with_its_number() {
    let scratch = Scratch::new();
    let key = scratch.key().public();
    let cases = [
        ("a@b".to_owned(), "line 1: it ends before the public key"),
        (format!("# first\n\"a@b {key}"), "line 2: a quote is not closed"),
        (
            format!("a@b valid-after=\"20260101\" {key}"),
            "line 1: `20260101` is not a time in UTC such as 20261231Z or 20261231235959Z",
        ),
        (
            format!("a@b valid-after=\"20261301Z\" {key}"),
            "line 1: `20261301Z` is not a time in UTC such as 20261231Z or 20261231235959Z",
        ),
        (
            format!("a@b namespaces=\"git\",namespaces=\"probity\" {key}"),
            "line 1: the option namespaces is given twice",
        ),
        (
            format!("a@b valid-before=\"20200101Z\",Valid-Before=\"20990101Z\" {key}"),
            "line 1: the option valid-before is given twice",
        ),
        (
            format!("a@b namespaces=probity {key}"),
            "line 1: the value of namespaces stands in quotes, without quotes or backslashes in it",
        ),
        (
            format!("a@b valid-after=\"20300101Z\",valid-before=\"20290101Z\" {key}"),
            "line 1: valid-before is not after valid-after: the key would never count",
        ),
        (
            format!("\u{feff}a@b {key}"),
            "line 1: a byte order mark stands before it, which would be part of a name; take it out",
        ),
        (
            format!("a@b nonsense {key}"),
            "line 1: expected: principals, then perhaps namespaces=\"...\", valid-after=\"...\", valid-before=\"...\", then a public key",
        ),
    ];
    for (file, expected) in cases {
        assert_eq!(Signers::parse(&file).unwrap_err().to_string(), expected, "{file}");
    }
}

#[test]
fn a_ledger_counts_runs_and_chains_them() {
    let scratch = Scratch::new();
    let path = scratch.join("folder/ledger");
    let at = time("2026-01-31T12:00:00Z");
    let mut heads = Vec::new();
    for id in ["aa", "bb", "cc"] {
        let ledger = Ledger::open(&path).unwrap();
        heads.push(ledger.head_before());
        ledger.append(at, id, "A plan", "00").unwrap();
    }
    assert_eq!(heads.iter().map(|head| head.run).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(heads.iter().map(|head| head.began).collect::<Vec<_>>(), [None, Some(at), Some(at)]);
    let text = std::fs::read_to_string(&path).unwrap();
    let digests: Vec<String> = text.lines().map(|line| sha2_hex(line.as_bytes())).collect();
    assert_eq!(heads[0].head, None);
    assert_eq!(heads[1].head.as_ref(), Some(&digests[0]));
    assert_eq!(heads[2].head.as_ref(), Some(&digests[1]));

    let told = |content: String| {
        std::fs::write(&path, content).unwrap();
        Ledger::open(&path).unwrap_err().to_string()
    };
    let damaged = |line: u64, reason: &str| {
        format!(
            "the ledger {} is damaged in line {line}: {reason}; move it away to begin a new one, which bundles will then say",
            path.display()
        )
    };
    assert_eq!(told(text.replacen("bb", "bc", 1)), damaged(3, "it does not follow from the line before"));
    let without: String =
        text.lines().enumerate().filter(|(n, _)| *n != 1).map(|(_, line)| format!("{line}\n")).collect();
    assert_eq!(told(without), damaged(2, "it is for run 3, not 2"));
    assert_eq!(told(text.trim_end().to_owned()), damaged(3, "it is cut or too long"));
    assert!(told("nonsense\n".to_owned()).contains("is damaged in line 1: expected ident"));
}

#[cfg(unix)]
#[test]
fn a_ledger_that_is_no_plain_file_is_refused_at_once() {
    let scratch = Scratch::new();
    let pipe = scratch.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for place in [pipe, "/dev/zero".into()] {
        let error = Ledger::open(&place).unwrap_err().to_string();
        assert_eq!(error, format!("the ledger {}: it is not a plain file", place.display()));
    }
}

#[test]
fn two_runs_at_once_do_not_share_a_number() {
    let scratch = Scratch::new();
    let path = scratch.join("ledger");
    let at = time("2026-01-31T12:00:00Z");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..25).for_each(|_| drop(Ledger::open(&path).unwrap().append(at, "aa", "p", "00").unwrap()));
            });
        }
    });
    assert_eq!(Ledger::open(&path).unwrap().head_before().run, 101);
}

fn sha2_hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
