//! Rejected keys: one refresh for all, one call more for each, and a clear reason in the end.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use keyscan::Secret;
use keyscan::rotate::{
    FailureClass, ManualClock, Recovery, Retry, RetryError, RotatingSecret, State, with_reload_on_401,
    with_reload_on_401_async,
};

use crate::{Scripted, quick, until};

type Call = Result<u16, String>;

fn is_401(result: &Call) -> bool {
    matches!(result, Ok(401))
}

/// A provider that takes one key only.
fn provider<'a>(good: &'a str, calls: &'a AtomicU32) -> impl Fn(&[u8]) -> Call + 'a {
    move |key| {
        calls.fetch_add(1, Ordering::Relaxed);
        Ok(if key == good.as_bytes() { 200 } else { 401 })
    }
}

fn secret(source: &Scripted) -> RotatingSecret {
    RotatingSecret::builder("A_KEY", source.clone()).settings(quick()).start().unwrap()
}

#[test]
fn a_storm_of_rejections_is_one_refresh() {
    let source = Scripted::of("quartz-0001");
    let secret = secret(&source);
    source.answers("quartz-0002");
    source.takes(Duration::from_millis(200));
    let (barrier, calls) = (Arc::new(Barrier::new(100)), Arc::new(AtomicU32::new(0)));
    let threads: Vec<_> = (0..100)
        .map(|_| {
            let (secret, barrier, calls) = (secret.clone(), barrier.clone(), calls.clone());
            std::thread::spawn(move || {
                let call = provider("quartz-0002", &calls);
                barrier.wait();
                with_reload_on_401(&secret, &Retry::default(), |lease| call(lease.expose()), is_401)
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap().unwrap(), 200);
    }
    assert_eq!(source.asked(), 2, "the first value, and one refresh");
    assert_eq!(calls.load(Ordering::Relaxed), 200);
    assert_eq!(secret.status().unauthorized_total, 100);
}

#[test]
fn a_storm_about_a_dead_key_does_not_become_one_on_its_source() {
    let source = Scripted::of("quartz-0001");
    let secret = secret(&source);
    let (barrier, calls) = (Arc::new(Barrier::new(100)), Arc::new(AtomicU32::new(0)));
    let started = Instant::now();
    let threads: Vec<_> = (0..100)
        .map(|_| {
            let (secret, barrier, calls) = (secret.clone(), barrier.clone(), calls.clone());
            std::thread::spawn(move || {
                let call = provider("none", &calls);
                barrier.wait();
                with_reload_on_401(&secret, &Retry::at_once(), |lease| call(lease.expose()), is_401)
            })
        })
        .collect();
    for thread in threads {
        let Err(RetryError::Rejected(rejected)) = thread.join().unwrap() else { panic!("it is rejected") };
        assert_eq!((rejected.name.as_str(), rejected.version), ("A_KEY", 1));
        assert!(rejected.calls <= 1, "a dead key is not sent twice");
    }
    assert!(source.asked() <= 2 + started.elapsed().as_millis() as u32 / 500, "{}", source.asked());
    assert!(calls.load(Ordering::Relaxed) <= 100);
    // And for a while not at all: an account could be locked.
    let before = calls.load(Ordering::Relaxed);
    let call = provider("none", &calls);
    for _ in 0..20 {
        let result = with_reload_on_401(&secret, &Retry::at_once(), |lease| call(lease.expose()), is_401);
        assert!(matches!(result, Err(RetryError::Rejected(rejected)) if rejected.calls == 0));
    }
    assert_eq!(calls.load(Ordering::Relaxed), before);
    source.answers("quartz-0002");
    secret.reload(Duration::from_secs(3)).unwrap();
    let call = provider("quartz-0002", &calls);
    let result = with_reload_on_401(&secret, &Retry::at_once(), |lease| call(lease.expose()), is_401);
    assert_eq!(result.unwrap(), 200);
    assert_eq!(secret.state(), State::Ok);
}

#[test]
fn a_version_that_is_old_already_asks_nobody() {
    let source = Scripted::of("quartz-0001");
    let secret = secret(&source);
    source.answers("quartz-0002");
    secret.reload(Duration::from_secs(3)).unwrap();
    let Recovery::Newer(lease) = secret.report_unauthorized(1) else { panic!("there is a newer one") };
    assert_eq!((lease.version(), source.asked()), (2, 2));
}

#[test]
fn other_failures_are_not_retried() {
    let source = Scripted::of("quartz-0001");
    let secret = secret(&source);
    for status in [403, 429, 500, 503] {
        let mut calls = 0;
        let result = with_reload_on_401(
            &secret,
            &Retry::default(),
            |_| {
                calls += 1;
                Ok::<u16, String>(status)
            },
            is_401,
        );
        assert_eq!((result.unwrap(), calls), (status, 1));
    }
    let failed = with_reload_on_401(&secret, &Retry::default(), |_| Err("broken".to_owned()), is_401);
    assert!(matches!(failed, Err(RetryError::Call(error)) if error == "broken"));
    assert_eq!(source.asked(), 1);
    secret.revoke();
    let none = with_reload_on_401(&secret, &Retry::default(), |_| Ok(200), is_401);
    assert!(matches!(none, Err(RetryError::<String>::NoValue(_))));
}

/// The new key is here before its provider knows it: the old one is tried.
#[test]
fn the_version_before_is_tried_once() {
    let source = Scripted::of("quartz-0001");
    let secret = secret(&source);
    secret.set(Secret::new(b"quartz-0002")).unwrap(); // keyscan:allow generic-secret
    let calls = AtomicU32::new(0);
    let call = provider("quartz-0001", &calls);
    let result = with_reload_on_401(&secret, &Retry::at_once(), |lease| call(lease.expose()), is_401);
    assert_eq!((result.unwrap(), calls.load(Ordering::Relaxed)), (200, 2));
    let call = provider("none", &calls);
    let result = with_reload_on_401(&secret, &Retry::at_once(), |lease| call(lease.expose()), is_401);
    assert!(matches!(result, Err(RetryError::Rejected(rejected)) if rejected.calls == 2));
}

/// The old key is revoked before the new one is in the source.
#[test]
fn a_rotation_under_way_is_waited_for() {
    let source = Scripted::of("quartz-0001");
    let secret = secret(&source);
    let (asynchronous, of_operator) = (secret.clone(), source.clone());
    let operator = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(1500));
        of_operator.answers("quartz-0002");
    });
    let calls = AtomicU32::new(0);
    let future = async {
        let call = provider("quartz-0002", &calls);
        let call = &call;
        with_reload_on_401_async(&asynchronous, &Retry::default(), |lease| async move { call(lease.expose()) }, is_401)
            .await
    };
    let blocking = std::thread::scope(|scope| {
        let blocking = scope.spawn(|| {
            let calls = AtomicU32::new(0);
            let call = provider("quartz-0002", &calls);
            let result = with_reload_on_401(&secret, &Retry::default(), |lease| call(lease.expose()), is_401);
            (result.unwrap(), calls.load(Ordering::Relaxed))
        });
        assert_eq!(futures_executor::block_on(future).unwrap(), 200);
        blocking.join().unwrap()
    });
    assert_eq!(blocking, (200, 2));
    operator.join().unwrap();
    assert!(source.asked() < 12, "{}", source.asked());
}

