use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use secrecy::ExposeSecret;

use super::{Keeper, Settings};
use crate::clock::{Clock, Now};
use crate::credential::Credential;
use crate::source::{Gives, Source};

#[derive(serde::Deserialize)]
struct Table {
    credential: Source,
}

fn source(text: &str) -> Source {
    toml::from_str::<Table>(&format!("credential = {text}")).unwrap().credential
}

fn text(credential: &Credential) -> String {
    match credential {
        Credential::Key(text) | Credential::Password(text) => text.expose_secret().to_owned(),
        Credential::Aws(keys) => format!("{}:{}", keys.access_key_id, keys.secret_access_key.expose_secret()),
    }
}

/// A clock that goes when it is told to.
fn clock() -> (Clock, Arc<AtomicU64>) {
    let seconds = Arc::new(AtomicU64::new(0));
    let shown = Arc::clone(&seconds);
    let clock = Clock::by(move || {
        let seconds = shown.load(Ordering::Relaxed);
        Now { elapsed: Duration::from_secs(seconds), unix: 1_700_000_000 + seconds }
    });
    (clock, seconds)
}

/// A program that counts how often it ran in `folder`, waits until the file `go` is there, and ends as `end` says.
fn counting(folder: &Path, end: &str) -> Source {
    let folder = folder.display();
    let script = format!("echo x >> {folder}/runs; while [ ! -e {folder}/go ]; do sleep 0.01; done; {end}");
    source(&format!("{{ command = [\"sh\", \"-c\", {script:?}] }}"))
}

fn runs(folder: &Path) -> usize {
    std::fs::read_to_string(folder.join("runs")).unwrap_or_default().lines().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_together_is_served_by_one_fetch() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = Arc::new(Keeper::new(Settings::default()));
    let wanted = counting(folder.path(), "echo s3cret");
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let (keeper, wanted) = (Arc::clone(&keeper), wanted.clone());
            tokio::spawn(async move { keeper.fetch(&wanted).await.map(|credential| text(&credential)) })
        })
        .collect();
    // All wait for the one that holds the place: the map, and each of them.
    while Arc::strong_count(&keeper.slot(&wanted)) < 102 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    std::fs::write(folder.path().join("go"), "").unwrap();
    for task in waiting {
        assert_eq!(task.await.unwrap().unwrap(), "s3cret");
    }
    assert_eq!(runs(folder.path()), 1);
    // A program's word holds for those who waited; who comes later asks again.
    keeper.fetch(&wanted).await.unwrap();
    assert_eq!(runs(folder.path()), 2);
    assert!(keeper.slot(&wanted).try_lock().unwrap().is_none(), "nothing is kept of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_while_it_is_fetched_keeps_nobody_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = Arc::new(Keeper::new(Settings::default()));
    let wanted = counting(folder.path(), "echo s3cret");
    let (first, own) = (Arc::clone(&keeper), wanted.clone());
    let first = tokio::spawn(async move { first.fetch(&own).await.is_ok() });
    while runs(folder.path()) < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    first.abort();
    std::fs::write(folder.path().join("go"), "").unwrap();
    assert_eq!(text(&keeper.fetch(&wanted).await.unwrap()), "s3cret");
}

#[tokio::test]
async fn a_failure_is_remembered_for_a_moment() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("go"), "").unwrap();
    let (clock, seconds) = clock();
    let keeper = Keeper::by(Settings::default(), clock);
    let wanted = counting(folder.path(), "exit 1");
    for _ in 0..10 {
        assert!(keeper.fetch(&wanted).await.unwrap_err().to_string().contains("failed"));
    }
    assert_eq!(runs(folder.path()), 1);
    seconds.store(3, Ordering::Relaxed);
    assert!(keeper.fetch(&wanted).await.is_err());
    assert_eq!(runs(folder.path()), 2);
    assert!(!keeper.forget(&wanted, Duration::from_secs(1)), "it is too young");
    assert!(keeper.forget(&wanted, Duration::ZERO));
    assert!(!keeper.forget(&wanted, Duration::ZERO), "nothing is left of it");
    assert!(keeper.fetch(&wanted).await.is_err());
    assert_eq!(runs(folder.path()), 3);
}

