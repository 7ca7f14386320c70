//! A model on this machine: it says what a test has it say, piece by piece, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it answers: a head without the blank line at its end, and pieces of a body.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) head: String,
    pub(crate) pieces: Vec<Vec<u8>>,
    /// Before each piece.
    pub(crate) pause: Duration,
    /// Whether the body has its end.
    pub(crate) ends: bool,
}

impl Script {
    pub(crate) fn new(status: &str, media_type: &str, pieces: Vec<Vec<u8>>) -> Script {
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\nx-request-id: req_1\r\nkeep-alive: 5");
        Script { head, pieces, pause: Duration::from_millis(1), ends: true }
    }
}

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// Answers each request in the same way.
    pub(crate) fn start(script: Script) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, shared) = (script.clone(), Arc::clone(&shared));
                std::thread::spawn(move || answer(stream, &script, &shared));
            }
        });
        Upstream { address, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/base", self.address)
    }

    /// What it was asked: heads and bodies.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(mut stream: std::net::TcpStream, script: &Script, asked: &Mutex<Vec<String>>) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut request, mut len, mut chunked) = (String::new(), 0, false);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            request.push_str(&line);
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                len = value.trim().parse().unwrap();
            }
            chunked |= lower.starts_with("transfer-encoding:") && lower.contains("chunked");
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; len];
        reader.read_exact(&mut body).unwrap();
        while chunked {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let len = usize::from_str_radix(line.trim(), 16).unwrap();
            let mut piece = vec![0; len + 2];
            reader.read_exact(&mut piece).unwrap();
            body.extend_from_slice(&piece[..len]);
            chunked = len > 0;
        }
        request.push_str(&String::from_utf8_lossy(&body));
        asked.lock().unwrap().push(request);
        let mut send = |bytes: &[u8]| stream.write_all(bytes).is_ok();
        if !send(format!("{}\r\ntransfer-encoding: chunked\r\n\r\n", script.head).as_bytes()) {
            return;
        }
        for piece in &script.pieces {
            std::thread::sleep(script.pause);
            if !send(&[format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()) {
                return;
            }
        }
        if !script.ends || !send(b"0\r\n\r\n") {
            return;
        }
    }
}
