//! Conversations: two peers that keep to the protocol, talking on several lanes at once.

use bytes::Bytes;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::{collection, option};
use wiretape_core::event::{StreamKind, TerminalSize};
use wiretape_core::{Lane, Side};
use wiretape_ssh::{Message, OpenFailure, Request};

use crate::stage::Turn;

/// What one lane says from its opening to its end, in an order that both peers may say it in.
fn dialogue() -> impl Strategy<Value = Vec<(Side, Talk)>> {
    let start = prop_oneof![
        Just(Talk::Request(Request::Shell)),
        "(true|risky|cat|forbidden)".prop_map(|text| Talk::Request(Request::Exec { command: Bytes::from(text) })),
        Just(Talk::Request(Request::Subsystem { name: "other".to_owned() })),
    ];
    let session = (option::of(Just(())), start, collection::vec(utterance(), 0..12), 0_u32..3).prop_map(
        |(terminal, start, middle, status)| {
            let mut talk = vec![(Side::Client, Talk::Open(StreamKind::Session)), (Side::Upstream, Talk::Opened)];
            if terminal.is_some() {
                let size = TerminalSize { columns: 20, rows: 5, width_px: 0, height_px: 0 };
                let request = Request::Pty { term: "xterm".to_owned(), size, modes: vec![(53, 1)] };
                talk.push((Side::Client, Talk::Request(request)));
            }
            talk.push((Side::Client, start));
            talk.extend(middle);
            talk.push((Side::Upstream, Talk::Request(Request::ExitStatus { status })));
            talk.extend([(Side::Upstream, Talk::Eof), (Side::Upstream, Talk::Close), (Side::Client, Talk::Close)]);
            talk
        },
    );
    let forward = ("(web|risky|forbidden)", collection::vec(utterance(), 0..12)).prop_map(|(host, middle)| {
        let kind = StreamKind::DirectTcpip { host, port: 80, originator: "::1".to_owned(), originator_port: 9 };
        let mut talk = vec![(Side::Client, Talk::Open(kind)), (Side::Upstream, Talk::Opened)];
        talk.extend(middle.into_iter().filter(|(_, talk)| matches!(talk, Talk::Data { .. })));
        talk.extend([(Side::Client, Talk::Eof), (Side::Client, Talk::Close), (Side::Upstream, Talk::Close)]);
        talk
    });
    prop_oneof![4 => session, 1 => forward]
}

/// A message without its lane.
#[derive(Clone, Debug)]
pub(crate) enum Talk {
    Open(StreamKind),
    Opened,
    Data { error: bool, bytes: Bytes },
    Request(Request),
    Eof,
    Close,
}

impl Talk {
    fn on(self, lane: Lane) -> Message {
        match self {
            Self::Open(kind) => Message::Open { lane, kind },
            Self::Opened => Message::Opened { lane },
            Self::Data { error, bytes } => Message::Data { lane, error, bytes },
            // Answers are given where they are due; see `answers`.
            Self::Request(request) => {
                let want_reply = !matches!(request, Request::ExitStatus { .. } | Request::Signal { .. });
                Message::Request { lane, request, want_reply }
            }
            Self::Eof => Message::Eof { lane },
            Self::Close => Message::Close { lane },
        }
    }
}

fn utterance() -> impl Strategy<Value = (Side, Talk)> {
    let text =
        prop_oneof!["[a-c]{0,4}\r?", "[a-c \r\n]{0,9}", Just("Password: ".to_owned()), Just("\u{1b}[D".to_owned())];
    let data = text.prop_map(|text| Talk::Data { error: false, bytes: Bytes::from(text) });
    prop_oneof![
        3 => data.clone().prop_map(|talk| (Side::Client, talk)),
        3 => data.prop_map(|talk| (Side::Upstream, talk)),
        1 => Just((Side::Upstream, Talk::Data { error: true, bytes: Bytes::from_static(b"error") })),
        1 => Just((Side::Client, Talk::Request(Request::Signal { name: "INT".to_owned() }))),
    ]
}

