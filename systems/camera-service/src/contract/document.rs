//! The contract as documents: OpenRPC for programs, Markdown for people. Generated, and compared with what is committed.
