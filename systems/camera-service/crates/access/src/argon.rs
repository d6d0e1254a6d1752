//! Argon2id (RFC 9106) as OWASP advises it: 19 MiB, 2 passes, 1 lane. Few at a time, and its memory goes back to the system.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use std::sync::{Condvar, Mutex, PoisonError};

/// Computations at the same time: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// Callers that may wait; at some 20 ms each the last waits under half a second.
const WAITING: usize = 32;
/// The most memory of a stored hash, in KiB: a file cannot make a look-up cost more.
const MAX_MEMORY: u32 = 64 << 10;
/// glibc gives a block back when it is freed only if it came straight from the system, and lets the size from which
/// it does so grow with what was freed, up to 32 MiB. From there on it always does. What is reserved and not
/// touched takes no memory.
const RESERVED: usize = 33 << 20;

/// Bounds how many hashes are computed at the same time.
#[derive(Default)]
pub(crate) struct Hashing {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    running: usize,
    waiting: usize,
    begun: u64,
}

/// A hash could not be computed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Enough are waiting already.
    Busy,
    /// The text is no Argon2id hash of sensible cost.
    Unusable,
}

struct Turn<'a>(&'a Hashing);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).running -= 1;
        self.0.freed.notify_one();
    }
}

impl Hashing {
    fn turn(&self) -> Result<Turn<'_>, Failure> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.running >= AT_ONCE {
            if state.waiting >= WAITING {
                return Err(Failure::Busy);
            }
            state.waiting += 1;
            state = self
                .freed
                .wait_while(state, |state| state.running >= AT_ONCE)
                .unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        state.running += 1;
        state.begun += 1;
        Ok(Turn(self))
    }

    /// How many computations there were so far.
    pub(crate) fn begun(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).begun
    }

    /// The PHC string to store for a secret.
    pub(crate) fn hash(&self, secret: &[u8]) -> Result<String, Failure> {
        let mut salt = [0u8; 16];
        getrandom::getrandom(&mut salt).map_err(|_| Failure::Unusable)?;
        let hash = self.compute(secret, &salt, &Params::DEFAULT)?;
        let stored = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::default().into()),
            params: ParamsString::try_from(&Params::DEFAULT).map_err(|_| Failure::Unusable)?,
            salt: Some(Salt::new(&salt).map_err(|_| Failure::Unusable)?),
            hash: Some(hash),
        };
        Ok(stored.to_string())
    }

    /// Whether the secret is the one of this PHC string; compared in constant time.
    pub(crate) fn verify(&self, secret: &[u8], stored: &str) -> Result<bool, Failure> {
        let (salt, expected, params) = parse(stored).ok_or(Failure::Unusable)?;
        Ok(self.compute(secret, &salt, &params)? == expected)
    }

    fn compute(&self, secret: &[u8], salt: &[u8], params: &Params) -> Result<Output, Failure> {
        let _turn = self.turn()?;
        let mut memory: Vec<Block> = Vec::with_capacity(params.block_count().max(RESERVED / Block::SIZE));
        memory.resize(params.block_count(), Block::new());
        let mut hash = [0u8; Params::DEFAULT_OUTPUT_LEN];
        Argon2::new(Algorithm::Argon2id, Version::default(), params.clone())
            .hash_password_into_with_memory(secret, salt, &mut hash, &mut memory)
            .map_err(|_| Failure::Unusable)?;
        Output::new(&hash).map_err(|_| Failure::Unusable)
    }
}

fn parse(stored: &str) -> Option<(Salt, Output, Params)> {
    let read = PasswordHash::new(stored).ok()?;
    let params = Params::try_from(&read).ok()?;
    let fits = read.algorithm == ARGON2ID_IDENT
        && read.version == Some(Version::default().into())
        && params.m_cost() <= MAX_MEMORY
        && params.t_cost() <= 16
        && params.p_cost() <= 8;
    let hash = read.hash.filter(|hash| hash.len() == Params::DEFAULT_OUTPUT_LEN)?;
    fits.then_some((read.salt?, hash, params))
}

/// Whether [`Hashing::verify`] can use this text; computes nothing.
pub(crate) fn is_usable(stored: &str) -> bool {
    parse(stored).is_some()
}
