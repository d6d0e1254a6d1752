//! Names of video devices.

/// Folders of links that udev makes, whose names stay with a device, or with a socket, whatever else is plugged in.
const LASTING: [&str; 2] = ["/dev/v4l/by-id/", "/dev/v4l/by-path/"];

/// Whether it is the path of a video device: `/dev/videoN`, or a name in `/dev/v4l/by-id` or `/dev/v4l/by-path`.
#[must_use]
pub fn is_device(path: &str) -> bool {
    if let Some(number) = path.strip_prefix("/dev/video") {
        return number.bytes().all(|byte| byte.is_ascii_digit()) && number.parse::<u8>().is_ok();
    }
    LASTING.iter().any(|folder| {
        path.strip_prefix(folder).is_some_and(|name| {
            (1..=255).contains(&name.len())
                && !name.starts_with('.')
                && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_called_by_its_number_by_what_it_is_or_by_where_it_is_plugged_in() {
        for path in [
            "/dev/video0",
            "/dev/video12",
            "/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920_8A7B6C5D-video-index0",
            "/dev/v4l/by-path/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.4:1.0-video-index0",
        ] {
            assert!(is_device(path), "{path}");
        }
        for path in [
            "/dev/video",
            "/dev/video+1",
            "/dev/video0 -x",
            "/dev/video256",
            "/dev/v4l/by-id/",
            "/dev/v4l/by-id/../../sda",
            "/dev/v4l/by-id/..",
            "/dev/v4l/by-name/x",
            "/dev/sda",
        ] {
            assert!(!is_device(path), "{path}");
        }
    }
}
