use proptest::prelude::{any, proptest};
use wiretape_core::event::{Field, QueryEvent};

use super::{Kind, lines};
use crate::database::sent::sent;

#[test]
fn errors_and_notices_read_as_psql_tells_them() {
    for sent in sent(include_str!("../../../cases/psql-errors.jsonl")) {
        let mut told = String::new();
        for event in &sent.events {
            let lines = match event {
                QueryEvent::Error { fields } => lines(Kind::Error, fields, Some(&sent.query)),
                QueryEvent::Notice { fields } => lines(Kind::Notice, fields, Some(&sent.query)),
                _ => continue,
            };
            told.push_str(&(lines.join("\n") + "\n"));
        }
        assert_eq!(told, sent.shown, "{}", sent.query);
    }
}

#[test]
fn a_place_without_its_query_is_told_by_its_number() {
    let field = |letter, text: &'static str| Field { letter, text: text.into() };
    let fields = [field(b'S', "ERROR"), field(b'M', "no"), field(b'P', "7")];
    assert_eq!(lines(Kind::Error, &fields, None), ["ERROR:  no at character 7"]);
    assert_eq!(lines(Kind::Error, &fields, Some("short")), ["ERROR:  no"]);
    assert_eq!(lines(Kind::Error, &[], Some("select 1")), [""]);
}

proptest! {
    #[test]
    fn whatever_the_place_is_there_is_no_harm(query in any::<String>(), place in 0..50_usize) {
        let fields = [Field { letter: b'P', text: place.to_string().into() }];
        let lines = lines(Kind::Error, &fields, Some(&query));
        assert!(lines.len() == 1 || lines.len() == 3);
    }
}
