//! The packets before a session: they have no type byte, and a client may send only these until it is let in.
//!
//! Source: PostgreSQL's documentation, "Message Formats": `StartupMessage`, `SSLRequest`, `GSSENCRequest`,
//! `CancelRequest`.

mod options;

use bytes::{BufMut, Bytes, BytesMut};

pub use options::Setting;

/// The largest packet that is taken, with its length field (PostgreSQL's own `MAX_STARTUP_PACKET_LENGTH`).
pub const STARTUP_BYTES_MAX: usize = 10_000;

/// The least: a length field and a code.
pub const STARTUP_BYTES_MIN: usize = 8;

/// A key by which a session is cancelled, in bytes (protocol 3.2; it has 4 in 3.0).
pub const CANCEL_KEY_BYTES_MAX: usize = 256;

/// Settings in one startup packet.
const PARAMETERS_MAX: usize = 256;

const CANCEL_CODE: u32 = 80_877_102;
const SSL_CODE: u32 = 80_877_103;
const GSS_CODE: u32 = 80_877_104;

/// What a connection begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// The client would like TLS (`SSLRequest`).
    Ssl,
    /// The client would like GSSAPI encryption (`GSSENCRequest`).
    Gss,
    /// What another connection runs is to be cancelled.
    Cancel(CancelRequest),
    /// A session is to begin.
    Startup(Startup),
}

/// `CancelRequest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelRequest {
    /// The process of the session.
    pub process_id: u32,
    /// Its key.
    pub key: Bytes,
}

/// `StartupMessage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Startup {
    /// The protocol's version: major in the upper 16 bits, minor in the lower.
    pub version: u32,
    /// Names and values, in order.
    pub parameters: Vec<(Bytes, Bytes)>,
}

/// Why a packet cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// Reads a packet; `body` is what follows its length field.
///
/// # Errors
/// When it is no such packet, or has a version that is not 3.x.
pub fn read(body: &Bytes) -> Result<Opening, Malformed> {
    let Some((code, rest)) = body.split_first_chunk::<4>() else {
        return Err(Malformed("a startup packet has a code of four bytes"));
    };
    match u32::from_be_bytes(*code) {
        SSL_CODE if rest.is_empty() => Ok(Opening::Ssl),
        GSS_CODE if rest.is_empty() => Ok(Opening::Gss),
        CANCEL_CODE => {
            let Some((process_id, key)) = rest.split_first_chunk::<4>() else {
                return Err(Malformed("a cancel request names a process"));
            };
            if !(4..=CANCEL_KEY_BYTES_MAX).contains(&key.len()) {
                return Err(Malformed("a cancel request has a key of 4 to 256 bytes"));
            }
            let process_id = u32::from_be_bytes(*process_id);
            Ok(Opening::Cancel(CancelRequest { process_id, key: body.slice_ref(key) }))
        }
        version if version >> 16 == 3 => Ok(Opening::Startup(Startup { version, parameters: parameters(body)? })),
        version if (1..=2).contains(&(version >> 16)) => Err(Malformed("protocol versions before 3.0 are not spoken")),
        _ => Err(Malformed("this is no startup packet of PostgreSQL")),
    }
}

/// Names and values, each ended by a zero byte, and a zero byte behind the last.
fn parameters(body: &Bytes) -> Result<Vec<(Bytes, Bytes)>, Malformed> {
    let mut rest = body.slice(4..);
    let mut parameters = Vec::new();
    loop {
        let name = text(&mut rest)?;
        if name.is_empty() {
            return if rest.is_empty() {
                Ok(parameters)
            } else {
                Err(Malformed("a startup packet ends with its last setting"))
            };
        }
        if parameters.len() == PARAMETERS_MAX {
            return Err(Malformed("a startup packet has at most 256 settings"));
        }
        parameters.push((name, text(&mut rest)?));
    }
}

