//! Tokens of a plan, signed: JSON Web Signature in its compact serialization (RFC 7515, 7.1), by HMAC.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use probity_plan::token::{Algorithm, Defect, Token};
use serde_json::{Map, Value, json};
use sha2::{Sha256, Sha384, Sha512};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A token that was made.
pub struct Signed {
    /// As it is sent.
    pub text: String,
    /// When it becomes another one without anybody's doing: it expires, or is valid from then on. A refusal after that says nothing
    /// of its defect, nor of anything else.
    pub until: Option<Timestamp>,
}

/// Makes a token.
///
/// # Errors
/// That the system has no random bytes.
pub fn sign(token: &Token, key: &str, now: Timestamp) -> Result<Signed, String> {
    let defect = token.defect;
    let made = if defect == Some(Defect::Expired) { now - 2 * HOUR } else { now };
    let mut claims = Map::from_iter([("iat".to_owned(), json!(made.as_second()))]);
    let lasts = match defect {
        Some(Defect::Expired) => Some(HOUR),
        _ => token.expires_in.and_then(|span| SignedDuration::try_from(span.0).ok()),
    };
    if let Some(lasts) = lasts {
        claims.insert("exp".to_owned(), json!((made + lasts).as_second()));
    }
    for (name, claim) in &token.claims {
        let plain = claim.fill(&|text| Ok::<_, std::convert::Infallible>(text.to_string()));
        let Ok(claim) = plain;
        claims.insert(name.clone(), claim);
    }
    if defect == Some(Defect::NotYetValid) {
        claims.insert("nbf".to_owned(), json!((now + HOUR).as_second()));
    }
    let moment = |name: &str| Timestamp::from_second(claims.get(name)?.as_i64()?).ok();
    let until = match defect {
        Some(Defect::Expired) => None,
        Some(Defect::NotYetValid) => moment("exp").into_iter().chain(moment("nbf")).min(),
        _ => moment("exp"),
    };
    let algorithm = match (defect, token.algorithm) {
        (Some(Defect::OtherAlgorithm), Algorithm::HS512) => Algorithm::HS256,
        (Some(Defect::OtherAlgorithm), _) => Algorithm::HS512,
        (_, own) => own,
    };
    let name = if defect == Some(Defect::None) { "none" } else { algorithm.name() };
    let encode = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = encode(&json!({ "alg": name, "typ": "JWT" }));
    let mut payload = encode(&Value::Object(claims.clone()));
    let signed = format!("{header}.{payload}");
    let mut signature = match defect {
        Some(Defect::None) => Vec::new(),
        Some(Defect::OtherKey) => {
            let mut other = [0; 64];
            getrandom::getrandom(&mut other).map_err(|e| format!("random bytes: {e}"))?;
            authenticate(algorithm, &other, &signed)
        }
        _ => authenticate(algorithm, key.as_bytes(), &signed),
    };
    match defect {
        Some(Defect::Cut) => signature.truncate(signature.len() / 2),
        Some(Defect::Altered) => {
            claims.insert("altered".to_owned(), json!(true));
            payload = encode(&Value::Object(claims));
        }
        _ => {}
    }
    let text = format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(signature));
    Ok(Signed { text, until })
}

