//! The OpenAPI document.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::desk::Desk;

#[test]
fn the_document_in_docs_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let written = wiretape_admin::document::written();
    if std::env::var_os("WIRETAPE_WRITE").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept == written, "docs/openapi.json is not what is served: run this test with WIRETAPE_WRITE=1");
}

/// Every operation of the document is answered, and says itself that it is guarded.
#[tokio::test]
async fn every_operation_of_the_document_is_there_and_guarded_unless_it_says_so() {
    let desk = Desk::open().await;
    let document = desk.get("", "/v1/openapi.json").await.body;
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            let public = operation["security"] == json!([{}]);
            let path = path.replace("{id}", "00000000").replace("{name}", "x").replace("{kind}", "token");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let status = desk.request("", method.clone(), &path).json(&json!({})).send().await.unwrap().status();
            assert_eq!(status.as_u16(), if public { 200 } else { 401 }, "{method} {path}");
        }
    }
    assert_eq!(operations, 24);
}

/// A field that a list of sessions has is a field that the document describes.
#[tokio::test]
async fn sessions_are_described_as_they_are() {
    let desk = Desk::open().await;
    desk.recorded(2, "ana", "web1").await;
    let document = desk.get("", "/v1/openapi.json").await.body;
    let described = document["components"]["schemas"]["Session"]["properties"].as_object().unwrap();
    let session: Value = desk.get("ada", "/v1/sessions").await.body["sessions"][0].clone();
    let mut described: Vec<_> = described.keys().cloned().collect();
    let mut shown: Vec<_> = session.as_object().unwrap().keys().cloned().collect();
    described.sort();
    shown.sort();
    assert_eq!(described, shown);
}
