//! Connections inside the connection: ports, sockets, agents, and sessions within sessions.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use wiretape_core::event::{StreamEvent, StreamKind};
use wiretape_core::{Kind, Side};
use wiretape_tests::keys::Key;
use wiretape_tests::ports::CLOSED;
use wiretape_tests::program::{Program, Running};
use wiretape_tests::record::Events;
use wiretape_tests::sshd::Sshd;
use wiretape_tests::stage::{Stage, user_name, wait_until};
use wiretape_tests::{echo, processes};

/// A client that forwards by `options` until its input ends; its forwards stand when this returns.
fn forwarding(stage: &Stage, options: &[&str]) -> Running {
    let client = stage
        .client("ssh")
        .args(["-o", "ExitOnForwardFailure=yes", "-o", "LogLevel=INFO"])
        .args(options)
        .args(["web@gateway", "echo ready; cat"])
        .input_held()
        .start();
    let _ = client.line("ready");
    client
}

/// Ends the client and gives what was recorded of it.
fn events_of(stage: &Stage, client: Running) -> Events {
    client.finish().coded(0);
    stage.gateway.record().one().events()
}

#[test]
fn a_local_port_leads_to_a_port_at_the_target() {
    let stage = Stage::new();
    let address = echo::on_tcp();
    let local = stage.folder.join("local");
    let client = forwarding(&stage, &["-L", &format!("{}:127.0.0.1:{}", local.display(), address.port())]);
    assert_eq!(echo::say_unix(&local, b"over the port"), b"heard: over the port");
    let events = events_of(&stage, client);
    let opened = events.opened();
    let found = opened.iter().find_map(|(lane, kind)| match kind {
        StreamKind::DirectTcpip { host, port, .. } => Some((*lane, host.as_str(), *port)),
        _ => None,
    });
    let (lane, host, port) = found.unwrap_or_else(|| panic!("{opened:?}"));
    assert_eq!((host, port), ("127.0.0.1", u32::from(address.port())));
    assert_eq!(events.stream(Side::Client, lane, false), b"over the port");
    assert_eq!(events.stream(Side::Upstream, lane, false), b"heard: over the port");
}

#[test]
fn a_local_socket_leads_to_a_socket_at_the_target() {
    let stage = Stage::new();
    let (local, remote) = (stage.folder.join("local"), stage.folder.join("remote"));
    echo::on_unix(&remote);
    let client = forwarding(&stage, &["-L", &format!("{}:{}", local.display(), remote.display())]);
    assert_eq!(echo::say_unix(&local, b"over the socket"), b"heard: over the socket");
    let events = events_of(&stage, client);
    let lane = events.lanes("direct-streamlocal@openssh.com")[0];
    assert_eq!(events.stream(Side::Client, lane, false), b"over the socket");
    let path = remote.display().to_string();
    assert!(
        events.opened().iter().any(|(_, kind)| matches!(kind, StreamKind::DirectStreamlocal { path: p } if *p == path))
    );
}

#[test]
fn a_port_that_nobody_listens_on_is_refused_and_the_session_goes_on() {
    let stage = Stage::new();
    let local = stage.folder.join("local");
    let client = forwarding(&stage, &["-L", &format!("{}:{CLOSED}", local.display())]);
    for _ in 0..5 {
        // The client closes the connection when the target refuses it; what is said may meet a closed socket.
        let _ = std::os::unix::net::UnixStream::connect(&local).map(|mut stream| {
            use std::io::Read;
            stream.read_to_end(&mut Vec::new())
        });
    }
    let events = events_of(&stage, client);
    assert_eq!(events.names().iter().filter(|name| **name == "stream.rejected").count(), 5);
}

#[test]
fn a_port_at_the_target_leads_back_to_the_client() {
    let stage = Stage::new();
    let address = echo::on_tcp();
    let client = forwarding(&stage, &["-R", &format!("0:127.0.0.1:{}", address.port())]);
    let told = client.complaint(&["Allocated port "]);
    let port = told.split("Allocated port ").nth(1).and_then(|rest| rest.split(' ').next()).expect("the port is told");
    let port: u16 = port.parse().expect("a port");
    let at_target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    assert_eq!(echo::say_tcp(at_target, b"backwards"), b"heard: backwards");
    let events = events_of(&stage, client);
    let lane = events.lanes("forwarded-tcpip")[0];
    // Whoever connected at the target speaks from the upstream side.
    assert_eq!(events.stream(Side::Upstream, lane, false), b"backwards");
    assert_eq!(events.stream(Side::Client, lane, false), b"heard: backwards");
    let listening = events.0.iter().any(|event| {
        matches!(&event.kind, Kind::Stream(StreamEvent::Listening { port: Some(recorded), accepted: true, .. })
            if *recorded == u32::from(port))
    });
    assert!(listening, "{:?}", events.names());
}

