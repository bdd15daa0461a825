//! The program on a real terminal: keys, sizes, hostile tapes, and what it leaves behind.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod archive;
mod seat;

use archive::{archive, closed, id, opened, output, shell, shell_session};
use seat::Seat;
use tempfile::TempDir;
use wiretape_replay::screen::Screen;

fn seat(folder: &TempDir, columns: u16, rows: u16, arguments: &[&str]) -> Seat {
    let mut all = vec!["--data-dir", folder.path().to_str().unwrap()];
    all.extend_from_slice(arguments);
    Seat::new(columns, rows, &all)
}

fn shell_archive() -> TempDir {
    archive(&[(id(1), shell_session())])
}

/// Leaves with `q`, and checks what is left behind.
fn leave(mut seat: Seat) {
    seat.press("q");
    assert!(seat.wait().success());
    seat.assert_clean();
}

#[test]
fn space_pauses_and_a_dot_shows_the_next_event() {
    let mut events = vec![opened()];
    events.extend(shell(0, 1, 80, 24));
    events.extend((1..=79).map(|number| output(number * 500, 1, "x")));
    events.push(closed(60_000));
    let folder = archive(&[(id(1), events)]);
    let mut seat = seat(&folder, 100, 30, &["0"]);
    let letters = |seat: &Seat| seat.view().row_text(0).len();
    seat.wait_until("some letters are there", |seat| letters(seat) >= 3);
    seat.press(" ");
    seat.wait_for("paused");
    let shown = letters(&seat);
    for (key, expected) in [(".", shown + 1), (".", shown + 2), (",", shown + 1), (",", shown), (".", shown + 1)] {
        seat.press(key);
        seat.wait_until(&format!("{expected} letters are there"), |seat| letters(seat) == expected);
    }
    assert!(seat.text().contains("paused"), "{}", seat.text());
    seat.press(" ");
    seat.wait_for("playing");
    seat.wait_until("it goes on", |seat| letters(seat) > shown + 1);
    leave(seat);
}

#[test]
fn arrows_home_and_end_go_where_they_say() {
    let folder = shell_archive();
    let mut seat = seat(&folder, 100, 30, &["0"]);
    seat.press(" ");
    seat.wait_for("paused");
    seat.press("\x1b[F");
    seat.wait_for("unit app not found");
    seat.wait_for("the end 0:16 / 0:16");
    // It goes on from there, so that both keys come at once.
    seat.press("\x1b[D ");
    seat.wait_for("paused 0:11 / 0:16");
    assert!(!seat.text().contains("unit app not found"));
    seat.press("\x1b[H");
    seat.wait_for("paused 0:00 / 0:16");
    assert_eq!(seat.view().row_text(0), "");
    seat.press("\x1b[C");
    seat.wait_for("paused 0:05 / 0:16");
    seat.wait_for("folder 59");
    leave(seat);
}

#[test]
fn a_search_finds_what_is_shown_later_and_before() {
    let folder = shell_archive();
    let mut seat = seat(&folder, 100, 30, &["0"]);
    seat.press("/folder 4");
    seat.wait_for("/folder 4");
    seat.press("\r");
    seat.wait_for("found “folder 4” at 0:02");
    seat.wait_for("folder 4  file 4");
    assert!(!seat.text().contains("folder 5 "), "it stops where it appears");
    seat.press("n");
    seat.wait_for("folder 40 ");
    assert!(!seat.text().contains("folder 41 "));
    seat.press("N");
    seat.wait_until("it is back", |seat| !seat.text().contains("folder 40 "));
    seat.wait_for("folder 4  file 4");
    seat.press("/not there at all\r");
    seat.wait_for("is not shown after this");
    leave(seat);
}

#[test]
fn markers_are_gone_to_and_the_speed_changes() {
    let folder = shell_archive();
    let mut seat = seat(&folder, 100, 30, &["0"]);
    seat.press("]");
    seat.wait_for("marker: deploy begins");
    seat.wait_for("folder 59");
    seat.press("+");
    seat.wait_for("×2");
    seat.press("--");
    seat.wait_for("×0.5");
    seat.press("?");
    seat.wait_for("search in what was shown");
    seat.press(" ");
    seat.wait_until("the help is gone", |seat| !seat.text().contains("search in what was shown"));
    leave(seat);
}

