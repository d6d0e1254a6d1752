//! What the signature shows, what it does not, what narrows that, and how to check.

use crate::contents::Contents;

/// What the signature shows, once `probity verify` has said that the bundle is intact.
pub(crate) const SIGNATURE_SHOWS: &str = "The holder of the key stood by exactly the bytes of this bundle, and they \
    are unaltered since, if `probity verify` says so; this page cannot say it of itself.";

/// What it does not show.
pub(crate) const SIGNATURE_DOES_NOT_SHOW: &str = "It does not show that the observations are true, when they were \
    made (every time here is the observer's own), that the target is the one named, or that this was the only run. \
    Who holds key and machine can invent a log, probe a puppet, set the clock, patch the program, drop the ledger, \
    take a new key, rehearse elsewhere, or write a weak plan.";

/// The same in a line, before the five things.
pub(crate) const SIGNATURE_BRIEFLY: &str = "A signature does not show that the observations are true, when they were \
    made, that the target is the one named, or that this was the only run. Five things narrow this:";

/// What the word of those who look from elsewhere is worth.
pub(crate) const WORD_OF_OTHERS: &str = "What somebody saw who looked from elsewhere is the word of the machine it \
    looked on: whoever rules that machine can make it say anything, its own name, clock and program included.";

/// One of the five things that narrow what a signature leaves open (design.md).
pub(crate) struct Narrowing {
    /// What it is.
    pub thing: &'static str,
    /// Whether the bundle holds it.
    pub present: bool,
    /// What the bundle holds, or what its absence leaves open.
    pub says: String,
}

/// The five things, each present or absent.
pub(crate) fn five_things(contents: &Contents) -> [Narrowing; 5] {
    let start = contents.start;
    let deposit = format!(
        "The bundle cannot show this. Whoever received a digest before the run compares it with that of the resolved \
         plan: {}",
        start.resolved_sha256
    );
    let challenge = match &start.challenge {
        Some(text) => format!("The run began after this text was known: \u{201c}{text}\u{201d}"),
        None => {
            "No text from a reader is in the first entry: when the run began rests on the observer's clock."
                .into()
        }
    };
    let ledger = match &start.ledger.head {
        Some(head) => format!(
            "Run {} of the operator's ledger, whose last line before it has the digest {head}. Runs that are not \
             shown leave a gap in the numbers between two bundles.",
            start.ledger.run
        ),
        None => format!(
            "Run {} of a ledger begun with this run: nothing is known of earlier ones.",
            start.ledger.run
        ),
    };
    let reproduces = match &start.reproduces {
        Some(root) => format!(
            "This run itself observed anew what the bundle with tree head {root} records. It narrows that one, if its \
             key is the reader's; this one cites none that the reader made of it."
        ),
        None => "This bundle cites no other that it reproduces. The reader can observe anew: \
                 `probity reproduce`."
            .into(),
    };
    [
        Narrowing { thing: "Plan digest deposited before the run", present: false, says: deposit },
        Narrowing { thing: "Challenge from the reader", present: start.challenge.is_some(), says: challenge },
        Narrowing {
            thing: "Countersignature or time stamp",
            present: false,
            says: "Nobody else signed the last checkpoint: when the run ended rests on the observer's clock."
                .into(),
        },
        Narrowing {
            thing: "Head of the operator's run ledger",
            present: start.ledger.head.is_some(),
            says: ledger,
        },
        Narrowing {
            thing: "The reader's own reproduction",
            // Only another bundle could show it, which cites this one.
            present: false,
            says: reproduces,
        },
    ]
}

/// Commands that verify and reproduce, each with what it does.
pub(crate) fn commands(contents: &Contents) -> [(String, &'static str); 5] {
    let bundle = quoted(contents.bundle);
    [
        (
            format!("probity verify {bundle} --signers SIGNERS"),
            "checks every byte, the signatures, and recomputes this \
          verdict; SIGNERS lists the keys you know (the format of ssh-keygen's allowed_signers)",
        ),
        (format!("probity show {bundle}"), "walks the evidence, entry by entry"),
        (
            format!("probity evaluate {bundle} --plan MINE.yaml"),
            "judges the same evidence by your own claims",
        ),
        (
            format!("probity reproduce {bundle}"),
            "makes the same observations again, now, from where you are; it runs \
          what the plan says, so read the plan first",
        ),
        (
            format!(
                "ssh-keygen -Y verify -f SIGNERS -I NAME -n probity -s {bundle}/checkpoint.sig < {bundle}/checkpoint"
            ),
            "checks the operator's signature without Probity",
        ),
    ]
}

/// As a person would type it in a shell.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
