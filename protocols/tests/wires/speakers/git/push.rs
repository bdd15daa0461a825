//! Pushes.

use wiretape_core::Side::{Client, Upstream};

use super::{FLUSH, Script, banded, command as exec, content, id, line, offer, pack};
use crate::speakers::{Conversation, Dice};

const ZEROS: &str = "0000000000000000000000000000000000000000";

/// What is pushed, and what is answered.
struct Push {
    /// Up to the pack.
    list: Vec<u8>,
    pack: Vec<u8>,
    report: Vec<u8>,
}

fn push(dice: &mut Dice) -> Push {
    let (bands, options) = (dice.once_in(2), dice.once_in(3));
    let (parent, removed) = (id(dice, 40), id(dice, 40));
    let (commit, packed) = match dice.below(4) {
        0 => (parent.clone(), pack::empty()),
        1 => pack::commit(dice, Some(&parent)),
        _ => pack::commit(dice, None),
    };
    let mut updates = Vec::new();
    for number in 0..1 + dice.below(3) {
        let word = *dice.pick(&["", "", "", "risky", "secret"]);
        updates.push(match dice.below(3) {
            0 => format!("{removed} {ZEROS} refs/heads/{word}-{number}"),
            1 => format!("{parent} {commit} refs/heads/{word}-{number}"),
            _ => format!("{ZEROS} {commit} refs/tags/{word}-{number}"),
        });
    }
    let signed = dice.once_in(5);
    let capabilities = format!(
        "\0 report-status-v2{}{} agent=git/2.47",
        if bands { " side-band-64k" } else { "" },
        if options { " push-options" } else { "" },
    );
    let mut list = Vec::new();
    if dice.once_in(5) {
        list.extend(line(format!("shallow {parent}")));
    }
    if signed {
        list.extend(line(format!("push-cert{capabilities}\n")));
        list.extend(["certificate version 0.1\n", "pusher ana 1700000000 +0000\n", "\n"].iter().flat_map(line));
        list.extend(updates.iter().flat_map(|update| line(format!("{update}\n"))));
        list.extend(
            ["-----BEGIN PGP SIGNATURE-----\n", "AAAA\n", "-----END PGP SIGNATURE-----\n"].iter().flat_map(line),
        );
        list.extend(line("push-cert-end\n"));
    } else {
        for (number, update) in updates.iter().enumerate() {
            list.extend(line(format!("{update}{}", if number == 0 { &capabilities } else { "" })));
        }
    }
    list.extend(FLUSH);
    if options {
        list.extend(line("ci.skip"));
        list.extend(FLUSH);
    }
    let brings = updates.iter().any(|update| !update.contains(&format!(" {ZEROS} ")));
    let mut report = line("unpack ok\n");
    for update in &updates {
        let name = &update[82..];
        report.extend(match dice.below(3) {
            0 => line(format!("ng {name} hook declined\n")),
            1 => [line(format!("ok {name}\n")), line(format!("option refname {name}\n"))].concat(),
            _ => line(format!("ok {name}\n")),
        });
    }
    report.extend(FLUSH);
    if bands {
        report = [banded(dice, &report), FLUSH.to_vec()].concat();
    }
    Push { list, pack: if brings { packed } else { Vec::new() }, report }
}

/// Over SSH.
pub(super) fn command(dice: &mut Dice) -> Conversation {
    let mut script = Script::default();
    script.say(Upstream, offer(dice, 40, "report-status-v2 side-band-64k push-options no-thin"));
    script.answer(dice);
    if dice.once_in(6) {
        script.say(Client, FLUSH.to_vec());
    } else {
        let push = push(dice);
        if dice.once_in(2) {
            script.say(Client, push.list);
            script.say(Client, push.pack);
        } else {
            script.say(Client, [push.list, push.pack].concat());
        }
        script.answer(dice);
        script.answer(dice);
        script.say(Upstream, push.report);
    }
    script.end(Client);
    script.end(Upstream);
    match dice.below(5) {
        0 => script.conversation(|| exec("git-receive-pack '/risky.git'")),
        _ => script.conversation(|| exec("git-receive-pack '/x.git'")),
    }
}

/// Over HTTP.
pub(super) fn exchange(dice: &mut Dice) -> Conversation {
    let mut script = Script::default();
    if dice.once_in(6) {
        script.say(Client, FLUSH.to_vec());
        script.end(Client);
    } else {
        let push = push(dice);
        script.say(Client, [push.list, push.pack].concat());
        script.end(Client);
        script.answer(dice);
        script.say(Upstream, push.report);
    }
    script.end(Upstream);
    script.conversation(|| content("POST", "/x.git/git-receive-pack"))
}