#[test]
fn the_end_shows_what_the_recorded_terminal_showed() {
    let mut events = vec![opened()];
    events.extend(shell(0, 1, 80, 24));
    let mut recorded = Screen::new(80, 24);
    let mut at = 10;
    let drawing = (0..40).map(|number| {
        format!(
            "\x1b[{};{}H\x1b[{};4{}m{}界\x1b[0m\x1b(0lqk\x1b(B\x1b[38;5;{}mx\x1b[48;2;9;{};7my",
            number % 24 + 1,
            number * 37 % 78 + 1,
            number % 10,
            number % 8,
            "wörd",
            number * 5,
            number * 6
        )
    });
    for text in ["first\r\n\x1b[?1049h\x1b[2J".to_owned()].into_iter().chain(drawing).chain(["\x1b[7;9H".to_owned()]) {
        recorded.feed(text.as_bytes());
        events.push(output(at, 1, text));
        at += 3;
    }
    events.push(closed(at));
    let folder = archive(&[(id(1), events)]);
    let seat = seat(&folder, 90, 26, &["0"]);
    seat.wait_for("the end");
    // The cursor goes back to its place behind all else.
    seat.wait_until("the cursor is back", |seat| seat.view().cursor == recorded.view().cursor);
    let (shown, meant) = (seat.view(), recorded.view());
    for row in 0..24 {
        assert_eq!(&shown.row(row)[..80], meant.row(row), "row {row}:\n{}", seat.text());
    }
    assert_eq!(shown.cursor, Some((8, 6)));
    leave(seat);
}

#[test]
fn a_larger_recording_is_cropped_and_a_larger_window_shows_more() {
    let mut events = vec![opened()];
    events.extend(shell(0, 1, 132, 43));
    for row in 1..=43 {
        events.push(output(row, 1, format!("\x1b[{row};1Hline {row}\x1b[{row};128Hright")));
    }
    events.push(output(50, 1, "\x1b[2;3H"));
    events.push(closed(60));
    let folder = archive(&[(id(1), events)]);
    let mut seat = seat(&folder, 80, 24, &["0"]);
    seat.wait_for("the end");
    seat.wait_for("132×43 cropped to 80×24");
    seat.wait_for("line 23");
    assert!(!seat.text().contains("line 24") && !seat.text().contains("right"), "{}", seat.text());
    seat.resize(140, 50);
    seat.wait_for("line 43");
    seat.wait_for("right");
    assert!(!seat.text().contains("cropped"), "{}", seat.text());
    leave(seat);
}

#[test]
fn keystrokes_are_shown_and_a_password_is_dots() {
    let folder = shell_archive();
    let mut seat = seat(&folder, 100, 30, &["0", "--input"]);
    seat.wait_for("typed: ls");
    seat.press("\x1b[F");
    seat.wait_for("typed: ls --color /etc⏎••••••••");
    leave(seat);
}

#[test]
fn a_hostile_tape_reaches_the_terminal_as_letters_only() {
    let attacks = [
        "\x1b]52;c;ZXZpbA==\x07",
        "\x1b]0;evil title\x1b\\",
        "\x1b[c\x1b[>c\x1b[6n\x1b[5n\x1b[18t\x1b[21t",
        "\x1bP$qm\x1b\\\x1bP+q544e\x1b\\",
        "\x1b[5i\x1b[4i",
        "\x1b_Ga=T;AAAA\x1b\\\x1b^private\x1b\\\x1bXstring\x1b\\",
        "\x1b[?1000h\x1b[?1006h\x1b[?2004h\x1b[?1004h",
        "\u{9b}6n\u{9d}52;c;ZXZpbA==\u{9c}\u{90}q\u{9c}",
        "\x1b]8;;http://evil.example/\x07link\x1b]8;;\x07",
        "\x1b]1337;File=:AAAA\x07\x1b]4;1;?\x07\x1b]11;?\x07",
        "\x1b[8;1;1t\x1b[2t\x1bc\x05\x0e\x1b[!p",
        "\u{202e}txt.exe\u{2066}",
    ];
    let mut events = vec![opened()];
    events.extend(shell(0, 1, 80, 24));
    for (number, attack) in attacks.iter().enumerate() {
        events.push(output(10 + number as u64, 1, format!("{attack}shown {number}\r\n")));
    }
    events.push(closed(100));
    let folder = archive(&[(id(1), events)]);
    let seat = seat(&folder, 90, 30, &["0", "--input"]);
    seat.wait_for("the end");
    seat.wait_for("shown 11");
    // All of it, and not as much as was read just now.
    let is_whole = |bytes: &[u8]| bytes.ends_with(b"H") || bytes.ends_with(b"\x1b[?25h");
    seat.wait_until("the cursor is back", |seat| is_whole(&seat.bytes()));
    let text = String::from_utf8(seat.bytes()).unwrap();
    let mut rest = text.as_str();
    while let Some(start) = rest.find(|letter: char| letter.is_control()) {
        rest = &rest[start..];
        let sequence = ["\x1b[?1049h", "\x1b[?7l", "\x1b[2J", "\x1b[H", "\x1b[?25l", "\x1b[?25h", "\x1b[K"]
            .into_iter()
            .find(|known| rest.starts_with(known))
            .map(str::len)
            .or_else(|| {
                let end = rest.strip_prefix("\x1b[")?.find(|letter: char| !letter.is_ascii_digit() && letter != ';')?;
                rest[end + 2..].starts_with(['m', 'H']).then_some(end + 3)
            });
        let sequence = sequence.unwrap_or_else(|| panic!("{:?} reached the terminal", rest.get(..20).unwrap_or(rest)));
        rest = &rest[sequence..];
    }
    assert!(!text.contains('\u{202e}') && !text.contains('\u{2066}'));
    leave(seat);
}

