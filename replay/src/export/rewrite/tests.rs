use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

use super::{Rewritten, Unfit, rewrite};

fn rewritten(text: &str, conforming: bool) -> Result<Rewritten, Unfit> {
    rewrite(text.as_bytes(), conforming, &mut |_, _| Ok(None))
}

/// The statements of `text`.
fn statements(text: &str) -> Vec<String> {
    let rewritten = rewritten(text, true).unwrap();
    rewritten.statements.iter().map(|it| String::from_utf8(rewritten.of(it).to_vec()).unwrap()).collect()
}

#[test]
fn statements_are_told_apart_where_the_server_does() {
    assert_eq!(statements("select 1; select ';' ; ;"), ["select 1", " select ';' "]);
    assert_eq!(statements("select $a$;$b$;$a$; select 2"), ["select $a$;$b$;$a$", " select 2"]);
    assert_eq!(
        statements("select 1 /* ; /* ; */ ; */; -- ;\nselect \";\""),
        ["select 1 /* ; /* ; */ ; */", " -- ;\nselect \";\""]
    );
    assert_eq!(statements("create rule r as on insert to t do (select 1; select 2); select 3").len(), 2);
    let function = "create or replace function f() returns int language sql begin atomic select case when true then 1 \
                    end; select 2; end";
    assert_eq!(statements(&format!("{function}; select 3")), [function, " select 3"]);
    assert_eq!(statements("begin; commit"), ["begin", " commit"]);
    assert_eq!(statements("  -- nothing"), [] as [String; 0]);
    assert_eq!(statements("select 'a'\n  -- so it goes on\n 'b;c'; select 1").len(), 2);
    assert_eq!(statements("select 'a' 'b;' ; select a$b$c ; select $1;").len(), 3);
}

#[test]
fn what_psql_would_take_for_its_own_is_written_in_another_way() {
    assert_eq!(statements(r"select 'C:\'"), [r"select E'C:\\'"]);
    assert_eq!(statements(r"select date'a\b', N'x'"), [r"select date E'a\\b', N'x'"]);
    assert_eq!(statements("select 'a\\b'\n'c\\'"), ["select E'a\\\\b'\n'c\\\\'"]);
    assert_eq!(statements(r"select E'a\'b', e'\\'"), [r"select E'a\'b', e'\\'"]);
    assert_eq!(statements(r"select U&'\0061', B'1', x'ff'"), [r"select U&'\0061', B'1', x'ff'"]);
    assert_eq!(
        statements("select a[1:b], x::int, f(a := 1), a[1: 2], a[:b]"),
        ["select a[1: b], x::int, f(a := 1), a[1: 2], a[: b]"]
    );
    let off = rewritten(r"select 'a\'b', '\n'", false).unwrap();
    assert_eq!(off.text, br"select E'a\'b', E'\n'");
}

#[test]
fn what_is_not_for_psql_is_said() {
    for (text, unfit) in [
        (r"select 1 \! touch /tmp/x", Unfit::Backslash),
        (r"\! touch /tmp/x", Unfit::Backslash),
        ("select 'a", Unfit::Open),
        ("select \"a", Unfit::Open),
        ("select $x$ a", Unfit::Open),
        ("select /* a", Unfit::Open),
        (r"select E'\'", Unfit::Open),
        ("select (1", Unfit::Unbalanced),
        ("create function begin() returns int language sql as 'select 1'", Unfit::Unbalanced),
        (r"select 1e'\'", Unfit::Junk),
        ("select $1a", Unfit::Junk),
        ("select \0", Unfit::Nul),
        ("select '\0'", Unfit::Nul),
        (r"select N'a\b'", Unfit::Backslash),
    ] {
        assert_eq!(rewritten(text, true), Err(unfit), "{text}");
    }
    assert_eq!(rewritten(r"select 'a\'", false), Err(Unfit::Open));
}

#[test]
fn first_words_and_open_comments_are_known() {
    let commit = rewritten("/* a */ Commit -- so", true).unwrap();
    assert_eq!(commit.word(&commit.statements[0]), b"Commit");
    assert!(commit.statements[0].in_comment);
    assert!(!rewritten("commit -- so\n", true).unwrap().statements[0].in_comment);
}

#[test]
fn parameters_stand_where_they_stood() {
    let mut asked = Vec::new();
    let text = b"select $1, $12[1], '$2', $$ $3 $$, a$4, $2 . x";
    let rewritten = rewrite(text, true, &mut |number, of_whole| {
        asked.push((number, of_whole));
        Ok(Some(format!("<{number}>").into_bytes()))
    });
    assert_eq!(rewritten.unwrap().text, b"select <1>, <12>[1], '$2', $$ $3 $$, a$4, <2> . x");
    assert_eq!(asked, [(1, false), (12, true), (2, true)]);
}

/// What psql sees outside of quotes and comments, by rules that do not look at `standard_conforming_strings`.
fn backslash_outside(text: &[u8]) -> bool {
    matches!(rewrite(text, true, &mut |_, _| Ok(None)), Err(Unfit::Backslash))
        || matches!(rewrite(text, false, &mut |_, _| Ok(None)), Err(Unfit::Backslash))
}

fn part() -> impl Strategy<Value = String> {
    let parts = [
        "'", "''", "\\", "\"", "$$", "$a$", "--", "/*", "*/", "\n", " ", "E'", "U&'", "N'", "x", "1", "e", ";", "(",
        ")", ":", ":a", "$1", "begin", "\r", "é",
    ];
    prop_oneof![proptest::sample::select(parts.to_vec()).prop_map(str::to_owned), Just("word".to_owned())]
}

proptest! {
    #[test]
    fn whatever_the_text_is_what_is_rewritten_reads_the_same_under_both_rules(
        parts in vec(part(), 0..25),
        conforming in any::<bool>(),
    ) {
        let text = parts.concat();
        if let Ok(once) = rewritten(&text, conforming) {
            for statement in &once.statements {
                let whole = once.of(statement);
                assert!(!backslash_outside(whole), "{text:?} became {:?}", String::from_utf8_lossy(whole));
                for under in [true, false] {
                    let again = rewrite(whole, under, &mut |_, _| Ok(None)).unwrap();
                    assert_eq!((again.text.as_slice(), again.statements.len()), (whole, 1), "{text:?}");
                }
            }
        }
    }
}
