//! The parser of event streams: whatever it is given, it says the same wherever the stream is cut, keeps to its limit,
//! and loses no byte without counting it.
//!
//! The first byte says how much may be kept, the second how long the pieces are; the rest is the stream.
#![no_main]

use wiretape_replay::exchange::event_stream::{Parser, Said};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let [limit, length, stream @ ..] = input else { return };
    let bytes_max = usize::from(*limit) + 1;
    let whole = read(bytes_max, [stream]);
    assert_eq!(read(bytes_max, stream.chunks(usize::from(*length) + 1)), whole);
    assert_eq!(read(bytes_max, stream.chunks(1)), whole);
    for said in &whole {
        match said {
            Said::Event(event) => {
                assert!(event.data.len() <= bytes_max, "{event:?}");
                // What is no UTF-8 becomes three bytes for each that it was.
                assert!(event.event.len().max(event.id.len()) <= 3 * bytes_max.max(8), "{event:?}");
                assert!(event.cut_bytes <= 3 * stream.len() as u64, "{event:?}");
                assert!(!event.id.contains('\0') && !event.data.contains('\r'), "{event:?}");
            }
            Said::Comment(text) => assert!(text.len() <= 3 * bytes_max, "{text:?}"),
            Said::Retry(_) => {}
        }
    }
    against_the_standard(stream);
});

fn read<'a>(bytes_max: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Said> {
    let mut parser = Parser::new(bytes_max);
    let mut said: Vec<Said> = pieces.into_iter().flat_map(|piece| parser.feed(piece)).collect();
    said.extend(parser.unfinished().map(Said::Event));
    said
}

/// The steps of the standard, taken one after the other over the whole stream: decode, split into lines, interpret.
fn against_the_standard(stream: &[u8]) {
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut data, mut event, mut id) = (String::new(), String::new(), String::new());
    let mut expected = Vec::new();
    // What stands behind the last line feed is no line.
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        if line.is_empty() {
            if !data.is_empty() {
                data.pop();
                let name = if event.is_empty() { "message".to_owned() } else { event.clone() };
                expected.push((name, data.clone(), id.clone()));
            }
            data.clear();
            event.clear();
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => event = value.to_owned(),
            "data" => data.push_str(&format!("{value}\n")),
            "id" if !value.contains('\0') => id = value.to_owned(),
            _ => {}
        }
    }
    let mut parser = Parser::new(1 << 20);
    let events = parser.feed(stream).into_iter().filter_map(|said| match said {
        Said::Event(event) => Some((event.event, event.data, event.id)),
        Said::Comment(_) | Said::Retry(_) => None,
    });
    assert_eq!(events.collect::<Vec<_>>(), expected);
}
