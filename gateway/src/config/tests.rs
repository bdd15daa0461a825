//! What a configuration may say, and what it is told when it may not.

use std::path::Path;

use super::{Config, CredentialSource, Expired, HttpChoice, Origin, Presentation, TargetKind};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ ana@laptop";

fn faults_of(text: &str) -> String {
    Config::parse(text, Path::new("/etc/wiretape")).unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_all_defaults() {
    let config = Config::parse("", Path::new("/etc/wiretape")).unwrap();
    assert_eq!(config.ssh.to_string(), "127.0.0.1:2222");
    assert_eq!(config.data_dir, Path::new("/etc/wiretape/wiretape-data"));
    assert!(config.banner);
}

#[test]
fn an_address_to_listen_on_that_is_none_is_told_so_with_an_example() {
    for written in ["localhost:2222", "127.0.0.1", "127.0.0.1:80x", ":2222"] {
        for door in ["ssh", "postgres", "http", "proxy", "admin"] {
            let faults = faults_of(&format!("[listen]\n{door} = \"{written}\"\n"));
            assert!(faults.contains("line 2") && faults.contains("\"0.0.0.0:2222\""), "{written}: {faults}");
        }
    }
}

#[test]
fn every_setting_is_read() {
    let text = format!(
        r#"
data_dir = "/var/lib/wiretape"
banner = false
[listen]
ssh = "127.0.0.1:0"
[[user]]
name = "ana"
groups = ["dev"]
ssh_keys = ["{KEY}"]
token_hash = "{hash}"
[[target]]
name = "web1"
kind = "ssh"
address = "10.0.0.5:22"
login = "deploy"
logins = ["root"]
credential = {{ key_file = "web1.key" }}
host_key = "{KEY}"
groups = ["dev"]
record = "synced"
[[target]]
name = "shell"
kind = "command"
command = ["/bin/bash", "-l"]
"#,
        hash = "a".repeat(64)
    );
    let config = Config::parse(&text, Path::new("/etc/wiretape")).unwrap();
    let web1 = &config.targets["web1"];
    assert!(web1.permits(&config.users[0].groups));
    let TargetKind::Ssh(ssh) = &web1.kind else { panic!("web1 is an ssh target") };
    assert_eq!(ssh.credential, CredentialSource::KeyFile("/etc/wiretape/web1.key".into()));
    let TargetKind::Command(command) = &config.targets["shell"].kind else { panic!("shell is a command target") };
    assert_eq!(command.exec.as_deref(), Some(["/bin/bash", "-l", "-c"].map(str::to_owned).as_slice()));
}

#[test]
fn every_fault_is_named_with_its_line_and_a_remedy() {
    let text = "[[user]]\nname = \"a b\"\nssh_keys = [\"nonsense\"]\ntoken_hash = \"12\"\n[[target]]\nname = \"x\"\nkind = \"ftp\"\n[[target]]\nname = \"menu\"\nkind = \"ssh\"\n";
    let faults = faults_of(text);
    for expected in [
        "line 2:",
        "line 3: not an OpenSSH public key",
        "line 4: token_hash",
        "line 7: kind = \"ftp\"",
        "line 9:",
        "needs address",
    ] {
        assert!(faults.contains(expected), "{expected:?} is missing in {faults}");
    }
}

#[test]
fn an_unknown_setting_is_a_fault_that_names_the_line() {
    let faults = faults_of("datadir = \"x\"\n");
    assert!(faults.contains("line 1") && faults.contains("datadir"), "{faults}");
}

#[test]
fn a_key_names_one_person_only() {
    let text =
        format!("[[user]]\nname = \"ana\"\nssh_keys = [\"{KEY}\"]\n[[user]]\nname = \"bob\"\nssh_keys = [\"{KEY}\"]\n");
    assert!(faults_of(&text).contains("already belongs to \"ana\""));
}

#[test]
fn settings_of_http_are_read() {
    let text = r#"
[http]
domain = "Gateway.example"
label_header = "X-Run"
[tls]
client_ca = "people.pem"
[[target]]
name = "api"
kind = "http"
url = "https://api.example.com:8443/v1/"
hosts = ["api.example.com", "*.api.example.com:9443"]
credential = { env = "API_TOKEN" }
header = "X-Api-Key"
http = "2"
tls_ca = "ca.pem"
[[target]]
name = "updates"
kind = "tunnel"
hosts = ["*.updates.example"]
"#;
    let config = Config::parse(text, Path::new("/etc/wiretape")).unwrap();
    assert_eq!(config.http.unwrap().port(), 8443);
    assert_eq!(config.proxy.unwrap().port(), 3128);
    assert_eq!(config.http_settings.domain.as_deref(), Some("gateway.example"));
    assert_eq!(config.http_settings.label_header, "x-run");
    assert_eq!(config.tls.client_ca.as_deref(), Some(Path::new("/etc/wiretape/people.pem")));
    assert!(config.tls.names.contains(&"*.gateway.example".to_owned()));
    let TargetKind::Http(http) = &config.targets["api"].kind else { panic!("api is an http target") };
    assert_eq!(http.origin.as_ref().unwrap().authority(), "api.example.com:8443");
    assert_eq!(http.base, "/v1");
    assert_eq!(http.version, HttpChoice::Two);
    assert_eq!(http.credential.as_ref().unwrap().presentation, Presentation::Header("x-api-key".to_owned()));
    assert!(http.covers(&Origin::parse(true, "a.api.example.com:9443").unwrap()));
    assert!(!http.covers(&Origin::parse(true, "a.api.example.com").unwrap()));
    let TargetKind::Tunnel(tunnel) = &config.targets["updates"].kind else { panic!("updates is a tunnel") };
    assert!(tunnel.covers(&Origin::parse(true, "eu.updates.example").unwrap()));
}

#[test]
fn faults_of_http_targets_name_their_remedy() {
    let target = |rest: &str| format!("[[target]]\nname = \"api\"\nkind = \"http\"\n{rest}\n");
    for (rest, expected) in [
        ("", "needs url = \"https://…\""),
        ("url = \"api.example.com\"", "begins with neither https:// nor http://"),
        ("url = \"https://user@host\"", "use login and credential"),
        ("url = \"https://h\"\nhttp = \"3\"", "it is \"auto\", \"1.1\" or \"2\""),
        ("url = \"http://h\"\ntls = \"verify-full\"", "write https"),
        ("url = \"http://h\"\ntls_ca = \"ca.pem\"", "write the url with https"),
        ("url = \"https://h\"\nlogin = \"svc\"", "add a credential"),
        ("url = \"https://h\"\ncredential = { key_file = \"k\" }", "takes no SSH key"),
        ("url = \"https://h\"\ndatabase = \"d\"", "database belongs to targets of kind postgres"),
        ("hosts = [\"a b\"]", "names no host"),
    ] {
        let faults = faults_of(&target(rest));
        assert!(faults.contains(expected), "{rest}: {faults}");
    }
    assert!(faults_of("[[target]]\nname = \"t\"\nkind = \"tunnel\"\n").contains("needs hosts"));
    assert!(faults_of("[[target]]\nname = \"t\"\nkind = \"gopher\"\n").contains("it is one of ssh, command"));
}

#[test]
fn a_webhook_says_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.pem"), "no certificate").unwrap();
    let faults = |settings: &str| {
        let text = format!("[approval]\nwebhook = {{ {settings}, secret = {{ env = \"S\" }} }}\n");
        Config::parse(&text, folder.path()).map(|config| config.approval.webhook).map_err(|error| error.to_string())
    };
    let webhook =
        faults("url = \"https://hook.example/x\", office_url = \"https://gw.example:8080/wt/\"").unwrap().unwrap();
    assert_eq!(webhook.office_url.as_deref(), Some("https://gw.example:8080/wt/"));
    for (settings, expected) in [
        ("url = \"http://hook.example/x\"", "has to begin with https://"),
        ("url = \"http://127.0.0.1.hook.example/x\"", "has to begin with https://"),
        ("url = \"https://hook.example/x\", office_url = \"gw.example:8080\"", "office_url is an address such as"),
        (
            "url = \"https://hook.example/x\", office_url = \"https://gw.example/?a=b\"",
            "office_url is an address such as",
        ),
        ("url = \"https://hook.example/x\", ca = \"none.pem\"", "name a PEM file"),
        ("url = \"https://hook.example/x\", ca = \"empty.pem\"", "holds no certificate"),
    ] {
        let faults = faults(settings).unwrap_err();
        assert!(faults.contains("line 2: ") && faults.contains(expected), "{settings}: {faults}");
    }
}

#[test]
fn what_becomes_of_a_login_that_ends_is_said_in_known_words() {
    let login = |text: &str| Config::parse(&format!("[login]\n{text}\n"), Path::new(".")).map(|config| config.login);
    assert_eq!(login("").unwrap().expired, Expired::GoesOn);
    assert_eq!(login("expired = \"ends\"").unwrap().expired, Expired::Ends);
    let fault = login("expired = \"never\"").unwrap_err().to_string();
    assert!(fault.contains("line 2: ") && fault.contains("\"goes-on\" or \"ends\""), "{fault}");
}

#[test]
fn issuers_that_differ_in_what_is_never_shown_differ() {
    let issuers = |argument: &str| {
        let secret = format!("client_secret = {{ command = [\"pass\", \"{argument}\"] }}");
        let text = format!("[[issuer]]\nname = \"corp\"\nurl = \"https://id.example\"\nclient_id = \"gw\"\n{secret}\n");
        Config::parse(&text, Path::new(".")).unwrap().issuers
    };
    assert_eq!(issuers("one"), issuers("one"));
    assert_ne!(issuers("one"), issuers("two"));
    assert_eq!(format!("{:?}", issuers("one")), format!("{:?}", issuers("two")), "arguments are shown nowhere");
}
