//! A client that sends without waiting, or waits, and a database that answers in its own time.

mod messages;
mod script;

use wiretape_core::{Reason, Verdict};
use wiretape_postgres::PostgresWire;

use self::messages::{
    complete, copy_start, data, described, error, execute, message, notice, parse, query, rows, types,
};
use self::script::Script;
use super::{Conversation, Dice, Facts, LANE};

pub(crate) use self::script::Expected;

/// What guards know, in statements: a question that is answered, or a refusal.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    None,
    /// Asked about, and allowed.
    Risky,
    /// Asked about, and refused. Only where refusals are expected.
    TooRisky,
    /// Refused at once. Only where refusals are expected.
    Secret,
}

pub(crate) fn converse(dice: &mut Dice) -> Conversation {
    let mut script = Script::new(false);
    speak(&mut script, dice);
    let turns = script.schedule(dice);
    Conversation { wire: || Box::new(PostgresWire::new(LANE)), turns, facts: Facts::default() }
}

/// A conversation in which things are refused, and what comes of it. It holds under the rules that speakers know.
pub(crate) fn refused(dice: &mut Dice) -> (Conversation, Expected) {
    let mut script = Script::new(true);
    speak(&mut script, dice);
    let expected = script.expected();
    let turns = script.schedule(dice);
    (Conversation { wire: || Box::new(PostgresWire::new(LANE)), turns, facts: Facts::default() }, expected)
}

fn speak(script: &mut Script, dice: &mut Dice) {
    login(script, dice);
    for _ in 0..dice.below(8) {
        match dice.below(10) {
            0..=2 => simple(script, dice),
            3..=6 => extended(script, dice),
            7 => call(script, dice),
            8 => copy_in(script, dice),
            _ => copy_both(script, dice),
        }
        if dice.once_in(2) {
            script.client_waits();
        }
    }
    script.end(dice);
}

/// The tail of the login.
fn login(script: &mut Script, dice: &mut Dice) {
    let mut tail = Vec::new();
    for _ in 0..dice.below(4) {
        tail.extend(message(b'S', b"TimeZone\0Europe/Berlin\0"));
    }
    let key_bytes = *dice.pick(&[4, 32, 256]);
    tail.extend(message(b'K', &[&[0, 0, 4, 210][..], &vec![b'k'; key_bytes]].concat()));
    script.answer(&tail);
    script.ready(b'I');
}

/// A text that a guard may know, and which it is.
fn text(script: &Script, dice: &mut Dice) -> (Vec<u8>, Word) {
    let word = match dice.below(6) {
        0 => Word::Risky,
        1 if script.refuses => Word::Secret,
        2 if script.refuses => Word::TooRisky,
        _ => Word::None,
    };
    let mut text = dice.bytes(300);
    text.retain(|byte| *byte != 0);
    if script.refuses {
        // It neither begins nor ends a transaction.
        text.splice(..0, *b"SELECT ");
    }
    let said = match word {
        Word::None => "",
        Word::Risky | Word::TooRisky => "risky",
        Word::Secret => "secret",
    };
    text.extend(said.bytes());
    (text, word)
}

/// What somebody answers about a statement.
fn verdict(word: Word) -> Option<Verdict> {
    match word {
        Word::Risky => Some(Verdict::Allow),
        Word::TooRisky => Some(Verdict::Refuse(Reason::new("elders", "not today"))),
        Word::None | Word::Secret => None,
    }
}

/// The error that the gateway says in the target's place.
fn refusal(word: Word) -> Option<Vec<u8>> {
    let (text, rule) = match word {
        Word::None | Word::Risky => return None,
        Word::TooRisky => ("not today", "elders"),
        Word::Secret => ("no secrets", "policy"),
    };
    let fields = format!("SERROR\0VERROR\0C42501\0M{text}\0HThe rule {rule} decided so.\0\0");
    Some(message(b'E', fields.as_bytes()))
}

fn simple(script: &mut Script, dice: &mut Dice) {
    let (text, word) = text(script, dice);
    script.ask(&query(&text), verdict(word), refusal(word).is_none());
    script.portal_known &= refusal(word).is_some();
    if let Some(error) = refusal(word) {
        // What a client says to a copy that it does not know to be refused.
        for _ in 0..dice.below(3) {
            script.drop_said(&message(b'd', &dice.bytes(30)));
        }
        script.say_in_place(&error);
        return script.ready_in_place();
    }
    for _ in 0..dice.below(4) {
        match dice.below(8) {
            0 => script.answer(&message(b'I', b"")),
            1 => {
                script.answer(&error(dice));
                break;
            }
            2 => script.answer(&[copy_start(b'H'), data(dice), message(b'c', b""), complete(b"COPY 7")].concat()),
            3 => script.answer(&[notice(dice), complete(b"CREATE TABLE")].concat()),
            _ => script.answer(&[described(dice), rows(dice), complete(b"SELECT 3")].concat()),
        }
    }
    let status = *dice.pick(b"ITE");
    script.ready(status);
}

