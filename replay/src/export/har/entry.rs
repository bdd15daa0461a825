//! One exchange on its way into a HAR.

use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use serde_json::{Number, Value};
use wiretape_core::event::{GitEvent, HeaderField, HttpEvent, HttpVersion, MessageKind, StreamEvent};
use wiretape_core::{Event, Lane, Moment, Side};

use super::content::content;
use crate::describe::{label, reset};
use crate::exchange::head::{self, field, media_type, status_name};
use crate::exchange::url;
use crate::json::Object;
use crate::legible::size;
use crate::limits::{HAR_BODY_BYTES_MAX, HAR_FIELDS_MAX};
use crate::wallclock;

/// Room for the bodies of all entries that are open.
pub(super) struct Room {
    left: usize,
}

impl Room {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { left: bytes_max }
    }
}

/// A request or a response.
#[derive(Default)]
struct Message {
    version: Option<HttpVersion>,
    fields: Vec<HeaderField>,
    trailers: Vec<HeaderField>,
    began: Option<Moment>,
    ended: Option<Moment>,
    kept: Vec<Bytes>,
    kept_bytes: usize,
    bytes: u64,
    /// What came is not packed, whatever the head says.
    unpacked: bool,
}

impl Message {
    fn keep(&mut self, bytes: &Bytes, room: &mut Room) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let taken = bytes.len().min(HAR_BODY_BYTES_MAX.saturating_sub(self.kept_bytes)).min(room.left);
        if taken > 0 && self.kept_bytes as u64 + bytes.len() as u64 == self.bytes {
            self.kept.push(Bytes::copy_from_slice(bytes.get(..taken).unwrap_or(bytes)));
            self.kept_bytes += taken;
            room.left -= taken;
        }
    }

    /// The fields that say how what was kept is packed.
    fn packing(&self) -> &[HeaderField] {
        if self.unpacked { &[] } else { &self.fields }
    }

    fn release(&mut self, room: &mut Room) -> Vec<u8> {
        room.left += std::mem::take(&mut self.kept_bytes);
        std::mem::take(&mut self.kept).concat()
    }
}

/// What was said over a WebSocket.
struct Said {
    at: Moment,
    side: Side,
    kind: MessageKind,
    bytes: Vec<u8>,
}

/// One exchange.
pub(super) struct Entry {
    began: Moment,
    method: Bytes,
    scheme: Bytes,
    authority: Bytes,
    path: Bytes,
    request: Message,
    response: Message,
    status: u16,
    reason: Bytes,
    own: bool,
    upgraded: Option<Bytes>,
    messages: Vec<Said>,
    /// Messages that are coming in pieces, by side.
    pieces: [Vec<u8>; 2],
    messages_bytes: usize,
    messages_cut: bool,
    tunnel_bytes: [u64; 2],
    error: Option<String>,
    over: bool,
}

impl Entry {
    pub(super) fn new(began: Moment) -> Self {
        Self {
            began,
            method: Bytes::new(),
            scheme: Bytes::new(),
            authority: Bytes::new(),
            path: Bytes::new(),
            request: Message::default(),
            response: Message::default(),
            status: 0,
            reason: Bytes::new(),
            own: false,
            upgraded: None,
            messages: Vec::new(),
            pieces: [Vec::new(), Vec::new()],
            messages_bytes: 0,
            messages_cut: false,
            tunnel_bytes: [0, 0],
            error: None,
            over: false,
        }
    }