/// Several dialogues, each on its lane, mixed. What is asked for on each lane is answered by the peer at once.
pub(crate) fn conversation() -> impl Strategy<Value = Vec<(Side, Message)>> {
    (collection::vec(dialogue(), 1..5), collection::vec(0_usize..5, 0..200)).prop_map(|(dialogues, order)| {
        let mut lanes: Vec<(Lane, std::vec::IntoIter<(Side, Talk)>)> = dialogues
            .into_iter()
            .enumerate()
            .map(|(number, dialogue)| (Lane(number as u32 + 1), dialogue.into_iter()))
            .collect();
        let mut said = Vec::new();
        for next in order.into_iter().chain((0..5).cycle().take(300)) {
            if lanes.is_empty() {
                break;
            }
            let place = next % lanes.len();
            let (lane, dialogue) = &mut lanes[place];
            let Some((side, talk)) = dialogue.next() else {
                lanes.remove(place);
                continue;
            };
            let message = talk.on(*lane);
            let answered = matches!(message, Message::Request { want_reply: true, .. });
            said.push((side, message));
            if answered {
                said.push((side.other(), Message::Answer { lane: *lane, accepted: true }));
            }
        }
        said
    })
}

/// Any message at all, on few lanes, so that some of them fit together.
pub(crate) fn noise() -> impl Strategy<Value = Turn> {
    let lane = (0_u32..5).prop_map(Lane);
    let kind = prop_oneof![
        3 => Just(StreamKind::Session),
        1 => Just(StreamKind::Agent),
        1 => Just(StreamKind::DirectStreamlocal { path: "risky".to_owned() }),
        1 => Just(StreamKind::DirectTcpip { host: "db".to_owned(), port: 7, originator: String::new(), originator_port: 0 }),
        1 => Just(StreamKind::ForwardedTcpip { host: "db".to_owned(), port: 8, originator: String::new(), originator_port: 0 }),
    ];
    let request = prop_oneof![
        3 => "(true|risky|packets|forbidden|/parcels|/mute/parcels)".prop_map(|text| Request::Exec { command: Bytes::from(text) }),
        1 => Just(Request::Shell),
        2 => Just(Request::Subsystem { name: "packets".to_owned() }),
        1 => Just(Request::Agent),
        1 => Just(Request::Pty { term: String::new(), size: TerminalSize::default(), modes: Vec::new() }),
        1 => Just(Request::Signal { name: "INT".to_owned() }),
        1 => Just(Request::Env { name: "A".to_owned(), value: Bytes::from_static(b"b") }),
        1 => (0_u32..3).prop_map(|status| Request::ExitStatus { status }),
    ];
    let data = prop_oneof![
        Just(Bytes::from_static(b"\x02ox\x07drisky")),
        Just(Bytes::from_static(b"\x0adforbidden")),
        Just(Bytes::from_static(b"\x05dok!")),
        Just(Bytes::from_static(b"\x00")),
        "[hhhxradetb]{1,6}".prop_map(Bytes::from),
        collection::vec(proptest::prelude::any::<u8>(), 0..9).prop_map(Bytes::from),
    ];
    let message = prop_oneof![
        3 => (lane.clone(), kind).prop_map(|(lane, kind)| Message::Open { lane, kind }),
        3 => lane.clone().prop_map(|lane| Message::Opened { lane }),
        1 => lane.clone().prop_map(|lane| {
            Message::Rejected { lane, reason: OpenFailure::ConnectFailed, text: String::new() }
        }),
        5 => (lane.clone(), proptest::prelude::any::<bool>(), data)
            .prop_map(|(lane, error, bytes)| Message::Data { lane, error, bytes }),
        1 => lane.clone().prop_map(|lane| Message::Eof { lane }),
        1 => lane.clone().prop_map(|lane| Message::Close { lane }),
        4 => (lane.clone(), request, proptest::prelude::any::<bool>())
            .prop_map(|(lane, request, want_reply)| Message::Request { lane, request, want_reply }),
        2 => (lane, proptest::prelude::any::<bool>()).prop_map(|(lane, accepted)| Message::Answer { lane, accepted }),
        1 => (proptest::prelude::any::<bool>(), 7_u32..9).prop_map(|(listen, port)| {
            Message::Listen { listen, address: "risky".to_owned(), port: Some(port) }
        }),
        1 => proptest::prelude::any::<bool>().prop_map(|accepted| Message::Listening { accepted, port: None }),
    ];
    let side = prop_oneof![Just(Side::Client), Just(Side::Upstream)];
    prop_oneof![
        30 => (side.clone(), message).prop_map(|(side, message)| Turn::Say(side, message)),
        3 => Just(Turn::Answer(wiretape_core::Verdict::Allow)),
        1 => Just(Turn::Answer(wiretape_core::Verdict::Refuse(wiretape_core::Reason::new("elders", "no")))),
        3 => "(good|bad)".prop_map(Turn::Found),
        1 => side.prop_map(Turn::End),
    ]
}
