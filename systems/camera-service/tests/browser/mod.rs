//! Headless Chromium, driven by chromedriver as a hand would: what is hidden or covered cannot be clicked. Ended with the test.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::http::Method;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::support::debian::{Group, program, start};
use crate::support::{PATIENCE, free_port};

/// A browser with one page. Scripts only look; what a person would do is done by clicks and keys.
pub struct Browser {
    page: Client,
    folder: tempfile::TempDir,
    _running: [Group; 2],
}

/// Makes the page so wide. Chromium's own windows are at least 500 pixels wide, so this is a command of its driver, not of WebDriver.
#[derive(Debug)]
struct Resize {
    width: u32,
}

impl WebDriverCompatibleCommand for Resize {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let size =
            json!({ "width": self.width, "height": 800, "deviceScaleFactor": 1, "mobile": self.width < 600 });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": size });
        (Method::POST, Some(command.to_string()))
    }
}

/// Waits until `look` sees something.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < until, "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Browser {
    /// A browser with an empty page so many pixels wide; nothing, having said why, where there is none on this machine.
    pub async fn start(width: u32) -> Option<Browser> {
        let (Some(chromium), Some(driver)) = (program(&["chromium", "chrome"]), program(&["chromedriver"]))
        else {
            return None;
        };
        let folder = tempfile::Builder::new().prefix("browser").tempdir().unwrap();
        let profile = folder.path().join("profile");
        std::fs::create_dir_all(profile.join("Default")).unwrap();
        std::fs::create_dir(folder.path().join("downloads")).unwrap();
        let settings = json!({ "download": { "default_directory": folder.path().join("downloads"), "prompt_for_download": false } });
        std::fs::write(profile.join("Default/Preferences"), settings.to_string()).unwrap();
        let mut arguments: Vec<String> = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
            --disable-component-update --disable-sync --disable-quic --disable-dev-shm-usage --enable-logging=stderr \
            --remote-debugging-port=0 about:blank"
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        arguments.push(format!("--user-data-dir={}", profile.display()));
        let running_browser = start(&chromium, &arguments, &folder.path().join("browser.log"));
        let port = wait_for("the browser's port", || {
            let text = std::fs::read_to_string(profile.join("DevToolsActivePort")).ok()?;
            text.lines().next()?.parse::<u16>().ok()
        });
        let driver_log = folder.path().join("driver.log");
        // Of port 0 chromedriver takes one for IPv4, and ends where that is not free for IPv6.
        let driver_port = free_port();
        let running_driver = start(&driver, &[format!("--port={driver_port}")], &driver_log);
        wait_for("chromedriver", || {
            std::fs::read_to_string(&driver_log).ok()?.contains("started successfully").then_some(())
        });
        let mut wanted = Capabilities::new();
        wanted.insert(
            "goog:chromeOptions".to_owned(),
            json!({ "debuggerAddress": format!("127.0.0.1:{port}") }),
        );
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{driver_port}"))
            .await
            .unwrap();
        page.issue_cmd(Resize { width }).await.unwrap();
        Some(Browser { page, folder, _running: [running_browser, running_driver] })
    }

    pub async fn open(&self, address: &str) {
        self.page.goto(address).await.unwrap();
    }

    /// Clicks on the first element that fits.
    pub async fn click(&self, css: &str) {
        let element = self.page.find(Locator::Css(css)).await.unwrap();
        element.click().await.unwrap_or_else(|error| panic!("{css} cannot be clicked: {error}"));
    }

    /// Types into what has the focus.
    pub async fn type_keys(&self, keys: &str) {
        self.page.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// Opens the console and signs in with that token.
    pub async fn sign_in(&self, clients: SocketAddr, token: &str) {
        self.open(&format!("http://{clients}/")).await;
        self.click("#token").await;
        self.type_keys(&format!("{token}\n")).await;
    }

    /// Waits until a camera's pictures have that width, and move.
    pub async fn picture_moves(&self, device: &str, width: u32) {
        let video = format!("all('[data-device={device}] video')[0]");
        self.until(&format!("{video}?.currentTime > 0.5 && {video}.videoWidth === {width}")).await;
        let before = self.look(&format!("{video}.currentTime")).await;
        self.until(&format!("{video}.currentTime > {before} + 1")).await;
    }

    /// What a script returns.
    pub async fn look(&self, script: &str) -> Value {
        let script = format!("const all = css => [...document.querySelectorAll(css)]; return {script}");
        self.page.execute(&script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until a script returns something that JavaScript holds true, and gives that.
    pub async fn until(&self, script: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let seen = self.look(script).await;
            if !matches!(seen, Value::Null | Value::Bool(false)) && seen != 0 && seen != "" {
                return seen;
            }
            if Instant::now() > until {
                let page = self.look("document.body.innerText").await;
                panic!("{script} did not come true; the page says:\n{}", page.as_str().unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether a person sees such an element.
    pub async fn shows(&self, css: &str) -> bool {
        for element in self.page.find_all(Locator::Css(css)).await.unwrap() {
            if element.is_displayed().await.unwrap() {
                return true;
            }
        }
        false
    }

    /// The bytes of the file that a click downloaded under that name.
    pub fn downloaded(&self, name: &str) -> Vec<u8> {
        let path = self.folder.path().join("downloads").join(name);
        // Chromium holds the name with an empty file, and puts the whole file in its place.
        wait_for("the download", || std::fs::read(&path).ok().filter(|bytes| !bytes.is_empty()))
    }

    /// What the browser complained of: errors of scripts, and what the page's policy forbade.
    pub fn complaints(&self) -> Vec<String> {
        let log = std::fs::read(self.folder.path().join("browser.log")).unwrap();
        String::from_utf8_lossy(&log)
            .lines()
            .filter(|line| line.contains("CONSOLE"))
            .map(str::to_owned)
            .collect()
    }

    /// Keeps what the page looks like, where `SCREENSHOTS` names a folder.
    pub async fn photograph(&self, name: &str) {
        if let Some(folder) = std::env::var_os("SCREENSHOTS") {
            let picture = self.page.screenshot().await.unwrap();
            std::fs::write(Path::new(&folder).join(name).with_extension("png"), picture).unwrap();
        }
    }
}
