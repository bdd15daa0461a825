//! Content that another wire reads: coded, cut, and more of it than is kept.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use wiretape_core::event::{GitEvent, HttpEvent, HttpVersion};
use wiretape_core::limits::GIT_REQUEST_BYTES_MAX;
use wiretape_core::{Effect, Kind, Side};
use wiretape_http::{Content, Field, Message, Part, RequestHead, Route};

use crate::stage::{Effects, Rules, Stage, Turn, events, sent};

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap().into()
}

fn request(coded: &Bytes) -> Part {
    let field = |name: &'static str, value: String| Field { name: name.into(), value: value.into() };
    let head = RequestHead {
        version: HttpVersion::Http11,
        method: "POST".into(),
        scheme: "https".into(),
        authority: "host".into(),
        path: "/parcels".into(),
        protocol: None,
        fields: vec![
            field("Content-Encoding", "gzip".to_owned()),
            field("Content-Length", coded.len().to_string()),
            field("Content-Type", "application/x-git-parcel-request".to_owned()),
        ],
        content: Content::Length(coded.len() as u64),
    };
    Part::Request(Box::new(head), Arc::new(Route::default()))
}

/// Says a request with coded content, in runs of `size`.
fn said(plain: &[u8], size: usize) -> (Stage, Effects) {
    let coded = gzip(plain);
    let mut stage = Stage::new(Rules::default());
    let mut effects = stage.say(Side::Client, 1, request(&coded));
    for run in coded.chunks(size) {
        effects.extend(stage.body(Side::Client, 1, Bytes::copy_from_slice(run)));
    }
    effects.extend(stage.say(Side::Client, 1, Part::End));
    (stage, effects)
}

fn head<'a>(parts: impl Iterator<Item = &'a Message>) -> RequestHead {
    let mut heads = parts.filter_map(|message| match &message.part {
        Part::Request(head, _) => Some(head.as_ref().clone()),
        _ => None,
    });
    heads.next().expect("a request")
}

fn content<'a>(parts: impl Iterator<Item = &'a Message>) -> Vec<u8> {
    let runs = parts.filter_map(|message| match &message.part {
        Part::Body(bytes) => Some(bytes.as_ref()),
        _ => None,
    });
    runs.collect::<Vec<_>>().concat()
}

fn recorded(effects: &Effects) -> (Vec<u8>, Vec<u8>) {
    let (mut coded, mut plain) = (Vec::new(), Vec::new());
    for event in events(effects) {
        match &event.kind {
            Kind::Http(HttpEvent::Body { bytes }) => coded.extend_from_slice(bytes),
            Kind::Git(GitEvent::Data { bytes }) => plain.extend_from_slice(bytes),
            _ => {}
        }
    }
    (coded, plain)
}

fn has(head: &RequestHead, name: &str) -> Option<Bytes> {
    head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name.as_bytes())).map(|field| field.value.clone())
}

#[test]
fn coded_content_goes_on_decoded_with_its_length_and_is_recorded_as_it_came() {
    let plain = b"want, want, want ".repeat(200).to_ascii_uppercase();
    for size in [1, 10, usize::MAX] {
        let (_, effects) = said(&plain, size);
        let head = head(sent(&effects, Side::Upstream));
        assert_eq!(head.content, Content::Length(plain.len() as u64));
        assert_eq!(has(&head, "content-length"), Some(plain.len().to_string().into()));
        assert_eq!(has(&head, "content-encoding"), None);
        assert!(content(sent(&effects, Side::Upstream)) == plain);
        assert!(matches!(sent(&effects, Side::Upstream).last(), Some(Message { part: Part::End, .. })));
        assert!(recorded(&effects) == (gzip(&plain).to_vec(), plain.clone()));
    }
}

#[test]
fn coded_content_that_is_held_streams() {
    let (mut stage, effects) = said(b"xhhe", 7);
    let held: Vec<&Message> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Hold { message, .. } => Some(message),
            _ => None,
        })
        .collect();
    let head = head(held.iter().copied());
    assert_eq!((head.content, has(&head, "content-length")), (Content::Streamed, None));
    assert_eq!(content(held.iter().copied()), b"xhh");
    assert!(matches!(held.last(), Some(Message { part: Part::End, .. })));
    assert_eq!(sent(&effects, Side::Upstream).count(), 0);
    let released = stage.play(Turn::Found("good".to_owned()));
    assert!(matches!(released.as_slice(), [Effect::Release { to: Side::Upstream, .. }]), "{released:?}");
}

#[test]
fn decoded_content_that_is_too_much_to_collect_goes_on_in_parts() {
    // Text that gzip makes a quarter of, not a thousandth.
    let mut state: u32 = 1;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"WXYZ"[(state >> 30) as usize]
    };
    let plain: Vec<u8> = (0..GIT_REQUEST_BYTES_MAX + 100_000).map(|_| letter()).collect();
    let (stage, effects) = said(&plain, 100_000);
    let head = head(sent(&effects, Side::Upstream));
    assert_eq!((head.content, has(&head, "content-length")), (Content::Streamed, None));
    assert!(content(sent(&effects, Side::Upstream)) == plain);
    assert_eq!(stage.held_bytes(), 0);
}

#[test]
fn a_bomb_is_told_of_and_goes_nowhere() {
    let (_, effects) = said(&vec![b'h'; 64 << 20], 1000);
    let held = effects.iter().filter(|effect| matches!(effect, Effect::Hold { .. })).count();
    assert!(held < 3 << 20, "{held} parts of it were held");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Discard { .. })));
    assert_eq!(sent(&effects, Side::Upstream).count(), 0);
    let told = content(sent(&effects, Side::Client));
    assert_eq!(told, b"the content comes to far more than was sent");
}

#[test]
fn what_is_held_for_later_is_not_held_back_by_the_wire() {
    let mut stage = Stage::new(Rules::default());
    let Part::Request(mut head, route) = request(&Bytes::new()) else { panic!() };
    (head.content, head.fields) = (Content::Streamed, Vec::new());
    stage.say(Side::Client, 1, Part::Request(head, route));
    for _ in 0..100 {
        stage.body(Side::Client, 1, vec![b'h'; 1000]);
        assert_eq!(stage.held_bytes(), 0);
    }
}

#[test]
fn what_has_to_be_read_does_not_pass_unread_for_an_upgrade_that_nobody_need_take() {
    for (version, method) in
        [(HttpVersion::Http11, "GET"), (HttpVersion::Http11, "POST"), (HttpVersion::Http2, "CONNECT")]
    {
        for protocol in ["websocket", "anything"] {
            let Part::Request(mut head, route) = request(&Bytes::new()) else { unreachable!() };
            (head.version, head.method, head.protocol) = (version, method.into(), Some(protocol.into()));
            (head.fields, head.content) = (Vec::new(), Content::Empty);
            let mut stage = Stage::new(Rules::default());
            let effects = stage.say(Side::Client, 1, Part::Request(head, route));
            assert_eq!(sent(&effects, Side::Upstream).count(), 0, "{method} {protocol}");
            let answers = sent(&effects, Side::Client)
                .any(|message| matches!(&message.part, Part::Response(head) if head.status == 501));
            assert!(answers, "{method} {protocol}: {effects:?}");
        }
    }
}
