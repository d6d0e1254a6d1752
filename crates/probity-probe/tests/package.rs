//! `package`, asked of the real dpkg and rpm inside a machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod elsewhere;
mod support;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use elsewhere::{Machine, here, tools};
use probity_plan::{Barrier, Value};
use probity_probe::Seen;
use serde_json::json;
use support::{HOSTILE, barrier, known, text};

#[tokio::test]
async fn look_sent_elsewhere() {
    elsewhere::answer().await;
}

/// The machine, for one test at a time: the managers lock each other and themselves out.
fn machine() -> Option<(&'static Machine, MutexGuard<'static, ()>)> {
    static ONE: Mutex<()> = Mutex::new(());
    let guard = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    Some((elsewhere::machine()?, guard))
}

/// Builds and installs a package for dpkg, of which two files and a setting can be changed.
fn install_deb(machine: &Machine, name: &str) {
    machine.run(&format!(
        "mkdir -p /tmp/{name}/DEBIAN /tmp/{name}/usr/share/{name} /tmp/{name}/etc
         cd /tmp/{name}
         printf 'Package: {name}\\nVersion: 1:2.0-3\\nArchitecture: all\\nMaintainer: A <a@b.c>\\nDescription: d\\n' >DEBIAN/control
         echo /etc/{name}.conf >DEBIAN/conffiles
         echo one >usr/share/{name}/one; echo two >usr/share/{name}/two; echo set >etc/{name}.conf
         md5sum usr/share/{name}/* >DEBIAN/md5sums
         dpkg-deb --build /tmp/{name} /tmp/{name}.deb; dpkg --install /tmp/{name}.deb"
    ));
}

fn paths(seen: &Seen) -> Vec<&str> {
    let Value::List(list) = known(seen, "changed") else { panic!("{seen:?}") };
    list.iter().map(|path| path.as_text().unwrap()).collect()
}

#[test]
fn what_dpkg_installed_is_described_and_its_changed_files_are_named() {
    let Some((machine, _alone)) = machine() else { return };
    install_deb(machine, "demo");
    let look = || machine.inside().look("package", &json!({ "package": "demo" }));
    let seen = look();
    assert_eq!(known(&seen, "installed"), &Value::Bool(true));
    for (fact, expected) in [
        ("manager", "dpkg"),
        ("version", "1:2.0-3"),
        ("status", "install ok installed"),
        ("architecture", "all"),
    ] {
        assert_eq!(text(&seen, fact), expected, "{fact}");
    }
    assert!(paths(&seen).is_empty());

    machine.run("echo more >>/usr/share/demo/one; rm /usr/share/demo/two; echo more >>/etc/demo.conf; touch /etc/demo.conf");
    let mut changed = paths(&look()).into_iter().map(str::to_owned).collect::<Vec<_>>();
    changed.sort();
    assert_eq!(changed, ["/etc/demo.conf", "/usr/share/demo/one", "/usr/share/demo/two"]);

    // Only its settings are left: not installed, and said so in dpkg's words.
    machine.run("dpkg --remove demo");
    let seen = look();
    assert_eq!(known(&seen, "installed"), &Value::Bool(false));
    assert_eq!(text(&seen, "status"), "deinstall ok config-files");
    machine.run("dpkg --purge demo");
    assert_eq!(barrier(&look(), "status"), Barrier::Unreachable);
}

#[test]
fn what_rpm_installed_is_described_though_dpkg_has_no_such_package() {
    let Some((machine, _alone)) = machine() else { return };
    machine.run(
        "mkdir -p /etc/rpm; echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros
         printf 'Name: thing\\nEpoch: 2\\nVersion: 1.0\\nRelease: 4\\nSummary: s\\nLicense: l\\nBuildArch: noarch\\n%%description\\nd\\n%%install\\nmkdir -p %%{buildroot}/opt; echo one >%%{buildroot}/opt/thing\\n%%files\\n/opt/thing\\n' >/tmp/thing.spec
         rpmbuild --quiet -bb --define '_topdir /tmp/rpm' /tmp/thing.spec
         rpm --install --nodeps /tmp/rpm/RPMS/noarch/thing-1.0-4.noarch.rpm",
    );
    let look = || machine.inside().look("package", &json!({ "package": "thing" }));
    let seen = look();
    assert_eq!(known(&seen, "installed"), &Value::Bool(true));
    for (fact, expected) in
        [("manager", "rpm"), ("version", "2:1.0-4"), ("status", "installed"), ("architecture", "noarch")]
    {
        assert_eq!(text(&seen, fact), expected, "{fact}");
    }
    assert!(paths(&seen).is_empty());
    machine.run("chmod 4755 /opt/thing");
    assert_eq!(paths(&look()), ["/opt/thing"]);
    machine.run("chmod 644 /opt/thing; echo more >>/opt/thing");
    assert_eq!(paths(&look()), ["/opt/thing"]);
}

#[test]
fn what_is_unpacked_and_not_set_up_is_neither_installed_nor_not() {
    let Some((machine, _alone)) = machine() else { return };
    install_deb(machine, "between");
    machine.run("dpkg --unpack /tmp/between.deb");
    let look = || machine.inside().look("package", &json!({ "package": "between" }));
    let seen = look();
    assert_eq!(text(&seen, "status"), "install ok unpacked");
    assert_eq!(barrier(&seen, "installed"), Barrier::Unsupported);
    machine.run("dpkg --configure between; echo between hold | dpkg --set-selections");
    let seen = look();
    assert_eq!((text(&seen, "status"), known(&seen, "installed")), ("hold ok installed", &Value::Bool(true)));
}

#[test]
fn every_state_of_dpkg_is_one_of_three() {
    let known_as = |states: &[&str], installed: bool| {
        let rows: String = states.iter().map(|state| format!("{state}\\t1.0\\tall\\n")).collect();
        let seen = with(&[("dpkg-query", &format!("printf '{rows}'")), ("dpkg", "true"), NO_RPM]);
        assert_eq!(known(&seen, "installed"), &Value::Bool(installed), "{states:?}");
    };
    known_as(&["install ok triggers-awaited"], true);
    known_as(&["install ok triggers-pending"], true);
    known_as(&["deinstall ok installed"], true);
    known_as(&["deinstall ok config-files"], false);
    // Of another architecture only the settings are left.
    known_as(&["deinstall ok config-files", "install ok installed"], true);
    for state in ["install ok half-configured", "install ok half-installed", "install reinstreq installed"] {
        let seen =
            with(&[("dpkg-query", &format!("printf '{state}\\t1.0\\tall\\n'")), ("dpkg", "true"), NO_RPM]);
        assert_eq!(barrier(&seen, "installed"), Barrier::Unsupported, "{state}");
    }
}

#[test]
fn what_is_left_of_another_architecture_is_not_the_version() {
    let rows = "deinstall ok config-files\\t9.0\\tamd64\\ninstall ok installed\\t8.0\\ti386\\n";
    let seen = with(&[("dpkg-query", &format!("printf '{rows}'")), ("dpkg", "true"), NO_RPM]);
    assert_eq!((text(&seen, "version"), text(&seen, "architecture")), ("8.0", "i386"), "{seen:?}");
    assert_eq!(text(&seen, "status"), "install ok installed");
}

#[test]
fn a_package_of_two_architectures_is_compared_for_each() {
    let Some((machine, _alone)) = machine() else { return };
    let own = machine.run("dpkg --print-architecture");
    let (own, other) = (own.trim(), if own.trim() == "i386" { "amd64" } else { "i386" });
    machine.run(&format!("dpkg --add-architecture {other}"));
    for architecture in [own, other] {
        machine.run(&format!(
            "rm -rf /tmp/twin; mkdir -p /tmp/twin/DEBIAN /tmp/twin/opt; cd /tmp/twin
             printf 'Package: twin\\nVersion: 1\\nArchitecture: {architecture}\\nMulti-Arch: same\\nMaintainer: A <a@b.c>\\nDescription: d\\n' >DEBIAN/control
             echo one >opt/both; echo one >opt/{architecture}; md5sum opt/* >DEBIAN/md5sums
             dpkg-deb --build /tmp/twin /tmp/twin.deb; dpkg --install /tmp/twin.deb"
        ));
    }
    let look = |name: &str| machine.inside().look("package", &json!({ "package": name }));
    let seen = look("twin");
    assert_eq!(known(&seen, "installed"), &Value::Bool(true));
    assert!(paths(&seen).is_empty());
    machine.run(&format!("echo more >>/opt/both; echo more >>/opt/{other}"));
    assert_eq!(paths(&look("twin")), ["/opt/both".to_owned(), format!("/opt/{other}")]);
    assert_eq!(paths(&look(&format!("twin:{own}"))), ["/opt/both"]);
}

#[test]
fn a_package_without_digests_has_neither_changed_files_nor_none() {
    let query = "case \"$*\" in *--control-path*) ;; *) printf 'install ok installed\\t1.0\\tall\\n';; esac";
    let seen = with(&[("dpkg-query", query), ("dpkg", "true"), NO_RPM]);
    assert_eq!(known(&seen, "installed"), &Value::Bool(true));
    assert_eq!(barrier(&seen, "changed"), Barrier::Unsupported, "{seen:?}");
}

#[test]
fn a_package_that_becomes_another_one_under_the_look_is_not_seen() {
    let folder = support::folder();
    let versions = format!(
        "printf x >>{0}/asked; printf 'install ok installed\\t%s\\tall\\n' \"$(cat {0}/asked)\"",
        folder.path().display()
    );
    let seen = with(&[("dpkg-query", &versions), ("dpkg", "true"), NO_RPM]);
    assert_eq!(barrier(&seen, "version"), Barrier::Changed, "{seen:?}");
}

#[test]
fn an_absent_package_is_a_fact_and_a_pattern_is_no_name() {
    let Some((machine, _alone)) = machine() else { return };
    let seen = machine.inside().look("package", &json!({ "package": "nosuch" }));
    assert_eq!(known(&seen, "installed"), &Value::Bool(false));
    for fact in ["manager", "version", "changed"] {
        assert_eq!(barrier(&seen, fact), Barrier::Unreachable);
    }
    for pattern in ["bas*", "--help", "", "a b", "bash\n", "/etc/passwd"] {
        let seen = machine.inside().look("package", &json!({ "package": pattern }));
        assert_eq!(barrier(&seen, "installed"), Barrier::Unsupported, "{pattern}");
    }
}

#[test]
fn files_that_may_not_be_read_have_neither_changed_nor_not() {
    let Some((machine, _alone)) = machine() else { return };
    install_deb(machine, "closed");
    let look = || machine.inside().unprivileged().look("package", &json!({ "package": "closed" }));
    assert!(paths(&look()).is_empty());
    machine.run("chmod 600 /usr/share/closed/one");
    let seen = look();
    assert_eq!(known(&seen, "installed"), &Value::Bool(true));
    assert_eq!(barrier(&seen, "changed"), Barrier::PermissionDenied, "{seen:?}");
    machine.run("chmod 644 /usr/share/closed/one; chmod 700 /usr/share/closed");
    assert_eq!(barrier(&look(), "changed"), Barrier::PermissionDenied);
}

/// Looks with these tools only, besides a shell's.
fn with(scripts: &[(&str, &str)]) -> Seen {
    let tools = tools(scripts);
    for name in ["sh", "cat", "sleep", "echo", "printf", "head", "yes"] {
        let real = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|f| f.join(name))
            .find(|p| p.exists());
        std::os::unix::fs::symlink(real.unwrap(), tools.path().join(name)).unwrap();
    }
    let path = tools.path().to_str().unwrap().to_owned();
    here().with_path(path).within(Duration::from_secs(1)).look("package", &json!({ "package": "demo" }))
}

/// One that has other packages.
const NO_DPKG: (&str, &str) = (
    "dpkg-query",
    "case \"$*\" in *demo*) echo 'dpkg-query: no packages found matching demo' >&2; exit 1;; *) echo ..;; esac",
);
const NO_RPM: (&str, &str) =
    ("rpm", "case \"$*\" in *demo*) echo 'package demo is not installed'; exit 1;; *) echo ..;; esac");
/// They have none at all.
const EMPTY_DPKG: (&str, &str) =
    ("dpkg-query", "echo 'dpkg-query: no packages found matching demo' >&2; exit 1");
const EMPTY_RPM: (&str, &str) =
    ("rpm", "case \"$*\" in *demo*) echo 'package demo is not installed'; exit 1;; esac");

#[test]
fn not_installed_is_believed_only_if_every_manager_says_so() {
    assert_eq!(barrier(&with(&[]), "installed"), Barrier::ToolMissing);
    for managers in [&[NO_DPKG][..], &[NO_RPM], &[NO_DPKG, NO_RPM]] {
        assert_eq!(known(&with(managers), "installed"), &Value::Bool(false));
    }
    for managers in [&[EMPTY_DPKG][..], &[EMPTY_RPM], &[EMPTY_DPKG, EMPTY_RPM]] {
        assert_eq!(barrier(&with(managers), "installed"), Barrier::Unsupported, "{managers:?}");
    }
    // Debian's rpm has none, which says nothing against dpkg.
    for managers in [[NO_DPKG, EMPTY_RPM], [EMPTY_DPKG, NO_RPM]] {
        assert_eq!(known(&with(&managers), "installed"), &Value::Bool(false), "{managers:?}");
    }
    let broken = ("rpm", "echo 'error: cannot open Packages database' >&2; exit 1");
    assert_eq!(barrier(&with(&[NO_DPKG, broken]), "installed"), Barrier::Protocol);
    let broken = ("dpkg-query", "echo 'dpkg-query: error: failed to open package info file' >&2; exit 2");
    assert_eq!(barrier(&with(&[broken, NO_RPM]), "installed"), Barrier::Protocol);
}

#[test]
fn a_manager_that_hangs_or_babbles_is_not_believed() {
    assert_eq!(barrier(&with(&[("dpkg-query", "sleep 600")]), "installed"), Barrier::TimedOut);
    for nonsense in ["true", "echo hello", "printf 'a\\tb\\n'", "kill -9 $$"] {
        let seen = with(&[("dpkg-query", nonsense), NO_RPM]);
        assert_eq!(barrier(&seen, "installed"), Barrier::Protocol, "{nonsense}: {seen:?}");
    }
    assert_eq!(barrier(&with(&[("dpkg-query", "yes | head -c 17000000")]), "installed"), Barrier::TooLarge);
}

#[test]
fn hostile_text_is_kept_as_text() {
    let folder = support::folder();
    let answer = folder.path().join("answer");
    std::fs::write(&answer, format!("install ok installed\t{HOSTILE}\tall\n")).unwrap();
    let verified = folder.path().join("verified");
    std::fs::write(&verified, format!("??5??????   /opt/{HOSTILE}\n")).unwrap();
    let cat = |path: &std::path::Path| format!("cat {}", path.display());
    let seen = with(&[("dpkg-query", &cat(&answer)), ("dpkg", &cat(&verified))]);
    assert_eq!(text(&seen, "version"), HOSTILE);
    assert_eq!(paths(&seen), [format!("/opt/{HOSTILE}")]);
}
