use proptest::prelude::{any, proptest};

use super::{BINARY, Shown, decoded, shown};

const BYTES_MAX: usize = 1 << 20;

/// Lines of a type, the bytes that PostgreSQL 15 sends of a value in binary, and what it writes of it as text, as JSON.
const VALUES: &str = include_str!("../../../cases/values.tsv");

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|place| u8::from_str_radix(&hex[place * 2..place * 2 + 2], 16).unwrap()).collect()
}

#[test]
fn values_read_as_postgresql_writes_them() {
    for line in VALUES.lines() {
        let [type_id, hex, text] = line.splitn(3, '\t').collect::<Vec<_>>().try_into().unwrap();
        let text: String = serde_json::from_str(text).unwrap();
        let type_id = type_id.parse().unwrap();
        assert_eq!(decoded(type_id, &bytes(hex), BYTES_MAX).as_deref(), Some(text.as_str()), "{line}");
    }
}

#[test]
fn what_is_not_whole_is_no_value() {
    for line in VALUES.lines() {
        let [type_id, hex, _] = line.splitn(3, '\t').collect::<Vec<_>>().try_into().unwrap();
        let (type_id, whole): (u32, _) = (type_id.parse().unwrap(), bytes(hex));
        // Texts are whole wherever they end.
        if matches!(type_id, 17 | 18 | 19 | 25 | 114 | 142 | 650 | 869 | 1042 | 1043 | 3802 | 4072) {
            continue;
        }
        if let Some((_, cut)) = whole.split_last() {
            assert_eq!(decoded(type_id, cut, BYTES_MAX), None, "{line}");
        }
        assert_eq!(decoded(type_id, &[&whole[..], &[0]].concat(), BYTES_MAX), None, "{line}");
    }
}

#[test]
fn what_is_not_known_is_shown_as_its_bytes() {
    assert_eq!(shown(0, BINARY, &[1, 0xff], BYTES_MAX), Shown::Hex("\\x01ff".into()));
    assert_eq!(shown(99_999, BINARY, b"label", BYTES_MAX), Shown::Hex("\\x6c6162656c".into()));
    assert_eq!(shown(25, 0, &[0xff], BYTES_MAX), Shown::Hex("\\xff".into()));
    assert_eq!(shown(99_999, 0, b"label", BYTES_MAX), Shown::Text("label".into()));
    assert_eq!(shown(23, BINARY, b"", BYTES_MAX), Shown::Hex("\\x".into()));
}

#[test]
fn a_few_bytes_that_would_be_a_long_text_are_not_written_out() {
    // One digit at 10,000 to the power of 32,767, a thousand times.
    let numeric = [0, 1, 0x7f, 0xff, 0, 0, 0, 0, 0, 1];
    assert_eq!(decoded(1700, &numeric, BYTES_MAX).unwrap().len(), 131_069);
    assert_eq!(decoded(1700, &numeric, 100_000), None);
    let mut array = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 6, 0xa4, 0, 0, 3, 0xe8, 0, 0, 0, 1];
    array.extend([&[0, 0, 0, 10][..], &numeric].concat().repeat(1000));
    assert_eq!(decoded(1231, &array, BYTES_MAX), None);
    // An array that says that it has more elements than it has bytes.
    assert_eq!(
        decoded(1007, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1], 1 << 30),
        None
    );
}

proptest! {
    #[test]
    fn no_value_is_longer_than_allowed(line in 0..VALUES.lines().count(), value in any::<Vec<u8>>()) {
        let type_id = VALUES.lines().nth(line).unwrap().split('\t').next().unwrap().parse().unwrap();
        assert!(decoded(type_id, &value, 50).is_none_or(|text| text.len() <= 50));
    }
}
