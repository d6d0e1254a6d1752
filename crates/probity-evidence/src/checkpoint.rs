//! Checkpoints: the head of the tree (C2SP tlog-checkpoint) in a signed note (C2SP signed-note), signed by a key made for
//! the run. The note's key has the name of the origin, `probity/RUN-ID`.
//!
//! Reading is strict: exactly three lines of text, one signature, nothing that could be written in two ways.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::Signer as _;
use signed_note::{Note, StandardVerifier, VerifierList};
use ssh_key::PublicKey;
use ssh_key::public::{Ed25519PublicKey, KeyData};

use crate::tree::Hash;

/// The head of a run's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// `probity/RUN-ID`.
    pub origin: String,
    /// How many lines it covers.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why a checkpoint is none, or not of this run.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It is not a signed note.
    #[error("it is not a signed note with one signature")]
    Note,
    /// Its text is not three lines: origin, size, root.
    #[error("its text is not a checkpoint: {0}")]
    Text(&'static str),
    /// It belongs to another run.
    #[error("it is from another run: its origin is `{found}`, not `{expected}`")]
    Origin {
        /// What it says.
        found: String,
        /// What the run's first entry leads to.
        expected: String,
    },
    /// The key in the first entry is not an Ed25519 key.
    #[error("the run key in the first entry is not an Ed25519 key")]
    RunKey,
    /// The signature is not the run key's over this text.
    #[error("its signature is not by the run key that the first entry names: {0}")]
    Signature(#[source] signed_note::NoteError),
    /// It could not be signed.
    #[error("the checkpoint could not be signed")]
    Signing,
}

/// The origin of a run's checkpoints.
pub fn origin(run: &str) -> String {
    format!("probity/{run}")
}

/// The key made for a run. It lives in memory only, and ends with the run.
pub(crate) struct RunKey {
    key: ed25519_dalek::SigningKey,
    origin: String,
}

impl signed_note::Signer for RunKey {
    fn name(&self) -> &str {
        &self.origin
    }
    fn key_id(&self) -> u32 {
        // Signature type 1 is Ed25519 (C2SP signed-note, "Signatures").
        signed_note::key_id(&self.origin, &[&[1][..], &self.key.verifying_key().to_bytes()].concat())
    }
    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, ed25519_dalek::SignatureError> {
        Ok(self.key.try_sign(text)?.to_vec())
    }
}

impl RunKey {
    /// A key from 32 random bytes.
    pub(crate) fn new(run: &str, seed: &[u8; 32]) -> Self {
        Self { key: ed25519_dalek::SigningKey::from_bytes(seed), origin: origin(run) }
    }

    /// The public key in OpenSSH's form.
    pub(crate) fn public(&self) -> Result<String, ssh_key::Error> {
        PublicKey::from(Ed25519PublicKey(self.key.verifying_key().to_bytes())).to_openssh()
    }

    /// The bytes of a checkpoint over this head.
    pub(crate) fn sign(&self, size: u64, root: &Hash) -> Result<Vec<u8>, CheckpointError> {
        let text = format!("{}\n{size}\n{}\n", self.origin, BASE64.encode(root));
        let mut note = Note::new(text.as_bytes(), &[]).map_err(|_| CheckpointError::Signing)?;
        note.add_sigs(&[self]).map_err(|_| CheckpointError::Signing)?;
        Ok(note.to_bytes())
    }
}

/// Reads a checkpoint without looking at its signature.
///
/// # Errors
/// [`CheckpointError::Note`] or [`CheckpointError::Text`].
pub fn parse(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let note = Note::from_bytes(bytes).map_err(|_| CheckpointError::Note)?;
    // One signature: a blank line, then one line. What was read, written again, must be what was read.
    if note.to_bytes() != bytes || bytes.iter().filter(|byte| **byte == b'\n').count() != 5 {
        return Err(CheckpointError::Note);
    }
    let text = std::str::from_utf8(note.text()).map_err(|_| CheckpointError::Note)?;
    let lines: Vec<&str> = text.lines().collect();
    let [origin, size_text, root] = lines[..] else {
        return Err(CheckpointError::Text("it does not have three lines"));
    };
    let size: u64 = size_text.parse().map_err(|_| CheckpointError::Text("its size is not a number"))?;
    if size.to_string() != size_text {
        return Err(CheckpointError::Text("its size is not written plainly"));
    }
    let root = BASE64.decode(root).ok().and_then(|root| Hash::try_from(root).ok());
    let root = root.ok_or(CheckpointError::Text("its root is not 32 bytes in base64"))?;
    Ok(Checkpoint { origin: origin.to_owned(), size, root })
}

/// Reads a checkpoint and holds it against the run's id and key as the first entry names them.
///
/// # Errors
/// [`CheckpointError`] unless it is this run's, signed by this key.
pub fn verify(bytes: &[u8], run: &str, run_key: &str) -> Result<Checkpoint, CheckpointError> {
    let checkpoint = parse(bytes)?;
    let expected = origin(run);
    if checkpoint.origin != expected {
        return Err(CheckpointError::Origin { found: checkpoint.origin, expected });
    }
    let key = PublicKey::from_openssh(run_key).map_err(|_| CheckpointError::RunKey)?;
    let KeyData::Ed25519(Ed25519PublicKey(key)) = key.key_data() else { return Err(CheckpointError::RunKey) };
    let key = ed25519_dalek::VerifyingKey::from_bytes(key).map_err(|_| CheckpointError::RunKey)?;
    let verifier = StandardVerifier::new(&signed_note::new_ed25519_verifier_key(&expected, &key))
        .map_err(|_| CheckpointError::RunKey)?;
    let known = VerifierList::new(vec![Box::new(verifier)]);
    let note = Note::from_bytes(bytes).map_err(|_| CheckpointError::Note)?;
    note.verify(&known).map_err(CheckpointError::Signature)?;
    Ok(checkpoint)
}
