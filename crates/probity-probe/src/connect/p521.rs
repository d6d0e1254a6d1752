//! P-521, which ring lacks and many private authorities use: RustCrypto's implementation behind rustls' interfaces.

use p521::ecdsa::signature::hazmat::PrehashVerifier;
use p521::ecdsa::{Signature, VerifyingKey};
use p521::elliptic_curve::rand_core::OsRng;
use p521::elliptic_curve::sec1::ToEncodedPoint;
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio_rustls::rustls::crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup};
use tokio_rustls::rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use tokio_rustls::rustls::{Error, NamedGroup, PeerMisbehaved};

/// ECDSA on P-521 with one of these (RFC 5758).
#[derive(Debug)]
pub(super) enum Ecdsa {
    Sha256,
    Sha384,
    Sha512,
}

/// The bytes of a number on P-521.
const FIELD: usize = 66;

impl SignatureVerificationAlgorithm for Ecdsa {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let key = VerifyingKey::from_sec1_bytes(key).map_err(|_| InvalidSignature)?;
        let signature = Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        let digest = match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        };
        // As the number that it is: the crate takes no digest shorter than half of the field's length.
        let number = [vec![0; FIELD - digest.len()], digest].concat();
        key.verify_prehash(&number, &signature).map_err(|_| InvalidSignature)
    }
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P521
    }
    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        match self {
            Self::Sha256 => alg_id::ECDSA_SHA256,
            Self::Sha384 => alg_id::ECDSA_SHA384,
            Self::Sha512 => alg_id::ECDSA_SHA512,
        }
    }
}

/// Diffie and Hellman's exchange on P-521 (RFC 8446, 4.2.8.2: uncompressed points).
#[derive(Debug)]
pub(super) struct KeyExchange;

impl SupportedKxGroup for KeyExchange {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let secret = p521::ecdh::EphemeralSecret::random(&mut OsRng);
        let public = secret.public_key().to_encoded_point(false).as_bytes().to_vec();
        Ok(Box::new(Begun { secret, public }))
    }
    fn name(&self) -> NamedGroup {
        NamedGroup::secp521r1
    }
}

struct Begun {
    secret: p521::ecdh::EphemeralSecret,
    public: Vec<u8>,
}

impl ActiveKeyExchange for Begun {
    fn complete(self: Box<Self>, theirs: &[u8]) -> Result<SharedSecret, Error> {
        let theirs = p521::PublicKey::from_sec1_bytes(theirs).map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        Ok(SharedSecret::from(self.secret.diffie_hellman(&theirs).raw_secret_bytes().as_slice()))
    }
    fn pub_key(&self) -> &[u8] {
        &self.public
    }
    fn group(&self) -> NamedGroup {
        NamedGroup::secp521r1
    }
}
