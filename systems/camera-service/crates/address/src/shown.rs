//! Addresses without their secrets. Cameras take these as user and password, in the query, and in the path.

use url::Url;

/// What stands in a secret's place.
const MASK: &str = "***";
/// Words in the name of what is secret.
const SECRET: [&str; 7] = ["pass", "pwd", "psw", "token", "secret", "key", "auth"];
/// Between the pairs of a path, such as `/user=admin_password=..._channel=1.sdp`.
const BETWEEN: [char; 3] = ['&', '_', ';'];

/// The address to be shown: without a password, without a user who has none (it may be a token), without the values of its query (no list of
/// what is secret there is complete), without what the path calls a password by its name, and without a fragment.
#[must_use]
pub fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for addresses that can have neither.
    if url.password().is_some() {
        let _ = shown.set_password(Some(MASK));
    } else if !url.username().is_empty() {
        let _ = shown.set_username(MASK);
    }
    shown.set_path(&masked_path(url.path()).0);
    if let Some(query) = url.query() {
        let masked: Vec<String> = query
            .split('&')
            .map(|pair| {
                pair.split_once('=').map_or_else(|| MASK.into(), |(name, _)| format!("{name}={MASK}"))
            })
            .collect();
        shown.set_query(Some(&masked.join("&")));
    }
    shown.set_fragment(None);
    shown.into()
}

/// The secrets in the address, as they are written and as they are meant: what no text may repeat. Of the query only what is secret by its
/// name, since any other value (such as `1`) may be a word of the text.
#[must_use]
pub fn secrets(url: &Url) -> Vec<String> {
    let who = url.password().unwrap_or(url.username());
    let query = url.query().into_iter().flat_map(|query| query.split('&'));
    let of_query = query.filter_map(|pair| pair.split_once('=')).filter(|(name, _)| is_secret(name));
    let mut found = vec![who.to_owned()];
    found.extend(of_query.map(|(_, value)| value.to_owned()));
    found.extend(masked_path(url.path()).1);
    // A blank of a query may be written `+`.
    let meant: Vec<String> =
        found.iter().flat_map(|secret| [decoded(secret), decoded(&secret.replace('+', " "))]).collect();
    found.extend(meant);
    found.retain(|secret| !secret.is_empty());
    found.sort();
    found.dedup();
    // The longer first: a short one may be a part of it.
    found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    found
}

/// The path with its secrets masked, and these. A secret goes as far as the next pair or the next `/`, since it may hold what separates pairs.
fn masked_path(path: &str) -> (String, Vec<String>) {
    let mut secrets = Vec::new();
    let segments: Vec<String> =
        path.split('/').map(|segment| masked_segment(segment, &mut secrets)).collect();
    (segments.join("/"), secrets)
}

fn masked_segment(segment: &str, secrets: &mut Vec<String>) -> String {
    let mut out = String::new();
    // What is masked, with what separates it from what comes next.
    let mut secret = String::new();
    for piece in segment.split_inclusive(BETWEEN) {
        match piece.split_once('=') {
            Some((name, value)) => {
                end_secret(&mut secret, &mut out, secrets);
                out.push_str(name);
                out.push('=');
                if is_secret(name) && !value.trim_end_matches(BETWEEN).is_empty() {
                    value.clone_into(&mut secret);
                } else {
                    out.push_str(value);
                }
            }
            None if !secret.is_empty() => secret.push_str(piece),
            None => out.push_str(piece),
        }
    }
    end_secret(&mut secret, &mut out, secrets);
    out
}

fn end_secret(secret: &mut String, out: &mut String, secrets: &mut Vec<String>) {
    if secret.is_empty() {
        return;
    }
    out.push_str(MASK);
    if let Some(between) = secret.pop() {
        if BETWEEN.contains(&between) {
            out.push(between);
        } else {
            secret.push(between);
        }
    }
    secrets.push(std::mem::take(secret));
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}

fn decoded(text: &str) -> String {
    // A query is decoded by the same rules, but for `+`.
    let query = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(query.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wherever_a_camera_takes_its_password_it_is_not_shown() {
        for (address, expected) in [
            ("rtsp://cam/stream1", "rtsp://cam/stream1"),
            ("rtsp://admin:hunter2@cam:554/1", "rtsp://admin:***@cam:554/1"),
            ("http://hunter2@cam/1", "http://***@cam/1"),
            ("https://cam/?user=u&pwd=hunter2&hunter2#hunter2", "https://cam/?user=***&pwd=***&***"),
            (
                "rtsp://cam/user=admin_password=hunter2_channel=1_stream=0.sdp?real_stream",
                "rtsp://cam/user=admin_password=***_channel=1_stream=0.sdp?***",
            ),
            (
                "rtsp://cam/user=admin&password=hunter2&channel=1",
                "rtsp://cam/user=admin&password=***&channel=1",
            ),
            ("rtsp://cam/user=a;passwd=hunter2/live", "rtsp://cam/user=a;passwd=***/live"),
            ("rtsp://cam/password=a_hunter2_channel=1", "rtsp://cam/password=***_channel=1"),
            ("rtsp://cam/password=_channel=1", "rtsp://cam/password=_channel=1"),
            ("rtsp://cam/live_token=hunter2", "rtsp://cam/live_token=***"),
        ] {
            let url = Url::parse(address).unwrap();
            assert_eq!(shown(&url), expected, "{address}");
            let left = secrets(&url).iter().fold(address.to_owned(), |text, secret| text.replace(secret, ""));
            let named = left.split(['?', '#']).next().unwrap_or_default();
            assert!(!named.contains("hunter2"), "{address}: {left}");
        }
    }

    #[test]
    fn a_secret_is_known_as_it_is_written_and_as_it_is_meant() {
        let url = Url::parse("rtsp://a:p%40ss@cam/password=x%25y_1?token=t+k%26").unwrap();
        assert_eq!(secrets(&url), ["x%25y_1", "p%40ss", "t+k%26", "x%y_1", "p@ss", "t k&", "t+k&"]);
        assert_eq!(secrets(&Url::parse("rtsp://T0ken@cam/").unwrap()), ["T0ken"]);
        assert_eq!(secrets(&Url::parse("rtsp://cam/?channel=1").unwrap()), [""; 0]);
    }
}
