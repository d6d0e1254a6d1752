//! JSON Web Tokens (RFC 7519): made and verified with a shared secret (HS256), or verified only, with the public
//! key of an identity provider, or with those that it publishes (RS256, ES256).
//!
//! Only the configured algorithm is accepted; what a token's header says can refuse it, never choose. Times are
//! compared with the given moment and without leeway: a token is over when `now >= exp`. `iat` and `nbf` may lie up
//! to [`AHEAD`] in the future, because the clocks of two machines differ. What decides is kept to typed claims: a number of seconds
//! is an integer, no text and no fraction.

use crate::identity::{AuthError, How, Identity};
use crate::published::PublishedKeys;
use crate::role::Role;
use crate::secret::{Secret, SecretError};
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How far in the future `iat` and `nbf` may lie.
const AHEAD: Duration = Duration::from_secs(60);
/// The longest credential that is looked at, in bytes.
pub(crate) const MAX_LENGTH: usize = 8 << 10;
/// The longest life a token can be given.
const MAX_LIFE: Duration = Duration::from_secs(366 * 24 * 3600);

/// The algorithms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256 and a shared secret.
    Hs256,
    /// RSA (PKCS #1 v1.5) with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// Its name in a token's header (RFC 7518).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    const fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
        }
    }
}

/// The algorithms that verify with a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKeyAlgorithm {
    /// RSA (PKCS #1 v1.5) with SHA-256; at least 2048 bits.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

/// Makes and verifies tokens with one algorithm and one key.
pub struct Tokens {
    algorithm: Algorithm,
    sign: Option<EncodingKey>,
    verify: Keys,
    validation: Validation,
    audience: Option<String>,
    issuer: Option<String>,
    claims: ClaimNames,
}

/// What tokens are verified with.
enum Keys {
    /// The one that was given.
    One(Box<DecodingKey>),
    /// Those that an identity provider publishes.
    Published(PublishedKeys),
}

/// Which claims say who somebody is and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    /// `user_id`; `sub` is what every provider of OpenID Connect has.
    pub user: String,
    /// `role`: one of the roles, or a list of which the highest role counts.
    pub role: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self { user: "user_id".into(), role: "role".into() }
    }
}

/// A token just made. Its text is shown once; the identifier is what one revokes.
#[derive(Debug)]
pub struct Issued {
    /// The token.
    pub text: Secret,
    /// Its `jti`.
    pub id: String,
    /// Its `exp`.
    pub expires: Timestamp,
}

#[derive(Serialize)]
struct NewClaims<'a> {
    user_id: &'a str,
    role: Role,
    iat: i64,
    exp: i64,
    jti: &'a str,
}

/// What is read of a token; other claims are left alone.
#[derive(Deserialize)]
struct Claims {
    user_id: String,
    role: Role,
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
    jti: Option<String>,
    aud: Option<Audience>,
    iss: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn names(&self, wanted: &str) -> bool {
        match self {
            Self::One(name) => name == wanted,
            Self::Many(names) => names.iter().any(|name| name == wanted),
        }
    }
}

impl Tokens {
    /// Makes and verifies tokens with a shared secret. Another secret ends all tokens made with this one.
    ///
    /// # Errors
    /// A secret that is too short, can be guessed, or is a key file.
    pub fn hs256(secret: &Secret) -> Result<Self, SecretError> {
        secret.check_strength()?;
        let sign = EncodingKey::from_secret(secret.expose());
        let verify = DecodingKey::from_secret(secret.expose());
        Ok(Self::with(Algorithm::Hs256, Some(sign), Keys::One(verify.into())))
    }

