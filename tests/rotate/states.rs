//! States, versions, clocks, callbacks, and the order in which a value comes into use.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyscan::Secret;
use keyscan::redact::{KnownSecrets, Redaction};
use keyscan::rotate::{
    FailureClass, ManualClock, NoValue, Origin, PushSource, Refreshed, RotateSettings, RotatingSecret, State, TagKey,
};
use keyscan::{Key, RuleSet};

use crate::{Scripted, quick, until};

const START: Duration = Duration::from_secs(1_767_225_600);

fn rules() -> RuleSet {
    let empty = "provider = \"test\"\nname = \"Test\"\n[[rule]]\nid = \"test-key\"\ndescription = \"Key\"\n\
         severity = \"low\"\nkind = \"distinctive\"\nregex = 'testkey_(?<secret>[a-f]{12})'\nafter = 'any'\n\
         samples = [\"testkey_|abcdefabcdef|\"]\nnear_misses = [\"testkey-\"]\n";
    RuleSet::from_toml(std::path::Path::new("test.toml"), empty).unwrap()
}

fn value(secret: &RotatingSecret) -> String {
    String::from_utf8(secret.get().unwrap().expose().to_vec()).unwrap()
}

#[test]
fn a_secret_goes_through_its_states() {
    let source = Scripted::default();
    source.fails(FailureClass::NotFound);
    let secret = RotatingSecret::builder("A_KEY", source.clone()).settings(quick()).start_absent().unwrap();
    until("the first attempt has failed", || secret.last_error().is_some());
    assert_eq!(secret.state(), State::Absent);
    assert!(matches!(secret.get(), Err(NoValue::Absent(Some(error))) if error.class() == FailureClass::NotFound));

    source.answers("quartz-0001");
    assert!(matches!(secret.reload(Duration::from_secs(3)), Ok(Refreshed::Rotated(_))));
    assert_eq!((secret.state(), value(&secret).as_str()), (State::Ok, "quartz-0001"));

    source.takes(Duration::from_millis(300));
    source.answers("quartz-0002");
    let waiting = std::thread::spawn({
        let secret = secret.clone();
        move || secret.reload(Duration::from_secs(3))
    });
    until("it is refreshed", || secret.state() == State::Refreshing);
    assert_eq!(value(&secret), "quartz-0001"); // keyscan:allow generic-secret
    assert!(matches!(waiting.join().unwrap(), Ok(Refreshed::Rotated(lease)) if lease.version() == 2));
    assert_eq!(secret.previous().unwrap().expose(), b"quartz-0001");

    source.takes(Duration::ZERO);
    source.fails(FailureClass::Unreachable);
    assert_eq!(secret.reload(Duration::from_secs(3)).unwrap_err().class(), FailureClass::Unreachable);
    assert_eq!((secret.state(), value(&secret).as_str()), (State::Stale, "quartz-0002"));
    let status = secret.status();
    assert_eq!((status.version, status.last_reload, status.failures_total), (2, "unreachable", 2));

    assert_eq!(secret.revoke(), Some(2));
    assert_eq!((secret.state(), secret.get().unwrap_err()), (State::Revoked, NoValue::Revoked));
    assert!(secret.previous().is_none());
    // Nor does the source bring it back, nor anyone who sets it.
    source.answers("quartz-0002");
    assert_eq!(secret.reload(Duration::from_secs(3)).unwrap_err().class(), FailureClass::Revoked);
    assert_eq!(secret.set(Secret::new(b"quartz-0002")).unwrap_err().class(), FailureClass::Revoked); // keyscan:allow generic-secret
    secret.set(Secret::new(b"quartz-0003")).unwrap(); // keyscan:allow generic-secret
    assert_eq!((secret.state(), value(&secret).as_str()), (State::Ok, "quartz-0003"));
    assert_eq!(secret.versions_of(b"quartz-0002"), [2]); // keyscan:allow generic-secret
    let origins: Vec<Origin> = secret.rotations().iter().map(|record| record.origin).collect();
    assert_eq!(origins, [Origin::Source, Origin::Source, Origin::Revoked, Origin::Set]);
}

