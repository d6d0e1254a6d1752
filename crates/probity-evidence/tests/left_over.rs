//! Notes of what is left over: alive while they are held, left over after; what is no note stays where it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::Scratch;
use probity_evidence::left_over::{Note, Notes, Standing};
use probity_plan::units::Span;

fn note(name: &str) -> Note {
    Note {
        format: 1,
        name: name.to_owned(),
        run: "r".to_owned(),
        process: 7,
        down: vec!["down".to_owned(), name.to_owned()],
        folder: PathBuf::from("/"),
        within: Span(Duration::from_secs(1)),
    }
}

#[test]
fn a_note_is_alive_while_it_is_held_and_left_over_after() {
    let folder = Scratch::new();
    let notes = Notes::at(folder.0.join("state/left-over"));
    assert!(notes.read().unwrap().is_empty());
    let held = notes.write_down(&note("a")).unwrap();
    assert!(notes.write_down(&note("a")).is_err(), "one of this name is there");
    assert!(matches!(&notes.read().unwrap()[..], [Standing::Alive(a)] if *a == note("a")));
    // As a run that was killed leaves it.
    drop(held);
    {
        let standing = notes.read().unwrap();
        assert!(matches!(&standing[..], [Standing::LeftOver(a, _)] if *a == note("a")));
        // Somebody removes it already.
        assert!(matches!(&notes.read().unwrap()[..], [Standing::Alive(_)]));
    }
    let [Standing::LeftOver(_, held)] = <[Standing; 1]>::try_from(notes.read().unwrap()).unwrap() else {
        panic!("it is left over")
    };
    held.strike().unwrap();
    assert!(notes.read().unwrap().is_empty());
}

#[test]
fn what_is_no_note_is_told_and_left_where_it_is() {
    let folder = Scratch::new();
    let notes = Notes::at(folder.0.clone());
    for (name, content) in [("a.json", "{"), ("b.json", r#"{"format":2}"#)] {
        std::fs::write(folder.0.join(name), content).unwrap();
    }
    let read = notes.read().unwrap();
    assert!(matches!(&read[..], [Standing::Strange(..), Standing::Strange(..)]), "{read:?}");
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 2);
    // Half of one, of a run that was killed as it wrote it.
    std::fs::write(folder.0.join("c.partial"), "{\"for").unwrap();
    notes.read().unwrap();
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 2);
}
