//! The request or the response of an exchange: what came of it so far.

use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::Side;
use wiretape_core::event::HeaderField;

use super::teller::{Bodies, Teller};
use super::words::{content, field_lines};
use crate::describe::{label, line};
use crate::exchange::body::{self, Form};
use crate::exchange::coding::{Coding, Stop, Unpacker, codings, unpack};
use crate::exchange::event_stream::{self, Said, StreamedEvent};
use crate::exchange::framed::{Framed, Frames, Sort, is_framed};
use crate::exchange::head::{field, media_type};
use crate::exchange::{protobuf, url};
use crate::legible::{excerpt, hex, is_text, size};
use crate::limits::{
    BODIES_BYTES_KEPT, BODY_BYTES_SHOWN, BODY_HEX_BYTES_SHOWN, BODY_LINES_SHOWN, BODY_PACKED_BYTES_KEPT,
    LABEL_LETTERS_MAX, LINE_LETTERS_MAX, STREAM_EVENT_BYTES_KEPT, UNPACKED_BYTES_MAX, UNPACKED_STREAM_BYTES_MAX,
};
use crate::timeline::Mark;

/// One message of an exchange.
#[derive(Clone)]
pub(super) struct Message {
    bodies: Bodies,
    fields: Arc<[HeaderField]>,
    trailers: Arc<[HeaderField]>,
    /// The codings of its content, or the one that is not known.
    codings: Result<Vec<Coding>, String>,
    reader: Reader,
    bytes: u64,
    kept: Vec<Bytes>,
    kept_bytes: usize,
    ended: bool,
}

/// How content is read.
#[derive(Clone)]
enum Reader {
    /// As a whole, at its end.
    Whole,
    /// Event by event.
    Events(Unpacker, Box<event_stream::Parser>),
    /// Message by message.
    Frames(Unpacker, Frames),
}

impl Message {
    pub(super) fn new(bodies: Bodies) -> Self {
        Self {
            bodies,
            fields: Arc::new([]),
            trailers: Arc::new([]),
            codings: Ok(Vec::new()),
            reader: Reader::Whole,
            bytes: 0,
            kept: Vec::new(),
            kept_bytes: 0,
            ended: false,
        }
    }

    /// Takes in the head.
    pub(super) fn begin(&mut self, fields: &[HeaderField]) {
        self.fields = fields.into();
        self.codings = codings(fields);
        let media_type = media_type(fields);
        let Ok(codings) = &self.codings else { return };
        let unpacker = || Unpacker::new(codings.clone(), UNPACKED_STREAM_BYTES_MAX);
        let kept = match self.bodies {
            Bodies::All => STREAM_EVENT_BYTES_KEPT,
            Bodies::Start | Bodies::None => BODY_BYTES_SHOWN,
        };
        if media_type == "text/event-stream" {
            self.reader = Reader::Events(unpacker(), Box::new(event_stream::Parser::new(kept)));
        } else if is_framed(&media_type) {
            self.reader = Reader::Frames(unpacker(), Frames::new(kept));
        }
    }

    /// Whether what it carries is told as it comes.
    pub(super) fn is_streamed(&self) -> bool {
        !matches!(self.reader, Reader::Whole)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Nothing more of it counts.
    pub(super) fn finish(&mut self) {
        self.ended = true;
    }

    /// Bytes of content.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What its head says of its content: the type, and the size if there is one.
    pub(super) fn declared(&self) -> Option<String> {
        let amount = self.length().map(|bytes| self.amount(bytes)).unwrap_or_default();
        Some(content(&self.fields, &amount)).filter(|text| !text.is_empty())
    }

    /// How much there was of what its head said no size of.
    pub(super) fn undeclared(&self) -> Option<String> {
        (self.length().is_none() && self.bytes > 0 && !self.is_streamed()).then(|| size(self.bytes))
    }

    /// What it held, now that all of it came.
    pub(super) fn whole(&self) -> Option<String> {
        let amount = if self.bytes > 0 { self.amount(self.bytes) } else { String::new() };
        // An empty one has a type where another method would have got something.
        if amount.is_empty() { None } else { Some(content(&self.fields, &amount)) }
    }

    /// How much it held.
    pub(super) fn summed(&self) -> Option<String> {
        (self.bytes > 0).then(|| self.amount(self.bytes))
    }

    /// Takes in content, while so many lanes are open.
    pub(super) fn body(&mut self, side: Side, bytes: &Bytes, lanes: usize, teller: &mut Teller<'_>) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        match &mut self.reader {
            Reader::Whole => self.keep(bytes, lanes),
            Reader::Events(unpacker, stream) => {
                let read = unpacker.stop().is_none();
                for said in stream.feed(&unpacker.feed(bytes)) {
                    tell_event(&said, teller);
                }
                tell_stop(unpacker.stop().filter(|_| read), teller);
            }
            Reader::Frames(unpacker, frames) => {
                let read = unpacker.stop().is_none();
                for framed in frames.feed(&unpacker.feed(bytes)) {
                    let text = framed_line(&framed, &self.fields);
                    tell_framed(side, text, teller);
                }
                tell_stop(unpacker.stop().filter(|_| read), teller);
            }
        }
    }

