//! Tars: those that the usual programs make verify; whatever two programs may unpack differently is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Scratch, complete, told, verify};
use probity_evidence::store::Store;
use probity_evidence::verify::{Status, verify_store};
use probity_evidence::{Bundle, CheckId, Outcome, Signers};

fn bundle() -> (Scratch, PathBuf, Signers) {
    let scratch = Scratch::new();
    let path = scratch.join("a.probity");
    complete(&path, scratch.key());
    let signers = scratch.signers();
    (scratch, path, signers)
}

/// The blocks of a tar, made by hand.
struct Tar(Vec<u8>);

/// A header: `edit` changes it before its checksum is made.
fn header(name: &str, kind: u8, size: usize, edit: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut block = vec![0; 512];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    for at in [100, 108, 116] {
        put(at, b"0000644");
    }
    put(124, format!("{size:011o}").as_bytes());
    put(136, b"00000000000");
    put(156, &[kind]);
    put(257, if kind == b'L' { b"ustar  \0" } else { b"ustar\x0000" });
    edit(&mut block);
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn padded(mut content: Vec<u8>) -> Vec<u8> {
    content.resize(content.len().next_multiple_of(512), 0);
    content
}

impl Tar {
    /// Every file of a bundle at the top, without its end.
    fn of(bundle: &Path) -> Self {
        let mut tar = Self(Vec::new());
        let store = Bundle::open(bundle).unwrap();
        for name in store.store().files().keys() {
            tar = tar.member(name, b'0', &std::fs::read(bundle.join(name)).unwrap());
        }
        tar
    }

    fn member(self, name: &str, kind: u8, content: &[u8]) -> Self {
        self.edited(name, kind, content, |_| ())
    }

    fn edited(mut self, name: &str, kind: u8, content: &[u8], edit: impl FnOnce(&mut [u8])) -> Self {
        self.0.extend(header(name, kind, content.len(), edit));
        self.0.extend(padded(content.to_vec()));
        self
    }

    fn pax(self, records: &[&str]) -> Self {
        let length = |record: &str| {
            let mut length = record.len() + 3;
            while length != record.len() + 2 + length.to_string().len() {
                length = record.len() + 2 + length.to_string().len();
            }
            length
        };
        let records: String = records.iter().map(|it| format!("{} {it}\n", length(it))).collect();
        self.member("pax", b'x', records.as_bytes())
    }

    fn long(self, name: &str) -> Self {
        self.member("././@LongLink", b'L', format!("{name}\0").as_bytes())
    }

    fn blocks(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn end(self) -> Vec<u8> {
        self.blocks(&[0; 1024]).0
    }
}

/// Why a tar is not read.
fn refusal(tar: &[u8]) -> String {
    let error = Store::from_tar(tar).unwrap_err().to_string();
    let part = error.split("in the tar, at byte ").nth(1).unwrap_or(&error);
    part.split(": ").nth(1).and_then(|part| part.split(';').next()).unwrap_or(&error).to_owned()
}

#[test]
fn what_the_usual_programs_make_is_intact() {
    let (scratch, path, signers) = bundle();
    let name = path.file_name().unwrap();
    let accented = scratch.join("r\u{e9}l\u{e9}ase.probity");
    let long = scratch.join(&format!("{}.probity", "a".repeat(110)));
    std::fs::rename(&path, &accented).unwrap();
    complete(&path, scratch.key());
    complete(&long, scratch.key());
    let python = "import sys, tarfile\nwith tarfile.open(sys.argv[2], 'w', format=getattr(tarfile, sys.argv[1])) as t: t.add(sys.argv[3], sys.argv[4])";
    let out = scratch.join("out.tar");
    let tar = |program: &str, options: &[&str]| {
        let mut command = Command::new(program);
        command.args(options).arg("-cf").arg(&out).arg("-C").arg(&scratch.0).arg(name);
        command
    };
    let by_python = |format: &str, of: &Path, called: &str| {
        let mut command = Command::new("python3");
        command.args(["-c", python, format]).arg(&out).arg(of).arg(called);
        command
    };
    let mut inside = Command::new("tar");
    inside.arg("-cf").arg(&out).arg("-C").arg(&path).arg(".");
    let mut deep = Command::new("tar");
    deep.arg("-cf").arg(&out).arg("-C").arg("/").arg(path.strip_prefix("/").unwrap());
    let cases = [
        tar("tar", &[]),
        tar("tar", &["--format=posix"]),
        tar("tar", &["--format=ustar", "-b", "2048"]),
        tar("tar", &["--format=gnu", "--owner=4000000000"]),
        tar("bsdtar", &[]),
        tar("bsdtar", &["--format=pax"]),
        tar("bsdtar", &["--format=ustar"]),
        by_python("PAX_FORMAT", &accented, "r\u{e9}l\u{e9}ase.probity"),
        by_python("USTAR_FORMAT", &path, "x.probity"),
        by_python("GNU_FORMAT", &long, &format!("{}.probity", "a".repeat(110))),
        inside,
        deep,
    ];
    let mut made = 0;
    for mut command in cases {
        match command.status() {
            Ok(status) => assert!(status.success(), "{command:?}"),
            Err(error) => {
                println!("skipped: {:?}: {error}", command.get_program());
                continue;
            }
        }
        let verification = verify(&out, &signers);
        assert_eq!(verification.outcome, Outcome::Intact, "{command:?}\n{}", told(&verification));
        std::fs::remove_file(&out).unwrap();
        made += 1;
    }
    assert!(made > 0);
    let by_hand = Store::from_tar(&Tar::of(&path).end()).unwrap();
    assert_eq!(verify_store(by_hand, &signers, &mut |_, _| ()).outcome, Outcome::Intact);
}

#[test]
fn a_tar_is_read_in_place() {
    let (scratch, path, _) = bundle();
    let tar = scratch.join("a.tar");
    std::fs::write(&tar, Tar::of(&path).end()).unwrap();
    let (folder, packed) = (Bundle::open(&path).unwrap(), Bundle::open(&tar).unwrap());
    assert_eq!(packed.files().unwrap(), folder.files().unwrap());
    assert_eq!(packed.store().files(), folder.store().files());
}

#[test]
fn a_cut_tar_is_not_read() {
    let (_scratch, path, _) = bundle();
    let whole = Tar::of(&path).end();
    for length in (0..whole.len()).step_by(97) {
        assert!(Store::from_tar(&whole[..length]).is_err(), "cut to {length}");
    }
    assert!(Store::from_tar(&whole).is_ok());
}

#[test]
fn whatever_two_programs_may_read_differently_is_refused() {
    let (_scratch, path, _) = bundle();
    let tar = || Tar::of(&path);
    let evil = b"<h1>READY</h1>";
    let set = |at: usize, bytes: &'static [u8]| {
        move |header: &mut [u8]| header[at..at + bytes.len()].copy_from_slice(bytes)
    };
    let extension = "a header for a member that does not follow at once";
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (tar().pax(&["path=report.html"]).long("includes/x").member("zz", b'0', evil).end(), extension),
        (tar().long("includes/x").pax(&["path=report.html"]).member("zz", b'0', evil).end(), extension),
        (tar().pax(&["mtime=1"]).pax(&["path=report.html"]).member("zz", b'0', evil).end(), extension),
        (tar().pax(&["mtime=1"]).end(), extension),
        (tar().pax(&["size=3"]).member("includes/x", b'0', evil).end(), extension),
        (tar().long("includes/x").member("zz", b'0', evil).end(), extension),
        (
            tar().pax(&["path=includes/x", "path=report.html"]).member("zz", b'0', evil).end(),
            "a pax header with the record `path` twice",
        ),
        (
            tar().pax(&["GNU.sparse.name=report.html"]).member("includes/x", b'0', evil).end(),
            "a pax header with the record `GNU.sparse.name`",
        ),
        (
            tar().pax(&["SCHILY.realsize=3"]).member("includes/x", b'0', evil).end(),
            "a pax header with the record `SCHILY.realsize`",
        ),
        (
            tar().pax(&["hdrcharset=ISO-IR 8859 1 1998"]).member("includes/x", b'0', evil).end(),
            "a pax header with names in another character set than UTF-8",
        ),
        (
            tar().member("pax", b'x', b"0015 path=zzz\n\n").member("includes/x", b'0', evil).end(),
            "a pax header with a record that is none",
        ),
        (
            tar().member("pax", b'x', b"012 path=zz\n").member("includes/x", b'0', evil).end(),
            "a pax header with records that are not written plainly",
        ),
        (tar().member("global", b'g', b"").end(), "a pax header for all that follows"),
        (tar().member("includes/x", b'1', b"").end(), "a link"),
        (tar().member("includes/x", b'2', b"").end(), "a link"),
        (tar().member("includes/x", b'6', b"").end(), "a device or a pipe"),
        (tar().member("includes/x", b'S', evil).end(), "a sparse file"),
        (tar().member("includes/x", b'7', evil).end(), "a member of the kind `7`"),
        (
            tar().member("includes/x", 0, evil).end(),
            "a member of the kind of before 1988, which may be a file or a folder",
        ),
        (tar().member("includes/", b'5', evil).end(), "a folder holds bytes that nobody would see"),
        (tar().member("includes/x/", b'0', evil).end(), "the file `includes/x/` with a name like a folder's"),
        (
            tar().edited("includes/x", b'0', evil, set(157, b"report.html")).end(),
            "a file or folder with the target of a link",
        ),
        (tar().edited("includes/x\0y", b'0', evil, |_| ()).end(), "the field `name` goes on after its end"),
        (
            tar().edited("includes/x", b'0', evil, set(257, b"ustar\x0001")).end(),
            "a header that is neither ustar, version 00, nor GNU's",
        ),
        (
            tar().edited("includes/x", b'0', evil, set(257, &[0; 8])).end(),
            "a header that is neither ustar, version 00, nor GNU's",
        ),
        (
            tar().edited("includes/x", b'0', evil, set(124, b"+0000000016")).end(),
            "the number `size` is not written as octal digits",
        ),
        (
            tar().edited("includes/x", b'0', evil, set(124, b" 0000000016")).end(),
            "the number `size` is not written as octal digits",
        ),
        (
            tar().edited("includes/x", b'0', evil, set(124, b"\x80\0\0\0\0\0\0\0\0\0\0\x0e")).end(),
            "the number `size` is not written as octal digits",
        ),
        (
            tar().edited("includes/x", b'0', evil, set(508, b"tar\0")).end(),
            "the end of a header holds bytes that nobody would see",
        ),
        (
            tar().blocks(&header("includes/x", b'0', 3, |_| ())).blocks(&[b'x'; 512]).end(),
            "the room after a member holds bytes that nobody would see",
        ),
        (
            tar().blocks(&[0; 1024]).member("report.html", b'0', evil).end(),
            "something else than zeros after the end, or more than 16 MiB of them",
        ),
        (
            tar().blocks(&[0; 512]).member("report.html", b'0', evil).end(),
            "something else than zeros after the end, or more than 16 MiB of them",
        ),
    ];
    for (tar, reason) in cases {
        assert_eq!(refusal(&tar), reason);
    }
}

