//! HTTP/2 frame by frame (RFC 9113 section 4), as no library would say it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use wiretape_tests::program::PATIENCE;

use super::world::{NAME, World};

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

pub(super) const FLOW_CONTROL_ERROR: u32 = 3;
pub(super) const REFUSED_STREAM: u32 = 7;
pub(super) const CANCEL: u32 = 8;
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

/// How long a socket may take nothing before it is held to be full.
pub(super) const FULL_AFTER: Duration = Duration::from_millis(500);

/// A frame that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// The error code of RST_STREAM and GOAWAY.
    pub(super) fn code(&self) -> Option<u32> {
        let at = match self.kind {
            RST_STREAM => 0,
            GOAWAY => 4,
            _ => return None,
        };
        self.payload.get(at..at + 4).map(|code| u32::from_be_bytes(code.try_into().expect("four bytes")))
    }
}

/// The bytes of a frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field that enters no table (RFC 7541 section 6.2.2), without Huffman coding.
pub(super) fn field(name: &str, value: &str) -> Vec<u8> {
    literal(0, name, value)
}

/// A field that becomes the first one of the dynamic table (RFC 7541 section 6.2.1): `0xbe` says it again.
pub(super) fn kept_field(name: &str, value: &str) -> Vec<u8> {
    literal(0x40, name, value)
}

fn literal(kind: u8, name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![kind];
    for text in [name, value] {
        // An integer with a prefix of seven bits (RFC 7541 section 5.1).
        match u8::try_from(text.len()) {
            Ok(length @ 0..127) => bytes.push(length),
            _ => {
                let mut rest = text.len() - 127;
                bytes.push(127);
                while rest >= 128 {
                    bytes.push(u8::try_from(rest % 128).expect("seven bits") | 128);
                    rest /= 128;
                }
                bytes.push(u8::try_from(rest).expect("seven bits"));
            }
        }
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

/// A connection to a gateway, by HTTP/2 in clear text.
pub(super) struct Http2 {
    stream: TcpStream,
    frames: Receiver<Frame>,
    /// What lets the person in.
    authorization: String,
}

impl Http2 {
    /// Connects, and begins to read whatever is said.
    pub(super) fn to(world: &World) -> Self {
        let mut client = Self::deaf(world, world.gateway.http());
        let mut stream = client.stream.try_clone().expect("a socket");
        let (heard, frames) = channel();
        std::thread::spawn(move || {
            let mut head = [0; 9];
            while stream.read_exact(&mut head).is_ok() {
                let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
                if stream.read_exact(&mut payload).is_err() {
                    break;
                }
                let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
                if heard.send(Frame { kind: head[3], flags: head[4], stream, payload }).is_err() {
                    break;
                }
            }
        });
        client.frames = frames;
        client
    }

    /// Connects, and reads nothing.
    pub(super) fn deaf(world: &World, address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).expect("the gateway listens");
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a TCP socket");
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("the gateway reads");
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).expect("the gateway reads");
        let (_, frames) = channel();
        Self { stream, frames, authorization: format!("Bearer {}", world.token.secret) }
    }

    /// The fields of a request that is let in to the target.
    pub(super) fn head(&self, method: &str, path: &str) -> Vec<u8> {
        let fields = [
            (":method", method),
            (":scheme", "http"),
            (":authority", NAME),
            (":path", path),
            ("authorization", &self.authorization),
        ];
        fields.iter().flat_map(|(name, value)| field(name, value)).collect()
    }

    /// Says `bytes`; `false` when nobody listens any more.
    pub(super) fn say(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Says `bytes` again and again, until `most` were said or nobody takes more. Gives how many were taken.
    pub(super) fn flood(&mut self, bytes: &[u8], most: usize) -> usize {
        self.stream.set_write_timeout(Some(FULL_AFTER)).expect("a TCP socket");
        let many = bytes.repeat((64 * 1024 / bytes.len()).max(1));
        let (mut taken, mut at) = (0, 0);
        while taken < most {
            match self.stream.write(&many[at..]) {
                Ok(count) => {
                    taken += count;
                    at = (at + count) % many.len();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        taken
    }

    /// The next frame; `None` when the gateway ended the connection.
    pub(super) fn hear(&self) -> Option<Frame> {
        match self.frames.recv_timeout(PATIENCE) {
            Ok(frame) => Some(frame),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("the gateway neither speaks nor ends"),
        }
    }

    /// Hears frames until one is as `wanted` says; `None` when the gateway ended the connection before.
    pub(super) fn hear_until(&self, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        std::iter::from_fn(|| self.hear()).find(|frame| wanted(frame))
    }

    /// Hears all there is until the gateway ends the connection, and says why it did: the code of GOAWAY.
    pub(super) fn hear_why(&self) -> Option<u32> {
        let goaway = std::iter::from_fn(|| self.hear()).filter(|frame| frame.kind == GOAWAY).last();
        goaway.and_then(|frame| frame.code())
    }

    /// Hears the gateway's settings, and agrees.
    pub(super) fn agree(&mut self) {
        let settings = self.hear_until(|frame| frame.kind == SETTINGS && frame.flags & ACK == 0);
        assert!(settings.is_some(), "the gateway says its settings");
        assert!(self.say(&frame(SETTINGS, ACK, 0, &[])));
        // What it answers it answers behind the agreement.
        assert!(self.say(&frame(PING, 0, 0, b"12345678")));
        let answer = self.hear_until(|frame| frame.kind == PING && frame.flags & ACK != 0);
        assert_eq!(answer.expect("a ping is answered").payload, b"12345678");
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        // The thread that reads ends with it.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
