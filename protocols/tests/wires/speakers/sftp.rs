//! A client with several things to do at once, and a server that answers in any order.

use wiretape_core::Side;
use wiretape_sftp::SftpWire;

use super::{Conversation, Dice, Facts, LANE, Transferred, sha256};
use crate::stage::Turn;

/// A request and its response, both without length and number: the type, and what stands behind the number.
struct Exchange {
    request: (u8, Vec<u8>),
    response: (u8, Vec<u8>),
    asked: bool,
    closed: Option<Transferred>,
}

/// Things done one after the other; all of one stage at once.
type Task = Vec<Vec<Exchange>>;

pub(crate) fn converse(dice: &mut Dice) -> Conversation {
    let mut script = Script::default();
    script.say(Side::Client, 1, &[&3u32.to_be_bytes()]);
    script.say(Side::Upstream, 2, &[&3u32.to_be_bytes(), &string(b"limits@openssh.com"), &string(b"1")]);
    let mut tasks: Vec<(Vec<u8>, Task)> = Vec::new();
    let mut handles: Vec<Vec<u8>> = (0..6u32).map(|handle| handle.to_be_bytes().to_vec()).collect();
    let mut left = dice.below(10);
    let mut waiting: Vec<(u32, Vec<u8>, Exchange)> = Vec::new();
    while left > 0 || !tasks.is_empty() {
        while left > 0 && tasks.len() < 5 {
            // Handles are used again as soon as they are free.
            let handle = handles.remove(dice.below(handles.len()));
            tasks.push((handle.clone(), task(dice, &handle, left)));
            left -= 1;
        }
        let busy: Vec<Vec<u8>> = waiting.iter().map(|(_, handle, _)| handle.clone()).collect();
        let chosen = dice.below(tasks.len());
        let (handle, task) = &mut tasks[chosen];
        match task.first_mut() {
            Some(stage) if !stage.is_empty() && (waiting.is_empty() || dice.once_in(2)) => {
                let exchange = stage.remove(0);
                let number = script.ask(dice, &exchange, &waiting);
                waiting.push((number, handle.clone(), exchange));
            }
            Some(stage) if stage.is_empty() && !busy.contains(handle) => {
                task.remove(0);
            }
            None => {
                handles.push(handle.clone());
                tasks.remove(chosen);
            }
            Some(_) if !waiting.is_empty() => {
                let (number, _, exchange) = waiting.remove(dice.below(waiting.len()));
                script.answer(number, exchange);
            }
            Some(_) => {}
        }
    }
    script.turns.extend([Turn::End(Side::Client), Turn::End(Side::Upstream)]);
    let wire = || Box::new(SftpWire::new(LANE)) as _;
    Conversation { wire, turns: script.turns, facts: script.facts }
}

#[derive(Default)]
struct Script {
    turns: Vec<Turn>,
    facts: Facts,
    client_bytes: usize,
    upstream_bytes: usize,
}

impl Script {
    fn say(&mut self, side: Side, kind: u8, fields: &[&[u8]]) {
        let body = [&[kind][..], &fields.concat()].concat();
        let packet = string(&body);
        match side {
            Side::Client => self.client_bytes += packet.len(),
            Side::Upstream => self.upstream_bytes += packet.len(),
        }
        self.turns.push(Turn::Say(side, packet.into()));
    }

    fn ask(&mut self, dice: &mut Dice, exchange: &Exchange, waiting: &[(u32, Vec<u8>, Exchange)]) -> u32 {
        let mut number = dice.below(1000) as u32;
        while waiting.iter().any(|(other, ..)| *other == number) {
            number = dice.roll() as u32;
        }
        if exchange.asked {
            self.facts.asked.push((Side::Client, self.client_bytes));
        }
        self.say(Side::Client, exchange.request.0, &[&number.to_be_bytes(), &exchange.request.1]);
        number
    }

