//! Messages of both sides, byte by byte.

use super::super::Dice;

pub(super) fn message(letter: u8, fields: &[u8]) -> Vec<u8> {
    [&[letter][..], &(fields.len() as u32 + 4).to_be_bytes(), fields].concat()
}

pub(super) fn query(text: &[u8]) -> Vec<u8> {
    message(b'Q', &[text, b"\0"].concat())
}

pub(super) fn parse(dice: &mut Dice, text: &[u8]) -> Vec<u8> {
    let name = *dice.pick(&["", "s", "name"]);
    message(b'P', &[name.as_bytes(), b"\0", text, b"\0", *dice.pick(&[&[0, 0][..], &[0, 1, 0, 0, 0, 23]])].concat())
}

pub(super) fn execute(dice: &mut Dice) -> Vec<u8> {
    message(b'E', if dice.once_in(2) { b"\0\0\0\0\0" } else { b"p\0\0\0\0\x64" })
}

pub(super) fn types(dice: &mut Dice) -> Vec<u8> {
    message(b't', if dice.once_in(2) { &[0, 0] } else { &[0, 2, 0, 0, 0, 23, 0, 0, 0, 25] })
}

/// A description of columns.
pub(super) fn described(dice: &mut Dice) -> Vec<u8> {
    let column = b"id\0\0\0\x40\0\0\x01\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0";
    let columns = dice.below(4);
    message(b'T', &[&[0, columns as u8][..], &column.repeat(columns)].concat())
}

/// Rows of a result, once in a while a very long one.
pub(super) fn rows(dice: &mut Dice) -> Vec<u8> {
    let mut rows = Vec::new();
    for _ in 0..dice.below(20) {
        let value = dice.bytes(100);
        let value = [&(value.len() as u32).to_be_bytes()[..], &value].concat();
        rows.extend(message(b'D', &[&[0, 2][..], &value, &[0xff; 4]].concat()));
    }
    if dice.once_in(100) {
        rows.extend(message(b'D', &[&[0, 1, 0, 0x18, 0, 0][..], &vec![b'x'; 0x18_0000]].concat()));
    }
    rows
}

/// Data of a copy.
pub(super) fn data(dice: &mut Dice) -> Vec<u8> {
    let mut data = Vec::new();
    for _ in 0..dice.below(20) {
        data.extend(message(b'd', &dice.bytes(100)));
    }
    if dice.once_in(100) {
        data.extend(message(b'd', &vec![b'y'; 0x10_0000]));
    }
    data
}

pub(super) fn copy_start(letter: u8) -> Vec<u8> {
    message(letter, &[0, 0, 2, 0, 0, 0, 0])
}

pub(super) fn complete(tag: &[u8]) -> Vec<u8> {
    message(b'C', &[tag, b"\0"].concat())
}

pub(super) fn error(dice: &mut Dice) -> Vec<u8> {
    let mut text = dice.bytes(200);
    text.retain(|byte| *byte != 0);
    message(b'E', &[b"SERROR\0VERROR\0C22012\0M", &text[..], b"\0\0"].concat())
}

/// What may come at any time.
pub(super) fn notice(dice: &mut Dice) -> Vec<u8> {
    match dice.below(6) {
        0 => message(b'N', b"SNOTICE\0VNOTICE\0C00000\0Mso it is\0\0"),
        1 => message(b'A', b"\0\0\x04\xd2news\0today\0"),
        2 => message(b'S', b"search_path\0public\0"),
        _ => Vec::new(),
    }
}
