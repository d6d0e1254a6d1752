//! The operator's key: Ed25519 in OpenSSH's form, held here, in an agent, encrypted, or in a security key; and SSHSIG
//! signatures with the namespace `probity`.
//!
//! What we cannot hold ourselves signs through the stock `ssh-keygen -Y sign`. No key is read that was not named or made here.

use std::path::{Path, PathBuf};

use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

use crate::{disk, keygen};

/// The namespace of every SSHSIG we make or accept.
pub const NAMESPACE: &str = "probity";

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the key {}: {source}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not an Ed25519 key of OpenSSH's, private or public.
    #[error(
        "{} is not an Ed25519 key in OpenSSH's form: name a private key, or the .pub file of a key that your agent holds; \
         `ssh-keygen -t ed25519` makes one",
        .0.display()
    )]
    NotAKey(PathBuf),
    /// Others may read the private key.
    #[error("the private key {} can be read by others (mode {mode:o}): chmod 600 {0}", path.display())]
    Exposed {
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// `ssh-keygen` is not there or did not sign.
    #[error("signing with {} through ssh-keygen: {reason}", path.display())]
    Keygen {
        /// The key.
        path: PathBuf,
        /// What ssh-keygen said.
        reason: String,
    },
    /// The key library refused.
    #[error("signing with {}: {source}", path.display())]
    Signing {
        /// The key.
        path: PathBuf,
        /// Why.
        source: ssh_key::Error,
    },
    /// No random numbers.
    #[error("the operating system gave no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// The operator's key.
#[derive(Clone)]
pub struct Key {
    path: PathBuf,
    public: PublicKey,
    /// The private half, if it is here and in clear; else `ssh-keygen` signs.
    held: Option<PrivateKey>,
}

impl Key {
    /// A key by its file: a private key, also an encrypted one or one of a security key; or the `.pub` file of a key whose
    /// private half an agent holds.
    ///
    /// # Errors
    /// [`KeyError`] if it cannot be read, is not Ed25519, or others may read it.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let file = |source| KeyError::File { path: path.to_owned(), source };
        let text = disk::read_to_string_capped(path, 1 << 16).map_err(file)?;
        let (public, held) = if let Ok(public) = PublicKey::from_openssh(text.trim()) {
            (public, None)
        } else {
            let private = PrivateKey::from_openssh(&text).map_err(|_| KeyError::NotAKey(path.to_owned()))?;
            let mode = disk::mode(path).map_err(file)?;
            if mode & 0o077 != 0 {
                return Err(KeyError::Exposed { path: path.to_owned(), mode });
            }
            let in_clear = matches!(private.key_data(), KeypairData::Ed25519(_));
            (private.public_key().clone(), in_clear.then_some(private))
        };
        if !is_ed25519(&public) {
            return Err(KeyError::NotAKey(path.to_owned()));
        }
        Ok(Self { path: path.to_owned(), public, held })
    }

    /// The key `DIR/key`, made if it is not there: the folder with mode 0700, the key 0600, its public half beside it.
    ///
    /// # Errors
    /// [`KeyError`] if it can neither be read nor made.
    pub fn default_at(dir: &Path) -> Result<Self, KeyError> {
        let path = dir.join("key");
        let file = |source| KeyError::File { path: path.clone(), source };
        if !path.exists() {
            disk::create_private_dir_all(dir).map_err(file)?;
            let mut seed = [0; 32];
            getrandom::getrandom(&mut seed)?;
            let made = PrivateKey::new(Ed25519Keypair::from_seed(&seed).into(), "probity")
                .and_then(|key| Ok((key.to_openssh(LineEnding::LF)?, key.public_key().to_openssh()?)));
            let (private, public) =
                made.map_err(|source| KeyError::Signing { path: path.clone(), source })?;
            // Another run may make one at the same moment: whose is there first is the key.
            match disk::create_new_whole(&path, private.as_bytes()) {
                Ok(()) => disk::create_new_whole(&dir.join("key.pub"), format!("{public}\n").as_bytes())
                    .or_else(disk::already_there)
                    .map_err(file)?,
                Err(error) => disk::already_there(error).map_err(file)?,
            }
        }
        Self::load(&path)
    }

    /// The public key in OpenSSH's form, without comment.
    pub fn public(&self) -> String {
        plain(&self.public)
    }

    /// `SHA256:...`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        self.public.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Whether it signs at once: nobody and nothing else has to be asked.
    pub(crate) fn at_hand(&self) -> bool {
        self.held.is_some()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Signs: SSHSIG in PEM form.
    ///
    /// # Errors
    /// [`KeyError`] if the key, the agent or `ssh-keygen` refuses.
    pub fn sign(&self, bytes: &[u8]) -> Result<String, KeyError> {
        let Some(private) = &self.held else { return self.sign_by_keygen(bytes) };
        private
            .sign(NAMESPACE, HashAlg::Sha512, bytes)
            .and_then(|signature| signature.to_pem(LineEnding::LF))
            .map_err(|source| KeyError::Signing { path: self.path.clone(), source })
    }

    fn sign_by_keygen(&self, bytes: &[u8]) -> Result<String, KeyError> {
        let failed = |reason: String| KeyError::Keygen { path: self.path.clone(), reason };
        let touched = self.public.algorithm() == Algorithm::SkEd25519;
        let output = keygen::sign(&self.path, NAMESPACE, touched, bytes).map_err(failed)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(failed(format!("it failed ({}): {}", output.status, said.trim())));
        }
        let signature = String::from_utf8(output.stdout).map_err(|error| failed(error.to_string()))?;
        check(&self.public(), bytes, &signature)
            .map_err(|reason| failed(format!("what it made does not verify: {reason}")))?;
        Ok(signature)
    }
}

