//! Requests to AWS, signed by the gateway in the place of a client whose own keys open nothing.

use wiretape_tests::configuration::{Configuration, Target};
use wiretape_tests::moto::Moto;
use wiretape_tests::program::Program;
use wiretape_tests::secrets;
use wiretape_tests::stage::{Folder, client_python};
use wiretape_tests::web::{OWN_NAMES, Road, Web};

/// The names by which the server is reached, and as which service.
const SERVICES: [(&str, &str, &str); 2] = [("objects", "localhost", "s3"), ("table", "127.0.0.1", "dynamodb")];

fn targets(folder: &Folder, configuration: &mut Configuration, moto: &Moto, secret: &str) {
    configuration.environment.push(("AWS_ID".to_owned(), moto.access_key_id.clone()));
    configuration.environment.push(("AWS_KEY".to_owned(), secret.to_owned()));
    let trusted = folder.join("authority.crt").display().to_string();
    for (target, name, service) in SERVICES {
        let source = format!(
            "credential = {{ aws = {{ access_key_id = {{ env = \"AWS_ID\" }}, secret_access_key = {{ env = \"AWS_KEY\" }}, \
             region = \"eu-central-1\", service = {service:?} }} }}"
        );
        let target = Target::web(target, &moto.url(name)).line(&format!("tls_ca = {trusted:?}"));
        configuration.targets.push(target.line(&source));
    }
}

fn aws(secret: Option<&str>) -> (Web, Moto) {
    let mut moto = None;
    let web = Web::with(|folder, _, configuration| {
        let authority = wiretape_tests::authority::Authority::of(folder.path(), "authority");
        let started = Moto::start(folder, &authority.issue("aws", &OWN_NAMES), &authority);
        targets(folder, configuration, &started, secret.unwrap_or(&started.secret_access_key));
        moto = Some(started);
    });
    (web, moto.expect("it was started"))
}

/// AWS's client, by the gateway as a proxy.
fn client(web: &Web, moto: &Moto) -> Program {
    let client = web.script(Road::Forward, "objects", client_python(), "boto3_client.py");
    let client = client.env("AWS_CA_BUNDLE", web.trusted(Road::Forward));
    client.arg(moto.url("localhost")).arg(moto.url("127.0.0.1"))
}

#[test]
fn what_the_client_signed_is_signed_anew() {
    let (web, moto) = aws(None);
    let told = client(&web, &moto).succeed().text();
    assert!(told.ends_with("done\n"), "{told}");
    // A presigned URL: the signature in it is not the target's to see.
    let url = told.lines().find_map(|line| line.strip_prefix("url ")).expect("a presigned URL");
    assert!(url.contains("X-Amz-Signature="), "{url}");
    let got = web.curl(Road::Forward).arg(url).succeed().text();
    assert_eq!(got, "a b+c/ü~(x)*'!.txt");
    // By the gateway as the server, without any signature.
    let got = web.curl(Road::Reverse).arg(web.url(Road::Reverse, "objects") + "/bucket/plain").succeed().text();
    assert_eq!(got, "plain");
    // The client's keys alone open nothing.
    let direct = web.script(Road::Direct, "secure", client_python(), "boto3_client.py");
    let direct = direct.env("AWS_CA_BUNDLE", web.trusted(Road::Direct));
    let refused = direct.arg(moto.url("localhost")).arg(moto.url("127.0.0.1")).finish().coded(1);
    assert!(refused.errors().contains("InvalidAccessKeyId"), "{}", refused.errors());
    secrets::are_nowhere(&web.gateway, &[&moto.secret_access_key]);
}

#[test]
fn a_wrong_key_is_the_services_to_refuse() {
    let (web, moto) = aws(Some("not-the-key-at-all"));
    let refused = client(&web, &moto).finish().coded(1);
    assert!(refused.errors().contains("SignatureDoesNotMatch"), "{}", refused.errors());
    secrets::are_nowhere(&web.gateway, &["not-the-key-at-all", &moto.secret_access_key]);
}

#[test]
fn what_cannot_be_signed_is_refused_before_it_leaves() {
    let (web, moto) = aws(None);
    let put = |path: &str, words: &[&str]| {
        let curl = web.curl(Road::Reverse).args(["--write-out", "\n%{http_code}", "-H", "expect:"]).args(words);
        curl.arg(web.url(Road::Reverse, path)).succeed().text()
    };
    let chunks = ["-X", "PUT", "--data", "x", "-H", "x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD"];
    let said = put("objects/bucket/object", &chunks);
    assert!(said.ends_with("\n501") && said.contains("chunk by chunk"), "{said}");
    let large = web.folder.write("large", vec![b'x'; 9 * 1024 * 1024]);
    let said = put("table/", &["--data-binary", &format!("@{}", large.display())]);
    assert!(said.ends_with("\n413") && said.contains("content_too_large_to_sign"), "{said}");
    // What streams to a service that wants all of it signed is gathered first.
    let words = [
        "transfer-encoding: chunked",
        "content-type: application/x-amz-json-1.0",
        "x-amz-target: DynamoDB_20120810.ListTables",
    ];
    let words = words.map(|field| ["-H", field]).concat();
    let said = put("table/", &[&words[..], &["--data", "{}"]].concat());
    assert!(said.ends_with("\n200") && said.contains("TableNames"), "{said}");
    secrets::are_nowhere(&web.gateway, &[&moto.secret_access_key]);
}
