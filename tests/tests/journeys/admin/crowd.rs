//! A crowd at the door of the API.

use std::io::Write;
use std::net::TcpStream;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wiretape_tests::stage::wait_until;

use super::hall::{Hall, ask};

#[test]
fn a_crowd_that_only_stands_at_the_door_of_the_api_keeps_nobody_out() {
    let limit = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit }).expect("as many files as may be");
    let hall = Hall::new();
    let (folder, gateway) = hall.parts();
    let mut crowd = Vec::new();
    for number in 0..2_200 {
        let mut socket = TcpStream::connect(gateway.admin()).expect("the door is open");
        // Some say nothing, some half a request, some what everybody may ask.
        let said = ["", "GET /v1/sess", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"][number % 3];
        // Whoever had to leave is told by an error.
        let _left = socket.write_all(said.as_bytes());
        crowd.push(socket);
    }
    wait_until("whoever stands there longest has to leave", || {
        gateway.log().contains("left out: too many connections have not logged in")
    });
    assert_eq!(hall.stage.ssh().arg("echo in").succeed().text(), "in\n");
    assert_eq!(ask(folder, gateway, Some(&hall.people.root), "GET", "/v1/targets", None).status, 200);
    drop(crowd);
}