#[test]
fn a_source_that_polls_does_not_end_a_revocation() {
    let clock = ManualClock::new(START);
    let source = Scripted::of("quartz-0001");
    let builder = RotatingSecret::builder("A_KEY", source.clone()).settings(quick()).clock(Arc::new(clock.clone()));
    let secret = builder.start().unwrap();
    secret.revoke();
    source.answers("quartz-0002");
    let asked = source.asked();
    clock.advance(Duration::from_secs(400));
    until("it was asked again", || source.asked() > asked && secret.last_error().is_some());
    assert_eq!(secret.state(), State::Revoked);
    // Somebody who asks for it does.
    assert!(matches!(secret.reload(Duration::from_secs(3)), Ok(Refreshed::Rotated(_))));
    assert_eq!(value(&secret), "quartz-0002"); // keyscan:allow generic-secret
}

#[test]
fn the_source_is_asked_in_time_and_sooner_in_an_incident() {
    let clock = ManualClock::new(START);
    let source = Scripted::of("quartz-0001");
    let builder = RotatingSecret::builder("A_KEY", source.clone()).settings(quick()).clock(Arc::new(clock.clone()));
    let secret = builder.start().unwrap();
    clock.advance(Duration::from_secs(260));
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(source.asked(), 1);
    clock.advance(Duration::from_secs(75));
    until("it was asked after 300 s", || source.asked() == 2);
    until("it is over", || secret.state() == State::Ok);
    secret.set_incident(true);
    clock.advance(Duration::from_secs(70));
    until("it was asked after 60 s", || source.asked() == 3);
    until("it is over", || secret.state() == State::Ok);
    clock.advance(Duration::from_secs(70));
    until("it was asked after 60 s again", || source.asked() == 4);
}

#[test]
fn a_value_that_was_set_stands_until_the_source_has_another() {
    let source = Scripted::of("quartz-0001");
    let secret = RotatingSecret::builder("A_KEY", source.clone()).settings(quick()).start().unwrap();
    secret.set(Secret::new(b"quartz-0002")).unwrap(); // keyscan:allow generic-secret
    assert!(matches!(secret.reload(Duration::from_secs(3)), Ok(Refreshed::Unchanged)));
    assert_eq!(value(&secret), "quartz-0002"); // keyscan:allow generic-secret
    source.answers("quartz-0003");
    secret.reload(Duration::from_secs(3)).unwrap();
    assert_eq!(value(&secret), "quartz-0003"); // keyscan:allow generic-secret
    secret.roll_back().unwrap();
    assert_eq!((value(&secret).as_str(), secret.get().unwrap().version()), ("quartz-0002", 4));
    assert!(matches!(secret.set(Secret::new(b"quartz-0002")), Ok(Refreshed::Unchanged))); // keyscan:allow generic-secret
}

#[test]
fn a_pushed_secret_has_what_is_set() {
    let secret = RotatingSecret::builder("A_KEY", PushSource).settings(quick()).start().unwrap();
    assert_eq!(secret.state(), State::Absent);
    assert_eq!(secret.reload(Duration::from_secs(3)).unwrap_err().class(), FailureClass::NotFound);
    secret.set(Secret::new(b"quartz-0001")).unwrap(); // keyscan:allow generic-secret
    assert_eq!(value(&secret), "quartz-0001"); // keyscan:allow generic-secret
}

