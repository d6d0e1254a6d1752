//! The frontier against RFC 6962.
#![allow(clippy::unwrap_used, reason = "tests")]

use probity_evidence::tree::{Frontier, Hash, leaf};
use sha2::{Digest, Sha256};

/// RFC 6962, section 2.1, word for word: split at the largest power of two smaller than n.
fn recursive(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Sha256::new()
                .chain_update([1])
                .chain_update(recursive(left))
                .chain_update(recursive(right))
                .finalize()
                .into()
        }
    }
}

#[test]
fn the_frontier_is_the_recursive_definition_at_every_size() {
    let mut frontier = Frontier::default();
    let mut leaves = Vec::new();
    for n in 0_u64..300 {
        assert_eq!((frontier.size(), frontier.root()), (n, recursive(&leaves)), "{n} leaves");
        let next = leaf(&n.to_be_bytes());
        leaves.push(next);
        frontier.push(next);
    }
}

/// The leaves and roots of the reference implementation's own test (certificate-transparency, merkle_tree_test.cc).
#[test]
fn the_roots_of_the_reference_implementation() {
    let leaves: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::default();
    for (line, root) in leaves.iter().zip(roots) {
        frontier.push(leaf(line));
        let found: String = frontier.root().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, root, "{} leaves", frontier.size());
    }
}
