use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use wiretape_core::event::QueryEvent;

use super::{Head, lines, width};
use crate::database::message::{messages, values};
use crate::database::sent::sent;
use crate::database::types::is_number;

#[test]
fn tables_look_as_psql_draws_them() {
    for sent in sent(include_str!("../../../cases/psql-tables.jsonl")) {
        let mut heads = Vec::new();
        let mut rows: Vec<Vec<String>> = Vec::new();
        for event in &sent.events {
            match event {
                QueryEvent::Columns { columns } => {
                    heads = columns
                        .iter()
                        .map(|column| Head {
                            name: String::from_utf8(column.name.to_vec()).unwrap(),
                            right: is_number(column.type_id),
                        })
                        .collect();
                }
                QueryEvent::Rows { bytes, .. } => {
                    let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap_or_default().to_vec()).unwrap();
                    rows.extend(messages(b'D', bytes).map(|row| values(row).map(text).collect()));
                }
                QueryEvent::Complete { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        let mut table = lines(&heads, &rows).join("\n");
        table.push_str(&format!("\n({} row{})\n\n", rows.len(), if rows.len() == 1 { "" } else { "s" }));
        assert_eq!(table, sent.shown, "{}", sent.query);
    }
}

proptest! {
    #[test]
    fn whatever_the_values_are_the_lines_are_harmless_and_stand_in_columns(
        heads in vec(("[a-z\u{4e2d}\u{202e}\t]{0,4}", any::<bool>()), 0..4),
        rows in vec(vec("[a-z\n\r\t\u{1b}\u{9b}\u{4e2d}\u{301}\u{200b}]{0,6}", 0..5), 0..5),
    ) {
        let heads: Vec<_> = heads.into_iter().map(|(name, right)| Head { name, right }).collect();
        let lines = lines(&heads, &rows);
        for line in &lines {
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
        let columns = |line: &str| line.chars().map(width).sum::<usize>();
        match heads.len() {
            0 => assert_eq!(lines[0], "--"),
            _ => assert_eq!(columns(&lines[0]), columns(&lines[1])),
        }
    }
}
