//! What the table hands out for what a lane carries.

use wiretape_core::nest::Content;
use wiretape_core::{Carrier, Lane, NestedWires};
use wiretape_protocols::{ROWS, Table};

/// The names of the rows that a carrier is for.
fn rows(carrier: &Carrier) -> Vec<&'static str> {
    let (table, lane) = (Table::default(), Lane(1));
    let rows: Vec<_> =
        ROWS.iter().filter(|row| (row.wire)(&table, lane, carrier).is_some()).map(|row| row.name).collect();
    assert_eq!(table.wire(lane, carrier).is_some(), !rows.is_empty());
    rows
}

fn exec(command: &'static str) -> Carrier {
    Carrier::Exec { command: command.into() }
}

fn subsystem(name: &str) -> Carrier {
    Carrier::Subsystem { name: name.to_owned() }
}

/// The path of an object of Git LFS.
const OBJECT: &str = "/a/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn content(method: &'static str, path: &str, media_type: &'static str) -> Carrier {
    let path = bytes::Bytes::copy_from_slice(path.as_bytes());
    let content = Content { method: method.into(), path, media_type: media_type.into(), renamed: None };
    let looked_at = Table::default().reads_content(&content.method, &content.path, media_type.as_bytes());
    assert!(looked_at || Table::default().wire(Lane(1), &Carrier::Content(Box::new(content.clone()))).is_none());
    Carrier::Content(Box::new(content))
}

fn upgrade(protocol: &'static str) -> Carrier {
    Carrier::Upgrade { protocol: protocol.into() }
}

#[test]
fn each_carrier_has_one_wire_or_none() {
    for (carrier, expected) in [
        (subsystem("sftp"), ["sftp"].as_slice()),
        (exec("/usr/lib/openssh/sftp-server -l INFO"), &["sftp"]),
        (exec("scp -r -t /tmp"), &["scp"]),
        (exec("scp -f 'a file'"), &["scp"]),
        (subsystem("line@wiretape"), &["line"]),
        (subsystem("netconf"), &[]),
        (subsystem("line"), &[]),
        (exec("sftp"), &[]),
        (exec("scp -t /tmp; id"), &[]),
        (exec("cat"), &[]),
        (exec("git-upload-pack '/x.git'"), &["git"]),
        (exec("git receive-pack 'x'"), &["git"]),
        (exec("git-upload-pack '/x.git' && id"), &[]),
        (content("GET", "/x.git/info/refs?service=git-receive-pack", ""), &["git"]),
        (content("POST", "/x.git/git-upload-pack", ""), &["git"]),
        (content("GET", "/x.git/info/refs", ""), &[]),
        (content("POST", "/x.git", ""), &[]),
        (upgrade("websocket"), &["websocket"]),
        (upgrade("WebSocket"), &["websocket"]),
        (upgrade("h2c"), &[]),
        (content("POST", "/a.git/info/lfs/objects/batch", "application/vnd.git-lfs+json"), &["lfs"]),
        (content("POST", "/a.git/info/lfs/objects/batch", "application/json"), &[]),
        (content("POST", "/a.git/info/lfs/locks", "application/vnd.git-lfs+json"), &[]),
        (content("PUT", OBJECT, ""), &["lfs"]),
        (content("GET", OBJECT, ""), &["lfs"]),
        (content("POST", OBJECT, ""), &[]),
        (content("GET", &OBJECT[..OBJECT.len() - 1], ""), &[]),
        (Carrier::Forward { host: "sftp".to_owned(), port: 22 }, &[]),
    ] {
        assert_eq!(rows(&carrier), expected, "{carrier:?}");
    }
}
