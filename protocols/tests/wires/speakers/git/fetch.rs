//! Fetches, and archives.

use wiretape_core::Side::{Client, Upstream};

use super::{DELIM, FLUSH, Script, banded, command as exec, content, id, line, offer as offered, pack, refs};
use crate::speakers::{Conversation, Dice};

/// Versions 0 and 1 over SSH.
pub(super) fn command(dice: &mut Dice) -> Conversation {
    let mut script = Script::default();
    let digits = *dice.pick(&[40, 64]);
    script.say(Upstream, offered(dice, digits, "multi_ack side-band-64k symref=HEAD:refs/heads/branch-00000"));
    script.answer(dice);
    if dice.once_in(5) {
        // A client that only looks.
        script.say(Client, FLUSH.to_vec());
    } else {
        negotiate(dice, &mut script, digits, false);
    }
    script.answer(dice);
    script.end(Client);
    script.end(Upstream);
    match dice.below(6) {
        0 | 1 => script.conversation(|| exec("git-upload-pack '/risky.git'")),
        2 => script.conversation(|| exec("git-upload-pack '/secret.git'")),
        _ => script.conversation(|| exec("git upload-pack '/org/x.git'")),
    }
}

/// Wants, haves, and the pack.
fn negotiate(dice: &mut Dice, script: &mut Script, digits: usize, at_once: bool) {
    let bands = dice.once_in(2);
    let mut said = Vec::new();
    for number in 0..1 + dice.below(4) {
        let behind = match (number, bands) {
            (0, true) => " multi_ack side-band-64k agent=git/2.47",
            (0, false) => " multi_ack",
            _ => "",
        };
        said.extend(line(format!("want {}{behind}\n", id(dice, digits))));
    }
    let deepens = dice.once_in(3);
    if deepens {
        said.extend(line(format!("shallow {}", id(dice, digits))));
        said.extend(line("deepen 3\n"));
    }
    if dice.once_in(4) {
        said.extend(line("filter blob:none\n"));
    }
    said.extend(FLUSH);
    let mut shallow = Vec::new();
    if deepens {
        shallow.extend(line(format!("shallow {}", id(dice, digits))));
        shallow.extend(line(format!("unshallow {}", id(dice, digits))));
        shallow.extend(FLUSH);
    }
    if !at_once {
        script.say(Client, std::mem::take(&mut said));
        script.say(Upstream, std::mem::take(&mut shallow));
    }
    let mut answer = shallow;
    for _ in 0..dice.below(3) {
        for _ in 0..*dice.pick(&[1, 16, 1200]) {
            said.extend(line(format!("have {}\n", id(dice, digits))));
        }
        said.extend(FLUSH);
        answer.extend(line(format!("ACK {} common\n", id(dice, digits))));
        answer.extend(line("NAK\n"));
        if !at_once {
            script.say(Client, std::mem::take(&mut said));
            script.say(Upstream, std::mem::take(&mut answer));
        }
    }
    said.extend(line("done\n"));
    script.say(Client, said);
    if at_once {
        script.end(Client);
    }
    answer.extend(line("NAK\n"));
    let (_, packed) = pack::commit(dice, None);
    if bands {
        answer.extend(banded(dice, &packed));
        answer.extend(FLUSH);
    } else {
        answer.extend(packed);
    }
    script.say(Upstream, answer);
}

/// Version 2 over SSH.
pub(super) fn command_of_version_2(dice: &mut Dice) -> Conversation {
    let mut script = Script::default();
    script.say(Upstream, offered_by_version_2());
    script.answer(dice);
    for _ in 0..dice.below(4) {
        let (asked, answered) = command_and_answer(dice);
        script.say(Client, asked);
        script.say(Upstream, answered);
    }
    script.say(Client, FLUSH.to_vec());
    script.answer(dice);
    script.end(Client);
    script.end(Upstream);
    match dice.below(4) {
        0 => script.conversation(|| exec("git-upload-pack '/risky.git'")),
        _ => script.conversation(|| exec("git-upload-pack '~/x.git'")),
    }
}

fn offered_by_version_2() -> Vec<u8> {
    let lines = ["version 2\n", "agent=git/2.47\n", "ls-refs=unborn\n", "fetch=shallow filter\n", "object-info\n"];
    [lines.map(line).concat(), FLUSH.to_vec()].concat()
}

