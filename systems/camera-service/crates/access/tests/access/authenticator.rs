//! Tokens, keys and revocations together: who somebody is, and whether they still are.

use crate::{after, noon, seconds, text};
use camera_access::{ApiKeys, AuthError, Authenticator, How, Revoked, Role, Secret, StoreError, Tokens};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn authenticator(folder: &Path) -> Authenticator {
    let tokens = Tokens::hs256(&Secret::new("correct horse battery staple 0123456789")).unwrap();
    let keys = ApiKeys::open(&folder.join("api-keys.json")).unwrap();
    Authenticator::new(tokens, keys, Revoked::open(&folder.join("revoked.json")).unwrap())
}

#[test]
fn both_kinds_of_credential_get_in_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let access = authenticator(folder.path());
    let token = access.tokens().issue("ada", Role::Viewer, seconds(60), noon()).unwrap();
    let key = access.keys().create("console", Role::Admin, None, noon()).unwrap();
    let (by_token, by_key) =
        (access.authenticate(text(&token.text), noon()), access.authenticate(text(&key.text), noon()));
    assert_eq!(by_token.map(|who| (who.how, who.user)).unwrap(), (How::Token, "ada".into()));
    assert_eq!(by_key.map(|who| (who.how, who.user)).unwrap(), (How::ApiKey, "console".into()));
    for nothing in ["", "cs_", "admin", "Bearer x"] {
        assert!(matches!(access.authenticate(nothing, noon()), Err(AuthError::Malformed)), "{nothing:?}");
    }
}

#[test]
fn an_open_session_ends_with_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let access = authenticator(folder.path());
    let token = access.tokens().issue("ada", Role::Viewer, seconds(60), noon()).unwrap();
    let who = access.authenticate(text(&token.text), noon()).unwrap();
    assert!(access.check(&who, "s_1", after(59)).is_ok());
    assert!(
        matches!(access.check(&who, "s_1", after(60)), Err(AuthError::Expired { at }) if at == after(60))
    );
}

#[test]
fn a_revoked_token_ends_here_at_once_and_elsewhere_within_a_tenth_of_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let (here, elsewhere) = (authenticator(folder.path()), authenticator(folder.path()));
    let token = here.tokens().issue("ada", Role::Viewer, seconds(3600), noon()).unwrap();
    let other = here.tokens().issue("ada", Role::Viewer, seconds(3600), noon()).unwrap();
    let who = here.authenticate(text(&token.text), noon()).unwrap();
    assert!(elsewhere.check(&who, "s_1", noon()).is_ok());
    here.revoked().revoke(&token.id, token.expires, noon()).unwrap();
    assert!(matches!(here.check(&who, "s_1", noon()), Err(AuthError::Revoked)));
    assert!(matches!(here.authenticate(text(&token.text), noon()), Err(AuthError::Revoked)));
    assert!(
        matches!(elsewhere.authenticate(text(&token.text), noon()), Err(AuthError::Revoked)),
        "a new login"
    );
    let later = noon() + jiff::SignedDuration::from_millis(100);
    assert!(matches!(elsewhere.check(&who, "s_1", later), Err(AuthError::Revoked)), "an open session");
    assert!(here.authenticate(text(&other.text), noon()).is_ok(), "others of the same user are not");
    // One session of a token that stays good.
    let who = here.authenticate(text(&other.text), noon()).unwrap();
    here.revoked().revoke("s_2", other.expires, noon()).unwrap();
    assert!(matches!(here.check(&who, "s_2", noon()), Err(AuthError::Revoked)));
    assert!(here.check(&who, "s_1", noon()).is_ok());
    // And after a restart.
    drop(here);
    assert!(matches!(
        authenticator(folder.path()).authenticate(text(&token.text), noon()),
        Err(AuthError::Revoked)
    ));
}

#[test]
fn an_open_session_of_a_key_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (here, elsewhere) = (authenticator(folder.path()), authenticator(folder.path()));
    let key = here.keys().create("console", Role::Viewer, None, noon()).unwrap();
    let who = here.authenticate(text(&key.text), noon()).unwrap();
    assert!(elsewhere.check(&who, "s_1", noon()).is_ok());
    elsewhere.keys().revoke(&key.info.id, noon()).unwrap();
    assert!(matches!(elsewhere.check(&who, "s_1", noon()), Err(AuthError::Revoked)));
    assert!(matches!(here.check(&who, "s_1", after(1)), Err(AuthError::Revoked)));
    // A clock that was set back does not stop the looking.
    let second = here.keys().create("second", Role::Viewer, None, noon()).unwrap();
    let who = here.authenticate(text(&second.text), noon()).unwrap();
    assert!(here.check(&who, "s_1", after(7200)).is_ok());
    elsewhere.keys().revoke(&second.info.id, noon()).unwrap();
    assert!(matches!(here.check(&who, "s_1", noon()), Err(AuthError::Revoked)));
}

#[test]
fn a_rotated_keys_session_ends_when_its_grace_does() {
    let folder = tempfile::tempdir().unwrap();
    let access = authenticator(folder.path());
    let key = access.keys().create("console", Role::Viewer, None, noon()).unwrap();
    let who = access.authenticate(text(&key.text), noon()).unwrap();
    assert_eq!(who.expires, None);
    access.keys().rotate(&key.info.id, seconds(60), noon()).unwrap();
    assert!(access.check(&who, "s_1", after(59)).is_ok());
    assert!(matches!(access.check(&who, "s_1", after(60)), Err(AuthError::Expired { .. })));
}

#[test]
fn a_list_of_revocations_that_vanished_or_opened_lets_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let access = authenticator(folder.path());
    let token = access.tokens().issue("ada", Role::Viewer, seconds(3600), noon()).unwrap();
    let who = access.authenticate(text(&token.text), noon()).unwrap();
    let list = folder.path().join("revoked.json");
    fs::set_permissions(&list, fs::Permissions::from_mode(0o666)).unwrap();
    let refused = access.authenticate(text(&token.text), noon());
    assert!(matches!(&refused, Err(AuthError::Unavailable(StoreError::Mode { .. }))), "{refused:?}");
    assert!(refused.unwrap_err().is_ours());
    fs::remove_file(&list).unwrap();
    for _ in 0..3 {
        assert!(
            matches!(access.check(&who, "s_1", after(1)), Err(AuthError::Unavailable(_))),
            "at every call, not only at the look"
        );
    }
    assert!(matches!(access.authenticate(text(&token.text), noon()), Err(AuthError::Unavailable(_))));
}

#[test]
fn an_entry_goes_when_what_it_ended_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let revoked = Revoked::open(&folder.path().join("revoked.json")).unwrap();
    revoked.revoke("short", after(10), noon()).unwrap();
    revoked.revoke("long", after(1000), noon()).unwrap();
    revoked.revoke("long", after(500), noon()).unwrap();
    assert_eq!(revoked.list().unwrap()["long"].until, after(1000), "revoking again never shortens");
    revoked.revoke("new", after(1000), after(10)).unwrap();
    let left: Vec<String> = revoked.list().unwrap().into_keys().collect();
    assert_eq!(left, ["long", "new"]);
    assert!(!revoked.contains("short").unwrap() && revoked.contains("long").unwrap());
}