/// A group of the extended protocol. An error on the way ends what is answered; a refusal ends what passes, too.
fn extended(script: &mut Script, dice: &mut Dice) {
    if script.refuses && script.status != b'I' {
        // Who does not wait is not known to be in a transaction.
        script.client_waits();
    }
    let mut group = Group::default();
    let ends_with_query = script.refuses && dice.once_in(8);
    for _ in 0..dice.below(7) {
        let fails = dice.once_in(15);
        match dice.below(8) {
            0 | 1 => {
                let (text, word) = text(script, dice);
                group.prepare(script, &parse(dice, &text), word, fails.then(|| error(dice)));
            }
            2 => {
                script.portal_known |= !group.muted;
                group.ask(script, &message(b'B', &bind(dice)), &message(b'2', b""), fails.then(|| error(dice)));
            }
            3 => {
                let answer = [types(dice), described(dice)].concat();
                group.ask(script, &message(b'D', b"Ss\0"), &answer, fails.then(|| error(dice)));
            }
            4 => group.ask(script, &message(b'D', b"P\0"), &message(b'n', b""), fails.then(|| error(dice))),
            5 => group.ask(script, &message(b'C', b"Sname\0"), &message(b'3', b""), fails.then(|| error(dice))),
            6 => group.flush(script),
            _ => {
                let answer = match dice.below(5) {
                    0 => message(b'I', b""),
                    1 => [rows(dice), message(b's', b"")].concat(),
                    2 => [copy_start(b'H'), data(dice), message(b'c', b""), complete(b"COPY 7")].concat(),
                    _ => [notice(dice), rows(dice), complete(b"INSERT 0 3")].concat(),
                };
                let execute = execute(dice);
                group.ask(script, &execute, &answer, fails.then(|| error(dice)));
                // Of the other portal nobody knows what it does.
                group.in_block &= execute[5] == 0 && script.portal_known && script.statement_known;
            }
        }
        if dice.once_in(6) {
            script.pause();
        }
    }
    if ends_with_query {
        group.refused_query(script, dice);
    }
    script.ask(&message(b'S', b""), None, true);
    let status = *dice.pick(b"ITE");
    script.ready(status);
}

fn bind(dice: &mut Dice) -> Vec<u8> {
    let value = dice.bytes(200);
    [&b"\0s\0\0\x01\0\x01\0\x02"[..], &(value.len() as u32).to_be_bytes(), &value, b"\xff\xff\xff\xff\0\0"].concat()
}

/// How far a group has come.
#[derive(Default)]
struct Group {
    is_open: bool,
    /// It runs in a transaction of the client's own.
    in_block: bool,
    failed: bool,
    muted: bool,
}

/// What the target gets in the place of something that was refused, and cannot understand.
const NO_SQL: &[u8] = b"refused by the gateway";

impl Group {
    fn prepare(&mut self, script: &mut Script, parse: &[u8], word: Word, error: Option<Vec<u8>>) {
        if self.muted {
            return script.drop_said(parse);
        }
        let name = parse[5..].split(|byte| *byte == 0).next().unwrap_or_default();
        let Some(refusal) = refusal(word) else {
            script.ask(parse, verdict(word), true);
            script.statement_known |= name == b"s";
            return self.answer(script, &message(b'1', b""), error);
        };
        self.wait_for_failure(script);
        script.ask(parse, verdict(word), false);
        self.muted = true;
        if self.is_undone() {
            script.make_up(&message(b'P', &[name, b"\0", NO_SQL, b"\0\0\0"].concat()));
            script.answer_unheard(&syntax_error());
        }
        if !self.failed {
            script.say_in_place(&refusal);
            self.failed = true;
        }
    }

    fn ask(&mut self, script: &mut Script, request: &[u8], answer: &[u8], error: Option<Vec<u8>>) {
        if self.muted {
            return script.drop_said(request);
        }
        script.ask(request, None, true);
        self.answer(script, answer, error);
    }