    fn answer(&mut self, number: u32, exchange: Exchange) {
        if exchange.asked {
            self.facts.answered.push((Side::Upstream, self.upstream_bytes));
        }
        self.facts.closed.extend(exchange.closed);
        self.say(Side::Upstream, exchange.response.0, &[&number.to_be_bytes(), &exchange.response.1]);
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

fn status(code: u32) -> (u8, Vec<u8>) {
    (101, [&code.to_be_bytes()[..], &string(b"so it is"), &string(b"en")].concat())
}

fn asked(request: (u8, Vec<u8>), response: (u8, Vec<u8>)) -> Exchange {
    Exchange { request, response, asked: true, closed: None }
}

fn silent(request: (u8, Vec<u8>), response: (u8, Vec<u8>)) -> Exchange {
    Exchange { request, response, asked: false, closed: None }
}

fn open(path: &[u8], flags: u32, handle: &[u8]) -> Exchange {
    let request = [string(path), flags.to_be_bytes().to_vec(), vec![0; 4]].concat();
    asked((3, request), (102, string(handle)))
}

fn write(handle: &[u8], offset: u64, data: &[u8], code: u32) -> Exchange {
    silent((6, [string(handle), offset.to_be_bytes().to_vec(), string(data)].concat()), status(code))
}

/// A read of `length` bytes that is answered with `data`, or with the end of the file when there is none.
fn read(handle: &[u8], offset: u64, length: usize, data: &[u8]) -> Exchange {
    let request = [string(handle), offset.to_be_bytes().to_vec(), (length as u32).to_be_bytes().to_vec()].concat();
    silent((5, request), if data.is_empty() { status(1) } else { (103, string(data)) })
}

fn close(handle: &[u8], code: u32, closed: Option<Transferred>) -> Exchange {
    Exchange { request: (4, string(handle)), response: status(code), asked: false, closed }
}

fn task(dice: &mut Dice, handle: &[u8], number: usize) -> Task {
    let path = format!("/home/ana/file {number}").into_bytes();
    match dice.below(7) {
        0 | 1 => upload(dice, handle, path),
        2 | 3 => download(dice, handle, path),
        4 => random_access(dice, handle, path),
        5 => directory(dice, handle, &path),
        _ => {
            let opened = asked((11, string(&path)), (102, string(handle)));
            let operations = (0..dice.below(8)).map(|_| operation(dice, handle, &path)).collect();
            vec![vec![opened], operations, vec![close(handle, 0, None)]]
        }
    }
}

fn pieces(dice: &mut Dice, content: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let piece_bytes = 1 + dice.below(32_768);
    let at = |number: usize| (number * piece_bytes) as u64;
    let mut pieces: Vec<_> =
        content.chunks(piece_bytes).enumerate().map(|(n, piece)| (at(n), piece.to_vec())).collect();
    if pieces.len() > 500 {
        return vec![(0, content.to_vec())];
    }
    if dice.once_in(2) {
        dice.shuffle(&mut pieces);
    }
    pieces
}

fn upload(dice: &mut Dice, handle: &[u8], path: Vec<u8>) -> Task {
    let truncate = dice.once_in(2);
    let content = dice.bytes(100_000);
    let opened = vec![open(&path, if truncate { 0x1a } else { 0x0a }, handle)];
    let pieces = pieces(dice, &content);
    let failed = if dice.once_in(5) { dice.below(pieces.len()) } else { usize::MAX };
    let (mut lost_bytes, mut writes) = (0, Vec::new());
    for (number, (offset, piece)) in pieces.iter().enumerate() {
        let code = if number == failed { 4 } else { 0 };
        lost_bytes += if number == failed { piece.len() } else { 0 };
        writes.push(write(handle, *offset, piece, code));
    }
    let close_code = if dice.once_in(10) { 4 } else { 0 };
    let whole = lost_bytes == 0 && close_code == 0 && (!content.is_empty() || truncate);
    let closed = Transferred {
        path,
        read_bytes: 0,
        written_bytes: (content.len() - lost_bytes) as u64,
        content_sha256: whole.then(|| sha256(&content)),
    };
    vec![opened, writes, vec![close(handle, close_code, Some(closed))]]
}

fn download(dice: &mut Dice, handle: &[u8], path: Vec<u8>) -> Task {
    let content = dice.bytes(100_000);
    let (mut reads, mut again) = (Vec::new(), Vec::new());
    for (offset, piece) in pieces(dice, &content) {
        // A server may answer with less than was asked for; the client asks again for the rest.
        let cut = if dice.once_in(4) { 1 + dice.below(piece.len()) } else { piece.len() };
        let (first, rest) = piece.split_at(cut.min(piece.len()));
        reads.push(read(handle, offset, piece.len(), first));
        if !rest.is_empty() {
            again.push(read(handle, offset + first.len() as u64, rest.len(), rest));
        }
    }
    reads.push(read(handle, content.len() as u64, 32_768, b""));
    let closed = Transferred {
        path: path.clone(),
        read_bytes: content.len() as u64,
        written_bytes: 0,
        content_sha256: Some(sha256(&content)),
    };
    vec![vec![open(&path, 1, handle)], reads, again, vec![close(handle, 0, Some(closed))]]
}

/// Here and there, but never at the start: there is no digest.
fn random_access(dice: &mut Dice, handle: &[u8], path: Vec<u8>) -> Task {
    let (mut read_bytes, mut written_bytes) = (0, 0);
    let mut accesses = Vec::new();
    for _ in 0..dice.below(200) {
        let offset = 1 + dice.roll() % 1_000_000;
        let data = [&dice.bytes(100)[..], b"x"].concat();
        if dice.once_in(2) {
            read_bytes += data.len() as u64;
            accesses.push(read(handle, offset, data.len(), &data));
        } else {
            written_bytes += data.len() as u64;
            accesses.push(write(handle, offset, &data, 0));
        }
    }
    let closed = Transferred { path: path.clone(), read_bytes, written_bytes, content_sha256: None };
    vec![vec![open(&path, 3, handle)], accesses, vec![close(handle, 0, Some(closed))]]
}

fn directory(dice: &mut Dice, handle: &[u8], path: &[u8]) -> Task {
    let opened = asked((11, string(path)), (102, string(handle)));
    let name = [string(b"name"), string(b"-rw-r--r-- name"), vec![0; 4]].concat();
    let mut listed: Task = Vec::new();
    for _ in 0..dice.below(3) {
        let names = [2u32.to_be_bytes().to_vec(), name.clone(), name.clone()].concat();
        listed.push(vec![silent((12, string(handle)), (104, names))]);
    }
    listed.push(vec![silent((12, string(handle)), status(1))]);
    listed.insert(0, vec![opened]);
    listed.push(vec![close(handle, 0, None)]);
    listed
}

fn operation(dice: &mut Dice, handle: &[u8], path: &[u8]) -> Exchange {
    let both = [string(path), string(b"/elsewhere")].concat();
    let code = dice.below(9) as u32;
    let mode = [4u32.to_be_bytes(), 0o644u32.to_be_bytes()].concat();
    let attributes = (105, [15u32.to_be_bytes().to_vec(), vec![7; 28]].concat());
    let name = (104, [1u32.to_be_bytes().to_vec(), string(path), string(b""), vec![0; 4]].concat());
    let extended = |name: &[u8], fields: &[u8]| (200, [&string(name), fields].concat());
    match dice.below(16) {
        0 => asked((3, [string(path), vec![0; 8]].concat()), status(3)),
        1 => asked((7, string(path)), attributes),
        2 => asked((17, string(path)), status(code)),
        3 => asked((8, string(handle)), attributes),
        4 => asked((9, [string(path), mode].concat()), status(code)),
        5 => asked((10, [string(handle), mode].concat()), status(code)),
        6 => asked((*dice.pick(&[13, 15]), string(path)), status(code)),
        7 => asked((14, [string(path), vec![0; 4]].concat()), status(code)),
        8 => asked((*dice.pick(&[16, 19]), string(path)), name),
        9 => asked((*dice.pick(&[18, 20]), both), status(code)),
        10 => asked(extended(b"posix-rename@openssh.com", &both), status(code)),
        11 => asked(extended(b"hardlink@openssh.com", &both), status(code)),
        12 => asked(extended(b"limits@openssh.com", b""), (201, vec![0; 32])),
        13 => asked(extended(b"fsync@openssh.com", &string(handle)), status(code)),
        14 => asked(extended(b"unheard@example.com", b"of"), (201, b"indeed".to_vec())),
        _ => asked((99, b"what is this".to_vec()), status(8)),
    }
}