#[test]
fn ctrl_c_and_signals_leave_the_terminal_clean() {
    let folder = shell_archive();
    let mut left = seat(&folder, 80, 24, &["0"]);
    left.wait_for("deploy@web1");
    left.press("\x03");
    assert!(left.wait().success());
    left.assert_clean();
    for signal in ["-TERM", "-HUP", "-INT"] {
        let mut ended = seat(&folder, 80, 24, &["0"]);
        ended.wait_for("deploy@web1");
        ended.signal(signal);
        assert_eq!(ended.wait().code(), Some(143), "{signal}");
        ended.assert_clean();
    }
}

#[test]
fn a_signal_ends_it_even_when_nobody_reads_the_terminal() {
    let mut events = vec![opened()];
    events.extend(shell(0, 1, 80, 24));
    for number in 0..2_000 {
        let letter = char::from(b'a' + (number % 26) as u8);
        events.push(output(300 + number, 1, format!("\x1b[H{}", letter.to_string().repeat(80 * 24))));
    }
    events.push(output(60_000, 1, "never reached"));
    let folder = archive(&[(id(1), events)]);
    let mut seat = seat(&folder, 80, 30, &["0"]);
    seat.wait_until("a row is full of a letter", |seat| {
        let row = seat.view().row_text(0);
        row.len() == 80 && row.bytes().all(|byte| byte.is_ascii_lowercase())
    });
    let away = seat.look_away();
    // More than a terminal holds for a reader is on its way by now, or will be before the signal's patience ends.
    seat.signal("-TERM");
    assert_eq!(seat.wait().code(), Some(143));
    assert!(seat.has_its_settings());
    drop(away);
}

#[test]
fn it_ends_by_itself_when_told_to() {
    let folder = shell_archive();
    let mut seat = seat(&folder, 80, 24, &["0", "--speed", "100", "--quit-at-end"]);
    assert!(seat.wait().success());
    seat.assert_clean();
}

#[test]
fn a_session_without_a_terminal_is_played_as_a_timeline() {
    let mut events = vec![opened()];
    let exec = wiretape_core::event::ProcessKind::Exec { command: "make test".into() };
    let start = wiretape_core::event::ProcessEvent::Start { kind: exec };
    events.push(archive::event(5, wiretape_core::Side::Client, 3, wiretape_core::Kind::Process(start)));
    let data = wiretape_core::event::StreamEvent::Data { error: true, bytes: "it broke\x1b[6n\n".into() };
    events.push(archive::event(8, wiretape_core::Side::Upstream, 3, wiretape_core::Kind::Stream(data)));
    events.push(closed(10));
    let folder = archive(&[(id(1), events)]);
    let mut seat = seat(&folder, 100, 12, &["0"]);
    seat.wait_for("the end");
    let text = seat.text();
    assert!(text.contains("#3       exec `make test`"), "{text}");
    assert!(text.contains("err│ it broke"), "{text}");
    seat.resize(40, 12);
    seat.wait_until("long lines are wrapped", |seat| seat.text().contains("from 12\n7.0.0.1:4711 by ssh"));
    leave(seat);
}

#[test]
fn without_a_name_one_chooses_from_a_list() {
    let mut other = vec![opened()];
    other.extend(shell(0, 1, 40, 10));
    other.push(output(5, 1, "the older one"));
    other.push(closed(10));
    let folder = archive(&[(id(1), other), (id(2), shell_session())]);
    let mut seat = seat(&folder, 110, 20, &[]);
    seat.wait_for("PERSON");
    seat.wait_until("the newest is chosen", |seat| seat.view().row_text(1).starts_with("> "));
    seat.press("\x1b[B");
    seat.wait_until("the next is chosen", |seat| seat.view().row_text(2).starts_with("> "));
    seat.press("\r");
    seat.wait_for("the older one");
    leave(seat);
    let mut none = self::seat(&folder, 110, 20, &[]);
    none.wait_for("PERSON");
    none.press("q");
    assert!(none.wait().success());
    none.assert_clean();
}

#[test]
fn everything_at_once_is_text_on_a_terminal() {
    let folder = shell_archive();
    let mut seat = seat(&folder, 100, 30, &["0", "--plain"]);
    assert!(seat.wait().success());
    seat.wait_for("unit app not found");
    assert!(!seat.bytes().contains(&0x1b), "no sequence of the target is passed on");
}
