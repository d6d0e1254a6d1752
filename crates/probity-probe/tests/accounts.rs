//! `user` and `group` against the machine's accounts, and against account files made for one look.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod machine;
mod support;

use std::process::Command;

use machine::{Elsewhere, json_of, look, look_after, look_as_nobody, look_elsewhere, refused};
use probity_plan::Barrier;
use serde_json::json;
use support::{barrier, text};

/// Puts this text in the place of a file of the machine, for one look.
fn instead(path: &str, content: &str) -> String {
    let name = path.replace('/', "_");
    format!(
        "mountpoint -q /mnt || mount -t tmpfs -o mode=755 none /mnt\n\
         cat > /mnt/{name} <<'END'\n{content}END\nchmod 644 /mnt/{name}; mount --bind /mnt/{name} {path}\n"
    )
}

#[tokio::test]
async fn root_is_found_by_name_and_number() {
    for user in [json!("root"), json!(0)] {
        let seen = look("user", json!({ "user": user })).await;
        assert_eq!(json_of(&seen, "exists"), json!(true));
        assert_eq!(text(&seen, "name"), "root");
        assert_eq!(json_of(&seen, "uid"), json!(0));
        assert_eq!(text(&seen, "group"), "root");
        assert_eq!(text(&seen, "home"), "/root");
        assert!(json_of(&seen, "groups").as_array().unwrap().contains(&json!("root")));
    }
}

#[tokio::test]
async fn an_account_that_is_not_there_does_not_exist() {
    for user in [json!("probity-nobody"), json!(3_999_999_999_u32)] {
        let seen = look("user", json!({ "user": user })).await;
        assert_eq!(json_of(&seen, "exists"), json!(false));
        assert_eq!(barrier(&seen, "uid"), Barrier::Unreachable);
        let seen = look("group", json!({ "group": user })).await;
        assert_eq!(json_of(&seen, "exists"), json!(false));
        assert_eq!(barrier(&seen, "members"), Barrier::Unreachable);
    }
}

#[tokio::test]
async fn a_group_shows_its_members() {
    let first = instead("/etc/group", "root:x:0:\nstaff:x:50:zoe,adam\n")
        + &instead("/etc/passwd", "root:x:0:0::/root:/bin/sh\nworker:x:1000:50::/:/bin/sh\n");
    let Some(seen) = look_after(first, "group", &json!({ "group": "staff" })) else { return };
    assert_eq!(json_of(&seen, "gid"), json!(50));
    assert_eq!(json_of(&seen, "members"), json!(["adam", "zoe"]));
    assert_eq!(json_of(&seen, "primary_members"), json!(["worker"]));
}

#[test]
fn every_line_of_a_group_s_number_names_members() {
    let first = instead("/etc/group", "root:x:0:\nstaff:x:50:zoe\nother:x:7:bob\nalso:x:50:adam\n");
    for group in [json!("staff"), json!("also"), json!(50)] {
        let Some(seen) = look_after(first.clone(), "group", &json!({ "group": group })) else { return };
        assert_eq!(json_of(&seen, "members"), json!(["adam", "zoe"]), "{group}");
    }
}

#[test]
fn what_stands_behind_a_name_belongs_to_it_as_for_the_c_library() {
    let first = instead("/etc/group", "root:x:0:\nstaff:x:50:zoe,adam\r\nother:x:51: zoe ,adam\n")
        + &instead(
            "/etc/passwd",
            "root:x:0:0::/root:/bin/sh\nadam:x:7:7::/:/bin/sh\r\nzoe:x:8:8::/:/bin/sh\n",
        );
    let Some(seen) = look_after(first.clone(), "group", &json!({ "group": "staff" })) else { return };
    assert_eq!(json_of(&seen, "members"), json!(["adam\r", "zoe"]));
    let seen = look_after(first.clone(), "user", &json!({ "user": "adam" })).unwrap();
    assert_eq!(text(&seen, "shell"), "/bin/sh\r");
    assert_eq!(json_of(&seen, "groups"), json!(["7", "other"]));
    let seen = look_after(first, "user", &json!({ "user": "zoe" })).unwrap();
    assert_eq!(json_of(&seen, "groups"), json!(["8", "staff"]));
}

