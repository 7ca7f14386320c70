//! A client that says exactly what it is told to, and a server that is there for one test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// No answer of this machine takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A process that ends with its test.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `keyscan serve` as a process, on a port of its own.
pub(crate) struct Serve {
    child: Killed,
    pub(crate) address: SocketAddr,
    said: Arc<Mutex<String>>,
}

impl Serve {
    pub(crate) fn start(args: &[&str]) -> Serve {
        let mut child = Command::new(env!("CARGO_BIN_EXE_keyscan"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(args)
            .env("KNOWN_SECRET", super::KNOWN)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let address = first.split("http://").nth(1).unwrap_or_else(|| panic!("it listens: {first}"));
        let address = address.split([',', '\n']).next().unwrap().parse().unwrap();
        let (child, said) = (Killed(child), Arc::new(Mutex::new(first)));
        let shared = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                shared.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        Serve { child, address, said }
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::to(self.address)
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, head: &str, body: &[u8]) -> Answer {
        let mut connection = self.connect();
        connection.send(head, body);
        connection.answer()
    }

    pub(crate) fn post(&self, path: &str, media_type: &str, body: &[u8]) -> Answer {
        self.ask(&format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media_type}"), body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: localhost"), b"")
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.0.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.0.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it ends");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// All that it said on standard error.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }
}

/// A connection as bytes.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    reader: BufReader<TcpStream>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Connection { stream, reader }
    }

    /// A head without the blank line at its end, and a body of this length.
    pub(crate) fn send(&mut self, head: &str, body: &[u8]) {
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        self.stream.write_all(format!("{head}\r\n{length}\r\n").as_bytes()).unwrap();
        // The server may have said no already.
        let _ = self.stream.write_all(body);
    }

    pub(crate) fn head(&mut self) -> Answer {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            assert!(self.reader.read_line(&mut line).unwrap() > 0, "an answer has a head: {head}");
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("it has a status");
        Answer { status, head, body: Vec::new() }
    }

    /// The next piece of a body in pieces; empty at its end, `None` where it breaks off.
    pub(crate) fn piece(&mut self) -> Option<Vec<u8>> {
        let mut line = String::new();
        self.reader.read_line(&mut line).ok().filter(|len| *len > 0)?;
        let len = usize::from_str_radix(line.trim(), 16).expect("a piece has a length");
        let mut piece = vec![0; len + 2];
        self.reader.read_exact(&mut piece).ok()?;
        piece.truncate(len);
        Some(piece)
    }

    /// A whole answer.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let piece = self.piece().expect("the body does not break off");
                if piece.is_empty() {
                    break;
                }
                answer.body.extend(piece);
            }
        } else if let Some(len) = answer.header("content-length") {
            answer.body = vec![0; len.parse().unwrap()];
            self.reader.read_exact(&mut answer.body).unwrap();
        }
        answer
    }

    /// Whether the other side closes the connection.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        matches!(self.reader.read(&mut byte), Ok(0))
            || self.reader.get_ref().take_error().is_ok_and(|error| error.is_some())
    }
}