fn authenticate(algorithm: Algorithm, key: &[u8], text: &str) -> Vec<u8> {
    fn by<M: Mac + hmac::digest::KeyInit>(key: &[u8], text: &str) -> Vec<u8> {
        // HMAC takes a key of any length (RFC 2104, 3).
        <M as Mac>::new_from_slice(key)
            .map_or_else(|_| Vec::new(), |mac| mac.chain_update(text).finalize().into_bytes().to_vec())
    }
    match algorithm {
        Algorithm::HS256 => by::<Hmac<Sha256>>(key, text),
        Algorithm::HS384 => by::<Hmac<Sha384>>(key, text),
        Algorithm::HS512 => by::<Hmac<Sha512>>(key, text),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const KEY: &str = "your-256-bit-secret";

    fn token(defect: Option<Defect>) -> Token {
        Token {
            key: "key".to_owned(),
            claims: BTreeMap::from([("sub".to_owned(), serde_json::from_value(json!("op")).unwrap())]),
            expires_in: Some("10m".parse().unwrap()),
            algorithm: Algorithm::HS256,
            defect,
        }
    }

    fn parts(text: &str) -> (Value, Value, Vec<u8>) {
        let bytes: Vec<Vec<u8>> = text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        let [header, payload, signature] = bytes.as_slice() else { panic!("{text}") };
        (serde_json::from_slice(header).unwrap(), serde_json::from_slice(payload).unwrap(), signature.clone())
    }

    #[test]
    fn a_sound_token_is_signed_as_the_standard_says() {
        // RFC 7515, A.1: the signature of this text by this key.
        let key = URL_SAFE_NO_PAD
            .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .unwrap();
        let text = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = URL_SAFE_NO_PAD.encode(authenticate(Algorithm::HS256, &key, text));
        assert_eq!(signature, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        let now = Timestamp::from_second(1_000_000).unwrap();
        let (header, payload, signature) = parts(&sign(&token(None), KEY, now).unwrap().text);
        assert_eq!(header, json!({ "alg": "HS256", "typ": "JWT" }));
        assert_eq!(payload, json!({ "iat": 1_000_000, "exp": 1_000_600, "sub": "op" }));
        assert_eq!(signature.len(), 32);
    }

    #[test]
    fn each_defect_is_the_only_one() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let sound = parts(&sign(&token(None), KEY, now).unwrap().text);
        let with = |defect| parts(&sign(&token(Some(defect)), KEY, now).unwrap().text);
        let right = |(header, payload, signature): &(Value, Value, Vec<u8>), algorithm| {
            let signed = format!(
                "{}.{}",
                URL_SAFE_NO_PAD.encode(header.to_string()),
                URL_SAFE_NO_PAD.encode(payload.to_string())
            );
            *signature == authenticate(algorithm, KEY.as_bytes(), &signed)
        };
        let expired = with(Defect::Expired);
        assert_eq!(expired.1, json!({ "iat": 992_800, "exp": 996_400, "sub": "op" }));
        let early = with(Defect::NotYetValid);
        assert_eq!(early.1["nbf"], json!(1_003_600));
        assert!(right(&expired, Algorithm::HS256) && right(&early, Algorithm::HS256));
        let other = with(Defect::OtherAlgorithm);
        assert_eq!(other.0["alg"], "HS512");
        assert!(right(&other, Algorithm::HS512));
        let none = with(Defect::None);
        assert_eq!((&none.0["alg"], none.2.len(), &none.1), (&json!("none"), 0, &sound.1));
        for (defect, length) in [(Defect::OtherKey, 32), (Defect::Altered, 32), (Defect::Cut, 16)] {
            let wrong = with(defect);
            assert!(!right(&wrong, Algorithm::HS256), "{defect:?}");
            assert_eq!((wrong.2.len(), &wrong.1["sub"]), (length, &json!("op")), "{defect:?}");
        }
    }

    #[test]
    fn it_is_known_until_when_nothing_but_its_defect_is_wrong_with_it() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let until = |token: &Token| sign(token, KEY, now).unwrap().until.map(Timestamp::as_second);
        let lasting = |expires_in: &str, defect| Token {
            expires_in: Some(expires_in.parse().unwrap()),
            ..token(defect)
        };
        assert_eq!(until(&lasting("10m", None)), Some(1_000_600));
        assert_eq!(until(&lasting("10m", Some(Defect::OtherKey))), Some(1_000_600));
        assert_eq!(until(&lasting("10m", Some(Defect::Expired))), None);
        assert_eq!(until(&lasting("10m", Some(Defect::NotYetValid))), Some(1_000_600));
        assert_eq!(until(&lasting("2h", Some(Defect::NotYetValid))), Some(1_003_600));
        let mut own = token(None);
        own.claims.insert("exp".to_owned(), serde_json::from_value(json!(1_000_002)).unwrap());
        assert_eq!(until(&own), Some(1_000_002));
        assert_eq!(until(&Token { expires_in: None, ..token(None) }), None);
    }
}