#[test]
fn all_accounts_are_listed_with_what_stands_out() {
    let first = instead(
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/bin/sh\nd:x:1:1::/:/usr/sbin/nologin\n+::::::\nopen:x:5:5::/:\n",
    ) + &instead(
        "/etc/shadow",
        "root:$6$salt$0123456789abcdefghijKLMNOPQRSTUVWXYZ./0123456789abcdefghijKLMNOPQRSTUVWXYZ./0123456789:1:0:9:7:::\ntoor:!:1::::::\nd:*:1::::::\nopen::1::::::\n",
    );
    let Some(seen) = look_after(first.clone(), "user", &json!({ "user": "all" })) else { return };
    assert_eq!(json_of(&seen, "count"), json!(4));
    assert_eq!(json_of(&seen, "uid_0"), json!(["root", "toor"]));
    assert_eq!(json_of(&seen, "login_shells"), json!(["open", "root", "toor"]));
    assert_eq!(json_of(&seen, "empty_passwords"), json!(["open"]));
    assert_eq!(json_of(&seen, "users")[0]["comment"], json!("root"));
    for (name, password) in [("root", "set"), ("toor", "locked"), ("d", "locked"), ("open", "empty")] {
        let seen = look_after(first.clone(), "user", &json!({ "user": name })).unwrap();
        assert_eq!(text(&seen, "password"), password, "{name}");
    }
}

#[test]
fn the_first_line_of_an_account_counts_for_its_password() {
    let first = instead(
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\ntwice:x:1:1::/:/bin/sh\nnone:x:2:2::/:/bin/sh\nno:x:3:3::/:/bin/sh\nold:x:4:4::/:/bin/sh\nplain:x:5:5::/:/bin/sh\ncut:x:6:6::/:/bin/sh\n",
    ) + &instead(
        "/etc/shadow",
        "root:$6$salt$0123456789abcdefghijKLMNOPQRSTUVWXYZ./0123456789abcdefghijKLMNOPQRSTUVWXYZ./0123456789:1:0:9:7:::\n  twice::1::::::\ntwice:!:1::::::\nnone:NP:1::::::\nno:x:1::::::\nold:ab0123456789.:1::::::\nplain:Secret123:1::::::\ncut:$6$abc:1::::::\n",
    );
    for (name, password) in [("twice", "empty"), ("none", "locked"), ("no", "locked"), ("old", "set")] {
        let Some(seen) = look_after(first.clone(), "user", &json!({ "user": name })) else { return };
        assert_eq!(text(&seen, "password"), password, "{name}");
    }
    // As where a password stands instead of its hash.
    for name in ["plain", "cut"] {
        let Some(seen) = look_after(first.clone(), "user", &json!({ "user": name })) else { return };
        assert_eq!(barrier(&seen, "password"), Barrier::Unsupported, "{name}");
    }
}

#[test]
fn passwords_are_hidden_from_others() {
    let seen = look_as_nobody("user", &json!({ "user": "root" }));
    assert_eq!(json_of(&seen, "exists"), json!(true));
    assert_eq!(barrier(&seen, "password"), Barrier::PermissionDenied);
    let seen = look_as_nobody("user", &json!({ "user": "all" }));
    assert_eq!(barrier(&seen, "empty_passwords"), Barrier::PermissionDenied);
}

