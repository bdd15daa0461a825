//! Addresses, as PostgreSQL writes them.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::legible::hex;

/// An `inet` or a `cidr`: family, bits of the network, whether it is a `cidr`, length, address. Of an `inet` that is
/// one host the bits are left out.
pub(super) fn address(value: &[u8], network: bool) -> Option<String> {
    let (head, address) = value.split_first_chunk::<4>()?;
    let [family, bits, _, length] = *head;
    if usize::from(length) != address.len() {
        return None;
    }
    let (text, most) = match family {
        2 => (Ipv4Addr::from(<[u8; 4]>::try_from(address).ok()?).to_string(), 32),
        3 => (version_6(<[u8; 16]>::try_from(address).ok()?), 128),
        _ => return None,
    };
    match bits {
        bits if bits > most => None,
        bits if bits == most && !network => Some(text),
        bits => Some(format!("{text}/{bits}")),
    }
}

fn version_6(address: [u8; 16]) -> String {
    match address {
        // Version 4 in a coat: unlike most, PostgreSQL shows what is in it.
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] if (a, b) != (0, 0) => {
            format!("::{}", Ipv4Addr::new(a, b, c, d))
        }
        address => Ipv6Addr::from(address).to_string(),
    }
}

/// A `macaddr` or a `macaddr8`.
pub(super) fn hardware(value: &[u8]) -> Option<String> {
    let parts: Vec<String> = value.iter().map(|byte| hex(&[*byte])).collect();
    matches!(parts.len(), 6 | 8).then(|| parts.join(":"))
}