    /// Verifies tokens that an identity provider made; makes none.
    ///
    /// # Errors
    /// No PEM, a private key, a certificate, a key of another kind, RSA under 2048 bits.
    pub fn public_key(algorithm: PublicKeyAlgorithm, pem: &[u8]) -> Result<Self, TokenError> {
        let text = std::str::from_utf8(pem).unwrap_or_default();
        if text.contains("PRIVATE KEY-----") {
            return Err(TokenError::PrivateKey);
        }
        if !text.contains("PUBLIC KEY-----") {
            return Err(TokenError::NotAPublicKey);
        }
        match algorithm {
            PublicKeyAlgorithm::Rs256 => {
                let key = DecodingKey::from_rsa_pem(pem)
                    .map_err(|_| TokenError::OtherKind { expected: "an RSA key" })?;
                let parts = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER
                    .key_utils
                    .rsa_pub_components_from_public_key;
                let (modulus, _) = key
                    .try_get_as_bytes()
                    .and_then(parts)
                    .map_err(|_| TokenError::OtherKind { expected: "an RSA key" })?;
                let bits =
                    modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
                if bits < 2048 {
                    return Err(TokenError::ShortRsa { bits });
                }
                Ok(Self::with(Algorithm::Rs256, None, Keys::One(key.into())))
            }
            PublicKeyAlgorithm::Es256 => {
                let other = TokenError::OtherKind { expected: "a key on the curve P-256" };
                let key = DecodingKey::from_ec_pem(pem)
                    .map_err(|_| TokenError::OtherKind { expected: "a key on the curve P-256" })?;
                // An uncompressed point has 1 + 32 + 32 bytes, a compressed one 1 + 32.
                let on_p256 = key.try_get_as_bytes().is_ok_and(|point| matches!(point.len(), 65 | 33));
                if on_p256 {
                    Ok(Self::with(Algorithm::Es256, None, Keys::One(key.into())))
                } else {
                    Err(other)
                }
            }
        }
    }

    /// Verifies tokens with the keys that an identity provider publishes: none until [`Tokens::publish`] is told them.
    #[must_use]
    pub fn published(algorithm: PublicKeyAlgorithm) -> Self {
        let algorithm = match algorithm {
            PublicKeyAlgorithm::Rs256 => Algorithm::Rs256,
            PublicKeyAlgorithm::Es256 => Algorithm::Es256,
        };
        Self::with(algorithm, None, Keys::Published(PublishedKeys::default()))
    }

    /// Takes a JSON Web Key Set (RFC 7517) in the place of the keys before; how many of its keys verify tokens here.
    ///
    /// # Errors
    /// It is none, or holds no key of the configured algorithm: the keys before stay. Or no published keys are used.
    pub fn publish(&self, key_set: &[u8]) -> Result<usize, TokenError> {
        match &self.verify {
            Keys::One(_) => Err(TokenError::KeySet("no published keys are used here".into())),
            Keys::Published(keys) => keys.replace(key_set, self.algorithm),
        }
    }

    /// Whether a token named a key that is not among the published ones since this was last asked: there may be new ones.
    pub fn missed_key(&self) -> bool {
        matches!(&self.verify, Keys::Published(keys) if keys.take_missed())
    }

    /// Reads who somebody is from other claims.
    #[must_use]
    pub fn with_claims(mut self, claims: ClaimNames) -> Self {
        self.claims = claims;
        self
    }

    fn with(algorithm: Algorithm, sign: Option<EncodingKey>, verify: Keys) -> Self {
        let mut validation = Validation::new(algorithm.of_library());
        // Claims are ours to check: the library takes the machine's clock, and a leeway.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let claims = ClaimNames::default();
        Self { algorithm, sign, verify, validation, audience: None, issuer: None, claims }
    }

    /// Accepts only tokens made for this audience (`aud`) and by this issuer (`iss`), where given. Without an audience,
    /// a token that names one was made for somebody else and is refused (RFC 7519, section 4.1.3).
    #[must_use]
    pub fn made_for(mut self, audience: Option<String>, issuer: Option<String>) -> Self {
        self.audience = audience;
        self.issuer = issuer;
        self
    }

