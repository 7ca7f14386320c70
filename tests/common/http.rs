//! A small HTTP server on loopback, for tests that need one to talk to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// What was asked.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A status, headers, a body.
pub(crate) type Answer = (u16, Vec<(String, String)>, Vec<u8>);

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// An answer without headers.
pub(crate) fn plain(status: u16, body: &str) -> Answer {
    (status, Vec::new(), body.as_bytes().to_vec())
}

/// Answers as `answer` says until the process ends; gives the address, `http://127.0.0.1:PORT`.
pub(crate) fn serve(answer: impl Fn(Asked) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || while one(&stream, &*answer).is_some() {});
        }
    });
    address
}

fn one(stream: &TcpStream, answer: &dyn Fn(Asked) -> Answer) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut parts = line.split_whitespace().map(str::to_owned);
    let (method, path) = (parts.next()?, parts.next()?);
    let (mut headers, mut len) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        let Some((name, value)) = line.split_once(':') else { break };
        let name = name.to_ascii_lowercase();
        if name == "content-length" {
            len = value.trim().parse().ok()?;
        }
        headers.push((name, value.trim().to_owned()));
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body).ok()?;
    let (status, headers, body) = answer(Asked { method, path, headers, body });
    let mut out = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| out.push_str(&format!("{name}: {value}\r\n")));
    out.push_str("\r\n");
    let mut stream = stream;
    stream.write_all(out.as_bytes()).and_then(|()| stream.write_all(&body)).ok()
}