#[test]
fn values_expire_and_are_refreshed_before() {
    let clock = ManualClock::new(START);
    let source = Scripted::default();
    source.answers_for("quartz-0001", Duration::from_secs(1000));
    let settings = RotateSettings { poll: None, ..quick() };
    let builder = RotatingSecret::builder("A_KEY", source.clone()).settings(settings).clock(Arc::new(clock.clone()));
    let secret = builder.start().unwrap();
    assert_eq!(secret.get().unwrap().expires(), Some(START + Duration::from_secs(1000)));
    source.fails(FailureClass::Unreachable);
    clock.advance(Duration::from_secs(700));
    std::thread::sleep(Duration::from_millis(40));
    assert_eq!(source.asked(), 1);
    clock.advance(Duration::from_secs(200));
    until("it is stale", || secret.state() == State::Stale);
    assert_eq!(value(&secret), "quartz-0001"); // keyscan:allow generic-secret
    clock.advance(Duration::from_secs(101));
    assert_eq!(secret.state(), State::Expired);
    assert!(matches!(secret.get(), Err(NoValue::Expired(Some(error))) if error.class() == FailureClass::Unreachable));
    source.answers_for("quartz-0002", Duration::from_secs(1000));
    clock.advance(Duration::from_secs(61));
    until("it is good again", || secret.get().is_ok_and(|lease| lease.version() == 2));
}

#[test]
fn a_machine_that_slept_asks_at_once_and_believes_its_clock_only_when_the_source_fails() {
    let clock = ManualClock::new(START);
    let source = Scripted::default();
    source.answers_for("quartz-0001", Duration::from_secs(3600));
    let settings = RotateSettings { poll: None, ..quick() };
    let builder = RotatingSecret::builder("A_KEY", source.clone()).settings(settings).clock(Arc::new(clock.clone()));
    let secret = builder.start().unwrap();
    // Backwards, or a little forwards: nothing.
    clock.set_wall(START - Duration::from_secs(86_400));
    std::thread::sleep(Duration::from_millis(40));
    clock.set_wall(START - Duration::from_secs(86_400 - 20));
    std::thread::sleep(Duration::from_millis(40));
    assert_eq!((source.asked(), secret.state()), (1, State::Ok));
    clock.set_wall(START + Duration::from_secs(60));
    until("the source was asked", || source.asked() == 2 && secret.state() == State::Ok);
    assert!(secret.get().is_ok());
    source.fails(FailureClass::Unreachable);
    clock.set_wall(START + Duration::from_secs(86_400));
    until("it is expired", || secret.state() == State::Expired);
}

#[test]
fn an_old_version_is_kept_for_a_while() {
    let clock = ManualClock::new(START);
    let source = Scripted::of("quartz-0001");
    let known = KnownSecrets::new();
    let settings = RotateSettings { retire_ttl: Some(Duration::from_secs(1000)), ..quick() };
    let builder = RotatingSecret::builder("A_KEY", source.clone()).settings(settings).clock(Arc::new(clock.clone()));
    let secret = builder.hide_in(&known).start().unwrap();
    source.answers("quartz-0002");
    secret.reload(Duration::from_secs(3)).unwrap();
    clock.advance(Duration::from_secs(599));
    assert_eq!(secret.previous().unwrap().version(), 1);
    assert_eq!(secret.status().previous.unwrap().version, 1);
    clock.advance(Duration::from_secs(1));
    assert!(secret.previous().is_none() && secret.status().previous.is_none());
    // Readers have it no more; redactors do, for their time.
    std::thread::sleep(Duration::from_millis(30));
    clock.advance(Duration::from_secs(990));
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(known.len(), 2);
    clock.advance(Duration::from_secs(20));
    until("it is forgotten", || known.len() == 1);
}

#[test]
fn a_version_that_comes_back_stays_hidden() {
    let clock = ManualClock::new(START);
    let known = KnownSecrets::new();
    let settings = RotateSettings { retire_ttl: Some(Duration::from_secs(1000)), ..quick() };
    let builder = RotatingSecret::builder("A_KEY", PushSource).settings(settings).clock(Arc::new(clock.clone()));
    let secret = builder.hide_in(&known).start().unwrap();
    let set = |number: u32| secret.set(Secret::new(format!("quartz-{number:04}").as_bytes())).unwrap();
    let redaction = Redaction::new(rules()).with_known(known.clone());
    let is_hidden =
        |number: u32| !redaction.redact(format!("it was quartz-{number:04}").as_bytes()).ends_with(b"quartz-0001");
    // Back at once, and back after it was out of use.
    set(1);
    set(2);
    set(1);
    set(3);
    set(4);
    clock.advance(Duration::from_secs(990));
    set(1);
    for _ in 0..3 {
        clock.advance(Duration::from_secs(1500));
        std::thread::sleep(Duration::from_millis(40));
        assert!(is_hidden(1), "it is in use");
    }
    until("the others are forgotten", || known.len() == 1);
}

