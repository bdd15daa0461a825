//! A terminal session as a moving picture for web pages: one SVG file, without scripts.
//!
//! Each row is drawn once for each text that it shows; what comes and goes is switched on and off by SMIL animations that
//! all hang on one clock, so that the picture begins anew at its end. Where nothing moves, the last screen is seen.

mod film;
mod palette;
mod write;

use std::time::Duration;

use wiretape_core::{Lane, Moment};

use crate::limits::SVG_BYTES_MAX;
use crate::screen::{Screen, USUAL_SIZE};
use crate::script::{Cue, Script};
use crate::source::Source;
use film::Film;

/// The longest pause, when nothing else is said: people do not watch a picture stand still.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// How long the last screen is seen before it begins anew.
const REST: Duration = Duration::from_secs(3);

/// The shortest time between two frames that is tried first.
const FRAME_MIN: Duration = Duration::from_millis(40);

/// How often the time between two frames is doubled until only the last screen is drawn.
const DOUBLINGS_MAX: u32 = 9;

/// Draws the terminal on `lane`; pauses longer than `pause_max` are cut to it.
///
/// With more frames than fit the limit, it has fewer; in the end only the last screen.
///
/// # Errors
/// When the session cannot be read.
pub fn draw(source: &dyn Source, lane: Lane, pause_max: Option<Duration>) -> anyhow::Result<String> {
    let pause_max = pause_max.unwrap_or(PAUSE_MAX);
    for doubling in 0..DOUBLINGS_MAX {
        let film = shoot(source, lane, pause_max, FRAME_MIN * 2_u32.pow(doubling))?;
        if let Some(film) = film {
            let drawing = write::drawing(&film);
            if drawing.len() <= SVG_BYTES_MAX {
                return Ok(drawing);
            }
        }
    }
    let last = shoot(source, lane, pause_max, Duration::MAX)?.unwrap_or_default();
    Ok(write::drawing(&last))
}

/// The frames of a session, `frame_min` or more apart; `None` when they are more than can fit.
fn shoot(source: &dyn Source, lane: Lane, pause_max: Duration, frame_min: Duration) -> anyhow::Result<Option<Film>> {
    let mut script = Script::Terminal { lane, input: false };
    let mut screen = Screen::new(USUAL_SIZE.0, USUAL_SIZE.1);
    let mut film = Film::default();
    let mut before: Option<Moment> = None;
    let mut now = Duration::ZERO;
    for event in source.events_from(Moment::START)? {
        let event = event?;
        for cue in script.feed(&event) {
            if !matches!(cue, Cue::Show(_) | Cue::Resize(..)) {
                continue;
            }
            // The picture begins with the first thing that is shown.
            let pause = before.map_or(Duration::ZERO, |before| event.at.since(before)).min(pause_max);
            let stands = now + pause - film.end();
            if before.is_some() && !pause.is_zero() && stands >= frame_min {
                film.take(now, &screen.view());
                if film.bytes_at_least() > SVG_BYTES_MAX {
                    return Ok(None);
                }
            }
            before = Some(event.at);
            now += pause;
            match cue {
                Cue::Show(bytes) => screen.feed(&bytes),
                Cue::Resize(columns, rows) => screen.resize(columns, rows),
                Cue::Typed(_) | Cue::Note(_) | Cue::Marker(_) => {}
            }
        }
    }
    film.take(now, &screen.view());
    film.wrap(now + REST);
    Ok(Some(film))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use wiretape_core::event::{TerminalEvent, TerminalSize};
    use wiretape_core::{Event, Kind, Lane, Moment, Side};

    use super::draw;
    use crate::limits::SVG_BYTES_MAX;

    fn session(outputs: impl IntoIterator<Item = (u64, String)>) -> Vec<Event> {
        let size = TerminalSize { columns: 60, rows: 10, width_px: 0, height_px: 0 };
        let start = TerminalEvent::Start { term: "xterm".into(), size, modes: Vec::new() };
        let event = |at: u64, event| Event {
            at: Moment::from_nanos(at * 1_000_000),
            side: Side::Upstream,
            lane: Lane(1),
            kind: Kind::Terminal(event),
        };
        let outputs = outputs
            .into_iter()
            .map(|(at, text)| event(at, TerminalEvent::Output { error: false, bytes: Bytes::from(text) }));
        std::iter::once(event(0, start)).chain(outputs).collect()
    }

    #[test]
    fn a_short_session_moves_and_is_small() {
        let outputs = [
            (500, "$ ".to_owned()),
            (900, "ls <&>".to_owned()),
            (1_000, "\r\n\x1b[1;34mdir\x1b[0m  \x1b[42mfile\x1b[0m\r\n$ ".to_owned()),
            (60_000, "exit\r\n".to_owned()),
        ];
        let drawing = draw(&session(outputs), Lane(1), None).unwrap();
        assert!(drawing.starts_with("<svg ") && drawing.ends_with("</svg>\n"));
        assert!(drawing.contains("ls &lt;&amp;&gt;"), "{drawing}");
        assert!(drawing.contains("<set "), "it moves");
        assert!(drawing.len() < 8_000, "{} bytes", drawing.len());
    }

    #[test]
    fn a_long_session_is_drawn_with_fewer_frames_and_never_beyond_the_limit() {
        let outputs = (0..3_000_u64).map(|number| {
            let text = (0..10).map(|row| format!("\x1b[{};1H\x1b[3{}m{:x}", row + 1, number % 8, number * 7919 * row));
            (number * 30, text.collect::<String>())
        });
        let drawing = draw(&session(outputs), Lane(1), Some(Duration::from_millis(500))).unwrap();
        assert!(drawing.len() <= SVG_BYTES_MAX, "{} bytes", drawing.len());
        assert!(drawing.contains("<set "), "it still moves");
    }

    #[test]
    fn an_empty_session_is_an_empty_screen() {
        let drawing = draw(&session([]), Lane(1), None).unwrap();
        assert!(drawing.contains("<rect"));
        assert!(!drawing.contains("<set "));
    }
}