#[test]
fn account_files_that_may_not_be_read_are_a_barrier() {
    let first =
        instead("/etc/passwd", "root:x:0:0::/root:/bin/sh\nworker:x:9:9::/:\n") + "chmod 600 /etc/passwd\n";
    let unshare = &["--mount", "--propagation", "private"];
    let elsewhere = Elsewhere { unshare, first, as_nobody: true, ..Elsewhere::default() };
    let Some(seen) = look_elsewhere(&elsewhere, "user", &json!({ "user": "all" })) else { return };
    assert_eq!(barrier(&seen, "users"), Barrier::PermissionDenied);
    // Not root: systemd's part of the C library answers for root without the file.
    let seen = look_elsewhere(&elsewhere, "user", &json!({ "user": "worker" })).unwrap();
    assert_eq!(barrier(&seen, "exists"), Barrier::PermissionDenied);
    let seen = look_elsewhere(&elsewhere, "group", &json!({ "group": "root" })).unwrap();
    assert_eq!(json_of(&seen, "exists"), json!(true));
    assert_eq!(barrier(&seen, "primary_members"), Barrier::PermissionDenied);
    let first = instead("/etc/group", "staff:x:50:\n") + "chmod 600 /etc/group\n";
    let elsewhere = Elsewhere { first, ..elsewhere };
    let seen = look_elsewhere(&elsewhere, "group", &json!({ "group": "staff" })).unwrap();
    assert_eq!(barrier(&seen, "exists"), Barrier::PermissionDenied);
}

#[test]
fn an_account_file_that_makes_no_sense_is_a_barrier() {
    let first = instead("/etc/passwd", "root:x:0:0::/root:/bin/sh\nthis is no account\n");
    let Some(seen) = look_after(first.clone(), "user", &json!({ "user": "all" })) else { return };
    assert_eq!(barrier(&seen, "users"), Barrier::Protocol);
    assert!(seen.unknown["*"].detail.contains("line 2"), "{seen:?}");
    let seen = look_after(first, "group", &json!({ "group": "root" })).unwrap();
    assert_eq!(barrier(&seen, "primary_members"), Barrier::Protocol);
}

#[test]
fn hostile_text_in_an_account_is_recorded_as_it_is() {
    let hostile = support::HOSTILE.replace(':', ";");
    let first = instead("/etc/passwd", &format!("root:x:0:0:{hostile}:/root:/bin/sh\n"))
        + &instead("/etc/group", &format!("root:x:0:{}\n", hostile.replace(',', ";")));
    let Some(seen) = look_after(first.clone(), "user", &json!({ "user": "root" })) else { return };
    assert_eq!(text(&seen, "comment"), hostile);
    let seen = look_after(first.clone(), "user", &json!({ "user": "all" })).unwrap();
    assert_eq!(json_of(&seen, "users")[0]["comment"], json!(hostile));
    let seen = look_after(first, "group", &json!({ "group": "root" })).unwrap();
    assert_eq!(json_of(&seen, "members"), json!([hostile]));
}

#[test]
fn a_name_that_can_be_no_account_is_refused() {
    for user in [json!(""), json!("a:b"), json!("a\nb"), json!(-1), json!(4_294_967_295_u32), json!(true)] {
        assert!(refused("user", json!({ "user": user })).contains("a name, or a number from 0"), "{user}");
        assert!(refused("group", json!({ "group": user })).contains("a name, or a number from 0"), "{user}");
    }
}

/// A machine on which systemd knows an account and a group that stand in no file. `None` where the C library has no such
/// service.
fn with_userdb() -> Option<String> {
    let known = support::run(Command::new("sh").args(["-c", "ldconfig -p | grep -c libnss_systemd || true"]));
    if known.trim() == "0" {
        assert!(std::env::var_os("CI").is_none(), "CI has libnss-systemd");
        eprintln!("SKIPPED: with libnss-systemd this test also asks another name service");
        return None;
    }
    Some(
        instead("/etc/nsswitch.conf", "passwd: files systemd\ngroup: files systemd\n")
            + "mount -t tmpfs -o mode=755 none /run; mkdir /run/userdb; cd /run/userdb\n\
               echo '{\"userName\":\"alice\",\"uid\":70001,\"gid\":70002,\"homeDirectory\":\"/home/alice\",\"shell\":\"/bin/zsh\"}' > alice.user\n\
               echo '{\"groupName\":\"staff2\",\"gid\":70002,\"members\":[\"alice\"]}' > staff2.group\n\
               ln -s alice.user 70001.user; ln -s staff2.group 70002.group; touch alice:staff2.membership\n",
    )
}

