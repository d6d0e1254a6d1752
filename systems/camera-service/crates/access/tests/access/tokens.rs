//! Tokens: only the configured algorithm, only claims of the right types, only within their time.

use crate::{after, noon, seconds, text};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use camera_access::{AuthError, How, Identity, PublicKeyAlgorithm, Role, Secret, TokenError, Tokens};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

const SECRET: &str = "correct horse battery staple 0123456789";
const HS256: &str = include_str!("keys/HS256.jwt");
const HS384: &str = include_str!("keys/HS384.jwt");
const RS256: &str = include_str!("keys/RS256.jwt");
const RS384: &str = include_str!("keys/RS384.jwt");
const ES256: &str = include_str!("keys/ES256.jwt");
const RSA: &[u8] = include_bytes!("keys/rsa.pub");
const EC: &[u8] = include_bytes!("keys/ec.pub");

fn tokens() -> Tokens {
    Tokens::hs256(&Secret::new(SECRET)).unwrap()
}

fn rs256() -> Tokens {
    Tokens::public_key(PublicKeyAlgorithm::Rs256, RSA).unwrap()
}

fn es256() -> Tokens {
    Tokens::public_key(PublicKeyAlgorithm::Es256, EC).unwrap()
}

/// A token with the right secret and these claims.
fn signed(claims: &Value) -> String {
    jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn good() -> Value {
    json!({ "user_id": "ada", "role": "viewer", "iat": noon().as_second(), "exp": after(3600).as_second() })
}

/// The good claims with one that is different, or missing.
fn with(name: &str, value: Option<Value>) -> String {
    let mut claims = good();
    let fields = claims.as_object_mut().unwrap();
    match value {
        Some(value) => fields.insert(name.into(), value),
        None => fields.remove(name),
    };
    signed(&claims)
}

fn unsigned(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

#[test]
fn what_is_issued_is_verified() {
    let issued = tokens().issue("ada", Role::Operator, seconds(3600), noon()).unwrap();
    let identity = tokens().verify(text(&issued.text), noon()).unwrap();
    let expected = Identity {
        user: "ada".into(),
        role: Role::Operator,
        expires: Some(after(3600)),
        id: issued.id.clone(),
        how: How::Token,
    };
    assert_eq!(identity, expected);
    assert_eq!(issued.expires, after(3600));
    let again = tokens().issue("ada", Role::Operator, seconds(3600), noon()).unwrap();
    assert_ne!(issued.id, again.id, "each token can be revoked by itself");
}

#[test]
fn tokens_made_elsewhere_are_verified_with_each_algorithm() {
    let hs = tokens().verify(HS256, noon()).unwrap();
    assert_eq!((hs.user.as_str(), hs.role, hs.id.as_str()), ("ada", Role::Operator, "t-1"));
    for (tokens, token) in [(rs256(), RS256), (es256(), ES256)] {
        let identity = tokens.verify(token, noon()).unwrap();
        assert_eq!((identity.user.as_str(), identity.role), ("ada", Role::Operator));
        assert!(identity.id.starts_with("sha256-"), "without jti it is named by a digest: {}", identity.id);
        assert_eq!(identity.expires.unwrap().to_string(), "2100-01-01T00:00:00Z");
    }
}

#[test]
fn the_clock_decides_and_there_is_no_leeway() {
    let issued = tokens().issue("ada", Role::Viewer, seconds(3600), noon()).unwrap();
    assert!(tokens().verify(text(&issued.text), after(3599)).is_ok());
    for late in [3600, 3601, 3600 + 59, 10_000_000] {
        match tokens().verify(text(&issued.text), after(late)) {
            Err(AuthError::Expired { at }) => assert_eq!(at, after(3600)),
            other => panic!("{late}: {other:?}"),
        }
    }
    // A clock set back: a minute is borne, as two machines' clocks differ by that; no more.
    assert!(tokens().verify(text(&issued.text), after(-60)).is_ok());
    assert!(matches!(tokens().verify(text(&issued.text), after(-61)), Err(AuthError::NotYet { .. })));
    let later = with("nbf", Some(json!(after(600).as_second())));
    assert!(matches!(tokens().verify(&later, noon()), Err(AuthError::NotYet { from }) if from == after(600)));
    assert!(tokens().verify(&later, after(600)).is_ok());
}

#[test]
fn claims_of_the_wrong_type_or_range_are_refused() {
    let exp = after(3600).as_second();
    let long = "x".repeat(129);
    let cases = [
        ("exp", None),
        ("exp", Some(json!(null))),
        ("exp", Some(json!(exp.to_string()))),
        ("exp", Some(json!(4_102_444_800.0_f64))),
        ("exp", Some(json!(1e300))),
        ("exp", Some(json!(u64::MAX))),
        ("exp", Some(json!(i64::MAX))),
        ("exp", Some(json!(-1))),
        ("exp", Some(json!([exp]))),
        ("exp", Some(json!(true))),
        ("iat", None),
        ("iat", Some(json!("now"))),
        ("iat", Some(json!(i64::MIN))),
        ("iat", Some(json!(exp))),
        ("nbf", Some(json!("now"))),
        ("user_id", None),
        ("user_id", Some(json!(""))),
        ("user_id", Some(json!(7))),
        ("user_id", Some(json!("ada\nrole: admin"))),
        ("user_id", Some(json!(long))),
        ("role", None),
        ("role", Some(json!("Admin"))),
        ("role", Some(json!("root"))),
        ("role", Some(json!(["admin"]))),
        ("jti", Some(json!(""))),
        ("jti", Some(json!(long))),
        ("aud", Some(json!("another service"))),
        ("aud", Some(json!({}))),
    ];
    for (name, value) in cases {
        let refused = tokens().verify(&with(name, value.clone()), noon());
        assert!(matches!(&refused, Err(AuthError::Claim(_))), "{name}: {value:?} gave {refused:?}");
    }
    assert!(tokens().verify(&signed(&good()), noon()).is_ok(), "and the claims they were made from are good");
    assert!(
        tokens().verify(&with("email", Some(json!("a@b"))), noon()).is_ok(),
        "other claims are left alone"
    );
}

#[test]
fn a_claim_given_twice_is_refused() {
    let payload = format!(
        r#"{{"user_id":"ada","role":"viewer","role":"admin","iat":{},"exp":{}}}"#,
        noon().as_second(),
        after(60).as_second()
    );
    let raw: Box<serde_json::value::RawValue> = serde_json::from_str(&payload).unwrap();
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = jsonwebtoken::encode(&Header::default(), &raw, &key).unwrap();
    assert!(matches!(tokens().verify(&token, noon()), Err(AuthError::Claim(_))));
}

#[test]
fn no_algorithm_but_the_configured_one_is_accepted() {
    let none = |name: &str| unsigned(&json!({ "alg": name, "typ": "JWT" }), &good(), "");
    let cases = [
        (tokens(), none("none")),
        (tokens(), none("None")),
        (tokens(), none("NONE")),
        (tokens(), none("")),
        (tokens(), HS384.to_owned()),
        (tokens(), RS256.to_owned()),
        (tokens(), ES256.to_owned()),
        (rs256(), none("none")),
        (rs256(), HS256.to_owned()),
        (rs256(), RS384.to_owned()),
        (rs256(), ES256.to_owned()),
        (es256(), none("none")),
        (es256(), HS256.to_owned()),
        (es256(), RS256.to_owned()),
    ];
    for (tokens, token) in cases {
        let refused = tokens.verify(&token, noon());
        assert!(
            matches!(refused, Err(AuthError::Algorithm { .. })),
            "{}: {token} gave {refused:?}",
            tokens.algorithm().name()
        );
    }
    let missing = unsigned(&json!({ "typ": "JWT" }), &good(), "");
    assert!(matches!(tokens().verify(&missing, noon()), Err(AuthError::Malformed)));
}

#[test]
fn a_public_key_signs_nothing_as_a_secret() {
    // The classic: the service verifies RS256, its public key is known to all, the token says HS256.
    for (tokens, pem) in [(rs256(), RSA), (es256(), EC)] {
        let forged =
            jsonwebtoken::encode(&Header::default(), &good(), &EncodingKey::from_secret(pem)).unwrap();
        assert!(matches!(tokens.verify(&forged, noon()), Err(AuthError::Algorithm { .. })));
    }
    // And the other way: a public key configured as the secret.
    assert!(Tokens::hs256(&Secret::new(RSA)).is_err());
    assert!(Tokens::hs256(&Secret::new(EC)).is_err());
}

#[test]
fn another_secret_ends_all_tokens() {
    let issued = tokens().issue("ada", Role::Admin, seconds(3600), noon()).unwrap();
    let rotated = Tokens::hs256(&Secret::new("another secret, thirty-two bytes long")).unwrap();
    assert!(matches!(rotated.verify(text(&issued.text), noon()), Err(AuthError::Signature)));
    assert!(matches!(rotated.verify(HS256, noon()), Err(AuthError::Signature)));
}

#[test]
fn no_byte_of_a_token_can_be_changed() {
    for (tokens, token) in [(tokens(), HS256), (rs256(), RS256), (es256(), ES256)] {
        assert!(tokens.verify(token, noon()).is_ok());
        for at in 0..token.len() {
            let mut altered = token.as_bytes().to_vec();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(tokens.verify(&altered, noon()).is_err(), "byte {at} of {token}");
        }
        assert!(tokens.verify(&token[..token.len() - 1], noon()).is_err());
        assert!(tokens.verify(&format!("{token}A"), noon()).is_err());
        assert!(tokens.verify(&format!("{token}="), noon()).is_err());
        assert!(tokens.verify(&format!(" {token}"), noon()).is_err());
    }
}

#[test]
fn what_is_no_token_is_refused_without_a_panic() {
    for text in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "eyJ.eyJ.eyJ",
        "\0\0\0",
        "ключ.ключ.ключ",
        "a.b.c.d",
        "null.null.null",
    ] {
        assert!(matches!(tokens().verify(text, noon()), Err(AuthError::Malformed)), "{text:?}");
    }
    let deep = format!(
        "{}.{}.x",
        URL_SAFE_NO_PAD.encode("[".repeat(2000)),
        URL_SAFE_NO_PAD.encode("[".repeat(2000))
    );
    assert!(matches!(tokens().verify(&deep, noon()), Err(AuthError::Malformed)));
}

#[test]
fn over_8_kib_nothing_is_parsed() {
    let long = with("padding", Some(json!("x".repeat(8000))));
    assert!(long.len() > 8192);
    assert!(
        matches!(tokens().verify(&long, noon()), Err(AuthError::TooLong { bytes }) if bytes == long.len())
    );
    assert!(tokens().verify(&with("padding", Some(json!("x".repeat(5000)))), noon()).is_ok());
}

#[test]
fn extensions_that_must_be_understood_are_not_ignored() {
    let header = Header { crit: Some(vec!["b64".into()]), ..Header::default() };
    let token = jsonwebtoken::encode(&header, &good(), &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
    assert!(matches!(tokens().verify(&token, noon()), Err(AuthError::Claim(_))));
}

#[test]
fn a_token_for_another_audience_or_by_another_issuer_is_refused() {
    let ours = || tokens().made_for(Some("cameras".into()), Some("https://idp".into()));
    let token = |aud: Value, iss: Value| {
        let mut claims = good();
        claims["aud"] = aud;
        claims["iss"] = iss;
        signed(&claims)
    };
    assert!(ours().verify(&token(json!("cameras"), json!("https://idp")), noon()).is_ok());
    assert!(ours().verify(&token(json!(["x", "cameras"]), json!("https://idp")), noon()).is_ok());
    for (aud, iss) in [
        (json!("doors"), json!("https://idp")),
        (json!([]), json!("https://idp")),
        (json!(null), json!("https://idp")),
        (json!("cameras"), json!("https://other")),
        (json!("cameras"), json!(null)),
    ] {
        assert!(
            matches!(ours().verify(&token(aud.clone(), iss.clone()), noon()), Err(AuthError::Claim(_))),
            "{aud} {iss}"
        );
    }
}

#[test]
fn with_a_public_key_no_token_is_made() {
    for tokens in [rs256(), es256()] {
        let refused = tokens.issue("ada", Role::Viewer, seconds(60), noon()).unwrap_err();
        assert!(matches!(refused, TokenError::VerifyOnly { .. }));
        assert!(refused.to_string().contains(tokens.algorithm().name()), "{refused}");
    }
}

#[test]
fn a_key_file_that_cannot_work_is_refused_at_the_start() {
    use PublicKeyAlgorithm::{Es256, Rs256};
    let private = b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n".as_slice();
    let garbage = b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n".as_slice();
    let refused = |algorithm, pem| Tokens::public_key(algorithm, pem).err().unwrap();
    for algorithm in [Rs256, Es256] {
        assert!(matches!(refused(algorithm, private), TokenError::PrivateKey));
        assert!(matches!(refused(algorithm, b""), TokenError::NotAPublicKey));
        assert!(matches!(refused(algorithm, b"\xff\xfe"), TokenError::NotAPublicKey));
        assert!(matches!(refused(algorithm, include_bytes!("keys/cert.pem")), TokenError::NotAPublicKey));
        assert!(matches!(refused(algorithm, garbage), TokenError::OtherKind { .. }));
        assert!(matches!(refused(algorithm, include_bytes!("keys/ec384.pub")), TokenError::OtherKind { .. }));
    }
    assert!(matches!(refused(Rs256, EC), TokenError::OtherKind { .. }));
    assert!(matches!(refused(Es256, RSA), TokenError::OtherKind { .. }));
    assert!(matches!(
        refused(Rs256, include_bytes!("keys/rsa1024.pub")),
        TokenError::ShortRsa { bits: 1024 }
    ));
}

#[test]
fn a_token_is_only_made_for_who_could_use_it() {
    for user in ["", "a\nb", &"x".repeat(129)] {
        assert!(
            matches!(tokens().issue(user, Role::Viewer, seconds(60), noon()), Err(TokenError::User(_))),
            "{user:?}"
        );
    }
    for lifetime in [0, 367 * 86400, u64::MAX] {
        assert!(matches!(
            tokens().issue("ada", Role::Viewer, seconds(lifetime), noon()),
            Err(TokenError::Lifetime)
        ));
    }
}

proptest::proptest! {
    #[test]
    fn no_text_gets_anybody_in(text in ".{0,300}") {
        assert!(tokens().verify(&text, noon()).is_err());
    }

    #[test]
    fn a_token_is_good_from_its_beginning_to_its_end(life in 1u64..100_000, at in -200_000i64..200_000) {
        let issued = tokens().issue("ada", Role::Viewer, seconds(life), noon()).unwrap();
        let good = tokens().verify(text(&issued.text), after(at)).is_ok();
        assert_eq!(good, at >= -60 && at < i64::try_from(life).unwrap());
    }
}

#[test]
fn published_keys_verify_what_the_given_one_verifies_and_weak_or_secret_ones_count_for_nothing() {
    use jsonwebtoken::jwk::Jwk;
    use jsonwebtoken::{Algorithm, DecodingKey};
    let jwk = |pem: &[u8]| {
        let key = DecodingKey::from_rsa_pem(pem).unwrap();
        let mut jwk = json!(Jwk::from_decoding_key(&key, Some(Algorithm::RS256)).unwrap());
        jwk["alg"] = "RS256".into();
        jwk
    };
    let published = Tokens::published(PublicKeyAlgorithm::Rs256);
    let publish = |keys: Value| published.publish(json!({ "keys": keys }).to_string().as_bytes());
    assert!(matches!(published.verify(RS256.trim(), noon()), Err(AuthError::NoKeysYet)));
    assert!(published.missed_key() && !published.missed_key());
    let weak = jwk(include_bytes!("keys/rsa1024.pub"));
    let secret = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET), "alg": "HS256" });
    let for_something_else = json!({ "use": "enc" });
    let mut encrypts = jwk(RSA);
    encrypts["use"] = for_something_else["use"].clone();
    for useless in [json!([]), json!([weak]), json!([secret]), json!([encrypts]), json!([7])] {
        assert!(matches!(publish(useless.clone()), Err(TokenError::KeySet(_))), "{useless}");
    }
    assert!(matches!(publish(json!(vec![jwk(RSA); 65])), Err(TokenError::KeySet(_))));
    assert_eq!(publish(json!([weak, secret, jwk(RSA)])).unwrap(), 1);
    let expected = rs256().verify(RS256.trim(), noon()).unwrap();
    assert_eq!(published.verify(RS256.trim(), noon()).unwrap(), expected);
    assert!(matches!(published.verify(HS256.trim(), noon()), Err(AuthError::Algorithm { .. })));
}
