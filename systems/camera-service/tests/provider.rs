//! Tokens of an identity provider that publishes its keys: whose, for whom, with which claims; and when the keys change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use serde_json::{Value, json};
use support::{Installation, PATIENCE, Running, http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// An identity provider on a free port: publishes what it is told to.
struct Provider {
    published: Arc<Mutex<Vec<Value>>>,
    port: u16,
}

impl Provider {
    async fn start() -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let published = Arc::new(Mutex::new(Vec::new()));
        let keys = Arc::clone(&published);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let body = json!({ "keys": *keys.lock().unwrap() }).to_string();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Provider { published, port }
    }

    fn installation(&self) -> Installation {
        Installation::new(&format!(
            "cameras: []\nsecurity:\n  api_keys: HERE/security/api-keys.json\n  jwt:\n    algorithm: ES256\n    \
             jwks: http://127.0.0.1:{}/keys?v=1\n    issuer: https://login.test\n    audience: cameras\n    \
             user_claim: sub\n    role_claim: groups\n",
            self.port
        ))
    }
}

struct Key(&'static str, KeyPair);

impl Key {
    fn new(id: &'static str) -> Key {
        Key(id, KeyPair::generate().unwrap())
    }

    fn published(&self) -> Value {
        let point = self.1.public_key_raw();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.0, "x": part(&point[1..33]), "y": part(&point[33..]) })
    }

    fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let now = Timestamp::now().as_second();
        let mut claims = json!({
            "sub": "ada", "groups": ["staff", "viewer", "operator"], "iat": now, "exp": now + 600, "iss": "https://login.test",
            "aud": ["other", "cameras"],
        });
        change(&mut claims);
        let header = Header { kid: Some(self.0.into()), ..Header::new(Algorithm::ES256) };
        let key = EncodingKey::from_ec_pem(self.1.serialize_pem().as_bytes()).unwrap();
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }
}

async fn sign_in(service: &Running, token: &str) -> Value {
    service.connect().await.call("authenticate", json!({ "auth_token": token })).await
}

async fn until(what: &str, mut reached: impl AsyncFnMut() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !reached().await {
        assert!(Instant::now() < give_up, "{what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn tokens_of_an_identity_provider_open_the_door_and_its_new_keys_are_noticed() {
    let provider = Provider::start().await;
    let (first, second, other) = (Key::new("one"), Key::new("two"), Key::new("one"));
    // Keys for something else, and of kinds nobody here knows, are left alone.
    let secret = json!({ "kty": "oct", "kid": "secret", "k": "c2VjcmV0", "alg": "HS256" });
    let strange = json!({ "kty": "quantum", "kid": "strange" });
    provider.published.lock().unwrap().extend([secret, strange, first.published()]);
    let installation = provider.installation();
    let service = installation.start();
    let good = first.token(|_| {});
    until("the provider's token never opens the door", async || {
        let answer = sign_in(&service, &good).await;
        assert!(answer.get("error").is_none_or(|error| error["code"] == -32050), "{answer}");
        answer["result"]["role"] == "operator"
    })
    .await;
    let refused = async |token: String, why: &str| {
        let answer = sign_in(&service, &token).await;
        assert_eq!(answer["error"]["code"], -32001, "{why}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(why), "{why}: {answer}");
    };
    refused(first.token(|claims| claims["aud"] = json!("other")), "`aud`").await;
    refused(first.token(|claims| drop(claims.as_object_mut().unwrap().remove("aud"))), "`aud`").await;
    refused(first.token(|claims| claims["iss"] = json!("https://evil.test")), "`iss`").await;
    refused(first.token(|claims| claims["groups"] = json!(["staff"])), "claims").await;
    refused(first.token(|claims| drop(claims.as_object_mut().unwrap().remove("sub"))), "`sub`").await;
    refused(other.token(|_| {}), "signature").await;
    refused(second.token(|_| {}), "does not publish").await;
    // Its keys change.
    *provider.published.lock().unwrap() = vec![second.published()];
    until("a new key is never noticed", async || {
        sign_in(&service, &second.token(|_| {})).await.get("result").is_some()
    })
    .await;
    refused(good, "does not publish").await;
    // An empty set is no set: the keys known so far are used on.
    provider.published.lock().unwrap().clear();
    refused(first.token(|_| {}), "does not publish").await;
    until("that the provider publishes nothing is never said", async || {
        let (_, _, body) = http(service.health, "/health/system", &[]).await;
        String::from_utf8_lossy(&body).contains("the keys known so far are used on")
    })
    .await;
    assert!(sign_in(&service, &second.token(|_| {})).await.get("result").is_some());
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_said_and_throws_nobody_s_token_away() {
    let provider = Provider { published: Arc::default(), port: 1 };
    let installation = provider.installation();
    let service = installation.start();
    let answer = sign_in(&service, &Key::new("one").token(|_| {})).await;
    assert_eq!(answer["error"]["code"], -32050, "{answer}");
    until("it is never said", async || {
        let (_, _, body) = http(service.health, "/health/system", &[]).await;
        let body = String::from_utf8_lossy(&body).into_owned();
        body.contains("identity_provider") && body.contains("no token can be verified")
    })
    .await;
}