#[test]
fn whom_only_another_name_service_knows_exists_and_owns() {
    let Some(userdb) = with_userdb() else { return };
    let Some(seen) = look_after(userdb.clone(), "user", &json!({ "user": "alice" })) else { return };
    assert_eq!(json_of(&seen, "exists"), json!(true), "{seen:?}");
    assert_eq!((json_of(&seen, "uid"), text(&seen, "shell")), (json!(70001), "/bin/zsh"));
    assert_eq!((text(&seen, "group"), json_of(&seen, "groups")), ("staff2", json!(["staff2"])));
    for group in [json!("staff2"), json!(70002)] {
        let seen = look_after(userdb.clone(), "group", &json!({ "group": group })).unwrap();
        assert_eq!(json_of(&seen, "members"), json!(["alice"]), "{group}");
    }
    let seen = look_after(userdb.clone(), "user", &json!({ "user": 70001 })).unwrap();
    assert_eq!(text(&seen, "name"), "alice");
    // Neither knows this one.
    let seen = look_after(userdb.clone(), "user", &json!({ "user": "bob" })).unwrap();
    assert_eq!(json_of(&seen, "exists"), json!(false));
    let first = userdb.clone() + "touch /mnt/hers; chown 70001:70002 /mnt/hers; chmod 600 /mnt/hers\n";
    let seen = look_after(first, "file", &json!({ "file": "/mnt/hers" })).unwrap();
    assert_eq!((text(&seen, "owner"), text(&seen, "group")), ("alice", "staff2"));
    let elsewhere = Elsewhere {
        // What is started there ends with the look.
        unshare: &["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"],
        first: userdb
            + "setpriv --reuid=70001 --clear-groups sleep 60 >/dev/null &\n\
               until [ \"$(cat /proc/$!/comm)\" = sleep ]; do :; done\n",
        ..Elsewhere::default()
    };
    let seen = look_elsewhere(&elsewhere, "process", &json!({ "process": "sleep" })).unwrap();
    assert_eq!(json_of(&seen, "users"), json!(["alice"]), "{seen:?}");
    assert_eq!(json_of(&seen, "processes")[0]["user"], json!("alice"));
}

#[test]
fn a_name_service_that_cannot_be_asked_or_hangs_is_a_barrier() {
    let Some(userdb) = with_userdb() else { return };
    let without = userdb.clone() + "export PATH=/nonexistent\n";
    let Some(seen) = look_after(without.clone(), "user", &json!({ "user": "bob" })) else { return };
    assert_eq!(barrier(&seen, "exists"), Barrier::Unsupported);
    assert!(seen.unknown["*"].detail.contains("names systemd beside files"), "{seen:?}");
    let seen = look_after(without.clone(), "group", &json!({ "group": "bob" })).unwrap();
    assert_eq!(barrier(&seen, "exists"), Barrier::Unsupported);
    // Who stands in the files needs no other service.
    let seen = look_after(without, "user", &json!({ "user": "root" })).unwrap();
    assert_eq!(json_of(&seen, "exists"), json!(true));
    let hangs = userdb
        + "printf '#!/bin/sh\\nsleep 600\\n' > /mnt/getent; chmod 755 /mnt/getent; export PATH=/mnt:$PATH\n\
           touch /mnt/hers; chown 70001:70002 /mnt/hers; chmod 600 /mnt/hers\n";
    let elsewhere = Elsewhere {
        unshare: &["--mount", "--propagation", "private"],
        first: hangs,
        timeout: std::time::Duration::from_millis(600),
        ..Elsewhere::default()
    };
    for kind in ["user", "group"] {
        let seen = look_elsewhere(&elsewhere, kind, &json!({ kind: "bob" })).unwrap();
        assert_eq!(barrier(&seen, "exists"), Barrier::TimedOut, "{kind}");
    }
    let seen = look_elsewhere(&elsewhere, "file", &json!({ "file": "/mnt/hers" })).unwrap();
    assert_eq!(barrier(&seen, "owner"), Barrier::TimedOut);
    assert_eq!((text(&seen, "mode"), json_of(&seen, "uid")), ("600", json!(70001)));
}