#[test]
fn a_tar_cannot_hide_members() {
    let (_scratch, path, signers) = bundle();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir_all("a.probity", &path).unwrap();
    let whole = builder.into_inner().unwrap();
    let content = whole.len() - 1024;
    let cases = [
        ("a.probity/../../escaped", b'0', "the odd name `a.probity/../../escaped`"),
        ("/etc/passwd", b'0', "`/etc/passwd` lies outside the bundle"),
        ("elsewhere", b'0', "`elsewhere` lies outside the bundle"),
        ("elsewhere/", b'5', "`elsewhere` lies outside the bundle"),
        ("a.probity/plan.yaml", b'0', "`plan.yaml` is there twice"),
        ("./a.probity/plan.yaml", b'0', "`plan.yaml` is there twice"),
        ("a.probity/artifacts", b'5', "the folder `a.probity/artifacts` is there twice"),
        ("./a.probity/", b'5', "the folder `a.probity` is there twice"),
        ("a.probity/Plan.yaml", b'0', "`plan.yaml` and `Plan.yaml` are one name to some file systems"),
        ("a.probity/ARTIFACTS/", b'5', "`artifacts` and `ARTIFACTS` are one name to some file systems"),
        ("a.probity/hidden/", b'5', "the folder `hidden` does not belong there"),
        ("a.probity/includes/x", b'0', "`includes/x` does not belong there"),
        ("a.probity/countersignatures/x", b'0', "`countersignatures/x` does not belong there"),
    ];
    for (name, kind, expected) in cases {
        let tar = Tar(whole[..content].to_vec()).member(name, kind, b"").end();
        let verification = verify_store(Store::from_tar(&tar).unwrap(), &signers, &mut |_, _| ());
        assert_eq!(verification.outcome, Outcome::Altered, "{name}");
        let bundle = verification.check(CheckId::Bundle).unwrap();
        let expected = expected.replace("a.probity/../../", if name.contains("..") { "../../" } else { "" });
        assert_eq!((bundle.status(), &*bundle.detail()), (Status::Failed, &*expected));
    }
}

