//! Playing into a pipe or a file: the recorded bytes exactly, at their recorded times.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use wiretape_core::Moment;

use crate::clock;
use crate::console::write_all;
use crate::lookahead::Lookahead;
use crate::pace::Pace;
use crate::script::{Cue, Script};
use crate::source::Source;

/// With which timing bytes go into a pipe.
#[derive(Clone, Debug, PartialEq)]
pub enum Timing {
    /// As recorded.
    Recorded {
        /// How many times as fast.
        speed: f64,
        /// The longest pause.
        pause_max: Option<Duration>,
    },
    /// None: everything at once.
    AtOnce,
}

/// Plays what `script` makes of the events of `source`, from `at` on, into `output`.
///
/// # Errors
/// When the session cannot be read, or the output cannot be written. A reader that has left is no error.
pub fn play(
    source: &dyn Source,
    mut script: Script,
    timing: &Timing,
    at: Moment,
    output: BorrowedFd<'_>,
) -> anyhow::Result<()> {
    // A timeline has to have seen what came before; the bytes of a terminal stand for themselves.
    let from = if matches!(script, Script::Terminal { .. }) { at } else { Moment::START };
    let mut events = Lookahead::new(source.events_from(from)?)?.peekable();
    // The clock starts when there is something to play.
    events.peek();
    clock::be_punctual();
    let mut watch = clock::Watch::default();
    let _awake = matches!(timing, Timing::Recorded { .. }).then(clock::Wakefulness::ask);
    let mut pace = match timing {
        Timing::Recorded { speed, pause_max } => Some(Pace::new(*speed, *pause_max, clock::now(), at)),
        Timing::AtOnce => None,
    };
    for event in events {
        let event = event?;
        for cue in script.feed(&event) {
            if let (Cue::Show(bytes), true) = (cue, event.at >= at) {
                if let Some(pace) = &mut pace {
                    watch.wait_until(pace.deadline(event.at));
                    pace.reach(event.at);
                }
                if !written(output, &bytes)? {
                    return Ok(());
                }
            }
        }
    }
    for cue in script.finish() {
        if let Cue::Show(bytes) = cue {
            written(output, &bytes)?;
        }
    }
    Ok(())
}

/// Writes `bytes`; false when nobody reads any more.
fn written(output: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<bool> {
    match write_all(output, bytes) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Seek};
    use std::os::fd::AsFd;

    use bytes::Bytes;
    use wiretape_core::event::{SessionEvent, TerminalEvent};
    use wiretape_core::{Event, Kind, Lane, Moment, Side};

    use super::{Timing, play};
    use crate::script::Script;
    use crate::timeline::Timeline;

    fn session() -> Vec<Event> {
        let event = |at, lane, kind| Event { at: Moment::from_nanos(at), side: Side::Upstream, lane: Lane(lane), kind };
        let output = |bytes: &'static [u8]| {
            Kind::Terminal(TerminalEvent::Output { error: false, bytes: Bytes::from_static(bytes) })
        };
        vec![
            event(0, 1, output(b"\x1b]52;c;aGk=\x07\xff")),
            event(100, 2, output(b"another lane\n")),
            event(2_000_000, 1, output(b"\x00second")),
            event(3_000_000, 0, Kind::Session(SessionEvent::Closed { reason: "client left".into() })),
        ]
    }

    fn played(script: Script, timing: &Timing, at: u64) -> Vec<u8> {
        let mut file: File = tempfile::tempfile().unwrap();
        play(&session(), script, timing, Moment::from_nanos(at), file.as_fd()).unwrap();
        file.rewind().unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_bytes_of_the_lane_and_no_others_come_out_as_they_are() {
        let script = || Script::Terminal { lane: Lane(1), input: false };
        let timing = Timing::Recorded { speed: 2.0, pause_max: None };
        assert_eq!(played(script(), &timing, 0), b"\x1b]52;c;aGk=\x07\xff\x00second");
        assert_eq!(played(script(), &Timing::AtOnce, 0), b"\x1b]52;c;aGk=\x07\xff\x00second");
        assert_eq!(played(script(), &Timing::AtOnce, 1), b"\x00second");
    }

    #[test]
    fn a_timeline_is_lines_and_knows_what_came_before() {
        let timeline = Box::new(Timeline::new(None));
        let script = Script::Timeline { timeline, styled: false, line_end: "\n" };
        let text = String::from_utf8(played(script, &Timing::AtOnce, 2_500_000)).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("␀second") || text.contains("that are no text"), "{text}");
        assert!(text.ends_with("session ended: client left\n"), "{text}");
    }
}