    /// Nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        self.over || (self.request.ended.is_some() && self.response.ended.is_some())
    }

    pub(super) fn take(&mut self, event: &Event, said: &HttpEvent, room: &mut Room) {
        // What the gateway answers of its own stands on the side of the client.
        let side = if self.own { Side::Upstream } else { event.side };
        match said {
            HttpEvent::Request { version, method, scheme, authority, path, fields, .. } => {
                self.method = method.clone();
                self.scheme = scheme.clone();
                self.authority = authority.clone();
                self.path = path.clone();
                self.request.version = Some(*version);
                self.request.began = Some(event.at);
                self.request.fields = fields.iter().take(HAR_FIELDS_MAX).cloned().collect();
            }
            HttpEvent::Informational { .. } | HttpEvent::Control { .. } => {}
            HttpEvent::Response { version, status, reason, fields } => {
                self.own = event.side == Side::Client;
                self.status = *status;
                self.reason = reason.clone();
                self.response.version = Some(*version);
                self.response.began = Some(event.at);
                self.response.fields = fields.iter().take(HAR_FIELDS_MAX).cloned().collect();
            }
            HttpEvent::Body { bytes } => self.message(side).keep(bytes, room),
            HttpEvent::Trailers { fields } => {
                self.message(side).trailers = fields.iter().take(HAR_FIELDS_MAX).cloned().collect();
            }
            HttpEvent::End => {
                self.message(side).ended = Some(event.at);
                if self.own {
                    // What the client still says is not recorded.
                    self.request.ended.get_or_insert(event.at);
                }
            }
            HttpEvent::Upgrade { protocol } => self.upgraded = Some(protocol.clone()),
            HttpEvent::Reset { code, reason } => {
                self.error = Some(reset(event.side, *code, reason));
                self.response.ended.get_or_insert(event.at);
                self.over = true;
            }
            HttpEvent::Message { kind, bytes, first, last } => {
                self.websocket(event, *kind, bytes, *first, *last, room);
            }
        }
    }

    /// What is said in a conversation of Git: the content, as it was before it was packed.
    pub(super) fn git(&mut self, event: &Event, said: &GitEvent, room: &mut Room) {
        let message = self.message(event.side);
        match said {
            GitEvent::Data { bytes } => message.keep(bytes, room),
            GitEvent::Omitted { bytes } => message.bytes = message.bytes.saturating_add(*bytes),
            _ => return,
        }
        message.unpacked = true;
    }

    /// What is said behind an upgrade and not read.
    pub(super) fn stream(&mut self, event: &Event, said: &StreamEvent) {
        match said {
            StreamEvent::Data { bytes, .. } => {
                let sum = self.tunnel(event.side);
                *sum = sum.saturating_add(bytes.len() as u64);
            }
            StreamEvent::Eof | StreamEvent::Close => self.message(event.side).ended = Some(event.at),
            _ => {}
        }
    }

    fn message(&mut self, side: Side) -> &mut Message {
        match side {
            Side::Client => &mut self.request,
            Side::Upstream => &mut self.response,
        }
    }

    fn tunnel(&mut self, side: Side) -> &mut u64 {
        let [up, down] = &mut self.tunnel_bytes;
        match side {
            Side::Client => up,
            Side::Upstream => down,
        }
    }

    fn websocket(&mut self, event: &Event, kind: MessageKind, bytes: &Bytes, first: bool, last: bool, room: &mut Room) {
        let [up, down] = &mut self.pieces;
        let piece = match event.side {
            Side::Client => up,
            Side::Upstream => down,
        };
        if first {
            room.left += piece.len();
            piece.clear();
        }
        let taken = bytes.len().min(HAR_BODY_BYTES_MAX.saturating_sub(self.messages_bytes)).min(room.left);
        piece.extend_from_slice(bytes.get(..taken).unwrap_or(bytes));
        // A message takes room even when nothing is in it.
        let cost = taken.saturating_add(size_of::<Said>());
        self.messages_cut |= taken < bytes.len();
        self.messages_bytes = self.messages_bytes.saturating_add(cost);
        room.left = room.left.saturating_sub(taken);
        if last {
            let bytes = std::mem::take(piece);
            if self.messages_bytes <= HAR_BODY_BYTES_MAX {
                self.messages.push(Said { at: event.at, side: event.side, kind, bytes });
            } else {
                room.left += bytes.len();
                self.messages_cut = true;
            }
        }
    }

    /// The entry as JSON; `last` is the last moment that is known of.
    pub(super) fn finish(mut self, lane: Lane, opened_unix_nanos: u64, last: Moment, room: &mut Room) -> String {
        let end = match (self.request.ended, self.response.ended) {
            (_, Some(end)) => end,
            (Some(_), None) | (None, None) => last,
        };
        let timings = self.timings(end);
        let is_websocket = self.upgraded.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(b"websocket"));
        let mut comments = Vec::new();
        if self.own {
            comments.push("answered by the gateway".to_owned());
        }
        if self.error.is_none() && !self.is_over() {
            comments.push("the exchange had not ended when the session did".to_owned());
        }
        let mut object = Object::default();
        object.put("startedDateTime", wallclock::exact(opened_unix_nanos.saturating_add(self.began.as_nanos())));
        object.put("time", timings.total());
        let request = self.request_json(is_websocket, &mut comments, room);
        object.put_json("request", &request);
        let resource_type = self.resource_type(is_websocket);
        let response = self.response_json(&mut comments, room);
        object.put_json("response", &response);
        object.put_json("cache", "{}");
        object.put_json("timings", &timings.json());
        object.put("_lane", lane.0);
        object.put("_resourceType", resource_type);
        if is_websocket {
            if self.messages_cut {
                comments.push("not all messages of the WebSocket are in here".to_owned());
            }
            object.put_json("_webSocketMessages", &self.messages_json(opened_unix_nanos));
        } else if let Some(protocol) = &self.upgraded {
            let [up, down] = self.tunnel_bytes;
            let protocol = label(&String::from_utf8_lossy(protocol));
            comments.push(format!("{protocol} from there on: {} up, {} down, not read", size(up), size(down)));
        }
        for said in self.messages.drain(..) {
            room.left += said.bytes.len();
        }
        room.left += self.pieces.iter().map(Vec::len).sum::<usize>();
        if !comments.is_empty() {
            object.put("comment", comments.join("; "));
        }
        object.finish()
    }

    fn request_json(&mut self, is_websocket: bool, comments: &mut Vec<String>, room: &mut Room) -> String {
        let mut object = Object::default();
        object.put("method", lossy(&self.method));
        object.put("url", self.url(is_websocket));
        object.put("httpVersion", version(self.request.version));
        object.put_json("cookies", "[]");
        // What HTTP/1 says of the host in a field stands on the tape apart.
        let http1 = !matches!(self.request.version, Some(HttpVersion::Http2));
        let host = HeaderField { name: "Host".into(), value: self.authority.clone(), concealed_bytes: 0 };
        let host = http1.then_some(&host).filter(|host| !host.value.is_empty());
        object.put("headers", host.into_iter().chain(&self.request.fields).map(header).collect::<Vec<_>>());
        let pairs = url::query(&self.path).map(url::pairs).into_iter().flatten().take(HAR_FIELDS_MAX);
        object.put("queryString", pairs.map(pair).collect::<Vec<_>>());
        let kept = self.request.release(room);
        if self.request.bytes > 0 {
            let body = content(self.request.packing(), &kept, self.request.bytes);
            let mut data = Object::default();
            let media_type = media_type(&self.request.fields);
            data.put("mimeType", media_type_of(&self.request.fields));
            if media_type == "application/x-www-form-urlencoded" && !body.base64 {
                let pairs = url::pairs(body.text.as_bytes()).take(HAR_FIELDS_MAX);
                data.put("params", pairs.map(pair).collect::<Vec<_>>());
            }
            data.put("text", body.text);
            if body.base64 {
                data.put("_encoding", "base64");
            }
            let comment = body.comment.or_else(|| body.base64.then(|| "the text is base64".to_owned()));
            if let Some(comment) = comment {
                data.put("comment", comment.as_str());
                comments.push(format!("the request's body: {comment}"));
            }
            object.put_json("postData", &data.finish());
        }
        object.put("headersSize", -1);
        object.put("bodySize", self.request.bytes);
        object.finish()
    }

    fn response_json(&mut self, comments: &mut Vec<String>, room: &mut Room) -> String {
        let mut object = Object::default();
        object.put("status", self.status);
        let reason = if self.reason.is_empty() { status_name(self.status).to_owned() } else { lossy(&self.reason) };
        object.put("statusText", reason);
        object.put("httpVersion", version(self.response.version));
        object.put_json("cookies", "[]");
        object.put("headers", self.response.fields.iter().map(header).collect::<Vec<_>>());
        let kept = self.response.release(room);
        let body = content(self.response.packing(), &kept, self.response.bytes);
        let mut data = Object::default();
        data.put("size", body.bytes);
        let saved = body.bytes.cast_signed().saturating_sub(self.response.bytes.cast_signed());
        if saved != 0 && body.comment.is_none() {
            data.put("compression", saved);
        }
        data.put("mimeType", media_type_of(&self.response.fields));
        if self.response.bytes > 0 {
            data.put("text", body.text);
            if body.base64 {
                data.put("encoding", "base64");
            }
        }
        if let Some(comment) = body.comment {
            data.put("comment", comment.as_str());
            comments.push(format!("the response's body: {comment}"));
        }
        object.put_json("content", &data.finish());
        let location = field(&self.response.fields, "location").filter(|_| (300..400).contains(&self.status));
        object.put("redirectURL", lossy(location.unwrap_or_default()));
        object.put("headersSize", -1);
        object.put("bodySize", self.response.bytes);
        object.put("_transferSize", self.response.bytes);
        if !self.response.trailers.is_empty() {
            object.put("_trailers", self.response.trailers.iter().map(header).collect::<Vec<_>>());
        }
        let none = (self.response.began.is_none() && self.error.is_none()).then(|| "no answer".to_owned());
        if let Some(error) = self.error.take().or(none) {
            object.put("_error", error);
        }
        object.finish()
    }

    fn messages_json(&self, opened_unix_nanos: u64) -> String {
        let message = |said: &Said| {
            let mut object = Object::default();
            object.put("type", if said.side == Side::Client { "send" } else { "receive" });
            object.put("time", opened_unix_nanos.saturating_add(said.at.as_nanos()) as f64 / 1e9);
            match (said.kind, std::str::from_utf8(&said.bytes)) {
                (MessageKind::Text, Ok(text)) => {
                    object.put("opcode", 1);
                    object.put("data", text);
                }
                // The letter that was cut off.
                (MessageKind::Text, Err(_)) => {
                    object.put("opcode", 1);
                    object.put("data", lossy(&said.bytes));
                }
                (MessageKind::Binary, _) => {
                    object.put("opcode", 2);
                    object.put("data", BASE64.encode(&said.bytes));
                }
            }
            object.finish()
        };
        format!("[{}]", self.messages.iter().map(message).collect::<Vec<_>>().join(","))
    }

    fn url(&self, is_websocket: bool) -> String {
        let address = match self.path.as_ref() {
            // A tunnel has no address of its own.
            b"" => [b"tunnel://", &self.authority[..]].concat(),
            path => {
                let scheme: &[u8] = match (is_websocket, self.scheme.as_ref()) {
                    (true, b"http") => b"ws",
                    (true, _) => b"wss",
                    (false, b"") => b"http",
                    (false, scheme) => scheme,
                };
                let path = if path == b"*" { b"/" } else { path };
                [scheme, b"://", &self.authority, path].concat()
            }
        };
        let mut text = String::with_capacity(address.len());
        for byte in address {
            match byte {
                b'!' | b'#'..=b';' | b'=' | b'?'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'~' => {
                    text.push(char::from(byte))
                }
                // What no address may hold (RFC 3986 section 2).
                byte => text.push_str(&format!("%{byte:02X}")),
            }
        }
        text
    }

    /// The word of Chromium's developer tools for what the response was used for.
    fn resource_type(&self, is_websocket: bool) -> &'static str {
        if is_websocket {
            return "websocket";
        }
        let media_type = media_type(&self.response.fields);
        if media_type == "text/event-stream" {
            return "eventsource";
        }
        match field(&self.request.fields, "sec-fetch-dest").unwrap_or_default() {
            b"document" | b"iframe" | b"frame" => return "document",
            b"style" => return "stylesheet",
            b"script" | b"worker" | b"serviceworker" | b"sharedworker" => return "script",
            b"image" => return "image",
            b"font" => return "font",
            b"audio" | b"video" => return "media",
            b"manifest" => return "manifest",
            b"empty" => return "fetch",
            _ => {}
        }
        match media_type.as_str() {
            "text/html" | "application/xhtml+xml" => "document",
            "text/css" => "stylesheet",
            "text/javascript" | "application/javascript" => "script",
            other if other.starts_with("image/") => "image",
            other if other.starts_with("font/") => "font",
            other if other.starts_with("audio/") || other.starts_with("video/") => "media",
            other if other.ends_with("json") || other.starts_with("application/grpc") => "fetch",
            _ => "other",
        }
    }

    fn timings(&self, end: Moment) -> Timings {
        let answered = self.response.began.unwrap_or(end);
        // A request may go on while it is answered: what overlaps counts as received. One without content is sent with
        // its head, though it ends only once the target has declined an upgrade.
        let sent = match self.request.ended {
            _ if self.request.bytes == 0 => self.began,
            Some(ended) => ended.min(answered),
            None => answered,
        };
        Timings { send: sent.since(self.began), wait: answered.since(sent), receive: end.since(answered) }
    }
}

