//! `tls` against `openssl s_server` and nginx in many set-ups, and against listeners that speak something else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use probity_plan::kinds::tls::Tls;
use probity_plan::{Act, Barrier, Value};
use probity_probe::Seen;
use support::{HOSTILE, Running, barrier, known, look, look_with, text, tool};

/// A folder of certificates, made by OpenSSL.
struct Pki {
    folder: tempfile::TempDir,
}

impl Pki {
    /// An authority, and a certificate of it for `www.example.test` and 127.0.0.1 that lasts 90 days.
    fn new() -> Option<Self> {
        let pki = Self { folder: support::folder() };
        let mut authority = tool("openssl")?;
        authority.args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "900",
            "-subj",
            "/O=Test/CN=Authority",
        ]);
        support::run(authority.args(["-keyout", &pki.path("ca.key"), "-out", &pki.path("ca.pem")]));
        pki.issue(
            "good",
            &["-newkey", "rsa:2048"],
            "/CN=www.example.test",
            "DNS:www.example.test,IP:127.0.0.1",
            90,
        );
        Some(pki)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A certificate NAME.pem with its key NAME.key.
    fn issue(&self, name: &str, key: &[&str], subject: &str, names: &str, days: i32) {
        let (request, extensions) = (self.path(&format!("{name}.csr")), self.path(&format!("{name}.ext")));
        std::fs::write(&extensions, format!("subjectAltName={names}\nbasicConstraints=CA:FALSE\n")).unwrap();
        let mut command = tool("openssl").unwrap();
        command.args([
            "req",
            "-new",
            "-nodes",
            "-utf8",
            "-subj",
            subject,
            "-keyout",
            &self.path(&format!("{name}.key")),
        ]);
        support::run(command.args(key).args(["-out", &request]));
        let mut command = tool("openssl").unwrap();
        command.args([
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &self.path("ca.pem"),
            "-CAkey",
            &self.path("ca.key"),
        ]);
        command.args(["-CAcreateserial", "-extfile", &extensions, "-days", &days.to_string()]);
        support::run(command.args(["-out", &self.path(&format!("{name}.pem"))]));
    }

    /// The same of X.509 version 1, as `openssl x509 -req` without a file of extensions made it up to OpenSSL 3.1.
    fn issue_version_1(&self, name: &str) {
        let file = |ending: &str| self.path(&format!("{name}.{ending}"));
        let mut command = tool("openssl").unwrap();
        command.args(["req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=www.example.test"]);
        support::run(command.args(["-keyout", &file("key"), "-out", &file("csr")]));
        let mut command = tool("openssl").unwrap();
        command.args(["x509", "-req", "-in", &file("csr"), "-CA", &self.path("ca.pem")]);
        command.args(["-CAkey", &self.path("ca.key"), "-CAcreateserial", "-days", "5"]);
        support::run(command.args(["-out", &file("pem")]));
    }

    /// `openssl s_server` with this certificate and these options.
    fn serve(&self, certificate: &str, options: &[&str]) -> (String, Running) {
        let port = support::free_port();
        let mut command = tool("openssl").unwrap();
        command.args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-quiet", "-www"]);
        command.args([
            "-cert",
            &self.path(&format!("{certificate}.pem")),
            "-key",
            &self.path(&format!("{certificate}.key")),
        ]);
        let running = support::start(command.args(options).stdout(Stdio::null()).stderr(Stdio::null()));
        support::until_listens(port);
        (format!("127.0.0.1:{port}"), running)
    }

    fn act(&self, address: &str) -> Act {
        Act::Tls(Tls {
            tls: address.to_owned(),
            server_name: Some("www.example.test".to_owned()),
            ca: Some(self.path("ca.pem")),
            ..Tls::default()
        })
    }
}

/// Which of 1.0, 1.1, 1.2 and 1.3 are accepted.
fn versions(seen: &Seen) -> [bool; 4] {
    ["tls_1_0", "tls_1_1", "tls_1_2", "tls_1_3"].map(|fact| *known(seen, fact) == Value::Bool(true))
}

/// Every suite that OpenSSL has, and the old versions, which its default security level leaves out.
const OLD: &str = "ALL:@SECLEVEL=0";

#[tokio::test]
async fn a_server_as_it_should_be() {
    let Some(pki) = Pki::new() else { return };
    let (address, _running) = pki.serve("good", &["-cert_chain", &pki.path("ca.pem")]);
    let seen = look(pki.act(&address)).await;
    for fact in ["answered", "completed", "trusted", "name_matches"] {
        assert_eq!(known(&seen, fact), &Value::Bool(true), "{fact}: {seen:?}");
    }
    assert_eq!(text(&seen, "version"), "TLSv1.3");
    assert!(text(&seen, "suite").starts_with("TLS_AES_"), "{seen:?}");
    assert_eq!(text(&seen, "group"), "X25519");
    assert_eq!((text(&seen, "alert"), text(&seen, "trust_error")), ("", ""));
    assert_eq!(text(&seen, "subject"), "CN=www.example.test");
    assert_eq!(text(&seen, "issuer"), "CN=Authority,O=Test");
    assert_eq!(known(&seen, "names"), &Value::from(vec!["www.example.test", "127.0.0.1"]));
    assert_eq!(known(&seen, "self_issued"), &Value::Bool(false));
    assert_eq!((text(&seen, "key_type"), known(&seen, "key_bits")), ("rsa", &Value::from(2048)));
    assert_eq!(text(&seen, "signature_algorithm"), "sha256WithRSAEncryption");
    let days = known(&seen, "expires_in_days").as_f64().unwrap();
    assert!((89.9..=90.0).contains(&days), "{days}");
    let (Value::Moment(begin), Value::Moment(end)) = (known(&seen, "not_before"), known(&seen, "not_after"))
    else {
        panic!("{seen:?}")
    };
    assert!(begin < end);
    // As OpenSSL itself reads the file.
    let mut openssl = tool("openssl").unwrap();
    openssl.args(["x509", "-noout", "-fingerprint", "-sha256", "-in", &pki.path("good.pem")]);
    let said = support::run(&mut openssl);
    let fingerprint = said.trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
    assert_eq!(text(&seen, "sha256"), fingerprint);
    let Value::List(chain) = known(&seen, "chain") else { panic!("{seen:?}") };
    assert_eq!(chain.len(), 2, "{chain:?}");
    assert_eq!(versions(&seen), [false, false, true, true]);
}

