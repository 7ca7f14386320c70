//! Clients that are slow, many, or send too much: each takes a bounded share, and the others do not notice.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::Serve;

/// The memory of a process, in bytes.
#[cfg(target_os = "linux")]
fn memory(serve: &Serve) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serve.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_client_that_says_nothing_is_not_waited_for() {
    let serve = Serve::start(&["--timeout", "0.5"]);
    let start = Instant::now();
    // No head, half a head, half a body.
    let mut silent: Vec<_> =
        ["", "POST /v1/redact HT", "POST /v1/scan HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf"]
            .into_iter()
            .map(|said| {
                let mut connection = serve.connect();
                connection.stream.write_all(said.as_bytes()).unwrap();
                connection
            })
            .collect();
    let answer = silent.pop().unwrap().head();
    assert_eq!(answer.status, 408);
    for mut connection in silent {
        let mut rest = Vec::new();
        let _ = connection.stream.read_to_end(&mut rest);
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
    }
    assert!(start.elapsed() < Duration::from_secs(10));
    // A stream breaks off, so that nobody takes it for whole.
    let mut connection = serve.connect();
    connection.send("POST /v1/redact HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked", b"");
    connection.stream.write_all(b"2\r\na\n\r\n").unwrap();
    assert_eq!(connection.head().status, 200);
    assert_eq!(connection.piece().unwrap(), b"a\n");
    assert_eq!(connection.piece(), None);
}

#[test]
fn many_silent_connections_leave_room_for_others() {
    let serve = Serve::start(&["--max-connections", "60", "--timeout", "1"]);
    let silent: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(serve.address).unwrap()).collect();
    // More wait until some of these were closed.
    let start = Instant::now();
    assert_eq!(serve.get("/healthz").status, 200);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    drop(silent);
    let text = serve.get("/metrics").text();
    let open = text.lines().find_map(|line| line.strip_prefix("keyscan_connections ")).unwrap();
    assert!(open.parse::<u64>().unwrap() <= 60, "{open}");
}

#[test]
fn who_has_said_all_may_close_his_side() {
    let serve = Serve::start(&[]);
    let mut connection = serve.connect();
    connection.send("POST /v1/redact HTTP/1.1\r\nhost: localhost", b"all of it\n");
    connection.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(connection.answer().text(), "all of it\n");
    assert!(connection.is_closed());
    // Who closes his side in the middle has no answer, and nothing is left of him.
    let mut half = serve.connect();
    half.stream.write_all(b"POST /v1/scan HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nabc").unwrap();
    half.stream.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    half.stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&rest));
    assert_eq!(serve.get("/healthz").status, 200);
}

#[test]
fn all_bodies_together_are_bounded() {
    let serve = Serve::start(&["--max-body", "4M", "--max-held", "6M"]);
    let body = vec![b'x'; 4 << 20];
    let head = "POST /v1/scan HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 4194304\r\n\r\n";
    let mut first = serve.connect();
    first.stream.write_all(head.as_bytes()).unwrap();
    first.stream.write_all(&body[1..]).unwrap();
    // Until the first is held.
    let held = || {
        let text = serve.get("/metrics").text();
        text.lines().find_map(|line| line.strip_prefix("keyscan_held_bytes ")?.parse::<usize>().ok()).unwrap()
    };
    let start = Instant::now();
    while held() < body.len() - 1 {
        assert!(start.elapsed() < super::http::PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    let second = serve.post("/v1/scan", "text/plain", &body);
    assert_eq!((second.status, second.header("retry-after")), (503, Some("1")));
    first.stream.write_all(&body[..1]).unwrap();
    assert_eq!(first.answer().status, 200);
    assert_eq!(serve.post("/v1/scan", "text/plain", &body).status, 200);
    assert_eq!(held(), 0);
    let announced = "POST /v1/scan HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999";
    let mut large = serve.connect();
    large.stream.write_all(format!("{announced}\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(large.head().status, 413, "before any of it is there");
}

#[cfg(target_os = "linux")]
#[test]
fn a_stream_without_end_takes_no_more_memory() {
    let serve = Serve::start(&[]);
    let mut connection = serve.connect();
    connection.send("POST /v1/redact HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked", b"");
    let mut reader = connection.stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let (mut buffer, mut count) = (vec![0; 1 << 16], 0u64);
        while let Ok(len) = reader.read(&mut buffer) {
            if len == 0 || buffer[..len].ends_with(b"0\r\n\r\n") {
                return count + len as u64;
            }
            count += len as u64;
        }
        count
    });
    let piece = [b"10000\r\n".as_slice(), &vec![b'x'; 1 << 16], b"\r\n"].concat();
    let mut before = 0;
    for number in 0..800 {
        connection.stream.write_all(&piece).unwrap();
        if number == 80 {
            before = memory(&serve);
        }
    }
    let after = memory(&serve);
    connection.stream.write_all(b"0\r\n\r\n").unwrap();
    assert!(reading.join().unwrap() > 800 << 16);
    assert!(after < before + (8 << 20), "{before} {after}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_nobody_reads_is_not_kept() {
    let serve = Serve::start(&[]);
    let before = memory(&serve);
    let mut connection = serve.connect();
    connection.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    connection.send("POST /v1/redact HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked", b"");
    let piece = [b"10000\r\n".as_slice(), &vec![b'x'; 1 << 16], b"\r\n"].concat();
    let mut sent = 0usize;
    // It stops reading when nothing of what it says is read.
    while connection.stream.write_all(&piece).is_ok() {
        sent += piece.len();
        assert!(sent < 1 << 30, "somebody keeps all of it");
    }
    assert!(memory(&serve) < before + (24 << 20), "{before} {}", memory(&serve));
    assert_eq!(serve.get("/healthz").status, 200);
}

#[test]
fn a_large_body_leaves_others_alone() {
    let serve = Serve::start(&[]);
    let text = "some words, and a key = value; ".repeat(1 << 18);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(serve.post("/v1/scan", "text/plain", text.as_bytes()).status, 200));
        }
        let mut slowest = Duration::ZERO;
        for _ in 0..50 {
            let start = Instant::now();
            assert_eq!(serve.get("/healthz").status, 200);
            slowest = slowest.max(start.elapsed());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    });
}
