//! The HTML report opened in headless Chromium, in frames as wide as a phone and a desk. The page runs no script, so a
//! page around it measures it. Needs `chromium` on the PATH, or `CHROMIUM`; without it the test says that it was
//! skipped, and in continuous integration (`CI`) it fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that starts a browser"
)]

mod made;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Measures the report in each frame and writes the result into the page, as JSON without `<`, `>` and `&`.
const HARNESS: &str = r##"<!DOCTYPE html><meta charset="utf-8"><title>measure</title><body>
<iframe src="REPORT" style="width:320px;height:900px;border:0"></iframe>
<iframe src="REPORT" style="width:360px;height:900px;border:0"></iframe>
<iframe src="REPORT" style="width:1280px;height:900px;border:0"></iframe>
<pre id="result"></pre>
<script>
addEventListener("load", () => {
  const out = [];
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, root = page.documentElement;
    const all = [...page.querySelectorAll("*")];
    const wide = all.filter(e => e.getBoundingClientRect().right > root.clientWidth + 1 && !e.closest("thead") && !e.closest("svg"));
    const ids = all.map(e => e.id).filter(id => id);
    out.push({
      width: root.clientWidth,
      scroll: root.scrollWidth,
      wide: wide.slice(0, 5).map(e => e.tagName + "." + e.className),
      headings: [...page.querySelectorAll("h1,h2,h3,h4,h5,h6")].map(e => +e.tagName[1]),
      dead: [...page.querySelectorAll("a")].map(a => a.getAttribute("href")).filter(h => !h.startsWith("#") || !page.getElementById(h.slice(1))),
      links: page.querySelectorAll("a").length,
      repeated: ids.filter((id, at) => ids.indexOf(id) !== at),
      elements: [...new Set(all.map(e => e.tagName.toLowerCase()))].sort(),
      unscoped: page.querySelectorAll("th:not([scope])").length,
      unnamed: page.querySelectorAll("[role=img]:not([aria-label])").length,
      language: root.lang,
      title: page.title.length,
      head: page.querySelector("thead") ? getComputedStyle(page.querySelector("thead")).position : "",
      points: [...page.querySelectorAll("path.points")].filter(e => !e.closest(".key")).map(e => e.getBBox().width),
      sizes: [...new Set([...page.querySelectorAll("td.says,td.decided")].map(e => getComputedStyle(e).fontSize))],
    });
  }
  document.getElementById("result").textContent = "BEGIN" + JSON.stringify(out) + "END";
});
</script>"##;

/// The browser, or nothing after having said why.
fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named.or_else(|| {
        let folders = std::env::split_paths(&path);
        folders.flat_map(|folder| names.map(|name| folder.join(name))).find(|file| file.is_file())
    });
    if found.is_none() {
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
        assert!(!ci, "no Chromium on the PATH and none named by CHROMIUM: install chromium");
        eprintln!(
            "SKIPPED: the HTML report was not opened in a browser: install chromium, or name it by CHROMIUM"
        );
    }
    found
}

