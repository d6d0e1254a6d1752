//! Where on the network a camera is.

use std::net::IpAddr;

use url::Url;

/// The IP address that an address names as its host; `None` for a name, or for what is not on the network.
#[must_use]
pub fn host_address(source: &str) -> Option<IpAddr> {
    let url = Url::parse(source).ok()?;
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_not_another_that_begins_like_it() {
        let at = |source: &str| host_address(source).map(|address| address.to_string());
        assert_eq!(at("rtsp://admin:***@192.168.1.20:554/1").as_deref(), Some("192.168.1.20"));
        assert_eq!(at("http://192.168.1.2/?at=192.168.1.20").as_deref(), Some("192.168.1.2"));
        assert_eq!(at("rtsp://[fd00::2]/").as_deref(), Some("fd00::2"));
        assert_eq!(at("rtsp://[::ffff:192.168.1.2]/").as_deref(), Some("192.168.1.2"));
        for elsewhere in ["rtsp://door.example/192.168.1.2", "/dev/video0", "test:pattern"] {
            assert_eq!(at(elsewhere), None, "{elsewhere}");
        }
    }
}
