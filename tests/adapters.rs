//! Redaction around what other libraries write and read with: the same comes out as from a redactor.

use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt;
use keyscan::RuleSet;
use keyscan::redact::{
    AsyncRedactReader, AsyncRedactWriter, KnownSecrets, RedactLogger, RedactMakeWriter, RedactStream, Redaction,
};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

const TEXT: &str = "connected as app:quartz-0123 \u{e9}, quartz-0123quartz-0123\nand the end qua";
const SHOWN: &str = "connected as app:[REDACTED:K] \u{e9}, [REDACTED:K][REDACTED:K]\nand the end qua";

fn redaction() -> Redaction {
    let known = KnownSecrets::new();
    known.add("K", b"quartz-0123").unwrap();
    Redaction::new(RuleSet::new()).with_known(known)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Takes a byte at a time, and every other time none yet.
#[derive(Default)]
struct Slow {
    taken: Vec<u8>,
    is_ready: bool,
    is_shut: bool,
}

impl AsyncWrite for Slow {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.is_ready = !self.is_ready;
        if !self.is_ready {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.taken.extend(bytes.first());
        Poll::Ready(Ok(bytes.len().min(1)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.is_shut = true;
        Poll::Ready(Ok(()))
    }
}

#[test]
fn tokio_writers_lose_nothing_whatever_they_are_given() {
    for step in [1, 2, 7, 1000] {
        let slow = block_on(async {
            let mut writer = AsyncRedactWriter::new(&redaction(), Slow::default());
            for piece in TEXT.as_bytes().chunks(step) {
                writer.write_all(piece).await.unwrap();
            }
            writer.flush().await.unwrap();
            writer.shutdown().await.unwrap();
            assert_eq!(writer.stats().total(), 3);
            writer.into_inner()
        });
        assert_eq!(String::from_utf8(slow.taken).unwrap(), SHOWN);
        assert!(slow.is_shut);
    }
}

#[test]
fn what_tokio_writes_is_out_once_it_is_flushed() {
    block_on(async {
        let (near, mut far) = tokio::io::duplex(1000);
        let mut writer = AsyncRedactWriter::new(&redaction(), near);
        writer.write_all(b"Password: ").await.unwrap();
        writer.flush().await.unwrap();
        let mut prompt = [0; 10];
        far.read_exact(&mut prompt).await.unwrap();
        assert_eq!(&prompt, b"Password: ");
    });
}

#[test]
fn tokio_readers_give_the_same() {
    for capacity in [1, 3, 1000] {
        let out = block_on(async {
            let (mut near, far) = tokio::io::duplex(capacity);
            let write = async {
                near.write_all(TEXT.as_bytes()).await.unwrap();
                drop(near);
            };
            let mut out = String::new();
            let mut reader = AsyncRedactReader::new(&redaction(), far);
            let (_, read) = futures_util::future::join(write, reader.read_to_string(&mut out)).await;
            read.unwrap();
            out
        });
        assert_eq!(out, SHOWN);
    }
}

#[test]
fn streams_are_redacted_and_their_errors_passed_on() {
    for step in [1, 5, 1000] {
        let parts = TEXT.as_bytes().chunks(step).map(Bytes::copy_from_slice).collect::<Vec<_>>();
        let whole = RedactStream::new(&redaction(), futures_util::stream::iter(parts.clone())).collect::<Vec<_>>();
        assert_eq!(futures_executor::block_on(whole).concat(), SHOWN.as_bytes());
        let failing = parts.into_iter().map(Ok).chain([Err("gone")]);
        let results = RedactStream::new(&redaction(), futures_util::stream::iter(failing)).collect::<Vec<_>>();
        let results = futures_executor::block_on(results);
        assert_eq!(results.iter().filter(|result| **result == Err("gone")).count(), 1);
        let out: Vec<u8> = results.into_iter().flatten().flatten().collect();
        assert_eq!(out, SHOWN.as_bytes());
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn python_filters_missed_what_is_formatted_late_and_tracing_does_not() {
    let shared = Shared::default();
    let sink = shared.clone();
    let writer = RedactMakeWriter::new(&redaction(), move || sink.clone());
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish();
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("connecting", url = "db://app:quartz-0123@host");
        let _entered = span.enter();
        let error = std::io::Error::other("refused quartz-0123");
        tracing::error!(target: "child::of::child", error = %error, password = ?"quartz-0123", "as quartz-{}", "0123");
        let first = shared.take();
        assert_eq!(first.matches("[REDACTED:K]").count(), 4, "{first}");
        assert!(!first.contains("quartz-0123") && first.ends_with('\n'), "{first}");
        // What an event ends with is not held for the next one.
        tracing::info!("ends with qua");
        tracing::info!("rtz-0123 starts the next");
        let more = shared.take();
        assert!(more.contains("ends with qua\n") && more.contains("rtz-0123 starts"), "{more}");
    });
}

#[derive(Clone, Default)]
struct Collecting(Arc<Mutex<Vec<String>>>);

impl log::Log for Collecting {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Info
    }

    fn log(&self, record: &log::Record<'_>) {
        struct Told(String);
        impl<'v> log::kv::VisitSource<'v> for Told {
            fn visit_pair(&mut self, key: log::kv::Key<'v>, value: log::kv::Value<'v>) -> Result<(), log::kv::Error> {
                self.0.push_str(&format!(" {key}={value}{}", if value.to_u64().is_some() { "u" } else { "" }));
                Ok(())
            }
        }
        let mut told = Told(format!("{} {} {}:", record.level(), record.target(), record.args()));
        record.key_values().visit(&mut told).unwrap();
        self.0.lock().unwrap().push(told.0);
    }

    fn flush(&self) {}
}

#[test]
fn python_filters_missed_what_is_beside_a_message_and_log_does_not() {
    let collecting = Collecting::default();
    let logger: &dyn log::Log = &RedactLogger::new(&redaction(), collecting.clone());
    let pairs = [("user", log::kv::Value::from("app")), ("with", "quartz-0123".into()), ("n", 7_u64.into())];
    let metadata = log::Metadata::builder().level(log::Level::Warn).target("db").build();
    logger.log(
        &log::Record::builder()
            .metadata(metadata)
            .args(format_args!("as quartz-{}", "0123"))
            .key_values(&pairs)
            .build(),
    );
    logger.log(&log::Record::builder().level(log::Level::Debug).args(format_args!("quartz-0123")).build());
    let told = collecting.0.lock().unwrap().clone();
    assert_eq!(told, ["WARN db as [REDACTED:K]: user=app with=[REDACTED:K] n=7u"]);
}