#[test]
fn a_name_service_that_gives_no_answer_is_no_word_that_nobody_is_there() {
    // One of the C library's own services, without the configuration that it needs.
    for services in ["files hesiod", "hesiod [NOTFOUND=return] files"] {
        let first = instead("/etc/nsswitch.conf", &format!("passwd: {services}\ngroup: {services}\n"))
            + "touch /mnt/hers; chown 70001:70002 /mnt/hers\n";
        for (kind, account) in [("user", json!("bob")), ("user", json!(70001)), ("group", json!("bob"))] {
            let parameters = json!({ kind: account });
            let Some(seen) = look_after(first.clone(), kind, &parameters) else { return };
            assert_eq!(barrier(&seen, "exists"), Barrier::Unreachable, "{services}");
            let why = &seen.unknown["*"].detail;
            assert!(why.contains("the name service hesiod of"), "{services}: {why}");
        }
        let seen = look_after(first.clone(), "file", &json!({ "file": "/mnt/hers" })).unwrap();
        assert_eq!(barrier(&seen, "owner"), Barrier::Unreachable, "{services}");
        assert_eq!(json_of(&seen, "uid"), json!(70001));
        // Who was found is there; of the groups that others may tell nothing is known.
        let seen = look_after(first.clone(), "user", &json!({ "user": "root" })).unwrap();
        assert_eq!(text(&seen, "name"), "root", "{services}");
        assert_eq!(barrier(&seen, "groups"), Barrier::Unreachable, "{services}");
    }
    let first = instead("/etc/nsswitch.conf", "passwd: files\ngroup: files [SUCCESS=merge] hesiod\n");
    let seen = look_after(first, "group", &json!({ "group": "root" })).unwrap();
    assert_eq!((json_of(&seen, "gid"), barrier(&seen, "members")), (json!(0), Barrier::Unreachable));
    // From a library that is missing no program here learns of anybody.
    let first = instead("/etc/nsswitch.conf", "passwd: files nosuch\ngroup: files nosuch\n");
    for (kind, name, there) in [("user", "bob", false), ("user", "root", true), ("group", "bob", false)] {
        let seen = look_after(first.clone(), kind, &json!({ kind: name })).unwrap();
        assert_eq!(json_of(&seen, "exists"), json!(there), "{kind} {name}");
    }
}

#[test]
fn an_empty_password_field_needs_no_shadow() {
    let first = instead(
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\nopen::5:5::/:/bin/sh\nold:$1$a$0123456789abcdefghijkl:6:6::/:/bin/sh\noff:*:7:7::/:/bin/sh\n",
    ) + &instead(
        "/etc/shadow",
        "root:$6$salt$0123456789abcdefghijKLMNOPQRSTUVWXYZ./0123456789abcdefghijKLMNOPQRSTUVWXYZ./0123456789:1:0:9:7:::\nopen:!:1::::::\n",
    );
    let Some(seen) = look_after(first.clone(), "user", &json!({ "user": "all" })) else { return };
    assert_eq!(json_of(&seen, "empty_passwords"), json!(["open"]));
    for (name, password) in [("root", "set"), ("open", "empty"), ("old", "set"), ("off", "locked")] {
        let seen = look_after(first.clone(), "user", &json!({ "user": name })).unwrap();
        assert_eq!(text(&seen, "password"), password, "{name}");
    }
}
