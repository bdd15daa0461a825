//! The whole API held against its own document by schemathesis: what the document allows is taken, what it does not is
//! refused, nobody comes in without being known, and every answer is one that is described.

use std::time::Duration;

use wiretape_tests::stage::client_python;

use super::hall::Hall;

/// What is understood and still cannot be (`422`) is an answer to what the document allows: that there is no such host
/// key, file or credential is nothing that a schema says.
const SETTINGS: &str = r#"
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422"]
"#;

#[test]
fn schemathesis_finds_no_fault_in_the_api() {
    let Hall { stage, people } = Hall::new();
    stage.ssh().arg("echo something to read").succeed();
    let settings = stage.folder.write("schemathesis.toml", SETTINGS);
    let api = format!("http://{}", stage.gateway.admin());
    let schemathesis = stage.folder.program(client_python().with_file_name("schemathesis"));
    let finished = schemathesis
        .arg("--config-file")
        .arg(settings)
        .args(["--no-color", "run", &format!("{api}/v1/openapi.json"), "--url", &api, "--checks", "all"])
        .args(["--max-examples", "20", "--seed", "20261122", "--suppress-health-check", "all"])
        .args(["-H", &format!("Authorization: Bearer {}", people.root.secret)])
        .patience(Duration::from_secs(300))
        .finish();
    let text = finished.text();
    assert_eq!(finished.code(), 0, "{text}\n{}", finished.errors());
    assert!(text.contains("Selected: 23/23") && text.contains("Tested: 23"), "{text}");
    assert!(stage.gateway.runs());
}