    /// The only algorithm accepted.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Makes a token that is good from `now` for `lifetime` (1 s to 366 days, whole seconds).
    ///
    /// # Errors
    /// There is only a public key; a user or lifetime out of range.
    pub fn issue(
        &self,
        user: &str,
        role: Role,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<Issued, TokenError> {
        let Some(key) = &self.sign else {
            return Err(TokenError::VerifyOnly { algorithm: self.algorithm.name() });
        };
        check_user(user).map_err(TokenError::User)?;
        if lifetime < Duration::from_secs(1) || lifetime > MAX_LIFE {
            return Err(TokenError::Lifetime);
        }
        let id = crate::random_hex::<16>().map_err(|error| TokenError::Random(error.to_string()))?;
        let iat = now.as_second();
        let exp = iat.saturating_add(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX));
        let expires = Timestamp::from_second(exp).map_err(|_| TokenError::Lifetime)?;
        let claims = NewClaims { user_id: user, role, iat, exp, jti: &id };
        let text = jsonwebtoken::encode(&Header::default(), &claims, key)
            .map_err(|error| TokenError::Sign(error.to_string()))?;
        Ok(Issued { text: Secret::new(text), id, expires })
    }

    /// Who the holder of this token is at this moment. Revocation is [`crate::Authenticator`]'s.
    ///
    /// # Errors
    /// Everything but a token of the configured algorithm, key, audience and issuer whose typed claims are good now.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, AuthError> {
        if token.len() > MAX_LENGTH {
            return Err(AuthError::TooLong { bytes: token.len() });
        }
        if token.bytes().filter(|byte| *byte == b'.').count() != 2 {
            return Err(AuthError::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|error| self.header_refusal(&error))?;
        if header.alg != self.algorithm.of_library() {
            return Err(AuthError::Algorithm { expected: self.algorithm.name() });
        }
        let claims = match &self.verify {
            Keys::One(key) => self.read(token, key)?,
            Keys::Published(keys) => self.read(token, &*keys.of(header.kid.as_deref())?)?,
        };
        if header.crit.is_some() {
            // RFC 7515, section 4.1.11: what must be understood and is not makes the token invalid.
            return Err(AuthError::Claim(
                "its header demands extensions (`crit`) that are not understood here".into(),
            ));
        }
        self.identity(claims, token, now)
    }

    fn read(&self, token: &str, key: &DecodingKey) -> Result<Claims, AuthError> {
        let refused = |error: jsonwebtoken::errors::Error| refusal(&error);
        if self.claims == ClaimNames::default() {
            let read = jsonwebtoken::decode::<Claims>(token, key, &self.validation).map_err(refused)?;
            return Ok(read.claims);
        }
        let read =
            jsonwebtoken::decode::<Map<String, Value>>(token, key, &self.validation).map_err(refused)?;
        let mut claims = read.claims;
        for (name, ours) in [(&self.claims.user, "user_id"), (&self.claims.role, "role")] {
            let claim =
                claims.remove(name).ok_or_else(|| AuthError::Claim(format!("`{name}` is missing")))?;
            claims.insert(ours.into(), if ours == "role" { highest_role(claim) } else { claim });
        }
        serde_json::from_value(claims.into()).map_err(|problem| AuthError::Claim(short(&problem)))
    }

    fn identity(&self, claims: Claims, token: &str, now: Timestamp) -> Result<Identity, AuthError> {
        let moment = |name: &str, seconds: i64| {
            Timestamp::from_second(seconds)
                .map_err(|_| AuthError::Claim(format!("`{name}` is out of range; it is a time in seconds")))
        };
        let expires = moment("exp", claims.exp)?;
        let issued = moment("iat", claims.iat)?;
        check_user(&claims.user_id).map_err(|problem| AuthError::Claim(format!("`user_id` {problem}")))?;
        if expires <= issued {
            return Err(AuthError::Claim("`exp` is not after `iat`".into()));
        }
        match (&self.audience, &claims.aud) {
            (Some(wanted), Some(aud)) if aud.names(wanted) => {}
            (None, None) => {}
            _ => return Err(AuthError::Claim("`aud` names another audience than this service".into())),
        }
        if self.issuer.is_some() && claims.iss != self.issuer {
            return Err(AuthError::Claim("`iss` names another issuer than the configured one".into()));
        }
        if now >= expires {
            return Err(AuthError::Expired { at: expires });
        }
        let begins = claims.nbf.map_or(Ok(issued), |nbf| moment("nbf", nbf))?.max(issued);
        if now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX) < begins {
            return Err(AuthError::NotYet { from: begins });
        }
        let id = match claims.jti {
            Some(id) if (1..=128).contains(&id.len()) && !id.contains(char::is_control) => id,
            Some(_) => return Err(AuthError::Claim("`jti` is not 1 to 128 bytes of printable text".into())),
            None => digest_id(token),
        };
        Ok(Identity { user: claims.user_id, role: claims.role, expires: Some(expires), id, how: How::Token })
    }

    /// The header is read before anything is verified: nothing of it goes into a message.
    fn header_refusal(&self, error: &jsonwebtoken::errors::Error) -> AuthError {
        match error.kind() {
            // `alg` is none of those that the library knows, which it lists.
            ErrorKind::Json(problem) if problem.to_string().contains("HS256") => {
                AuthError::Algorithm { expected: self.algorithm.name() }
            }
            _ => AuthError::Malformed,
        }
    }
}