    fn answer(&mut self, script: &mut Script, answer: &[u8], error: Option<Vec<u8>>) {
        if !self.is_open {
            self.in_block = script.status != b'I';
        }
        self.is_open = true;
        if !self.failed {
            script.answer(error.as_deref().unwrap_or(answer));
            self.failed = error.is_some();
        }
    }

    fn flush(&mut self, script: &mut Script) {
        script.ask(&message(b'H', b""), None, true);
    }

    /// Whether a refusal undoes what the target did in the group, as an error would.
    fn is_undone(&self) -> bool {
        self.is_open && !self.failed && !self.in_block
    }

    /// Whoever has heard of an error knows that there is nothing left to undo.
    fn wait_for_failure(&self, script: &mut Script) {
        if self.failed {
            script.client_waits();
        }
    }

    /// A query that does not wait for the end of the group, and is refused.
    fn refused_query(&mut self, script: &mut Script, dice: &mut Dice) {
        if self.muted {
            return script.drop_said(&query(b"a secret"));
        }
        self.wait_for_failure(script);
        script.ask(&query(b"a secret"), None, false);
        if self.is_undone() {
            script.make_up(&query(NO_SQL));
            script.portal_known = false;
            script.answer_unheard(&syntax_error());
            script.say_in_place(&refusal(Word::Secret).unwrap_or_default());
            let status = *dice.pick(b"IE");
            return script.ready(status);
        }
        if self.is_open {
            script.make_up(&message(b'H', b""));
        }
        if !self.failed {
            script.say_in_place(&refusal(Word::Secret).unwrap_or_default());
            script.ready_in_place();
        }
    }
}

fn syntax_error() -> Vec<u8> {
    message(b'E', b"SERROR\0VERROR\0C42601\0Msyntax error at or near \"refused\"\0\0")
}

fn call(script: &mut Script, dice: &mut Dice) {
    let argument = dice.bytes(60);
    let fields = [
        &b"\0\0\x03\xe8\0\x01\0\0\0\x02"[..],
        &(argument.len() as u32).to_be_bytes(),
        &argument,
        b"\xff\xff\xff\xff\0\x01",
    ]
    .concat();
    script.ask(&message(b'F', &fields), None, true);
    match dice.below(3) {
        0 => script.answer(&error(dice)),
        1 => script.answer(&message(b'V', &[0xff; 4])),
        _ => script.answer(&message(b'V', &[&[0, 0, 0, 4][..], &[7; 4]].concat())),
    }
    script.ready(b'I');
}

/// A copy to the target: by a simple query or an `Execute`, waited for or not, finished, given up or failed.
fn copy_in(script: &mut Script, dice: &mut Dice) {
    let simple = dice.once_in(2);
    let waits = dice.once_in(2);
    if simple {
        script.ask(&query(b"COPY t FROM STDIN"), None, true);
        script.portal_known = false;
    } else {
        let group = [parse(dice, b"COPY t FROM STDIN"), message(b'B', &bind(dice)), execute(dice)].concat();
        script.ask(&group, None, true);
        script.portal_known = true;
        script.statement_known |= group[5..].starts_with(b"s\0");
        script.answer(&[message(b'1', b""), message(b'2', b"")].concat());
        // Some clients do not notice that it is a copy: this Sync is swallowed. Where the copy fails, nobody knows whether
        // it was.
        if dice.once_in(2) && !script.refuses {
            script.ask(&message(b'S', b""), None, true);
        }
    }
    script.answer(&copy_start(b'G'));
    if waits {
        script.client_waits();
    }
    let fails = dice.once_in(3);
    script.ask(&data(dice), None, true);
    if fails {
        script.answer(&error(dice));
    }
    script.ask(&data(dice), None, true);
    let given_up = dice.once_in(4);
    script.ask(&if given_up { message(b'f', b"no more\0") } else { message(b'c', b"") }, None, true);
    if !fails {
        script.answer(&if given_up { error(dice) } else { complete(b"COPY 12") });
    }
    if !simple {
        script.ask(&message(b'S', b""), None, true);
    }
    script.ready(b'I');
}

/// A copy both ways, as in replication.
fn copy_both(script: &mut Script, dice: &mut Dice) {
    script.ask(&query(b"START_REPLICATION 0/0"), None, true);
    script.portal_known = false;
    script.answer(&copy_start(b'W'));
    script.client_waits();
    for _ in 0..dice.below(4) {
        script.answer(&data(dice));
        script.ask(&data(dice), None, true);
    }
    script.ask(&message(b'c', b""), None, true);
    if dice.once_in(2) {
        script.answer(&message(b'c', b""));
    }
    script.answer(&complete(b"START_STREAMING"));
    script.ready(b'I');
}
