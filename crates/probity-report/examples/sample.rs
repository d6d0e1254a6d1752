//! Writes sample reports of made-up data: `cargo run -p probity-report --example sample -- FOLDER`.

#[path = "../tests/made/mod.rs"]
mod made;

#[expect(clippy::disallowed_methods, reason = "an example writes its files itself")]
fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: sample FOLDER");
        return Ok(());
    };
    let camera = made::camera::camera();
    let contents = camera.contents();
    for (name, text) in [
        ("sample.html", probity_report::html(&contents)),
        ("sample.md", probity_report::markdown(&contents)),
        ("sample.json", probity_report::json(&contents)),
        ("sample.xml", probity_report::junit(&contents)),
        ("sample.txt", probity_report::terminal(&contents, false, 80)),
    ] {
        let path = std::path::Path::new(&folder).join(name);
        std::fs::write(&path, text)?;
        println!("{}", path.display());
    }
    Ok(())
}