/// A folder that is gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A browser that is ended when the test ends.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Opens a page; returns its document as the browser has it in the end, and what the browser printed on its console.
fn open(browser: &Path, folder: &Folder, page: &Path) -> (String, String) {
    let (out, err) = (folder.0.join("out"), folder.0.join("err"));
    let file = |path: &Path| Stdio::from(std::fs::File::create(path).unwrap());
    let child = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args(["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"])
        .args(["--allow-file-access-from-files", "--enable-logging=stderr", "--window-size=1400,1000"])
        .arg(format!("--user-data-dir={}", folder.0.join("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .stdout(file(&out))
        .stderr(file(&err))
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let begun = Instant::now();
    while running.0.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(120), "the browser did not end within two minutes");
        std::thread::sleep(Duration::from_millis(20));
    }
    let console: Vec<String> = String::from_utf8_lossy(&std::fs::read(&err).unwrap())
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .map(str::to_owned)
        .collect();
    (String::from_utf8_lossy(&std::fs::read(&out).unwrap()).into_owned(), console.join("\n"))
}

fn measure(browser: &Path, name: &str, report: &str) -> Vec<serde_json::Value> {
    let folder = Folder::new(name);
    std::fs::write(folder.0.join("report.html"), report).unwrap();
    let harness = folder.0.join("harness.html");
    std::fs::write(&harness, HARNESS.replace("REPORT", "report.html")).unwrap();
    let (dom, console) = open(browser, &folder, &harness);
    assert_eq!(console, "", "the browser complains");
    let result = dom.split("<pre id=\"result\">BEGIN").nth(1).and_then(|rest| rest.split("END").next());
    let result = result.unwrap_or_else(|| panic!("the page was not measured: {dom}"));
    let frames: Vec<serde_json::Value> = serde_json::from_str(result).unwrap();
    assert_eq!(frames.len(), 3);
    frames
}

fn assert_reads_well(frames: &[serde_json::Value]) {
    for frame in frames {
        let width = frame["width"].as_u64().unwrap();
        assert!([320, 360, 1280].iter().any(|it| (it - 20..=*it).contains(&width)), "{width}");
        assert!(frame["scroll"].as_u64().unwrap() <= width, "scrolls sideways at {width}: {}", frame["wide"]);
        assert_eq!(frame["wide"], serde_json::json!([]), "too wide at {width}");
        assert_eq!(frame["dead"], serde_json::json!([]), "links without a target");
        assert_eq!(frame["repeated"], serde_json::json!([]), "an id twice");
        assert_eq!((&frame["unscoped"], &frame["unnamed"]), (&0.into(), &0.into()));
        assert_eq!(frame["language"], "en");
        assert!(frame["title"].as_u64().unwrap() > 3);
        assert!(frame["links"].as_u64().unwrap() > 10);
        // The author's words and what was decided have one size.
        assert_eq!(frame["sizes"].as_array().unwrap().len(), 1);
        // One first heading, and none that skips a level.
        let levels: Vec<u64> =
            frame["headings"].as_array().unwrap().iter().map(|it| it.as_u64().unwrap()).collect();
        assert_eq!((levels[0], levels.iter().filter(|level| **level == 1).count()), (1, 1));
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
        for element in frame["elements"].as_array().unwrap() {
            let element = element.as_str().unwrap();
            assert!(
                !["script", "img", "iframe", "object", "link", "form", "b"].contains(&element),
                "{element}"
            );
        }
        // Stacked cards on a phone, a table on a desk.
        assert_eq!(frame["head"] == "absolute", width < 768, "{}", frame["head"]);
    }
}

#[test]
fn a_report_reads_well_on_a_phone_and_on_a_desk() {
    let Some(browser) = browser() else { return };
    let camera = made::camera::camera();
    let frames = measure(&browser, "camera", &probity_report::html(&camera.contents()));
    assert_reads_well(&frames);
    for frame in &frames {
        // The points of the plot are there and spread over its width.
        assert_eq!(frame["points"].as_array().unwrap().len(), 3);
        assert!(frame["points"][0].as_f64().unwrap() > 900.0, "{}", frame["points"]);
    }
}

#[test]
fn a_report_full_of_hostile_text_reads_well_too() {
    let Some(browser) = browser() else { return };
    let hostile = made::hostile::hostile();
    let contents = probity_report::Contents { bundle: made::hostile::HOSTILE, ..hostile.contents() };
    assert_reads_well(&measure(&browser, "hostile", &probity_report::html(&contents)));
}

/// The positive control of the tests above: what they look for is seen where it is.
#[test]
fn a_page_that_breaks_the_rules_is_found_out() {
    let Some(browser) = browser() else { return };
    let camera = made::camera::camera();
    let page = probity_report::html(&camera.contents());
    let folder = Folder::new("broken");
    let path = folder.0.join("report.html");
    std::fs::write(&path, page.replace("</main>", "<script>1</script><img src=x></main>")).unwrap();
    let (_, console) = open(&browser, &folder, &path);
    assert!(console.contains("Content Security Policy"), "a script and an image were let in: {console}");
    let wide =
        page.replace("</main>", "<div style=\"width:2000px\">wide</div><a href=\"#nowhere\">x</a></main>");
    let frames = measure(&browser, "wide", &wide);
    assert!(frames.iter().all(|frame| frame["scroll"].as_u64() > frame["width"].as_u64()));
    assert!(frames.iter().all(|frame| frame["dead"] == serde_json::json!(["#nowhere"])));
}
