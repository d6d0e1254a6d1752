//! The model from a fabric's objects to a plan, without any NetBox: the mapping by example, the rest by properties over fabrics at random.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod fabrics;
mod inventory;
mod mapping;
mod observing;
mod plans;
mod properties;