/// What is known of the time that an exchange took.
struct Timings {
    send: Duration,
    wait: Duration,
    receive: Duration,
}

impl Timings {
    fn total(&self) -> Value {
        millis(self.send + self.wait + self.receive)
    }

    fn json(&self) -> String {
        let mut object = Object::default();
        for unknown in ["blocked", "dns", "connect", "ssl"] {
            object.put(unknown, -1);
        }
        object.put("send", millis(self.send));
        object.put("wait", millis(self.wait));
        object.put("receive", millis(self.receive));
        object.finish()
    }
}

fn millis(span: Duration) -> Value {
    Number::from_f64(span.as_nanos() as f64 / 1e6).map_or(Value::from(0), Value::Number)
}

fn version(version: Option<HttpVersion>) -> &'static str {
    version.map_or("unknown", head::version)
}

fn media_type_of(fields: &[HeaderField]) -> String {
    field(fields, "content-type").map_or_else(|| "x-unknown".to_owned(), lossy)
}

fn header(field: &HeaderField) -> Value {
    let mut header = serde_json::Map::new();
    header.insert("name".to_owned(), lossy(&field.name).into());
    header.insert("value".to_owned(), head::value(field).into());
    if field.concealed_bytes > 0 {
        header.insert("comment".to_owned(), format!("{} bytes are concealed", field.concealed_bytes).into());
    }
    Value::Object(header)
}

fn pair((name, value): (String, String)) -> Value {
    serde_json::json!({ "name": name, "value": value })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