#[test]
fn a_value_is_hidden_before_anyone_can_read_it() {
    let known = KnownSecrets::new();
    let redaction = Redaction::new(rules()).with_known(known.clone());
    let secret = RotatingSecret::builder("A_KEY", PushSource).settings(quick()).hide_in(&known).start().unwrap();
    secret.set(Secret::new(b"quartz-00000")).unwrap(); // keyscan:allow generic-secret
    let (stop, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (secret, redaction, stop, looks) = (secret.clone(), redaction.clone(), stop.clone(), looks.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let lease = secret.get().unwrap();
                    let shown = redaction.redact(&[b"key=", lease.expose(), b"\n"].concat());
                    assert!(
                        !shown.windows(6).any(|part| part == b"quartz"),
                        "a value was readable that was not hidden"
                    );
                    looks.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for version in 1..300 {
        secret.set(Secret::new(format!("quartz-{version:05}").as_bytes())).unwrap();
    }
    let seen = looks.load(Ordering::Relaxed);
    until("all have looked", || looks.load(Ordering::Relaxed) > seen + 10);
    stop.store(true, Ordering::Relaxed);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    // Old ones stay hidden: the last 64, and one of which somebody has a lease.
    let lease = secret.get().unwrap();
    for version in 300..400 {
        secret.set(Secret::new(format!("quartz-{version:05}").as_bytes())).unwrap();
    }
    assert_eq!(lease.expose(), b"quartz-00299");
    for version in [299, 390, 398, 399] {
        let shown = redaction.redact(format!("key=quartz-{version:05}").as_bytes());
        assert!(!shown.windows(6).any(|part| part == b"quartz"));
    }
    // A set that comes later has what is in use at once.
    let late = KnownSecrets::new();
    assert!(secret.hide_in(&late));
    assert_eq!((late.len(), secret.redactors()), (3, 2));
    // A lease that has ended counts no more.
    let count = known.len();
    drop(lease);
    secret.set(Secret::new(b"quartz-00400")).unwrap(); // keyscan:allow generic-secret
    assert_eq!(known.len(), count - 1);
    assert!(redaction.redact(b"quartz-00299").starts_with(b"[REDACTED"));
    for version in 401..470 {
        secret.set(Secret::new(format!("quartz-{version:05}").as_bytes())).unwrap();
    }
    assert_eq!(redaction.redact(b"quartz-00299"), b"quartz-00299");
}

#[test]
fn what_cannot_be_hidden_is_refused() {
    let known = KnownSecrets::new();
    let builder = || RotatingSecret::builder("A_KEY", PushSource).hide_in(&known);
    let secret = builder().settings(quick()).start().unwrap();
    for bad in ["admin", "abc", "12345678"] {
        assert_eq!(secret.set(Secret::new(bad.as_bytes())).unwrap_err().class(), FailureClass::Unhidable, "{bad}");
    }
    assert!(secret.get().is_err());
    let secret = builder().settings(RotateSettings { allow_unhidable: true, ..quick() }).start().unwrap();
    secret.set(Secret::new(b"admin")).unwrap();
    assert_eq!(value(&secret), "admin");
}

#[test]
fn rotations_are_told_to_callbacks_and_watches() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let source = Scripted::of("quartz-0001");
    let of_callback = Arc::clone(&told);
    let secret = RotatingSecret::builder("A_KEY", source.clone())
        .settings(quick())
        .on_rotation(|_| panic!("a callback that panics"))
        .on_rotation(move |rotation| {
            let before = rotation.previous.map(|(version, _)| version);
            of_callback.lock().unwrap().push((rotation.lease.version(), before));
        })
        .start()
        .unwrap();
    let mut watch = secret.watch();
    assert!(!watch.has_changed() && watch.wait(Duration::from_millis(10)).is_none());
    let mut waiting = watch.clone();
    let waiting = std::thread::spawn(move || waiting.wait(Duration::from_secs(10)).unwrap().unwrap().version());
    source.answers("quartz-0002");
    secret.reload(Duration::from_secs(3)).unwrap();
    assert_eq!(waiting.join().unwrap(), 2);
    assert!(watch.has_changed());
    let mut future = watch.clone();
    assert_eq!(futures_executor::block_on(future.changed()).unwrap().unwrap().version(), 2);
    secret.revoke();
    assert_eq!(watch.wait(Duration::from_secs(3)).unwrap().unwrap_err(), NoValue::Revoked);
    until("both were told", || told.lock().unwrap().len() == 2);
    assert_eq!(*told.lock().unwrap(), [(1, None), (2, Some(1))]);
    drop(secret);
    assert!(watch.wait(Duration::from_secs(10)).is_none());
    assert!(futures_executor::block_on(future.changed()).is_none());
}

#[test]
fn threads_end_when_secrets_are_dropped() {
    #[derive(Debug)]
    struct Marks(Scripted, Arc<AtomicU64>);
    impl Drop for Marks {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }
    impl keyscan::rotate::Source for Marks {
        fn kind(&self) -> &'static str {
            "marks"
        }
        fn fetch(
            &self,
            context: &keyscan::rotate::FetchContext<'_>,
        ) -> Result<keyscan::rotate::Fetched, keyscan::rotate::SourceError> {
            self.0.fetch(context)
        }
    }
    let dropped = Arc::new(AtomicU64::new(0));
    for _ in 0..20 {
        let source = Marks(Scripted::of("quartz-0001"), dropped.clone());
        let secret = RotatingSecret::builder("A_KEY", source).settings(quick()).start().unwrap();
        let clone = secret.clone();
        drop(secret);
        assert!(clone.get().is_ok());
    }
    // The thread owned the source until it ended.
    assert_eq!(dropped.load(Ordering::Relaxed), 20);
    // One that waits for a source that hangs is waited for only so long.
    let source = Scripted::of("quartz-0001");
    let secret = RotatingSecret::builder("A_KEY", source.clone()).settings(quick()).start().unwrap();
    source.takes(Duration::from_secs(5));
    assert!(secret.reload(Duration::from_millis(10)).is_err());
    let started = Instant::now();
    drop(secret);
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[test]
fn nothing_shows_a_value() {
    let key = TagKey::new(3, Key::from_bytes([7; 32]));
    let secret = RotatingSecret::builder("A_KEY", Scripted::of("quartz-0001")).tag_key(key).start().unwrap(); // keyscan:allow generic-secret
    let lease = secret.get().unwrap();
    let shown = [
        format!("{secret:?}"),
        format!("{lease:?}"),
        format!("{:?}", secret.status()),
        format!("{:?}", secret.rotations()),
        format!("{:?}", secret.watch()),
        serde_json::to_string(&secret.status()).unwrap(),
    ];
    for shown in shown {
        assert!(!shown.contains("quartz") && !shown.contains("0001"), "{shown}");
        assert!(!shown.contains("113, 117, 97"), "{shown}");
    }
    assert_eq!(format!("{secret:?}"), "RotatingSecret(A_KEY, ok)");
    assert!(lease.fingerprint().to_string().starts_with("k3:"));
    assert_eq!(lease.fingerprint().to_string().len(), 19);
}

#[test]
fn types_cross_threads() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>(_: T) {}
    shared::<RotatingSecret>();
    shared::<keyscan::rotate::Lease>();
    shared::<keyscan::rotate::Watch>();
    shared::<keyscan::rotate::TokenManager>();
    shared::<keyscan::rotate::Secrets>();
    shared::<keyscan::rotate::AuditLog>();
    shared::<keyscan::rotate::admin::Admin>();
    let secret = RotatingSecret::builder("A_KEY", PushSource).settings(quick()).start().unwrap();
    sent(secret.refresh_async());
    let mut watch = secret.watch();
    sent(watch.changed());
}
