//! Asks a sidecar so many questions a second, each at its time, whether or not the one before was answered in time: what
//! an answer takes is counted from when it was due, so that a server that stalls does not hide it. Made by
//! `benches/serve.sh` with nothing but rustc.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const BODY: &str = "{\"text\":\"The quick brown fox jumps over the lazy dog; set api_key in the settings.\"}";

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, address, path, rate, seconds, connections] = &args[..] else {
        eprintln!("pace ADDRESS PATH RATE SECONDS CONNECTIONS");
        std::process::exit(2);
    };
    let number = |text: &str| text.parse::<f64>().expect("it is a number");
    let (rate, seconds, connections) = (number(rate), number(seconds), number(connections) as u32);
    let question = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let total = (rate * seconds) as u64;
    let times = Arc::new(Mutex::new(Vec::with_capacity(total as usize)));
    let start = Instant::now() + Duration::from_millis(100);
    let threads: Vec<_> = (0..connections)
        .map(|own| {
            let (address, question, times) = (address.clone(), question.clone(), Arc::clone(&times));
            thread::spawn(move || {
                let mut stream = TcpStream::connect(&address).expect("it listens");
                stream.set_nodelay(true).expect("it is TCP");
                let (mut answer, mut taken) = (Vec::new(), Vec::new());
                for turn in (u64::from(own)..total).step_by(connections as usize) {
                    let due = start + Duration::from_secs_f64(turn as f64 / rate);
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    stream.write_all(question.as_bytes()).expect("it reads");
                    read_answer(&mut stream, &mut answer);
                    taken.push(due.elapsed());
                }
                times.lock().expect("nobody panicked").extend(taken);
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    let mut times = times.lock().expect("nobody panicked");
    times.sort();
    let at = |part: usize| times[(times.len() * part / 1000).min(times.len() - 1)].as_secs_f64() * 1e3;
    let asked = times.len() as f64 / start.elapsed().as_secs_f64();
    println!("   {asked:.0} a second: 50% {:.2} ms, 99% {:.2} ms, 99.9% {:.2} ms", at(500), at(990), at(999));
}

/// Reads one answer with a `content-length`.
fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) {
    answer.clear();
    let mut piece = [0; 4096];
    loop {
        let len = stream.read(&mut piece).expect("it answers");
        assert!(len > 0, "it closed the connection");
        answer.extend_from_slice(&piece[..len]);
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&answer[..head]).expect("it is ASCII").to_ascii_lowercase();
        assert!(text.starts_with("http/1.1 200"), "{text}");
        let len = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if answer.len() >= head + 4 + len.expect("it says how long it is") {
            return;
        }
    }
}