fn text(rest: &mut Bytes) -> Result<Bytes, Malformed> {
    let Some(length) = rest.iter().position(|byte| *byte == 0) else {
        return Err(Malformed("each name and value of a startup packet ends with a zero byte"));
    };
    let text = rest.split_to(length);
    let _zero = rest.split_to(1);
    Ok(text)
}

impl Startup {
    /// The value of the setting `name`; the last one counts.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Bytes> {
        self.parameters.iter().rev().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| value)
    }

    /// The same with another value for `name`.
    pub fn set(&mut self, name: &'static str, value: Bytes) {
        self.parameters.retain(|(known, _)| known != name.as_bytes());
        self.parameters.push((Bytes::from_static(name.as_bytes()), value));
    }

    /// The packet.
    #[must_use]
    pub fn packet(&self) -> Bytes {
        let mut body = BytesMut::new();
        for (name, value) in &self.parameters {
            body.put_slice(name);
            body.put_u8(0);
            body.put_slice(value);
            body.put_u8(0);
        }
        body.put_u8(0);
        packet(self.version, &body)
    }
}

impl CancelRequest {
    /// The packet.
    #[must_use]
    pub fn packet(&self) -> Bytes {
        let mut body = BytesMut::new();
        body.put_u32(self.process_id);
        body.put_slice(&self.key);
        packet(CANCEL_CODE, &body)
    }
}

/// The packet that asks for TLS.
#[must_use]
pub fn ssl_request() -> Bytes {
    packet(SSL_CODE, &[])
}

fn packet(code: u32, body: &[u8]) -> Bytes {
    let mut packet = BytesMut::with_capacity(STARTUP_BYTES_MIN + body.len());
    // What comes here was taken from a packet within the limit, and a few names were put in.
    packet.put_u32(u32::try_from(STARTUP_BYTES_MIN + body.len()).unwrap_or(u32::MAX));
    packet.put_u32(code);
    packet.put_slice(body);
    packet.freeze()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{CancelRequest, Malformed, Opening, Startup, read, ssl_request};

    fn startup() -> Startup {
        let parameter = |name: &'static str, value: &'static str| (Bytes::from(name), Bytes::from(value));
        Startup { version: 196_608, parameters: vec![parameter("user", "ana"), parameter("options", "")] }
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(read(&startup().packet().slice(4..)), Ok(Opening::Startup(startup())));
        let cancel = CancelRequest { process_id: 7, key: Bytes::from_static(&[0, 1, 2, 3]) };
        assert_eq!(read(&cancel.packet().slice(4..)), Ok(Opening::Cancel(cancel)));
        assert_eq!(ssl_request().as_ref(), [0, 0, 0, 8, 4, 210, 22, 47]);
        assert_eq!(read(&ssl_request().slice(4..)), Ok(Opening::Ssl));
    }

    #[test]
    fn a_setting_is_replaced_wherever_it_stands() {
        let mut startup = startup();
        startup.set("user", Bytes::from("app"));
        assert_eq!(startup.get("user").unwrap(), "app");
        assert_eq!(startup.parameters.len(), 2);
        assert_eq!(startup.get("database"), None);
    }

    #[test]
    fn garbage_is_refused_in_words() {
        let body = startup().packet().slice(4..);
        for end in 0..body.len() {
            assert!(read(&body.slice(..end)).is_err(), "{end}");
        }
        let mut longer = body.to_vec();
        longer.push(0);
        assert!(read(&longer.into()).is_err());
        assert!(read(&Bytes::from_static(b" / HTTP/1.1\r\n")).is_err());
        assert_eq!(
            read(&Bytes::from_static(&[0, 2, 0, 0, 0])),
            Err(Malformed("protocol versions before 3.0 are not spoken"))
        );
        assert!(read(&Bytes::from_static(&[4, 210, 22, 46, 0, 0, 0, 1, 1, 2, 3])).is_err());
    }
}