#[tokio::test]
async fn what_is_at_hand_is_looked_at_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    let wanted = source("{ password_file = \"password\" }").beside(folder.path());
    let keeper = Keeper::new(Settings::default());
    for word in ["one", "two"] {
        std::fs::write(&path, word).unwrap();
        let lease = keeper.lease(&wanted).await.unwrap();
        assert_eq!((text(&lease.credential).as_str(), lease.fresh_for), (word, None));
    }
    let failure = keeper.fetch(&source("{ env = \"NOT_SET_AT_ALL\" }")).await.unwrap_err();
    assert!(failure.to_string().contains("NOT_SET_AT_ALL is not set"), "{failure}");
}

#[tokio::test]
async fn keys_of_aws_are_put_together_from_their_sources() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("id"), "AKID\n").unwrap();
    std::fs::write(folder.path().join("key"), "s3cret\n").unwrap();
    let wanted = source(
        "{ aws = { access_key_id = { password_file = \"id\" }, secret_access_key = { password_file = \"key\" }, \
         region = \"eu-central-1\", service = \"s3\" } }",
    )
    .beside(folder.path());
    assert!(wanted.faults(false).is_empty());
    assert_eq!(wanted.gives(), Gives::Signature);
    let keeper = Keeper::new(Settings::default());
    assert_eq!(text(&keeper.fetch(&wanted).await.unwrap()), "AKID:s3cret");
    std::fs::write(folder.path().join("id"), "no name\n").unwrap();
    let failure = keeper.fetch(&wanted).await.unwrap_err().to_string();
    assert!(!failure.contains("no name\n") && failure.contains("access_key_id"), "{failure}");
}

#[tokio::test]
async fn a_clock_that_is_set_back_lets_nothing_live_longer() {
    let (elapsed, unix) = (Duration::from_secs(100), 1_000);
    let until = crate::clock::Until::after(Now { elapsed, unix }, Duration::from_secs(10));
    assert!(until.holds(Now { elapsed: elapsed + Duration::from_secs(9), unix: 500 }));
    assert!(!until.holds(Now { elapsed: elapsed + Duration::from_secs(10), unix: 500 }));
    assert!(!until.holds(Now { elapsed, unix: 1_010 }), "a machine that slept");
}

#[test]
fn faults_are_named_with_a_remedy_and_nothing_else_is_taken() {
    let faulty = [
        ("{ command = [] }", "name a program"),
        ("{ env = \"A=B\" }", "names no environment variable"),
        ("{ vault = { path = \"secret/data/x\", field = \"f\" } }", "table [vault]"),
        ("{ vault = { path = \"v1/secret/data/x\", field = \"f\" } }", "leave out v1/"),
        ("{ vault = { path = \"secret/../x\", field = \"\" } }", "no path of Vault"),
        ("{ gcp = { key_file = \"k\", scopes = [\"a b\"] } }", "no scope"),
        ("{ gcp = { key_file = \"k\", scopes = [\"a\"], audience = \"b\" } }", "exclude each other"),
        ("{ github_app = { app_id = 1, key_file = \"k\", installation = 2, api = \"http://h\" } }", "write https"),
        ("{ github_app = { app_id = \"\", key_file = \"k\", installation = 2 } }", "app_id is empty"),
        (
            "{ aws = { access_key_id = { key_file = \"k\" }, secret_access_key = { env = \"\" }, region = \"\", service = \"s3\" } }",
            "access_key_id is a text",
        ),
    ];
    for (written, word) in faulty {
        let faults = source(written).faults(false).join("\n");
        assert!(faults.contains(word), "{written}: {faults}");
    }
    for written in [
        "{ password = \"s3cret\" }",
        "{ env = \"A\", key_file = \"b\" }",
        "{ vault = { path = \"a\", field = \"b\", token = \"s3cret\" } }",
        "{ gcp = { key_file = \"k\", private_key = \"s\" } }",
        "\"s3cret\"",
    ] {
        assert!(toml::from_str::<Table>(&format!("credential = {written}")).is_err(), "{written}");
    }
}
