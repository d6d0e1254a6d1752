//! A proxy on the way to a server that can be told to cut a connection once the server has its request, or to answer in its stead.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the proxy does with a request that begins with these words.
#[derive(Clone)]
pub enum Deed {
    /// Passes it on, waits for the answer's beginning, then closes the connection without a word to the client.
    Cut,
    /// Never asks the server; says this.
    Answer(String),
}

/// For one request that begins with `with`, `deed`; `times` more times.
struct Trap {
    with: String,
    deed: Deed,
    times: usize,
    sprung: usize,
}

#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    trap: Arc<Mutex<Option<Trap>>>,
    /// The clients' connections; `None` while nobody gets through.
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Proxy {
    /// Listens on a free port; its threads end with the process.
    pub fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            trap: Arc::default(),
            open: Arc::new(Mutex::new(Some(Vec::new()))),
        };
        let (server, own) = (server.to_owned(), proxy.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (server, client) = (server.clone(), client.unwrap());
                let Some(open) = &mut *own.open.lock().unwrap() else { continue };
                open.push(client.try_clone().unwrap());
                let own = own.clone();
                std::thread::spawn(move || own.carry(client, &server));
            }
        });
        proxy
    }

    /// Ends all connections and lets nobody through, or lets them through again.
    pub fn cut_off(&self, yes: bool) {
        let mut open = self.open.lock().unwrap();
        for client in open.take().into_iter().flatten() {
            let _ = client.shutdown(Shutdown::Both);
        }
        *open = (!yes).then(Vec::new);
    }

    /// From now on, `times` requests that begin with `with` meet this.
    pub fn set(&self, with: &str, deed: Deed, times: usize) {
        *self.trap.lock().unwrap() = Some(Trap { with: with.to_owned(), deed, times, sprung: 0 });
    }

    /// How many requests met it.
    pub fn sprung(&self) -> usize {
        self.trap.lock().unwrap().as_ref().map_or(0, |trap| trap.sprung)
    }

    fn deed_for(&self, request: &[u8]) -> Option<Deed> {
        let mut trap = self.trap.lock().unwrap();
        let trap = trap
            .as_mut()
            .filter(|trap| trap.times > trap.sprung && request.starts_with(trap.with.as_bytes()))?;
        trap.sprung += 1;
        Some(trap.deed.clone())
    }

    /// Requests of one connection, which come one after the other: what the client sends after an answer is a new request.
    fn carry(&self, mut client: TcpStream, server: &str) {
        let Ok(mut server) = TcpStream::connect(server) else { return };
        let (mut from_server, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let cutting = Arc::new(Mutex::new(false));
        let told = cutting.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(length @ 1..) = from_server.read(&mut buffer) {
                if *told.lock().unwrap() || to_client.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            let _ = to_client.shutdown(Shutdown::Both);
            let _ = from_server.shutdown(Shutdown::Both);
        });
        let mut buffer = [0; 65536];
        while let Ok(length @ 1..) = client.read(&mut buffer) {
            match self.deed_for(&buffer[..length]) {
                None => {}
                Some(Deed::Cut) => *cutting.lock().unwrap() = true,
                Some(Deed::Answer(text)) => {
                    let _ = client.write_all(text.as_bytes());
                    break;
                }
            }
            if server.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        // The server may still be at work on what it was given: only our side of the connection ends.
        let _ = server.shutdown(Shutdown::Write);
        if !*cutting.lock().unwrap() {
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}