#[tokio::test]
async fn each_version_is_found_truthfully() {
    let Some(pki) = Pki::new() else { return };
    let cases: [(&[&str], [bool; 4]); 8] = [
        (&[], [false, false, true, true]),
        (&["-cipher", OLD], [true, true, true, true]),
        (&["-tls1", "-cipher", OLD], [true, false, false, false]),
        (&["-tls1_1", "-cipher", OLD], [false, true, false, false]),
        (&["-no_tls1_3", "-cipher", OLD], [true, true, true, false]),
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], [false, false, true, false]),
        // A suite that no current client offers: 1.2 all the same.
        (&["-tls1_2", "-cipher", "AES128-SHA"], [false, false, true, false]),
        (&["-tls1_3"], [false, false, false, true]),
    ];
    for (options, expected) in cases {
        let (address, _running) = pki.serve("good", options);
        let seen = look(pki.act(&address)).await;
        assert_eq!(versions(&seen), expected, "{options:?}: {seen:?}");
    }
}

#[tokio::test]
async fn one_suite_of_1_2_is_negotiated_and_named() {
    let Some(pki) = Pki::new() else { return };
    let (address, _running) = pki.serve("good", &["-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"]);
    let seen = look(pki.act(&address)).await;
    assert_eq!(text(&seen, "version"), "TLSv1.2");
    assert_eq!(text(&seen, "suite"), "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    assert_eq!(known(&seen, "trusted"), &Value::Bool(true));
}

#[tokio::test]
async fn where_only_an_older_client_gets_in_the_look_says_so_and_still_sees_the_certificate() {
    let Some(pki) = Pki::new() else { return };
    for (options, version, suite) in [
        (["-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"], "TLSv1.0", "TLS_RSA_WITH_AES_128_CBC_SHA"),
        (["-tls1_2", "-cipher", "AES256-SHA256"], "TLSv1.2", "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    ] {
        let (address, _running) = pki.serve("good", &options);
        let seen = look(pki.act(&address)).await;
        assert_eq!(known(&seen, "answered"), &Value::Bool(true));
        assert_eq!(known(&seen, "completed"), &Value::Bool(false));
        assert!(text(&seen, "alert").contains("alert"), "{seen:?}");
        assert_eq!((text(&seen, "version"), text(&seen, "suite")), (version, suite));
        assert_eq!(text(&seen, "subject"), "CN=www.example.test");
        assert_eq!(known(&seen, "name_matches"), &Value::Bool(true));
        // Nobody proved to hold the key.
        assert_eq!(barrier(&seen, "trusted"), Barrier::Unsupported);
    }
}

#[tokio::test]
async fn a_bad_certificate_is_seen_and_not_refused() {
    let Some(pki) = Pki::new() else { return };
    let names = "DNS:www.example.test";
    pki.issue("other", &["-newkey", "rsa:2048"], "/CN=other", "DNS:other.example.test", 30);
    pki.issue("expired", &["-newkey", "rsa:2048"], "/CN=old", names, -1);
    pki.issue("curve", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "/CN=ec", names, 30);
    pki.issue("edwards", &["-newkey", "ed25519"], "/CN=ed", names, 30);
    let (address, _running) = pki.serve("other", &[]);
    let seen = look(pki.act(&address)).await;
    assert_eq!(
        (known(&seen, "trusted"), known(&seen, "name_matches")),
        (&Value::Bool(true), &Value::Bool(false))
    );

    let (address, _running) = pki.serve("expired", &[]);
    let seen = look(pki.act(&address)).await;
    assert_eq!(
        (known(&seen, "trusted"), known(&seen, "name_matches")),
        (&Value::Bool(false), &Value::Bool(true))
    );
    assert!(text(&seen, "trust_error").contains("xpired"), "{seen:?}");
    assert!(known(&seen, "expires_in_days").as_f64().unwrap() < 0.0);

    // By the system's certificates nobody knows our authority.
    let (address, _running) = pki.serve("good", &[]);
    let system = Tls { tls: address, ..Tls::default() };
    let seen = look(Act::Tls(system)).await;
    if seen.facts.contains_key("trusted") {
        assert_eq!(known(&seen, "trusted"), &Value::Bool(false));
        assert!(text(&seen, "trust_error").contains("UnknownIssuer"), "{seen:?}");
    } else {
        assert_eq!(barrier(&seen, "trusted"), Barrier::ToolMissing);
    }
    // The address asked for stands in the certificate.
    assert_eq!(known(&seen, "name_matches"), &Value::Bool(true));

    let (address, _running) = pki.serve("curve", &[]);
    let seen = look(pki.act(&address)).await;
    assert_eq!((text(&seen, "key_type"), known(&seen, "key_bits")), ("ec", &Value::from(384)));
    assert_eq!(known(&seen, "trusted"), &Value::Bool(true));
    let (address, _running) = pki.serve("edwards", &[]);
    let seen = look(pki.act(&address)).await;
    assert_eq!((text(&seen, "key_type"), known(&seen, "trusted")), ("ed25519", &Value::Bool(true)));
}

/// As OpenSSL judges, also what stands between the server's certificate and the authority that we know, and that authority itself.
#[tokio::test]
async fn who_may_not_sign_certificates_vouches_for_none() {
    let Some(pki) = Pki::new() else { return };
    let authority = "critical,CA:TRUE";
    for (root, between, says) in [
        (format!("basicConstraints={authority},pathlen:1"), format!("basicConstraints={authority}"), ""),
        (
            format!("basicConstraints={authority}"),
            format!("basicConstraints={authority}\nkeyUsage=digitalSignature"),
            "key usage",
        ),
        (
            format!("basicConstraints={authority}\nkeyUsage=cRLSign"),
            format!("basicConstraints={authority}"),
            "key usage",
        ),
        (
            format!("basicConstraints={authority},pathlen:0"),
            format!("basicConstraints={authority}"),
            "PathLen",
        ),
        (
            "basicConstraints=CA:FALSE".to_owned(),
            format!("basicConstraints={authority}"),
            "basic constraints",
        ),
    ] {
        let leaf = "basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1".to_owned();
        for (name, by, extensions) in
            [("root", "root", &root), ("between", "root", &between), ("leaf", "between", &leaf)]
        {
            let file = |name: &str, ending: &str| pki.path(&format!("{name}.{ending}"));
            std::fs::write(file(name, "ext"), extensions).unwrap();
            let mut request = tool("openssl").unwrap();
            request.args(["req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", &format!("/CN={name}")]);
            support::run(request.args(["-keyout", &file(name, "key"), "-out", &file(name, "csr")]));
            let mut sign = tool("openssl").unwrap();
            sign.args([
                "x509",
                "-req",
                "-days",
                "9",
                "-in",
                &file(name, "csr"),
                "-extfile",
                &file(name, "ext"),
            ]);
            match name == by {
                true => sign.args(["-signkey", &file(name, "key")]),
                false => sign.args(["-CA", &file(by, "pem"), "-CAkey", &file(by, "key"), "-CAcreateserial"]),
            };
            support::run(sign.args(["-out", &file(name, "pem")]));
        }
        let (address, _running) = pki.serve("leaf", &["-cert_chain", &pki.path("between.pem")]);
        let tls = Tls { tls: address.clone(), ca: Some(pki.path("root.pem")), ..Default::default() };
        let seen = look(Act::Tls(tls)).await;
        assert_eq!(known(&seen, "trusted"), &Value::Bool(says.is_empty()), "{root} {between}: {seen:?}");
        assert!(text(&seen, "trust_error").contains(says), "{root} {between}: {seen:?}");
        let mut openssl = tool("openssl").unwrap();
        openssl.args(["verify", "-purpose", "sslserver", "-CAfile", &pki.path("root.pem")]);
        openssl.args(["-untrusted", &pki.path("between.pem"), &pki.path("leaf.pem")]);
        assert_eq!(openssl.output().unwrap().status.success(), says.is_empty(), "{root} {between}");
    }
}

#[tokio::test]
async fn a_key_that_is_not_for_handshakes_is_not_trusted_in_one() {
    let Some(pki) = Pki::new() else { return };
    for (usage, trusted) in
        [("critical,keyCertSign", false), ("cRLSign,nonRepudiation", false), ("digitalSignature", true)]
    {
        pki.issue(
            "used",
            &["-newkey", "rsa:2048"],
            "/CN=used",
            &format!("DNS:www.example.test,IP:127.0.0.1\nkeyUsage={usage}"),
            30,
        );
        let (address, _running) = pki.serve("used", &[]);
        let seen = look(pki.act(&address)).await;
        assert_eq!(known(&seen, "trusted"), &Value::Bool(trusted), "{usage}: {seen:?}");
        assert_eq!(text(&seen, "trust_error").contains("key usage"), !trusted, "{usage}: {seen:?}");
        // Nor does who insists on trust speak to it.
        let http = probity_plan::kinds::http::Http {
            http: probity_plan::Text::plain(format!("https://{address}/")),
            ca: Some(pki.path("ca.pem")),
            ..Default::default()
        };
        let seen = look(Act::Http(http)).await;
        assert_eq!(known(&seen, "answered"), &Value::Bool(trusted), "{usage}: {seen:?}");
        // As OpenSSL judges.
        let mut openssl = tool("openssl").unwrap();
        openssl.args([
            "verify",
            "-purpose",
            "sslserver",
            "-CAfile",
            &pki.path("ca.pem"),
            &pki.path("used.pem"),
        ]);
        assert_eq!(openssl.output().unwrap().status.success(), trusted, "{usage}");
    }
}

#[tokio::test]
async fn an_authority_that_has_expired_vouches_for_nothing() {
    let Some(pki) = Pki::new() else { return };
    let mut old = tool("openssl").unwrap();
    old.args(["x509", "-in", &pki.path("ca.pem"), "-signkey", &pki.path("ca.key"), "-days", "-1"]);
    support::run(old.args(["-out", &pki.path("old.pem")]));
    let (address, _running) = pki.serve("good", &[]);
    let Act::Tls(tls) = pki.act(&address) else { panic!("another act") };
    let seen = look(Act::Tls(Tls { ca: Some(pki.path("old.pem")), ..tls.clone() })).await;
    assert_eq!(known(&seen, "trusted"), &Value::Bool(false), "{seen:?}");
    assert!(text(&seen, "trust_error").contains("authority: certificate expired"), "{seen:?}");
    // Beside one of the same name that has not, it takes nothing away.
    let both = ["old.pem", "ca.pem"].map(|name| std::fs::read_to_string(pki.path(name)).unwrap()).concat();
    std::fs::write(pki.path("both.pem"), both).unwrap();
    let seen = look(Act::Tls(Tls { ca: Some(pki.path("both.pem")), ..tls })).await;
    assert_eq!(known(&seen, "trusted"), &Value::Bool(true), "{seen:?}");
}

#[tokio::test]
async fn an_authoritys_certificate_as_the_servers_is_neither_trusted_nor_not() {
    let Some(pki) = Pki::new() else { return };
    let names = "DNS:www.example.test\nbasicConstraints=CA:TRUE\n[other]";
    pki.issue("authority", &["-newkey", "rsa:2048"], "/CN=below", names, 30);
    let (address, _running) = pki.serve("authority", &[]);
    let seen = look(pki.act(&address)).await;
    assert_eq!(barrier(&seen, "trusted"), Barrier::Unsupported, "{seen:?}");
}

#[tokio::test]
async fn a_self_signed_and_a_weak_certificate() {
    let Some(pki) = Pki::new() else { return };
    let mut own = tool("openssl").unwrap();
    own.args(["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-days", "5", "-sha1", "-subj", "/CN=me"]);
    support::run(own.args(["-keyout", &pki.path("own.key"), "-out", &pki.path("own.pem")]));
    let (address, _running) = pki.serve("own", &["-cipher", "DEFAULT:@SECLEVEL=0"]);
    let seen = look(pki.act(&address)).await;
    assert_eq!(known(&seen, "completed"), &Value::Bool(true), "{seen:?}");
    assert_eq!(known(&seen, "self_issued"), &Value::Bool(true));
    assert_eq!((text(&seen, "key_type"), known(&seen, "key_bits")), ("rsa", &Value::from(1024)));
    assert_eq!(text(&seen, "signature_algorithm"), "sha1WithRSAEncryption");
    assert_eq!(known(&seen, "trusted"), &Value::Bool(false));
}

#[tokio::test]
async fn a_curve_that_ring_lacks_is_verified_all_the_same() {
    let Some(pki) = Pki::new() else { return };
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
    let mut authority = tool("openssl").unwrap();
    authority.args(["req", "-x509", "-nodes", "-days", "900", "-subj", "/CN=P-521"]).args(curve);
    support::run(authority.args(["-keyout", &pki.path("ca.key"), "-out", &pki.path("ca.pem")]));
    pki.issue("signed", &["-newkey", "rsa:2048"], "/CN=x", "DNS:www.example.test", 30);
    pki.issue("own", &curve, "/CN=x", "DNS:www.example.test", 30);
    for name in ["signed", "own"] {
        for version in ["-tls1_2", "-tls1_3"] {
            let (address, _running) = pki.serve(name, &[version]);
            let seen = look(pki.act(&address)).await;
            assert_eq!(known(&seen, "trusted"), &Value::Bool(true), "{name} {version}: {seen:?}");
        }
    }
    // A signature of somebody else with the same key length is none.
    let (address, _running) = pki.serve("own", &[]);
    support::run(
        tool("openssl").unwrap().args(["req", "-x509", "-nodes", "-subj", "/CN=P-521"]).args(curve).args([
            "-keyout",
            "/dev/null",
            "-out",
            &pki.path("ca.pem"),
        ]),
    );
    let seen = look(pki.act(&address)).await;
    assert_eq!(known(&seen, "trusted"), &Value::Bool(false), "{seen:?}");
}

#[tokio::test]
async fn a_group_that_this_client_lacks_is_nothing_bad_of_the_server() {
    let Some(pki) = Pki::new() else { return };
    let (address, _running) = pki.serve("good", &["-groups", "secp521r1"]);
    let seen = look(pki.act(&address)).await;
    assert_eq!(
        (known(&seen, "completed"), text(&seen, "group")),
        (&Value::Bool(true), "secp521r1"),
        "{seen:?}"
    );
    assert_eq!(versions(&seen), [false, false, true, true]);
    for group in ["X448", "ffdhe3072"] {
        let (address, _running) = pki.serve("good", &["-groups", group, "-tls1_3"]);
        let seen = look(pki.act(&address)).await;
        assert_eq!(
            (known(&seen, "answered"), barrier(&seen, "completed")),
            (&Value::Bool(true), Barrier::Unsupported)
        );
        assert_eq!(
            (versions(&seen), text(&seen, "version")),
            ([false, false, false, true], "TLSv1.3"),
            "{group}"
        );
        assert_eq!(barrier(&seen, "trusted"), Barrier::Unsupported, "{group}");
    }
}

#[tokio::test]
async fn a_chain_signed_by_what_this_client_cannot_verify_is_neither_trusted_nor_not() {
    let Some(pki) = Pki::new() else { return };
    let mut authority = tool("openssl").unwrap();
    authority.args(["req", "-x509", "-nodes", "-days", "900", "-subj", "/CN=Ed448", "-newkey", "ed448"]);
    support::run(authority.args(["-keyout", &pki.path("ca.key"), "-out", &pki.path("ca.pem")]));
    pki.issue("signed", &["-newkey", "rsa:2048"], "/CN=x", "DNS:www.example.test", 30);
    let (address, _running) = pki.serve("signed", &[]);
    let seen = look(pki.act(&address)).await;
    assert_eq!(
        (known(&seen, "completed"), barrier(&seen, "trusted")),
        (&Value::Bool(true), Barrier::Unsupported)
    );
}

#[tokio::test]
async fn a_key_of_a_length_that_is_not_verified_with_is_neither_trusted_nor_not() {
    let Some(pki) = Pki::new() else { return };
    let weak = ["-cipher", "DEFAULT:@SECLEVEL=0"];
    pki.issue("short", &["-newkey", "rsa:1024"], "/CN=x", "DNS:www.example.test", 30);
    let (address, _running) = pki.serve("short", &weak);
    let seen = look(pki.act(&address)).await;
    assert_eq!(
        (known(&seen, "key_bits"), barrier(&seen, "trusted")),
        (&Value::from(1024), Barrier::Unsupported)
    );
    // The authority's.
    let mut authority = tool("openssl").unwrap();
    authority.args(["req", "-x509", "-nodes", "-days", "900", "-subj", "/CN=Short", "-newkey", "rsa:1024"]);
    support::run(authority.args(["-keyout", &pki.path("ca.key"), "-out", &pki.path("ca.pem")]));
    pki.issue("signed", &["-newkey", "rsa:2048"], "/CN=x", "DNS:www.example.test", 30);
    let (address, _running) = pki.serve("signed", &weak);
    let seen = look(pki.act(&address)).await;
    assert_eq!(
        (known(&seen, "completed"), barrier(&seen, "trusted")),
        (&Value::Bool(true), Barrier::Unsupported)
    );
    // One that is long enough signed something else.
    let mut other = tool("openssl").unwrap();
    other.args(["req", "-x509", "-nodes", "-days", "900", "-subj", "/CN=Short", "-newkey", "rsa:2048"]);
    support::run(other.args(["-keyout", "/dev/null", "-out", &pki.path("ca.pem")]));
    let seen = look(pki.act(&address)).await;
    assert_eq!(known(&seen, "trusted"), &Value::Bool(false), "{seen:?}");
}

#[tokio::test]
async fn the_chain_ends_with_the_first_of_its_certificates() {
    let Some(pki) = Pki::new() else { return };
    pki.issue("short", &["-newkey", "rsa:2048"], "/CN=x", "DNS:x", 3);
    let (address, _running) = pki.serve("good", &["-cert_chain", &pki.path("short.pem")]);
    let seen = look(pki.act(&address)).await;
    let days = |fact: &str| known(&seen, fact).as_f64().unwrap();
    assert!((89.9..=90.0).contains(&days("expires_in_days")), "{seen:?}");
    assert!((2.9..=3.0).contains(&days("chain_expires_in_days")), "{seen:?}");
    let (Value::Moment(first), Value::Moment(own)) =
        (known(&seen, "chain_not_after"), known(&seen, "not_after"))
    else {
        panic!("{seen:?}")
    };
    assert!(first < own);
}

/// Somebody who says these lines in plain text, each after a message, and then serves TLS with the certificate `good`;
/// connection by connection.
async fn says_then_tls(pki: &Pki, greeting: &'static str, replies: &'static [&'static str]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate = CertificateDer::from_pem_file(pki.path("good.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(pki.path("good.key")).unwrap();
    let provider = tokio_rustls::rustls::crypto::ring::default_provider();
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                stream.write_all(greeting.as_bytes()).await.unwrap();
                let mut message = [0; 512];
                for reply in replies {
                    if stream.read(&mut message).await.unwrap_or(0) == 0 {
                        return;
                    }
                    stream.write_all(reply.as_bytes()).await.unwrap();
                }
                _ = acceptor.accept(stream).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_mail_server_is_asked_for_tls() {
    let Some(pki) = Pki::new() else { return };
    let modules = support::shared("usr/lib/python3/dist-packages");
    let serve = |options: &[&str]| {
        let port = support::free_port();
        let mut server = std::process::Command::new("/usr/bin/python3");
        server.env("PYTHONPATH", &modules).args(["-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Sink"]);
        server.args(["-l", &format!("127.0.0.1:{port}")]).args(options);
        let running = support::start(server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
        support::until_listens(port);
        (format!("127.0.0.1:{port}"), running)
    };
    let asking = |address: &str| match pki.act(address) {
        Act::Tls(tls) => Act::Tls(Tls { starttls: Some(probity_plan::kinds::tls::StartTls::Smtp), ..tls }),
        other => other,
    };
    let (certificate, key) = (pki.path("good.pem"), pki.path("good.key"));
    let (address, _running) = serve(&["--tlscert", &certificate, "--tlskey", &key]);
    let seen = look(asking(&address)).await;
    for fact in ["connected", "starttls", "answered", "completed", "trusted", "name_matches", "tls_1_3"] {
        assert_eq!(known(&seen, fact), &Value::Bool(true), "{fact}: {seen:?}");
    }
    // One that does not offer it.
    let (address, _running) = serve(&[]);
    let seen = look(asking(&address)).await;
    assert_eq!(
        (known(&seen, "starttls"), known(&seen, "connected")),
        (&Value::Bool(false), &Value::Bool(true))
    );
}

#[tokio::test]
async fn starttls_asks_for_tls_in_each_protocol() {
    use probity_plan::kinds::tls::StartTls::{Imap, Postgres, Smtp};
    let Some(pki) = Pki::new() else { return };
    let asking = |address: &str, protocol| match pki.act(address) {
        Act::Tls(tls) => Act::Tls(Tls { starttls: Some(protocol), ..tls }),
        other => other,
    };
    let smtp = "220 mail.example.test ESMTP\r\n";
    let offers: [(_, &str, &[&str]); 3] = [
        (Smtp, smtp, &["250-mail.example.test\r\n250-SIZE 1000\r\n250 STARTTLS\r\n", "220 Go ahead\r\n"]),
        (Imap, "* OK IMAP4rev1 ready\r\n", &["* CAPABILITY IMAP4rev1\r\na1 OK Begin TLS\r\n"]),
        (Postgres, "", &["S"]),
    ];
    for (protocol, greeting, replies) in offers {
        let address = says_then_tls(&pki, greeting, replies).await;
        let seen = look(asking(&address, protocol)).await;
        for fact in ["connected", "starttls", "answered", "completed", "trusted", "name_matches"] {
            assert_eq!(known(&seen, fact), &Value::Bool(true), "{protocol:?}: {fact}: {seen:?}");
        }
        // Each version is asked for on a connection of its own, in the same way.
        assert_eq!(versions(&seen), [false, false, true, true], "{protocol:?}");
    }
    let refusals: [(_, &str, &[&str]); 6] = [
        (Smtp, smtp, &["502 what?\r\n"]),
        (Smtp, smtp, &["250 mail.example.test\r\n"]),
        (Smtp, smtp, &["250 STARTTLS\r\n", "502 not for you\r\n"]),
        (Imap, "* OK ready\r\n", &["a1 NO not here\r\n"]),
        (Imap, "* OK ready\r\n", &["a1 BAD what?\r\n"]),
        (Postgres, "", &["N"]),
    ];
    for (protocol, greeting, replies) in refusals {
        let address = says_then_tls(&pki, greeting, replies).await;
        let seen = look(asking(&address, protocol)).await;
        assert_eq!(
            (known(&seen, "starttls"), known(&seen, "answered")),
            (&Value::Bool(false), &Value::Bool(false))
        );
        assert_eq!(known(&seen, "connected"), &Value::Bool(true), "{protocol:?}");
    }
    // What another protocol says, and a line without end, is nonsense.
    for (protocol, greeting) in
        [(Smtp, "* OK ready\r\n".to_owned()), (Imap, "x".repeat(10_000)), (Postgres, "E".to_owned())]
    {
        let address = says_then_tls(&pki, Box::leak(greeting.into_boxed_str()), &[]).await;
        let seen = look(asking(&address, protocol)).await;
        assert_eq!(
            (barrier(&seen, "starttls"), known(&seen, "answered")),
            (Barrier::Protocol, &Value::Bool(false))
        );
    }
    // Who sends us away did not say whether there would be TLS.
    let goodbyes: [(_, &str, &[&str]); 5] = [
        (Smtp, smtp, &["250 STARTTLS\r\n", "454 not now\r\n"]),
        (Smtp, "554 go away\r\n", &[]),
        (Smtp, smtp, &["421 too many of you\r\n"]),
        (Smtp, smtp, &["550 not you\r\n"]),
        (Imap, "* BYE too many of you\r\n", &["a1 NO what?\r\n"]),
    ];
    for (protocol, greeting, replies) in goodbyes {
        let seen = look(asking(&says_then_tls(&pki, greeting, replies).await, protocol)).await;
        assert_eq!(barrier(&seen, "starttls"), Barrier::Protocol, "{greeting}: {seen:?}");
        assert_eq!(
            (known(&seen, "connected"), known(&seen, "answered")),
            (&Value::Bool(true), &Value::Bool(false))
        );
    }
    // Without it, TLS begins with the first byte.
    assert_eq!(
        barrier(&look(plain(&says_then_tls(&pki, "", &[]).await)).await, "starttls"),
        Barrier::NotMade
    );
}

#[tokio::test]
async fn nginx_serves_the_versions_that_it_is_told_to() {
    let Some(pki) = Pki::new() else { return };
    let (_running, address) = nginx(&pki, "TLSv1.1 TLSv1.2");
    let seen = look(pki.act(&address)).await;
    assert_eq!(versions(&seen), [false, true, true, false]);
    assert_eq!(text(&seen, "version"), "TLSv1.2");
    assert_eq!(known(&seen, "trusted"), &Value::Bool(true));
}

#[tokio::test]
async fn a_server_that_wants_to_know_who_we_are_is_seen_all_the_same() {
    let Some(pki) = Pki::new() else { return };
    // Version, whether the handshake completes: in 1.3 the client is done before the server has looked.
    for (option, completes) in [("-tls1_2", false), ("-tls1_3", true)] {
        let ca = pki.path("ca.pem");
        let (address, _running) =
            pki.serve("good", &[option, "-Verify", "1", "-verify_return_error", "-CAfile", &ca]);
        let seen = look(pki.act(&address)).await;
        assert_eq!(known(&seen, "asks_client"), &Value::Bool(true), "{option}: {seen:?}");
        assert_eq!(known(&seen, "completed"), &Value::Bool(completes), "{option}: {seen:?}");
        assert_eq!(known(&seen, "trusted"), &Value::Bool(true), "{option}: {seen:?}");
    }
    let (address, _running) = pki.serve("good", &[]);
    assert_eq!(known(&look(pki.act(&address)).await, "asks_client"), &Value::Bool(false));
}

fn nginx(pki: &Pki, protocols: &str) -> (Running, String) {
    let port = support::free_port();
    let folder = pki.folder.path();
    let own = folder.display();
    let config = folder.join("nginx.conf");
    std::fs::write(
        &config,
        format!(
            "daemon off; pid {own}/pid; error_log {own}/error.log; user root;\nevents {{}}\nhttp {{ access_log off; \
             client_body_temp_path {own}/body; proxy_temp_path {own}/proxy; fastcgi_temp_path {own}/fastcgi; \
             uwsgi_temp_path {own}/uwsgi; scgi_temp_path {own}/scgi;\nserver {{ listen 127.0.0.1:{port} ssl; \
             ssl_certificate good.pem; ssl_certificate_key good.key; ssl_protocols {protocols}; \
             ssl_ciphers ALL:@SECLEVEL=0; }} }}"
        ),
    )
    .unwrap();
    let mut command = tool("nginx").unwrap();
    let running = support::start(command.arg("-c").arg(&config).arg("-e").arg(folder.join("first.log")));
    support::until_listens(port);
    (running, format!("127.0.0.1:{port}"))
}

#[tokio::test]
async fn alerts_to_everything_show_nothing_about_versions() {
    let alert = b"\x15\x03\x01\x00\x02\x02\x28".to_vec();
    let seen = look(plain(&support::says(alert).to_string())).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(true));
    assert_eq!(known(&seen, "completed"), &Value::Bool(false));
    for fact in ["tls_1_0", "tls_1_1", "tls_1_2", "tls_1_3"] {
        assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{fact}: {seen:?}");
    }
    assert_eq!(barrier(&seen, "version"), Barrier::Unsupported);
}

fn plain(address: &str) -> Act {
    Act::Tls(Tls { tls: address.to_owned(), ..Tls::default() })
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_not_answered() {
    let seen = look(plain(&format!("127.0.0.1:{}", support::free_port()))).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false));
    assert_eq!(barrier(&seen, "trusted"), Barrier::ConnectionRefused);
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_time_out() {
    let silent = support::silent();
    let seen = support::look_at_hanging(plain(&silent.address.to_string())).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false));
    silent.until_gone().await;
    let hole = support::black_hole();
    let seen = support::look_at_hanging(plain(&hole.address.to_string())).await;
    assert_eq!(barrier(&seen, "connect_ms"), Barrier::TimedOut);
}

#[tokio::test]
async fn what_is_not_tls_is_nonsense_and_no_answer() {
    let record = |body: &[u8]| [&[22, 3, 3, 0, u8::try_from(body.len()).unwrap()][..], body].concat();
    let cases: [(&str, Vec<u8>); 7] = [
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\nServer: \x1b[31m\r\n\r\n".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("hostile text", HOSTILE.as_bytes().to_vec()),
        ("nothing", Vec::new()),
        ("half a record", b"\x16\x03\x03\x40\x00".to_vec()),
        ("a hello that is none", record(b"\x02\x00\x00\x03\x03\x03\x00")),
        ("a certificate without a hello", record(b"\x0b\x00\x00\x03\x00\x00\x00")),
    ];
    for (what, answer) in cases {
        let seen = look(plain(&support::says(answer).to_string())).await;
        assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{what}: {seen:?}");
        assert_eq!(barrier(&seen, "version"), Barrier::Protocol, "{what}");
    }
}

#[tokio::test]
async fn a_subject_that_means_harm_is_kept_as_text() {
    let Some(pki) = Pki::new() else { return };
    let subject = "/CN=\u{1b}[2J\u{202e}<script>alert(1)<\\/script>";
    pki.issue("hostile", &["-newkey", "rsa:2048"], subject, "DNS:www.example.test", 30);
    let (address, _running) = pki.serve("hostile", &[]);
    let seen = look(pki.act(&address)).await;
    let shown = text(&seen, "subject");
    assert!(shown.contains("\u{202e}") && shown.contains("script"), "{shown:?}");
    assert_eq!(known(&seen, "trusted"), &Value::Bool(true));
}

#[tokio::test]
async fn a_missing_ca_file_hides_trust_and_nothing_else() {
    let Some(pki) = Pki::new() else { return };
    let (address, _running) = pki.serve("good", &[]);
    let ca = Path::new("/nowhere/ca.pem").display().to_string();
    let seen = look_with(
        Act::Tls(Tls {
            tls: address,
            server_name: Some("www.example.test".to_owned()),
            ca: Some(ca),
            ..Tls::default()
        }),
        &[],
        Duration::from_secs(10),
    )
    .await;
    assert_eq!(barrier(&seen, "trusted"), Barrier::Unreachable);
    assert_eq!(known(&seen, "name_matches"), &Value::Bool(true));
    assert_eq!(text(&seen, "version"), "TLSv1.3");
}

/// Somebody who sends a certificate whose key he does not hold, and signs with his own.
async fn impostor(pki: &Pki) -> (String, tokio::task::JoinHandle<()>) {
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
    use tokio_rustls::rustls::{ServerConfig, crypto, sign::CertifiedKey};

    #[derive(Debug)]
    struct Stolen(std::sync::Arc<CertifiedKey>);
    impl ResolvesServerCert for Stolen {
        fn resolve(&self, _: ClientHello<'_>) -> Option<std::sync::Arc<CertifiedKey>> {
            Some(self.0.clone())
        }
    }
    pki.issue("thief", &["-newkey", "rsa:2048"], "/CN=thief", "DNS:thief.example.test", 30);
    let certificate = CertificateDer::from_pem_file(pki.path("good.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(pki.path("thief.key")).unwrap();
    let key = crypto::ring::sign::any_supported_type(&key).unwrap();
    let stolen = Stolen(CertifiedKey::new(vec![certificate], key).into());
    let config = ServerConfig::builder_with_provider(crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(std::sync::Arc::new(stolen));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            _ = acceptor.accept(stream).await;
        }
    });
    (address, serving)
}

#[tokio::test]
async fn who_does_not_hold_the_key_of_a_good_certificate_is_not_trusted() {
    let Some(pki) = Pki::new() else { return };
    let (address, serving) = impostor(&pki).await;
    let seen = look(pki.act(&address)).await;
    assert_eq!(known(&seen, "name_matches"), &Value::Bool(true), "{seen:?}");
    assert_eq!(known(&seen, "trusted"), &Value::Bool(false));
    assert!(text(&seen, "trust_error").contains("holds the certificate's key"), "{seen:?}");
    serving.abort();
}

#[tokio::test]
async fn what_is_wrong_with_a_file_of_ours_is_told_without_a_byte_of_it() {
    let Some(pki) = Pki::new() else { return };
    let key = std::fs::read_to_string(pki.path("good.key")).unwrap();
    let both = std::fs::read_to_string(pki.path("good.pem")).unwrap() + &key;
    let body = key.lines().nth(1).unwrap();
    for (what, text) in [
        ("without line ends", key.replace('\n', "")),
        ("with blanks instead", key.replace('\n', " ")),
        ("with line ends spelled out", key.replace('\n', "\\n")),
        ("with a beginning that goes on", key.replacen("KEY-----\n", "KEY----- x", 1)),
        ("without an end", key.lines().take(5).collect::<Vec<_>>().join("\n")),
        ("not in base64", key.replacen('\n', "\n!?", 1)),
        ("both without line ends", both.replace('\n', "")),
    ] {
        let path = pki.path("broken.key");
        std::fs::write(&path, text).unwrap();
        let Act::Tls(act) = pki.act("127.0.0.1:1") else { unreachable!() };
        let certificate = |own: &str| Some(pki.path(own));
        for act in [
            Tls {
                client_certificate: certificate("good.pem"),
                client_key: certificate("broken.key"),
                ..act.clone()
            },
            Tls { client_certificate: certificate("broken.key"), ..act.clone() },
        ] {
            let seen = look(Act::Tls(act)).await;
            let said = &seen.unknown["*"].detail;
            assert!(said.starts_with(&path), "{what}: {said}");
            let bytes: Vec<String> = body.bytes().take(8).map(|byte| byte.to_string()).collect();
            for piece in [&body[..8], &bytes.join(", "), "[", "\\n"] {
                assert!(!said.contains(piece), "{what}: {said}");
            }
        }
        // Nor of a file of authorities, which may be the wrong one.
        let trust = connect_error(&pki, &path).await;
        assert!(trust.starts_with(&path) && !trust.contains('['), "{what}: {trust}");
    }
}

/// Why it is not known whether a server is to be trusted, with this file of authorities.
async fn connect_error(pki: &Pki, ca: &str) -> String {
    let (address, _running) = pki.serve("good", &[]);
    let Act::Tls(act) = pki.act(&address) else { unreachable!() };
    let seen = look(Act::Tls(Tls { ca: Some(ca.to_owned()), ..act })).await;
    seen.unknown["trusted"].detail.clone()
}

#[tokio::test]
async fn a_certificate_of_version_1_is_ours_and_as_the_servers_is_not_judged() {
    let Some(pki) = Pki::new() else { return };
    pki.issue_version_1("old");
    let ca = pki.path("ca.pem");
    let (address, _running) =
        pki.serve("old", &["-tls1_2", "-Verify", "1", "-verify_return_error", "-CAfile", &ca]);
    let Act::Tls(act) = pki.act(&address) else { unreachable!() };
    let own = |key: &str| Tls {
        client_certificate: Some(pki.path("old.pem")),
        client_key: Some(pki.path(key)),
        ..act.clone()
    };
    let seen = look(Act::Tls(own("old.key"))).await;
    for fact in ["completed", "asks_client"] {
        assert_eq!(known(&seen, fact), &Value::Bool(true), "{fact}: {seen:?}");
    }
    // It has no alternative names.
    assert_eq!(known(&seen, "name_matches"), &Value::Bool(false), "{seen:?}");
    assert_eq!(barrier(&seen, "trusted"), Barrier::Unsupported);
    assert!(seen.unknown["trusted"].detail.contains("version 1"), "{seen:?}");
    // Where the key is another one's, that is what is said.
    let seen = look(Act::Tls(own("good.key"))).await;
    assert_eq!(barrier(&seen, "answered"), Barrier::Unsupported);
    let said = &seen.unknown["*"].detail;
    assert!(said.contains("good.key") && said.contains("old.pem"), "{said}");
}
