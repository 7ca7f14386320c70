//! Vault's key-value store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use keyscan::Secret;
use keyscan::rotate::{FailureClass, PushSource, RotatingSecret, VaultKv2};

use crate::server::Server;
use crate::{Scripted, plain, quick};

#[test]
fn fields_versions_and_namespaces() {
    let version = Arc::new(AtomicU32::new(1));
    let of_server = version.clone();
    let server = Server::new(move |asked| {
        assert_eq!(asked.line, "GET /v1/kv/app/data/team%20a/stripe HTTP/1.1");
        assert_eq!(asked.header("x-vault-namespace"), "ns");
        assert_eq!(asked.header("x-vault-request"), "true");
        if asked.header("x-vault-token") != "quartz-vault" {
            return plain(403, r#"{"errors":["permission denied"]}"#);
        }
        let version = of_server.load(Ordering::Relaxed);
        if version == 3 {
            return plain(
                404,
                r#"{"data":{"data":null,"metadata":{"deletion_time":"2026-01-01T00:00:00Z","version":3}}}"#,
            );
        }
        plain(
            200,
            &format!(
                r#"{{"lease_id":"","data":{{"data":{{"key":"quartz-{version:04}","o":1}},"metadata":{{"version":{version}}}}}}}"#
            ),
        )
    });
    let token = RotatingSecret::builder("VAULT", PushSource).settings(quick()).start().unwrap();
    token.set(Secret::new(b"quartz-vault")).unwrap();
    let source = VaultKv2::new(&server.url, "kv/app", "team a/stripe", "key").namespace("ns").token(token);
    let secret = RotatingSecret::builder("STRIPE", source.clone()).settings(quick()).start().unwrap();
    let lease = secret.get().unwrap();
    assert_eq!((lease.expose(), lease.source_version()), (&b"quartz-0001"[..], Some("1")));
    version.store(2, Ordering::Relaxed);
    secret.reload(Duration::from_secs(3)).unwrap();
    assert_eq!(secret.get().unwrap().source_version(), Some("2"));
    version.store(3, Ordering::Relaxed);
    assert_eq!(secret.reload(Duration::from_secs(3)).unwrap_err().class(), FailureClass::NotFound);
    assert_eq!(secret.get().unwrap().expose(), b"quartz-0002");
    // A token that was rotated is read again, once.
    version.store(4, Ordering::Relaxed);
    let tokens = Scripted::of("quartz-dead");
    let token = RotatingSecret::builder("VAULT", tokens.clone()).settings(quick()).start().unwrap();
    tokens.answers("quartz-vault");
    let secret = RotatingSecret::builder("STRIPE", source.token(token)).settings(quick()).start().unwrap();
    assert_eq!((secret.get().unwrap().expose(), tokens.asked()), (&b"quartz-0004"[..], 2));
}