    /// Counts content that is told elsewhere, not packed.
    pub(super) fn carried(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Takes in the trailers.
    pub(super) fn trailers(&mut self, fields: &[HeaderField]) {
        self.trailers = fields.into();
    }

    /// It is complete: what is left of it is told.
    pub(super) fn end(&mut self, side: Side, teller: &mut Teller<'_>) {
        self.ended = true;
        self.tell_rest(side, teller);
    }

    /// It will not be complete: what came of it is told.
    pub(super) fn break_off(&mut self, side: Side, teller: &mut Teller<'_>) {
        if !self.ended {
            self.tell_rest(side, teller);
        }
    }

    /// The status of gRPC and what is said of it, from the trailers or, where there is nothing but a head, from that.
    pub(super) fn grpc_status(&self) -> Option<(String, String)> {
        if !is_framed(&media_type(&self.fields)) {
            return None;
        }
        let fields = if field(&self.trailers, "grpc-status").is_some() { &self.trailers } else { &self.fields };
        let status = String::from_utf8_lossy(field(fields, "grpc-status")?).into_owned();
        let said = url::percent_decoded(field(fields, "grpc-message").unwrap_or_default());
        Some((status, label(&String::from_utf8_lossy(&said))))
    }

    /// The trailers in one line.
    pub(super) fn trailers_line(&self) -> Option<String> {
        let lines = field_lines(&self.trailers);
        (!lines.is_empty()).then(|| excerpt(&format!("trailers: {}", lines.join("; ")), LINE_LETTERS_MAX))
    }

    fn length(&self) -> Option<u64> {
        std::str::from_utf8(field(&self.fields, "content-length")?).ok()?.parse().ok()
    }

    /// A number of bytes, and how they are packed.
    fn amount(&self, bytes: u64) -> String {
        let packed = match field(&self.fields, "content-encoding") {
            Some(coding) if bytes > 0 && !coding.eq_ignore_ascii_case(b"identity") => {
                format!(" {}", label(&String::from_utf8_lossy(coding)))
            }
            _ => String::new(),
        };
        size(bytes) + &packed
    }

    fn keep(&mut self, bytes: &Bytes, lanes: usize) {
        let packed = self.codings.as_ref().is_ok_and(|codings| !codings.is_empty());
        let most = match (self.bodies, packed) {
            (Bodies::None, _) => 0,
            (Bodies::Start, false) => BODY_BYTES_SHOWN,
            (Bodies::Start, true) => BODY_PACKED_BYTES_KEPT,
            (Bodies::All, _) => UNPACKED_BYTES_MAX.min(BODIES_BYTES_KEPT / lanes.max(1)),
        };
        let room = most.saturating_sub(self.kept_bytes).min(bytes.len());
        if room > 0 {
            self.kept.push(Bytes::copy_from_slice(bytes.get(..room).unwrap_or(bytes)));
            self.kept_bytes += room;
        }
    }

    fn tell_rest(&mut self, side: Side, teller: &mut Teller<'_>) {
        match &mut self.reader {
            Reader::Whole => self.tell_whole(side, teller),
            Reader::Events(_, stream) => {
                if let Some(event) = stream.unfinished() {
                    let text = event_line(&event).join(" ");
                    teller.tell(Mark::Streamed, format!("{text} (this event never ended)"));
                }
            }
            Reader::Frames(_, frames) => {
                if let Some((framed, missing)) = frames.unfinished() {
                    let text = framed_line(&framed, &self.fields);
                    let missing = size(u64::from(missing));
                    tell_framed(side, format!("{text} ({missing} of this message never came)"), teller);
                }
            }
        }
    }

    fn tell_whole(&mut self, side: Side, teller: &mut Teller<'_>) {
        let kept = std::mem::take(&mut self.kept).concat();
        let kept_bytes = std::mem::take(&mut self.kept_bytes) as u64;
        if kept.is_empty() {
            return;
        }
        let mark = if side == Side::Client { Mark::In } else { Mark::Out };
        let left_out = self.bytes.saturating_sub(kept_bytes);
        let (plain, stop) = match &self.codings {
            Ok(codings) if codings.is_empty() => (kept, None),
            Ok(codings) => unpack(codings, &kept, UNPACKED_BYTES_MAX),
            Err(coding) => {
                teller.tell(mark, format!("(packed as {}, which is not read here)", label(coding)));
                return;
            }
        };
        let packed = self.codings.as_ref().is_ok_and(|codings| !codings.is_empty());
        let (lines_max, bytes_max) = match self.bodies {
            Bodies::All => (usize::MAX, plain.len()),
            Bodies::Start | Bodies::None => (BODY_LINES_SHOWN, plain.len().min(BODY_BYTES_SHOWN)),
        };
        let form = body::form(&self.fields, plain.get(..bytes_max).unwrap_or(&plain));
        let reading = body::read(form, plain.get(..bytes_max).unwrap_or(&plain), lines_max);
        for text in &reading.lines {
            let cut = if form == Form::Bytes && reading.read_bytes < plain.len() { "…" } else { "" };
            teller.tell(mark, line(text) + cut);
        }
        let rest = (plain.len() - reading.read_bytes.min(plain.len())) as u64;
        if left_out == 0 && stop == Some(Stop::Damaged) {
            teller.tell(mark, "(behind that it is damaged)".to_owned());
        } else if left_out == 0 && stop == Some(Stop::CutOff) && rest == 0 {
            teller.tell(mark, "(there it is cut off)".to_owned());
        } else if packed && (left_out > 0 || stop.is_some()) {
            teller.tell(mark, format!("… and more, of {} packed", size(self.bytes)));
        } else if form != Form::Bytes && rest + left_out > 0 {
            teller.tell(mark, format!("… {} more", size(rest + left_out)));
        }
    }
}

fn tell_event(said: &Said, teller: &mut Teller<'_>) {
    match said {
        Said::Event(event) => {
            for text in event_line(event) {
                teller.tell(Mark::Streamed, text);
            }
        }
        Said::Comment(text) => teller.tell(Mark::Streamed, format!(": {}", label(text)).trim_end().to_owned()),
        Said::Retry(millis) => teller.tell(Mark::Streamed, format!("retry after {millis} ms")),
    }
}

/// An event: its type when it has one, and its data, line by line.
fn event_line(event: &StreamedEvent) -> Vec<String> {
    let name = match event.event.as_str() {
        "message" => String::new(),
        name => label(name) + " ",
    };
    let mut lines: Vec<String> =
        event.data.lines().map(|text| excerpt(&text.replace('\t', "    "), LINE_LETTERS_MAX)).collect();
    if lines.is_empty() {
        lines.push(String::new());
    }
    if let Some(first) = lines.first_mut() {
        *first = format!("{name}{first}").trim_end().to_owned();
    }
    if event.cut_bytes > 0 {
        lines.push(format!("… {} more", size(event.cut_bytes)));
    }
    lines
}

fn tell_framed(side: Side, text: String, teller: &mut Teller<'_>) {
    teller.tell(if side == Side::Client { Mark::MessageUp } else { Mark::MessageDown }, text);
}

/// A framed message in one line: what is in it, and its size.
fn framed_line(framed: &Framed, fields: &[HeaderField]) -> String {
    let bytes = size(u64::from(framed.bytes));
    let cut = (framed.start.len() as u64) < u64::from(framed.bytes);
    if framed.sort == Sort::End {
        let text = String::from_utf8_lossy(&framed.start).replace("\r\n", "; ");
        return excerpt(text.trim_end_matches("; "), LINE_LETTERS_MAX);
    }
    let name = field(fields, "grpc-encoding").or_else(|| field(fields, "connect-content-encoding"));
    let named = [HeaderField {
        name: Bytes::from_static(b"content-encoding"),
        value: Bytes::copy_from_slice(name.unwrap_or_default()),
        concealed_bytes: 0,
    }];
    let plain = match codings(&named) {
        _ if !framed.packed => framed.start.clone(),
        Ok(codings) if !codings.is_empty() => unpack(&codings, &framed.start, BODY_BYTES_SHOWN).0,
        _ => return format!("{bytes}, packed"),
    };
    let packed = if framed.packed { " packed" } else { "" };
    let media_type = media_type(fields);
    let json = media_type.ends_with("json") && is_text(&plain);
    let shown = match protobuf::shown(&plain, cut || framed.packed).filter(|_| !json) {
        Some(text) => excerpt(&text, LINE_LETTERS_MAX),
        None if is_text(&plain) => excerpt(&String::from_utf8_lossy(&plain), LINE_LETTERS_MAX),
        None => hex(plain.get(..BODY_HEX_BYTES_SHOWN).unwrap_or(&plain)),
    };
    format!("{shown} ({bytes}{packed})")
}

fn tell_stop(stop: Option<Stop>, teller: &mut Teller<'_>) {
    match stop {
        Some(Stop::Damaged | Stop::CutOff) => teller.tell(Mark::Out, "(what follows is damaged)".to_owned()),
        Some(Stop::Limit) => teller.tell(Mark::Out, "(what follows is packed and not read: it is too much)".to_owned()),
        None => {}
    }
}

/// A message of a few letters, for a line.
pub(super) fn one_line(bytes: &[u8], letters_max: usize) -> String {
    if is_text(bytes) {
        excerpt(&String::from_utf8_lossy(bytes), letters_max)
    } else {
        let more = if bytes.len() > BODY_HEX_BYTES_SHOWN { "…" } else { "" };
        hex(bytes.get(..BODY_HEX_BYTES_SHOWN).unwrap_or(bytes)) + more
    }
}

/// Letters of a message behind an upgrade that are shown.
pub(super) fn letters_max(bodies: Bodies) -> usize {
    match bodies {
        Bodies::None => 0,
        Bodies::Start => LABEL_LETTERS_MAX,
        Bodies::All => STREAM_EVENT_BYTES_KEPT,
    }
}
