//! The tutorial is run as it stands: its files written, its commands executed one block after the other, their exit
//! statuses and the quoted output compared. Only its two ports are replaced by free ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Home, root};

/// A fenced block: what stands after the fence, and its content.
struct Block {
    line: usize,
    kind: String,
    name: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(words) => {
                let (kind, name) = words.split_once(' ').unwrap_or((words, ""));
                found.push(Block {
                    line: number + 1,
                    kind: kind.to_owned(),
                    name: name.to_owned(),
                    text: String::new(),
                });
                open = true;
            }
            None if open => {
                let text = &mut found.last_mut().unwrap().text;
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    assert!(!open, "a block is not closed");
    found
}

/// Ended with the test, however it ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// A shell in the tutorial's folder that finds the built binary by its name.
fn shell(home: &Home, script: &str) -> Command {
    let binaries = Path::new(env!("CARGO_BIN_EXE_probity")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-e", "-c", script]).current_dir(home.path("tutorial"));
    command.env_clear().env("PATH", path).env("HOME", home.path(""));
    command
}

fn start(home: &Home, block: &Block, port: u16) -> Server {
    // The server itself, not a shell that puts it into the background, so that it can be ended.
    let script = format!("exec {}", block.text.trim().trim_end_matches('&'));
    let server = Server(shell(home, &script).stdout(Stdio::null()).spawn().unwrap());
    let patience = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < patience, "the tutorial's server does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    server
}

/// Whether the output holds the quoted text, in which `...` stands for anything.
fn missing<'a>(quoted: &'a str, output: &str) -> Option<&'a str> {
    let mut rest = output;
    for piece in quoted.trim_end().split("...").map(|piece| piece.trim_matches('\n')) {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return Some(piece),
        }
    }
    None
}

#[test]
fn the_tutorial_does_what_it_says() {
    let page = std::fs::read_to_string(root().join("docs/tutorial.md")).unwrap();
    // Both are held until both are known, so that they differ.
    let free = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let [open, closed] = free.map(|listener| listener.local_addr().unwrap().port());
    let page = page.replace("8008", &open.to_string()).replace("8009", &closed.to_string());

    let home = Home::new();
    std::fs::create_dir(home.path("tutorial")).unwrap();
    let (mut server, mut output, mut commands, mut quotes) = (None, String::new(), 0, 0);
    for block in blocks(&page) {
        let place = format!("docs/tutorial.md:{}", block.line);
        match (block.kind.as_str(), block.name.as_str()) {
            ("yaml", name) => _ = home.write(&format!("tutorial/{name}"), &block.text),
            ("sh", "server") => server = Some(start(&home, &block, open)),
            ("sh", "server-end") => drop(server.take()),
            ("sh", _) => {
                let expected = block
                    .text
                    .split_once("# exits ")
                    .map_or(0, |(_, status)| status.lines().next().unwrap().trim().parse().unwrap());
                // As a reader sees it: both streams in the order in which they were written.
                let run = shell(&home, &format!("exec 2>&1\n{}", block.text)).output().unwrap();
                output = String::from_utf8(run.stdout).unwrap();
                assert_eq!(run.status.code(), Some(expected), "{place}:\n{}\n{output}", block.text);
                commands += 1;
            }
            ("text", _) => {
                if let Some(piece) = missing(&block.text, &output) {
                    panic!("{place}: this is not in the output:\n{piece}\n\nThe output was:\n{output}");
                }
                quotes += 1;
            }
            (kind, name) => panic!("{place}: nothing is known of a block `{kind} {name}`"),
        }
    }
    assert!(server.is_none(), "the tutorial does not end its server");
    assert!(commands > 20 && quotes > 15, "only {commands} commands and {quotes} quotes were found");
}
