//! A good bundle with one edit: which file, where, how many bytes go, what comes instead. Whatever is edited, verifying
//! must not say that it is intact.
#![no_main]

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use probity_evidence::store::Store;
use probity_evidence::verify::verify_store;
use probity_evidence::{Bundle, Outcome, Signers};

/// Made by `cargo test -p probity-evidence --test seeds -- --ignored`.
const GOOD: &[u8] = include_bytes!("../corpus/tar/bundle.tar");

struct Good {
    files: BTreeMap<String, Vec<u8>>,
    signers: Signers,
}

static BUNDLE: LazyLock<Good> = LazyLock::new(|| {
    let store = Store::from_tar(GOOD).expect("a tar");
    let mut files = BTreeMap::new();
    for name in store.files().keys() {
        let mut content = Vec::new();
        store.read(name).expect("listed").read_to_end(&mut content).expect("in memory");
        files.insert(name.clone(), content);
    }
    let bundle = Bundle::over(store).expect("a bundle");
    let good = Good { files, signers: Signers::none().with_own(&bundle.start().operator_key) };
    assert_eq!(outcome(&good, &good.files), Outcome::Intact);
    good
});

fn outcome(good: &Good, files: &BTreeMap<String, Vec<u8>>) -> Outcome {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_uid(0);
        header.set_gid(0);
        header.set_entry_type(tar::EntryType::Regular);
        builder.append_data(&mut header, name, &content[..]).expect("in memory");
    }
    let bytes = builder.into_inner().expect("in memory");
    match Store::from_tar(&bytes) {
        Ok(store) => verify_store(store, &good.signers, &mut |_, _| {}).outcome,
        Err(_) => Outcome::NotABundle,
    }
}

fuzz_target!(|data: &[u8]| {
    let [which, high, low, gone, new @ ..] = data else { return };
    let good = &*BUNDLE;
    let name = good.files.keys().nth(usize::from(*which) % good.files.len()).expect("within");
    let mut files = good.files.clone();
    let content = files.get_mut(name).expect("there");
    let from = (usize::from(*high) << 8 | usize::from(*low)) % (content.len() + 1);
    let to = (from + usize::from(*gone)).min(content.len());
    content.splice(from..to, new.iter().copied());
    if files != good.files {
        assert_ne!(outcome(good, &files), Outcome::Intact, "{name} edited at {from}");
    }
});
