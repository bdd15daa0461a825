//! What a configuration may say, and what it is told when it may not.

use std::path::Path;

use super::{Config, CredentialSource, TargetKind};

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
    assert!(web1.permits(&config.users[0]));
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