#[test]
fn a_tar_header_cannot_ask_for_memory() {
    let (_scratch, path, _) = bundle();
    let tar = Tar::of(&path).long(&"x".repeat(3 << 20)).member("zz", b'0', b"").end();
    assert_eq!(refusal(&tar), "a header for a member that does not follow at once");
}

#[test]
fn the_folder_of_a_bundle_in_a_tar_has_a_plain_name() {
    let (_scratch, path, signers) = bundle();
    let below = |top: &str| {
        let bundle = Bundle::open(&path).unwrap();
        let files = bundle.store().files().keys();
        let tar = files.fold(Tar(Vec::new()), |tar, name| {
            tar.member(&format!("{top}/{name}"), b'0', &std::fs::read(path.join(name)).unwrap())
        });
        verify_store(Store::from_tar(&tar.end()).unwrap(), &signers, &mut |_, _| ()).outcome
    };
    for top in ["a.probity", "./a.probity", "b/a.probity"] {
        assert_eq!(below(top), Outcome::Intact, "{top}");
    }
    for top in ["../up", "..", "a/../b", "/abs", "a//b", "a/./b"] {
        assert_eq!(below(top), Outcome::Altered, "{top}");
    }
}

#[test]
fn what_is_no_tar_is_told_from_one_that_is_read_differently() {
    let (scratch, _, _) = bundle();
    let file = scratch.join("file");
    for (content, said) in [
        (
            &b"\x1f\x8b\x08rest"[..],
            "is neither a folder nor a tar: it is compressed; unpack it with gunzip first",
        ),
        (b"some text", "is neither a folder nor a tar: it is another file"),
    ] {
        std::fs::write(&file, content).unwrap();
        let told = Store::open(&file).unwrap_err().to_string();
        assert!(told.ends_with(said), "{told}");
    }
}