fn is_ed25519(public: &PublicKey) -> bool {
    matches!(public.algorithm(), Algorithm::Ed25519 | Algorithm::SkEd25519)
}

/// A public key in OpenSSH's form, without comment, so that each key is written in one way.
pub(crate) fn plain(public: &PublicKey) -> String {
    // Encoding a key that was decoded cannot fail.
    PublicKey::from(public.key_data().clone()).to_openssh().unwrap_or_default()
}

/// Why a signature does not count.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The public key is not one.
    #[error("the operator's key in the first entry is not an Ed25519 key in OpenSSH's form")]
    Key,
    /// The signature is not one, or is written in an unusual way.
    #[error("it is not an SSHSIG signature as ssh-keygen writes it")]
    Form,
    /// Another key made it.
    #[error("it was made by another key, {0}")]
    OtherKey(String),
    /// It does not belong to these bytes.
    #[error("it does not belong to these bytes in the namespace `probity`")]
    Mismatch,
}

/// Whether `signature` (SSHSIG in PEM form) is this key's over these bytes, in our namespace.
///
/// # Errors
/// [`SignatureError`] if it is not.
pub fn check(public: &str, bytes: &[u8], signature: &str) -> Result<(), SignatureError> {
    let key = PublicKey::from_openssh(public).map_err(|_| SignatureError::Key)?;
    if !is_ed25519(&key) || plain(&key) != public {
        return Err(SignatureError::Key);
    }
    let parsed = SshSig::from_pem(signature).map_err(|_| SignatureError::Form)?;
    // One way to write it: no byte of a bundle may change unnoticed.
    if parsed.to_pem(LineEnding::LF).ok().as_deref() != Some(signature) {
        return Err(SignatureError::Form);
    }
    if parsed.public_key() != key.key_data() {
        let other = PublicKey::from(parsed.public_key().clone());
        return Err(SignatureError::OtherKey(other.fingerprint(HashAlg::Sha256).to_string()));
    }
    key.verify(NAMESPACE, bytes, &parsed).map_err(|_| SignatureError::Mismatch)
}