#[test]
fn the_end_of_waiting_has_a_reason() {
    let source = Scripted::of("quartz-0001");
    let secret = secret(&source);
    source.fails(FailureClass::Denied);
    let retry = Retry { window: Duration::from_secs(2), ..Retry::default() };
    let started = Instant::now();
    let result = with_reload_on_401(&secret, &retry, |_| Ok::<u16, String>(401), is_401);
    let Err(RetryError::Rejected(rejected)) = result else { panic!("it is rejected") };
    assert!((2.0..4.0).contains(&started.elapsed().as_secs_f64()), "{:?}", started.elapsed());
    assert_eq!(rejected.calls, 1);
    let text = rejected.to_string();
    assert!(text.starts_with("A_KEY was rejected (version 1, 1 calls), and its source failed: "), "{text}");
    assert!(text.ends_with("; waited 2 s for a rotation"), "{text}");
    assert!(!text.contains("quartz"));
}

#[test]
fn a_key_that_is_new_is_tried_again_while_its_provider_may_not_know_it() {
    let clock = ManualClock::new(Duration::from_secs(1_767_225_600));
    let source = Scripted::of("quartz-0001");
    let builder = RotatingSecret::builder("A_KEY", source).settings(quick()).clock(Arc::new(clock.clone()));
    let secret = builder.start().unwrap();
    secret.set(Secret::new(b"quartz-0002")).unwrap(); // keyscan:allow generic-secret
    secret.drop_previous();
    let started = Instant::now();
    let call = |key: &[u8]| Ok(if key == b"quartz-0002" && started.elapsed().as_secs() >= 2 { 200 } else { 401 }); // keyscan:allow generic-secret
    let result: Result<u16, RetryError<String>> =
        with_reload_on_401(&secret, &Retry::default(), |lease| call(lease.expose()), is_401);
    assert_eq!(result.unwrap(), 200);
    // One that has been in use for long is dead, and sent no more.
    clock.advance(Duration::from_secs(3600));
    let calls = AtomicU32::new(0);
    let call = provider("none", &calls);
    let retry = Retry { window: Duration::from_millis(1200), ..Retry::default() };
    assert!(with_reload_on_401(&secret, &retry, |lease| call(lease.expose()), is_401).is_err());
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn many_futures_wait_for_one_refresh() {
    let source = Scripted::of("quartz-0001");
    let secret = secret(&source);
    source.answers("quartz-0002");
    source.takes(Duration::from_millis(200));
    let calls = AtomicU32::new(0);
    let call = provider("quartz-0002", &calls);
    let call = &call;
    let all = futures_util::future::join_all((0..1000).map(|_| {
        with_reload_on_401_async(
            &secret,
            &const { Retry { window: Duration::ZERO, try_previous: false } },
            move |lease| async move { call(lease.expose()) },
            is_401,
        )
    }));
    let results = futures_executor::block_on(all);
    assert!(results.iter().all(|result| matches!(result, Ok(200))));
    assert_eq!((source.asked(), calls.load(Ordering::Relaxed)), (2, 2000));
    until("it is over", || secret.state() == State::Ok);
    // One that waits for a source that hangs is told in time.
    source.takes(Duration::from_secs(8));
    let started = Instant::now();
    let error = futures_executor::block_on(secret.refresh_async()).unwrap_err();
    assert_eq!(error.class(), FailureClass::Timeout);
    assert!((2.5..5.0).contains(&started.elapsed().as_secs_f64()), "{:?}", started.elapsed());
}