#[test]
fn a_socket_at_the_target_leads_back_to_the_client() {
    let stage = Stage::new();
    let (local, remote) = (stage.folder.join("local"), stage.folder.join("remote"));
    echo::on_unix(&local);
    let client = forwarding(&stage, &["-R", &format!("{}:{}", remote.display(), local.display())]);
    assert_eq!(echo::say_unix(&remote, b"back over sockets"), b"heard: back over sockets");
    let events = events_of(&stage, client);
    let lane = events.lanes("forwarded-streamlocal@openssh.com")[0];
    assert_eq!(events.stream(Side::Upstream, lane, false), b"back over sockets");
}

#[test]
fn a_forward_is_taken_back_while_the_session_goes_on() {
    let stage = Stage::new();
    let (local, remote) = (stage.folder.join("local"), stage.folder.join("remote"));
    echo::on_unix(&local);
    let control = stage.folder.join("control").display().to_string();
    let forward = format!("{}:{}", remote.display(), local.display());
    let client = forwarding(&stage, &["-M", "-S", &control]);
    let order = |word: &str| {
        stage.client("ssh").args(["-S", &control, "-O", word, "-R", &forward, "web@gateway"]).succeed();
    };
    order("forward");
    assert_eq!(echo::say_unix(&remote, b"one"), b"heard: one");
    order("cancel");
    wait_until("the target to stop listening", || std::os::unix::net::UnixStream::connect(&remote).is_err());
    let events = events_of(&stage, client);
    assert!(events.has("stream.listen") && events.has("stream.unlisten"), "{:?}", events.names());
}

#[test]
fn a_dynamic_forward_leads_anywhere() {
    let stage = Stage::new();
    let address = echo::on_tcp();
    // OpenSSH must be told the port, and another program may take it first: then the next one is tried.
    let (port, client) = (0..20)
        .find_map(|_| {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).ok()?;
            let port = free.port();
            let client = stage
                .client("ssh")
                .args(["-o", "ExitOnForwardFailure=yes", "-D", &format!("127.0.0.1:{port}"), "web@gateway"])
                .arg("echo ready >&2; cat")
                .input_held()
                .start();
            client.complaint(&["ready\n"]).ends_with("ready\n").then_some((port, client))
        })
        .expect("a free port");
    // SOCKS 5, no authentication, connect to an IPv4 address (RFC 1928 sections 3 and 4).
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the client listens");
    stream.write_all(&[5, 1, 0]).expect("it reads");
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).expect("it answers");
    assert_eq!(answer, [5, 0]);
    let mut request = vec![5, 1, 0, 1, 127, 0, 0, 1];
    request.extend(address.port().to_be_bytes());
    stream.write_all(&request).expect("it reads");
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).expect("it answers");
    assert_eq!(answer[1], 0, "connected");
    stream.write_all(b"anywhere").expect("it reads");
    stream.shutdown(std::net::Shutdown::Write).expect("it reads");
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).expect("it answers");
    assert_eq!(heard, b"heard: anywhere");
    client.finish().coded(0);
    let events = stage.gateway.record().ended(1).remove(0).events();
    let lane = events.lanes("direct-tcpip")[0];
    assert_eq!(events.stream(Side::Client, lane, false), b"anywhere");
}

#[test]
fn input_and_output_can_be_the_forward_itself() {
    let stage = Stage::new();
    let address = echo::on_tcp();
    let finished = stage.client("ssh").args(["-W", &address.to_string(), "web@gateway"]).input("by hand").succeed();
    assert_eq!(finished.text(), "heard: by hand");
    let events = stage.gateway.record().one().events();
    let lane = events.lanes("direct-tcpip")[0];
    assert_eq!(events.stream(Side::Client, lane, false), b"by hand");
}

/// Ends an agent when the test ends.
fn agent(stage: &Stage) -> (Running, String) {
    let socket = stage.folder.join("agent").display().to_string();
    let agent = stage.folder.program("ssh-agent").args(["-D", "-a", &socket]).start();
    wait_until("the agent's socket", || std::path::Path::new(&socket).exists());
    (agent, socket)
}

