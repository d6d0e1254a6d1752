//! A configuration file as an operator writes it: whole errors with their place, variables, rules.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use camera_config::{Config, ConfigError, Environment, PLAIN_TEXT_SENTENCE, load, parse};

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn read(text: &str) -> Result<Config, ConfigError> {
    parse(text, "c.yaml", &Environment::new())
}

fn error(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_a_configuration_for_this_machine_alone() {
    for text in ["", "\n", "# nothing yet\n", "---\n", "~", "null", "{}"] {
        assert_eq!(read(text).unwrap(), Config::default(), "{text:?}");
    }
    let config = Config::default();
    assert!(config.server.listen.ip().is_loopback() && config.server.health.ip().is_loopback());
    assert_eq!((config.server.listen.port(), config.server.health.port()), (8002, 8003));
}

#[test]
fn a_whole_configuration_is_read() {
    let text = format!(
        "
server:
  listen: 0.0.0.0:8002
  health: '[::1]:8003'
  public_url: https://cameras.example.org/
  max_message: 512 KiB
  allowed_origins: [https://console.example.org]
  allow_plain_text: {PLAIN_TEXT_SENTENCE}
security:
  jwt: {{ algorithm: RS256, public_key: /etc/idp.pem, lifetime: 90 min }}
  admin_addresses: [10.0.0.0/8, '::1/128']
limits: {{ requests_per_minute: 600 }}
media: {{ engine: mediamtx, ffmpeg: /usr/bin/ffmpeg, mediamtx: {{ api: 'http://10.0.0.2:9997', user: service }} }}
cameras:
  - {{ name: front-door, source: 'rtsp://viewer:secret@10.0.0.9/live', encode: copy }}
  - name: yard
    source: /dev/video2
    resolution: 1280x720
    fps: 25
discovery: {{ v4l2: false, devices: '0-3, 7', networks: [192.168.1.0/24] }}
storage: {{ retention: {{ policy: size, size: 0.5 GB, every: 10 min }}, warn: 70 %, block: 85 % }}
log: {{ level: debug, format: json, file: /var/log/camera-service/service.log }}
"
    );
    let config = read(&text).unwrap();
    assert_eq!(config.server.public_url.as_ref().unwrap().as_str(), "https://cameras.example.org");
    assert_eq!(config.server.max_message.bytes(), 512 << 10);
    assert_eq!(config.security.jwt.lifetime.duration().as_secs(), 5400);
    assert_eq!(config.limits.requests_per_minute.get(), 600);
    assert_eq!(config.limits.burst.get(), 20, "what is not said keeps its default");
    assert_eq!(config.cameras[0].source.clear(), "rtsp://viewer:secret@10.0.0.9/live");
    assert_eq!((config.cameras[1].fps, config.cameras[1].name.as_str()), (Some(25), "yard"));
    assert_eq!(config.discovery.devices.numbers().collect::<Vec<_>>(), [0, 1, 2, 3, 7]);
    assert_eq!(config.storage.retention.size.bytes(), 500_000_000);
    assert_eq!(config.storage.warn.get(), 70);
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_what_would_be_right() {
    for (text, expected) in [
        ("server:\n  lisen: 127.0.0.1:1\n", "c.yaml:2:3: unknown key `lisen`; did you mean `listen`?"),
        ("storage:\n  retention: {agee: 30 d}", "c.yaml:2:15: unknown key `agee`; did you mean `age`?"),
        (
            "colour: blue",
            "c.yaml:1:1: unknown key `colour`; known here: server, security, limits, media, cameras, discovery, storage, log, audit_log",
        ),
        // A variable elsewhere, or as the value of the key itself.
        (
            "server:\n  lisen: 127.0.0.1:1\n  public_url: \"${HERE:-http://x}\"",
            "c.yaml:2:3: unknown key `lisen`; did you mean `listen`?",
        ),
        (
            "storage:\n  retention: {\"agee\": \"${DAYS:-30 d}\"}",
            "c.yaml:2:15: unknown key `agee`; did you mean `age`?",
        ),
        ("limits:\n  burst: 3\n  burst: 4", "c.yaml:3:3: the key `burst` is repeated: write it once"),
        ("server: {}\nserver: {}", "c.yaml:2:1: the key `server` is repeated: write it once"),
        ("cameras:\n- name: a\n", "c.yaml:2:3: the key `source` is missing here, and is required"),
        ("limits: {burst: many}", "c.yaml:1:17: a whole number is expected here"),
        ("limits: {burst: 1.5}", "c.yaml:1:17: a whole number is expected here"),
        ("limits: {burst: 0}", "c.yaml:1:10: a whole number from 1 on is expected here"),
        ("limits: {burst: -1}", "c.yaml:1:17: a whole number is expected here"),
        ("discovery: {v4l2: yes}", "c.yaml:1:19: write true or false"),
        ("cameras: 7", "c.yaml:1:10: a list is expected here: `[a, b]`, or lines that begin with `- `"),
        (
            "server: 5",
            "c.yaml:1:9: keys are expected here, each as `key: value`; leave the section out if it has none",
        ),
        (
            "just a text",
            "c.yaml:1:1: keys are expected here, each as `key: value`; leave the section out if it has none",
        ),
        ("media: {ffmpeg: [x]}", "c.yaml:1:17: a text is expected here"),
        ("media: {ffmpeg: ~}", "c.yaml:1:17: a text is expected here"),
        ("media: {engine: mediamxt}", "c.yaml:1:17: `mediamxt` is not one of embedded, mediamtx"),
        ("security: {jwt: {algorithm: none}}", "c.yaml:1:29: `none` is not one of HS256, RS256, ES256"),
        (
            "discovery:\n  devices: [0, 9]",
            "c.yaml:2:12: a list could mean these devices or all between them: write \"0-9\" for all from 0 to 9, or \"0, 9\" for these two",
        ),
        (
            "storage: {retention: {size: 500}}",
            "c.yaml:1:29: `500` has no unit: write \"500 GB\", \"500 MB\", \"500 MiB\" or another of B to TiB",
        ),
        (
            "storage: {warn: 0.8}",
            "c.yaml:1:17: `0.8` is not a percentage: write a whole number from 1 to 100 and `%`, such as \"80 %\"",
        ),
        (
            "server: {listen: localhost:8002}",
            "c.yaml:1:18: `localhost:8002` is not an address with a port: write 127.0.0.1:8002, [::1]:8002 or 0.0.0.0:8002",
        ),
        (
            "cameras:\n- {name: Front Door, source: test:pattern}",
            "c.yaml:2:10: a camera's name is 1 to 63 of a-z, 0-9, `_` and `-`, and starts with a letter or digit, such as front-door",
        ),
        (
            "cameras:\n- {name: a, source: file:///etc/passwd}",
            "c.yaml:2:21: a camera's source is one of rtsp(s)://HOST/PATH, http(s)://HOST/PATH, /dev/videoN, /dev/v4l/by-id/NAME, test:pattern",
        ),
        (
            "cameras:\n- {name: a, source: /dev/sda}",
            "c.yaml:2:21: a device is /dev/video and its number, such as /dev/video0, or a name in /dev/v4l/by-id or /dev/v4l/by-path",
        ),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn rules_between_values_are_held_with_the_place_of_the_value() {
    for (text, expected) in [
        (
            "storage:\n  warn: 90 %",
            "c.yaml:2:9: `storage.warn`: 90 % is not below `block`, 90 %: a warning must come before",
        ),
        // The key that is wrong is not written; the section is.
        (
            "storage:\n  block: 80 %",
            "c.yaml:2:3: `storage.warn`: 80 % is not below `block`, 80 %: a warning must come before",
        ),
        (
            "cameras:\n  - {name: a, source: test:pattern}\n  - name: b\n    source: test:pattern\n  - name: a\n    source: test:pattern",
            "c.yaml:5:11: `cameras.2.name`: another camera is called `a` already",
        ),
        (
            "cameras: [{name: a, source: test:pattern, fps: 0}]",
            "c.yaml:1:48: `cameras.0.fps`: write a whole number from 1 to 240",
        ),
        (
            "security: {jwt: {algorithm: ES256}}",
            "c.yaml:1:29: `security.jwt.algorithm`: this needs `public_key`, the identity provider's public key (PEM), or `jwks`, where it publishes its keys",
        ),
        (
            "security: {jwt: {public_key: /k.pem}}",
            "c.yaml:1:30: `security.jwt.public_key`: HS256 is for tokens that the service makes itself: leave this out, or set `algorithm` to RS256 or ES256",
        ),
        (
            "server: {health: 127.0.0.1:8002}",
            "c.yaml:1:18: `server.health`: 127.0.0.1:8002 is already where clients are served: take another port",
        ),
        (
            "server: {max_message: 65 MiB}",
            "c.yaml:1:23: `server.max_message`: write a size from 1 KiB to 64 MiB",
        ),
        (
            "server: {allowed_origins: ['https://a.example', 'https://a.example/x']}",
            "c.yaml:1:49: `server.allowed_origins.1`: `https://a.example/x` is not an origin as browsers send it: write one such as https://cameras.example.org, without a path",
        ),
        (
            "server: {public_url: 'rtsp://a'}",
            "c.yaml:1:22: `server.public_url`: write an address with http:// or https://",
        ),
        (
            "media: {ffmpeg: bin/ffmpeg}",
            "c.yaml:1:17: `media.ffmpeg`: write a whole path such as /usr/bin/ffmpeg, or a name that is looked up in PATH",
        ),
        (
            "media: {mediamtx: {hls: 'https://h'}}",
            "c.yaml:1:25: `media.mediamtx.hls`: write an address with http://",
        ),
        (
            "media: {mediamtx: {rtsp: 'http://h'}}",
            "c.yaml:1:26: `media.mediamtx.rtsp`: write an address with rtsp://",
        ),
        (
            "discovery: {networks: [10.0.0.0/8]}",
            "c.yaml:1:24: `discovery.networks.0`: 10.0.0.0/8 has more than 65,536 addresses: name the smaller ranges that cameras are in",
        ),
        (
            "storage: {recordings: recordings}",
            "c.yaml:1:23: `storage.recordings`: `recordings` does not begin with `/`: write the whole path",
        ),
        (
            "storage: {recordings: /x, snapshots: /x}",
            "c.yaml:1:38: `storage.snapshots`: recordings are kept in this folder: take another one",
        ),
        ("storage: {rotate: {size: 1 B}}", "c.yaml:1:26: `storage.rotate.size`: write at least 1 MB"),
        ("storage: {retention: {every: 1 ms}}", "c.yaml:1:30: `storage.retention.every`: write at least 1 s"),
        (
            "security: {jwt: {algorithm: RS256, jwks: 'https://h/keys', issuer: x}}",
            "c.yaml:1:42: `security.jwt.jwks`: this needs `issuer` and `audience`: the same keys sign tokens for other services",
        ),
        (
            "security: {jwt: {lifetime: 367 d}}",
            "c.yaml:1:28: `security.jwt.lifetime`: a token lives at most 366 d",
        ),
        (
            "log: {file: service.log}",
            "c.yaml:1:13: `log.file`: `service.log` does not begin with `/`: write the whole path",
        ),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn beyond_this_machine_tls_is_required_or_the_whole_sentence() {
    let refused = |key: &str, address: &str| {
        format!(
            "`server.{key}`: {address} is reachable from other machines and there is no TLS. Set `server.tls` (certificate, key), or listen on \
             127.0.0.1 behind a proxy; or else write `allow_plain_text: {PLAIN_TEXT_SENTENCE}`"
        )
    };
    for key in ["listen", "health"] {
        for address in ["0.0.0.0:9000", "[::]:9000", "192.168.1.5:9000"] {
            let text = format!("server:\n  {key}: '{address}'\n");
            assert_eq!(error(&text), format!("c.yaml:2:11: {}", refused(key, address)));
            assert!(read(&format!("{text}  tls: {{certificate: /c.pem, key: /k.pem}}")).is_ok());
            assert!(read(&format!("{text}  allow_plain_text: {PLAIN_TEXT_SENTENCE}")).is_ok());
            for less in
                ["yes", "true", "I accept", "i accept that tokens and pictures cross the network in clear"]
            {
                let error = error(&format!("{text}  allow_plain_text: {less}"));
                assert_eq!(
                    error,
                    format!(
                        "c.yaml:3:21: `server.allow_plain_text`: to allow it, write exactly \"{PLAIN_TEXT_SENTENCE}\""
                    )
                );
            }
        }
    }
    for address in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert!(read(&format!("server: {{listen: '{address}'}}")).is_ok(), "{address}");
    }
}

#[test]
fn variables_are_put_in_quoted_or_not_and_a_default_where_they_are_not_set() {
    let known = environment(&[("HOST", "10.0.0.9"), ("FPS", "25"), ("EMPTY", ""), ("MB", "700 MB")]);
    let text = "
media:
  ffmpeg: ${FFMPEG:-/usr/bin/ffmpeg}
storage: { rotate: { size: '${MB}' } }
audit_log: /a$$b/${EMPTY:-x}
cameras:
  - name: a
    source: rtsp://${HOST}:554/s
    fps: ${FPS}
  - { name: b, source: \"http://${HOST}/s${EMPTY}\", fps: '${NOT_SET:-7}' }
";
    let config = parse(text, "c.yaml", &known).unwrap();
    assert_eq!(config.media.ffmpeg.to_str(), Some("/usr/bin/ffmpeg"));
    assert_eq!(config.storage.rotate.size.bytes(), 700_000_000);
    assert_eq!(config.audit_log.to_str(), Some("/a$b/x"));
    assert_eq!(
        (config.cameras[0].source.clear(), config.cameras[0].fps),
        ("rtsp://10.0.0.9:554/s", Some(25))
    );
    assert_eq!((config.cameras[1].source.clear(), config.cameras[1].fps), ("http://10.0.0.9/s", Some(7)));
}

#[test]
fn a_variable_is_one_value_whatever_it_holds() {
    for hostile in [
        "x\naudit_log: /evil",
        "{a: b}",
        "[1]",
        "a: b",
        "&x",
        "*x",
        "!!null",
        "\"",
        "#",
        "${HOME}",
        "$$",
        "null",
        "~",
    ] {
        let known = environment(&[("V", hostile), ("HOME", "/root")]);
        for text in [
            "media:\n  mediamtx:\n    user: ${V}\n",
            "media: {mediamtx: {user: \"${V}\"}}",
            "media: {mediamtx: {user: '${V}'}}",
        ] {
            let config = parse(text, "c.yaml", &known);
            let Ok(config) = config else { panic!("{hostile:?} in {text}: {}", config.unwrap_err()) };
            assert_eq!(config.media.mediamtx.user.as_deref(), Some(hostile), "{text}");
            assert_eq!(config.audit_log, Config::default().audit_log);
        }
    }
}

#[test]
fn a_reference_that_cannot_be_followed_is_an_error_with_its_line() {
    let unset = "c.yaml:2:11: the variable NO is not set: set it, or write `${NO:-default}`";
    assert_eq!(error("media:\n  ffmpeg: ${NO}"), unset);
    assert_eq!(error("media:\n  ffmpeg: '/${NO}'"), unset);
    let alone = "c.yaml:1:17: a `$` alone: write `${NAME}` or `${NAME:-default}` for a variable, `$$` for a dollar sign";
    for text in [
        "media: {ffmpeg: $HOME}",
        "media: {ffmpeg: 'a$'}",
        "media: {ffmpeg: '${HOME'}",
        "media: {ffmpeg: '$$$'}",
    ] {
        assert_eq!(error(text), alone, "{text}");
    }
    for reference in ["${}", "${1A}", "${A-b}", "${A:?b}", "${A:-b$c}", "${A B}", "${A:-${B}"] {
        let expected = format!(
            "c.yaml:1:17: `{reference}` is not a reference: write `${{NAME}}` or `${{NAME:-default}}`, `$$` for a dollar sign"
        );
        assert_eq!(error(&format!("media: {{ffmpeg: '{reference}'}}")), expected);
    }
}

#[test]
fn the_services_own_secrets_cannot_be_put_into_the_configuration() {
    let known = environment(&[("CAMERA_SERVICE_JWT_SECRET", "0123456789abcdef0123456789abcdef")]);
    let error =
        parse("media: {ffmpeg: '${CAMERA_SERVICE_JWT_SECRET}'}", "c.yaml", &known).unwrap_err().to_string();
    assert_eq!(
        error,
        "c.yaml:1:17: `CAMERA_SERVICE_JWT_SECRET` is a secret that the service reads itself: it does not belong into the configuration"
    );
}

#[test]
fn no_error_repeats_a_password() {
    let known = environment(&[("PW", "hun ter2")]);
    for text in [
        "cameras: [{name: a, source: 'rtsp://u:${PW}@h/'}]",
        "cameras: [{name: a, source: 'rtsp://u:hunter2/x@h/'}]",
        "cameras: [{name: a, source: 'rtsp://u:hunter2@'}]",
        "cameras: [{name: a, source: 'ftp://u:hunter2@h'}]",
        "cameras: [{name: a, source: 'rtsp://u:hun ter2@h/'}]",
        "cameras: [{name: a, source: 'rtsp://u:hunter2@h/', fps: 0}]",
        "media: {mediamtx: {api: 'http://u:hunter2@h'}}",
        "media: {mediamtx: {api: 'u:hunter2@h'}}",
        "limits: {burst: '${PW}'}",
        "media: {engine: '${PW}'}",
        "server: {listen: '${PW}'}",
        "storage: {warn: '${PW}'}",
        "discovery: {devices: '${PW}'}",
    ] {
        let error = parse(text, "c.yaml", &known).unwrap_err().to_string();
        assert!(!error.contains("hunter2") && !error.contains("hun ter2"), "{text}: {error}");
        assert!(error.starts_with("c.yaml:1:"), "{error}");
    }
}

#[test]
fn a_file_is_loaded_and_one_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("camera-service.yaml");
    let shown = path.display().to_string();
    let missing = load(&path, &Environment::new()).unwrap_err().to_string();
    assert_eq!(
        missing,
        format!(
            "{shown}: there is no such file: make it with `camera-service install`, or `touch {shown}` for the defaults"
        )
    );
    std::fs::write(&path, "limits: {burst: 7}\n").unwrap();
    assert_eq!(load(&path, &Environment::new()).unwrap().limits.burst.get(), 7);
    std::fs::write(&path, "limits: {burst: x}\n").unwrap();
    assert_eq!(
        load(&path, &Environment::new()).unwrap_err().to_string(),
        format!("{shown}:1:17: a whole number is expected here")
    );
    std::fs::write(&path, b"a: \xff").unwrap();
    assert_eq!(
        load(&path, &Environment::new()).unwrap_err().to_string(),
        format!("{shown}: this is not UTF-8 text")
    );
    std::fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
    assert_eq!(
        load(&path, &Environment::new()).unwrap_err().to_string(),
        format!("{shown}:1:1: a configuration has at most 1 MiB")
    );
    assert!(load(folder.path(), &Environment::new()).is_err());
}

#[test]
fn deep_nesting_and_exploding_aliases_are_refused_in_good_time() {
    let deep = format!("cameras: {}", "[".repeat(500_000));
    assert!(read(&deep).is_err());
    let deep = (0..2000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<String>();
    assert!(read(&deep[..deep.len().min(1 << 20)]).is_err());
    let mut bomb = "cameras:\n- &a0 {name: a, source: b}\n".to_string();
    for level in 1..30 {
        bomb.push_str(&format!("- &a{level} [*a{0}, *a{0}, *a{0}, *a{0}]\n", level - 1));
    }
    let clock = std::time::Instant::now();
    assert!(read(&bomb).is_err());
    assert!(clock.elapsed().as_secs() < 60);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}|[a-z:{}\\[\\]$&*!#|>'\"\n 0-9-]{0,120}") {
        let _ = parse(&text, "c.yaml", &environment(&[("a", "b")]));
    }
}
