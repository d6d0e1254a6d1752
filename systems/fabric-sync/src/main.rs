//! The program `fabric-sync`.

fn main() {}