#[test]
fn the_agent_is_lent_to_the_target_and_to_no_further() {
    let stage = Stage::new();
    let (_agent, socket) = agent(&stage);
    let lent = Key::make(stage.folder.path(), "lent");
    let dressed = |program: Program| program.env("SSH_AUTH_SOCK", &socket);
    dressed(stage.folder.program("ssh-add").arg("-q").arg(&lent.file)).succeed();
    let local = dressed(stage.folder.program("ssh-add").arg("-l")).succeed();
    let ssh = |options: &[&str]| {
        dressed(stage.client("ssh").args(["-o", "IdentityAgent=SSH_AUTH_SOCK"]).args(options))
            .args(["web@gateway", "ssh-add -l"])
    };
    assert_eq!(ssh(&["-A"]).succeed().text(), local.text());
    ssh(&["-a"]).finish().coded(2);
    let sessions = stage.gateway.record().ended(2);
    let events = sessions[1].events();
    assert!(events.has("process.agent"), "{:?}", events.names());
    assert_eq!(events.lanes("auth-agent@openssh.com").len(), 1);
    let without = sessions[0].events();
    assert!(!without.has("process.agent"), "{:?}", without.names());
    assert_eq!(without.lanes("auth-agent@openssh.com").len(), 0);
}

#[test]
fn a_jump_through_the_gateway_is_recorded_as_the_opaque_stream_it_is() {
    let stage = Stage::new();
    let key = Key::make(stage.folder.path(), "second_key");
    let second = Sshd::start(&stage.folder, "second", &key, &[]);
    let finished = stage
        .client("ssh")
        .args(["-J", "web@gateway", "-p", &second.address().port().to_string(), "-i"])
        .arg(&key.file)
        .arg(format!("{}@127.0.0.1", user_name()))
        .arg("echo $((40 + 2)) jumped; exit 5")
        .finish()
        .coded(5);
    assert_eq!(finished.text(), "42 jumped\n");
    let session = stage.gateway.record().one();
    let events = session.events();
    let opaque = events
        .0
        .iter()
        .any(|event| matches!(&event.kind, Kind::Stream(StreamEvent::Opaque { what }) if what.contains("ssh")));
    assert!(opaque, "{:?}", events.names());
    let lane = events.lanes("direct-tcpip")[0];
    assert!(events.stream(Side::Client, lane, false).starts_with(b"SSH-2.0-OpenSSH"));
    assert!(!events.everything().contains("42 jumped"), "what is encrypted from end to end is not read");
}

#[test]
fn two_forwards_to_one_destination_are_two_streams() {
    let stage = Stage::new();
    let address = echo::on_tcp();
    let (one, two) = (stage.folder.join("one"), stage.folder.join("two"));
    let option = |path: &std::path::Path| format!("{}:127.0.0.1:{}", path.display(), address.port());
    let client = forwarding(&stage, &["-L", &option(&one), "-L", &option(&two)]);
    // Interleaved, so that bytes of one would be seen in the other.
    std::thread::scope(|scope| {
        for number in 0..10 {
            for (path, name) in [(&one, "one"), (&two, "two")] {
                scope.spawn(move || {
                    let said = format!("{name} {number} ").repeat(5000);
                    assert_eq!(echo::say_unix(path, said.as_bytes()), format!("heard: {said}").as_bytes());
                });
            }
        }
    });
    let events = events_of(&stage, client);
    let lanes = events.lanes("direct-tcpip");
    assert_eq!(lanes.len(), 20);
    let mut said: Vec<String> = Vec::new();
    for lane in lanes {
        let client = events.stream(Side::Client, lane, false);
        let upstream = events.stream(Side::Upstream, lane, false);
        assert_eq!(upstream, [b"heard: ", client.as_slice()].concat(), "{lane}");
        said.push(String::from_utf8(client).expect("text"));
    }
    said.sort();
    let mut wanted: Vec<String> =
        (0..10).flat_map(|number| ["one", "two"].map(|name| format!("{name} {number} ").repeat(5000))).collect();
    wanted.sort();
    assert!(said == wanted, "each stream has its own bytes");
}

#[test]
fn a_client_that_only_forwards_is_recorded_like_any_other() {
    let stage = Stage::new();
    let address = echo::on_tcp();
    let local = stage.folder.join("local");
    let option = format!("{}:127.0.0.1:{}", local.display(), address.port());
    let client = stage.client("ssh").args(["-N", "-L", &option, "web@gateway"]).start();
    wait_until("the local socket", || local.exists());
    assert_eq!(echo::say_unix(&local, b"nothing else"), b"heard: nothing else");
    processes::signal(client.number(), rustix::process::Signal::TERM);
    let _ = client.finish();
    let events = stage.gateway.record().one().events();
    assert!(events.lanes("session").is_empty());
    assert_eq!(events.stream(Side::Client, events.lanes("direct-tcpip")[0], false), b"nothing else");
}
