//! A server on this machine that remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What was asked: the first line, the headers in lower case, the body.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// Answers each request as `answer` says, until it is dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// `answer` gives a status, more headers, and a body.
    pub(crate) fn new(answer: impl Fn(&Asked) -> (u16, String, String) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answer, seen) = (Arc::new(answer), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                thread::spawn(move || serve(stream, &*answer, &seen));
            }
        });
        Server { url, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// One request; then the connection is closed.
fn serve(
    stream: TcpStream,
    answer: &(dyn Fn(&Asked) -> (u16, String, String) + Send + Sync),
    seen: &Mutex<Vec<Asked>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let asked = Asked { line: line.trim_end().to_owned(), headers, body: String::new() };
    let len: usize = asked.header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; len.min(1 << 20)];
    reader.read_exact(&mut body).ok()?;
    let asked = Asked { body: String::from_utf8_lossy(&body).into_owned(), ..asked };
    seen.lock().unwrap().push(asked.clone());
    let (status, headers, body) = answer(&asked);
    let mut stream = stream;
    let len = body.len();
    write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {len}\r\nconnection: close\r\n{headers}\r\n{body}").ok()
}