fn command_and_answer(dice: &mut Dice) -> (Vec<u8>, Vec<u8>) {
    let mut answer = Vec::new();
    let (name, arguments): (&str, Vec<String>) = match dice.below(4) {
        0 => {
            for reference in refs(dice, 40) {
                answer.extend(line(format!("{reference} peeled:{}\n", id(dice, 40))));
            }
            answer.extend(line("unborn HEAD symref-target:refs/heads/main\n"));
            ("ls-refs", vec!["peel\n".to_owned(), "symrefs\n".to_owned()])
        }
        1 => {
            answer.extend(line(format!("{} 42", id(dice, 40))));
            ("object-info", vec!["size\n".to_owned(), format!("oid {}", id(dice, 40))])
        }
        _ => {
            let mut arguments = vec!["ofs-delta\n".to_owned(), "deepen 1\n".to_owned()];
            arguments.extend((0..1 + dice.below(3)).map(|_| format!("want {}\n", id(dice, 40))));
            arguments.extend((0..*dice.pick(&[0, 3, 1500])).map(|_| format!("have {}\n", id(dice, 40))));
            let all = dice.once_in(4);
            if all {
                arguments.push("sideband-all".to_owned());
            }
            answer = sections(dice, all);
            arguments.push("done\n".to_owned());
            ("fetch", arguments)
        }
    };
    let mut asked = line(format!("command={name}\n"));
    asked.extend(line("agent=git/2.47\n"));
    asked.extend(DELIM);
    asked.extend(arguments.iter().flat_map(line));
    asked.extend(FLUSH);
    answer.extend(FLUSH);
    (asked, answer)
}

/// What is answered to a fetch of version 2, without its flush.
fn sections(dice: &mut Dice, all: bool) -> Vec<u8> {
    let said = |text: &str| if all { line(format!("\x01{text}")) } else { line(text) };
    let mut answer = Vec::new();
    if dice.once_in(2) {
        answer.extend(said("acknowledgments\n"));
        answer.extend(said(&format!("ACK {}\n", id(dice, 40))));
        if dice.once_in(2) {
            return answer;
        }
        answer.extend(said("ready\n"));
        answer.extend(DELIM);
    }
    if dice.once_in(2) {
        answer.extend(said("shallow-info\n"));
        answer.extend(said(&format!("shallow {}\n", id(dice, 40))));
        answer.extend(DELIM);
    }
    answer.extend(said("packfile\n"));
    let (_, packed) = pack::commit(dice, None);
    answer.extend(banded(dice, &packed));
    answer
}

/// What the target offers over HTTP.
pub(super) fn offer(dice: &mut Dice) -> Conversation {
    let mut script = Script::default();
    script.end(Client);
    script.answer(dice);
    let pushes = dice.once_in(3);
    let service = if pushes { "git-receive-pack" } else { "git-upload-pack" };
    let mut said = [line(format!("# service={service}\n")), FLUSH.to_vec()].concat();
    if !pushes && dice.once_in(2) {
        said.extend(offered_by_version_2());
    } else {
        // A target that says `no-thin` itself is not spoken for.
        said.extend(offered(dice, 40, "report-status no-thin"));
    }
    script.say(Upstream, said);
    script.end(Upstream);
    match (pushes, dice.below(4)) {
        (true, _) => script.conversation(|| content("GET", "/x.git/info/refs?service=git-receive-pack")),
        (false, 0) => script.conversation(|| content("GET", "/risky/x.git/info/refs?service=git-upload-pack")),
        (false, 1) => script.conversation(|| content("GET", "/secret/x.git/info/refs?service=git-upload-pack")),
        (false, _) => script.conversation(|| content("GET", "/x.git/info/refs?service=git-upload-pack")),
    }
}

/// A request over HTTP.
pub(super) fn exchange(dice: &mut Dice) -> Conversation {
    let mut script = Script::default();
    if dice.once_in(2) {
        let (asked, answered) = command_and_answer(dice);
        script.say(Client, asked);
        script.answer(dice);
        script.end(Client);
        script.say(Upstream, answered);
    } else {
        negotiate(dice, &mut script, 40, true);
        script.answer(dice);
    }
    script.end(Upstream);
    match dice.below(4) {
        0 => script.conversation(|| content("POST", "/risky/x.git/git-upload-pack")),
        1 => script.conversation(|| content("POST", "/secret/x.git/git-upload-pack")),
        _ => script.conversation(|| content("POST", "/x.git/git-upload-pack")),
    }
}

/// `git archive --remote`.
pub(super) fn archive(dice: &mut Dice) -> Conversation {
    let mut script = Script::default();
    let mut said: Vec<u8> = ["argument --format=tar\n", "argument HEAD"].map(line).concat();
    said.extend(FLUSH);
    script.say(Client, said);
    script.answer(dice);
    let mut answer = [line("ACK\n"), FLUSH.to_vec()].concat();
    let tar = dice.bytes(3000);
    answer.extend(banded(dice, &tar));
    answer.extend(FLUSH);
    script.say(Upstream, answer);
    script.end(Client);
    script.end(Upstream);
    match dice.below(3) {
        0 => script.conversation(|| exec("git-upload-archive '/risky.git'")),
        _ => script.conversation(|| exec("git-upload-archive '/x.git'")),
    }
}