/// Claims are read once the signature is verified: what is wrong with them may be said.
fn refusal(error: &jsonwebtoken::errors::Error) -> AuthError {
    match error.kind() {
        ErrorKind::InvalidSignature => AuthError::Signature,
        ErrorKind::Json(problem) => AuthError::Claim(short(problem)),
        _ => AuthError::Malformed,
    }
}

fn short(problem: &serde_json::Error) -> String {
    problem.to_string().chars().take(200).collect()
}

/// Of a list, the highest role in it; anything else as it is.
fn highest_role(claim: Value) -> Value {
    let Value::Array(names) = &claim else { return claim };
    let roles = names.iter().filter_map(|name| name.as_str()?.parse::<Role>().ok());
    roles.max().map_or(Value::Null, |role| role.name().into())
}

/// The name for a token without a `jti`: a digest of what was signed. Not of the signature, which somebody else can
/// write differently.
fn digest_id(token: &str) -> String {
    let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    format!("sha256-{}", crate::hex(&Sha256::digest(signed.as_bytes())[..16]))
}

/// A user's name: 1 to 128 bytes without control characters.
pub(crate) fn check_user(user: &str) -> Result<(), &'static str> {
    if user.is_empty() || user.len() > 128 {
        Err("has not 1 to 128 bytes")
    } else if user.contains(char::is_control) {
        Err("has control characters")
    } else {
        Ok(())
    }
}

/// Why tokens cannot be made or verified at all.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// A private key in place of a public one.
    #[error(
        "this is a private key, and it is not needed here; give the public one (`openssl pkey -in KEY -pubout`)"
    )]
    PrivateKey,
    /// No `BEGIN PUBLIC KEY`.
    #[error(
        "no public key in PEM form (`-----BEGIN PUBLIC KEY-----`); from a certificate: `openssl x509 -in CERT -pubkey -noout`"
    )]
    NotAPublicKey,
    /// Another kind of key than the algorithm takes.
    #[error("the public key is not {expected}, which the configured algorithm needs")]
    OtherKind {
        /// What it should be.
        expected: &'static str,
    },
    /// Too short to be safe.
    #[error("the RSA key has {bits} bits; RS256 needs at least 2048")]
    ShortRsa {
        /// Its length.
        bits: usize,
    },
    /// Not what an identity provider publishes.
    #[error("the identity provider's key set {0}")]
    KeySet(String),
    /// There is only a public key.
    #[error(
        "tokens are verified with {algorithm} and a public key; only its identity provider makes them (this service makes them with HS256 and a secret)"
    )]
    VerifyOnly {
        /// The configured one.
        algorithm: &'static str,
    },
    /// A name that cannot be.
    #[error("the user {0}")]
    User(&'static str),
    /// A lifetime that cannot be.
    #[error("a token lives from 1 second to 366 days")]
    Lifetime,
    /// No random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(String),
    /// The library could not sign.
    #[error("the token could not be signed: {0}")]
    Sign(String),
}
