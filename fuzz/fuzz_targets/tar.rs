//! A stranger's tar, read as a bundle in every way there is, up to its verdict and its report.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use probity_case::{Compare, recompute};
use probity_evidence::store::Store;
use probity_evidence::{Bundle, Signers};

fuzz_target!(|data: &[u8]| {
    let Ok(store) = Store::from_tar(data) else { return };
    for (name, size) in store.files() {
        if let Ok(mut file) = store.read(name) {
            let read = std::io::copy(&mut file.by_ref().take(1 << 20), &mut std::io::sink()).unwrap_or(0);
            assert!(read <= *size);
        }
    }
    let Ok(bundle) = Bundle::over(store) else { return };
    let _ = bundle.files();
    let _ = bundle.close();
    // Verifies, too, unless the plan cannot be read: then that is all that is done.
    if let Ok(recomputed) = recompute(bundle, &Signers::none(), Compare::All, &|_| (), |_| Ok::<_, ()>(None)) {
        let contents = recomputed.contents("stranger.tar");
        probity_report::html(&contents);
        probity_report::json(&contents);
    }
});
