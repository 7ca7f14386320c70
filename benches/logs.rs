//! Log lines of many forms, seeded: the same seed gives the same bytes everywhere.

/// `SplitMix64`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

const WORDS: &[&str] = &[
    "request",
    "finished",
    "worker",
    "started",
    "queue",
    "drained",
    "cache",
    "miss",
    "upload",
    "retry",
    "handler",
    "closed",
    "connection",
    "reset",
    "timeout",
    "session",
    "user",
    "batch",
    "flushed",
    "checkpoint",
];

fn words(random: &mut Random, count: usize) -> String {
    (0..count).map(|_| WORDS[random.below(WORDS.len() as u64) as usize]).collect::<Vec<_>>().join(" ")
}

/// `lines` lines: applications, servers, traces of stacks, one object a line; in every 10,000th stands `secret`.
pub(crate) fn mixed(seed: u64, lines: usize, secret: &str) -> Vec<u8> {
    let mut random = Random(seed);
    let mut text = String::with_capacity(lines * 140);
    for line in 0..lines {
        let (a, b, c) = (random.below(60), random.below(1000), random.below(90_000) + 10_000);
        let time = format!("2026-01-{:02}T{:02}:{a:02}:{:02}.{b:03}Z", a % 28 + 1, a % 24, c % 60);
        let said = words(&mut random, 6);
        match random.below(20) {
            0..6 => text.push_str(&format!("{time} INFO  worker[{a}]: {said} status=200 took={b}ms")),
            6..11 => {
                let id = random.next();
                text.push_str(&format!(
                    "{{\"ts\":\"{time}\",\"level\":\"info\",\"msg\":\"{said}\",\"span\":\"{id:016x}\",\"n\":{c}}}"
                ));
            }
            11..16 => text.push_str(&format!(
                "10.{}.{a}.{} - - [{time}] \"GET /api/v1/items/{c}?page={a} HTTP/1.1\" 200 {b} \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"",
                b % 256,
                c % 256
            )),
            16..19 => text.push_str(&format!("    at com.example.app.Service.handle(Service.java:{b})")),
            _ => text.push_str(&format!("level=debug ts={time} caller=pool.go:{b} component=pool msg=\"{said}\" id={c}")),
        }
        if line % 10_000 == 5000 {
            text.push_str(" used ");
            text.push_str(secret);
        }
        text.push('\n');
    }
    text.into_bytes()
}

/// So many values that could be secrets, of 33 bytes.
#[allow(dead_code, reason = "not every benchmark has known secrets")]
pub(crate) fn values(count: usize) -> Vec<String> {
    let mut random = Random(7);
    (0..count).map(|_| format!("{:016x}-{:016x}", random.next(), random.next())).collect()
}
