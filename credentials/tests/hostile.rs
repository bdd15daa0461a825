//! Services that answer as no service should: nothing is followed, nothing grows, and nothing of it is repeated.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiretape_credentials::{Credential, Keeper, Settings, Source, VaultSettings};

/// What stands in every answer, and must stand nowhere else.
const PLANT: &str = "s3cret-in-an-answer";

/// A server that answers each question with `answer`, again and again where it ends with `…`; its port, and how often
/// it was called.
async fn server(answer: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut heard = [0; 64 * 1024];
                let _ = socket.read(&mut heard).await;
                match answer.strip_suffix('…') {
                    None => drop(socket.write_all(answer.as_bytes()).await),
                    Some(piece) => while socket.write_all(piece.as_bytes()).await.is_ok() {},
                }
            });
        }
    });
    (port, calls)
}

fn response(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

#[derive(serde::Deserialize)]
struct Table {
    credential: Option<Source>,
    vault: Option<VaultSettings>,
}

fn table(text: &str) -> Table {
    toml::from_str(text).unwrap()
}

/// What is read from a Vault that answers with `answer`, by a token in a file.
async fn read(answer: String) -> Result<String, String> {
    let (port, _) = server(answer).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "t").unwrap();
    let text = format!("vault = {{ address = \"http://127.0.0.1:{port}\", token = {{ password_file = \"token\" }} }}");
    let vault = table(&text).vault.unwrap();
    assert!(vault.faults().is_empty());
    let keeper = Keeper::new(Settings { vault: Some(vault.beside(folder.path())) });
    let source = "credential = { vault = { path = \"secret/data/x\", field = \"f\" } }";
    match keeper.fetch(&table(source).credential.unwrap()).await {
        Ok(Credential::Password(text)) => Ok(text.expose_secret().to_owned()),
        Ok(other) => panic!("{other:?}"),
        Err(failure) => {
            let text = failure.to_string();
            assert!(!text.contains(PLANT) && !format!("{failure:?}").contains(PLANT), "{text}");
            Err(text)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_none_are_told_in_our_own_words() {
    let fields = |value: &str| format!("{{\"data\":{{\"data\":{{\"f\":{value}}},\"metadata\":{{}}}}}}");
    assert_eq!(read(response("200 OK", &fields("\"right\""))).await.as_deref(), Ok("right"));
    let large = fields(&format!("\"{}\"", PLANT.repeat(5_000)));
    let huge = fields(&format!("\"{}\"", PLANT.repeat(100_000)));
    let deep = fields(&format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000)));
    let cases = [
        (response("200 OK", &large), "larger than a secret can be"),
        (response("200 OK", &huge), "answers more than 1048576 bytes"),
        (response("200 OK", &deep), "has no field \"f\""),
        (response("200 OK", &fields(&format!("[\"{PLANT}\"]"))), "is not a text"),
        (response("200 OK", PLANT), "has no field \"f\""),
        (response("200 OK", &format!("{{\"data\":\"{PLANT}\"}}")), "has no field \"f\""),
        (response("503 Service Unavailable", PLANT), "sealed"),
        (response("500 Internal Server Error", PLANT), "status 500"),
        (response("204 No Content", ""), "status 204"),
        (String::new(), "the connection with Vault broke"),
        (format!("{PLANT}\r\n\r\n"), "the connection with Vault broke"),
        (format!("HTTP/1.1 200 OK\r\n{PLANT}: {PLANT}\r\n…"), "the connection with Vault broke"),
    ];
    for (answer, words) in cases {
        let shown = answer.chars().take(60).collect::<String>();
        let told = read(answer).await.unwrap_err();
        assert!(told.contains(words), "{shown}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_end_is_not_read_for_ever() {
    let piece = format!("HTTP/1.1 200 OK\r\n\r\n{}…", PLANT.repeat(1_000));
    let told = read(piece).await.unwrap_err();
    assert!(told.contains("answers more than"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_not_carried_elsewhere() {
    let (elsewhere, calls) = server(response("200 OK", "{}")).await;
    let answer = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{elsewhere}/v1/x\r\ncontent-length: 0\r\n\r\n"
    );
    let told = read(answer).await.unwrap_err();
    assert!(told.contains("status 307") && told.contains("address"), "{told}");
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_speak_tls_gets_nothing() {
    let (port, _) = server(response("200 OK", "{}")).await;
    let vault = table(&format!("vault = {{ address = \"https://127.0.0.1:{port}\", token = {{ env = \"PATH\" }} }}"));
    let keeper = Keeper::new(Settings { vault: vault.vault });
    let source = table("credential = { vault = { path = \"secret/data/x\", field = \"f\" } }").credential.unwrap();
    let told = keeper.fetch(&source).await.unwrap_err().to_string();
    assert!(told.contains("Vault cannot be reached"), "{told}");
}
