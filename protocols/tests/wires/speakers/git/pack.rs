//! Packs that can be read: objects as they are stored, none of them compressed.

use sha1::{Digest, Sha1};

use super::Dice;

/// A pack that brings one commit; yields its name.
pub(super) fn commit(dice: &mut Dice, parent: Option<&str>) -> (String, Vec<u8>) {
    let (mut tree, mut objects) = (Vec::new(), Vec::new());
    for number in 0..dice.below(4) {
        let blob = dice.bytes(5000);
        tree.extend(format!("100644 file-{number}\0").as_bytes());
        tree.extend(name("blob", &blob));
        objects.push(object(3, &blob));
    }
    let mut text = format!("tree {}\n", hex(&name("tree", &tree)));
    if let Some(parent) = parent {
        text += &format!("parent {parent}\n");
    }
    text += "author Ana <ana@example.com> 1700000000 +0100\ncommitter Ana <ana@example.com> 1700000000 +0100\n\nOne\n";
    objects.extend([object(2, &tree), object(1, text.as_bytes())]);
    (hex(&name("commit", text.as_bytes())), pack(&objects))
}

/// A pack of no objects.
pub(super) fn empty() -> Vec<u8> {
    pack(&[])
}

fn pack(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    pack.extend((objects.len() as u32).to_be_bytes());
    pack.extend(objects.concat());
    let checksum = Sha1::digest(&pack);
    pack.extend(checksum);
    pack
}

fn name(kind: &str, content: &[u8]) -> Vec<u8> {
    Sha1::digest([format!("{kind} {}\0", content.len()).as_bytes(), content].concat()).to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An object with its kind and size in front (gitformat-pack(5)).
fn object(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut size = content.len();
    let mut byte = kind << 4 | (size & 15) as u8;
    size >>= 4;
    let mut object = Vec::new();
    while size > 0 {
        object.push(byte | 0x80);
        byte = (size & 127) as u8;
        size >>= 7;
    }
    object.push(byte);
    object.extend(stored(content));
    object
}

/// A zlib stream of blocks that are stored (RFC 1950, RFC 1951 section 3.2.4).
fn stored(content: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01, 1];
    let length = content.len() as u16;
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(content);
    let (a, b) = content.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}
