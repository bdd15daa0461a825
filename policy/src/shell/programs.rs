//! Which programs a command starts: its own, and those that it is told to start.

use super::Known;
use super::lexer::{BEFORE_COMMANDS, Word, is_harmless};

/// How a program takes another one to start.
struct Starter {
    name: &'static str,
    /// Options that take no value.
    flags: &'static [&'static str],
    /// Options that take the word behind them, or what is written right behind them.
    values: &'static [&'static str],
    /// Words before the program.
    operands: usize,
}

/// Programs that start the program in their arguments. An option that is not listed makes a line not understood.
const STARTERS: [Starter; 16] = [
    Starter {
        name: "env",
        flags: &["-", "-i", "-0", "--ignore-environment", "--null"],
        values: &["-u", "--unset"],
        operands: 0,
    },
    Starter {
        name: "sudo",
        flags: &["-n", "-E", "-H", "-S", "-b", "-k", "--non-interactive", "--preserve-env", "--set-home"],
        values: &["-u", "-g", "-C", "-p", "-r", "-t", "-T", "-U", "-D", "-R", "--user", "--group"],
        operands: 0,
    },
    Starter { name: "doas", flags: &["-n", "-L"], values: &["-u", "-a", "-C"], operands: 0 },
    Starter { name: "nohup", flags: &[], values: &[], operands: 0 },
    Starter { name: "nice", flags: &[], values: &["-n", "--adjustment"], operands: 0 },
    Starter { name: "ionice", flags: &["-t"], values: &["-c", "-n", "--class", "--classdata"], operands: 0 },
    Starter {
        name: "timeout",
        flags: &["--foreground", "--preserve-status", "-v", "--verbose", "-f", "-p"],
        values: &["-k", "-s", "--kill-after", "--signal"],
        operands: 1,
    },
    Starter { name: "time", flags: &["-p", "-v", "-a", "-q"], values: &["-f", "-o"], operands: 0 },
    Starter { name: "stdbuf", flags: &[], values: &["-i", "-o", "-e", "--input", "--output", "--error"], operands: 0 },
    Starter { name: "setsid", flags: &["-c", "-f", "-w", "--ctty", "--fork", "--wait"], values: &[], operands: 0 },
    Starter { name: "exec", flags: &["-c", "-l", "-cl"], values: &["-a"], operands: 0 },
    Starter { name: "command", flags: &["-p", "-v", "-V"], values: &[], operands: 0 },
    Starter { name: "builtin", flags: &[], values: &[], operands: 0 },
    Starter {
        name: "xargs",
        flags: &["-0", "-r", "-t", "-p", "-x", "-o", "--null", "--no-run-if-empty"],
        values: &["-I", "-n", "-L", "-P", "-d", "-E", "-s", "-a", "--max-args", "--max-procs", "--delimiter"],
        operands: 0,
    },
    Starter { name: "chroot", flags: &[], values: &["--userspec", "--groups"], operands: 1 },
    Starter { name: "flock", flags: &["-n", "-s", "-x", "-u", "-o", "-F"], values: &["-w", "-E"], operands: 1 },
];

/// Shells, whose option `-c` takes a line.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "ksh", "zsh"];

/// Programs of a shell that run what is nowhere in the line, or change what names mean.
const UNTOLD: [&str; 16] = [
    "eval",
    "source",
    ".",
    "alias",
    "trap",
    "hash",
    "enable",
    "fc",
    "read",
    "mapfile",
    "readarray",
    "getopts",
    "let",
    "compgen",
    "complete",
    "bind",
];

/// Programs of a shell that keep variables.
const KEEPERS: [&str; 8] = ["export", "declare", "typeset", "readonly", "local", "shopt", "unset", "printf"];

/// Programs that start others in ways that are not looked into.
const RUNNERS: [&str; 36] = [
    "at",
    "batch",
    "busybox",
    "chpst",
    "chrt",
    "daemonize",
    "expect",
    "fakeroot",
    "gdb",
    "ltrace",
    "make",
    "newgrp",
    "nsenter",
    "numactl",
    "parallel",
    "prlimit",
    "proot",
    "rlwrap",
    "runuser",
    "screen",
    "script",
    "setpriv",
    "sg",
    "ssh",
    "start-stop-daemon",
    "strace",
    "su",
    "sudoedit",
    "systemd-run",
    "taskset",
    "tmux",
    "toybox",
    "unbuffer",
    "unshare",
    "watch",
    "crontab",
];

/// How many programs may start one another.
const STARTS_MAX: usize = 16;

/// Notes the programs that the command `words` starts. `None` when lines in it cannot be told apart.
pub(super) fn of(known: &mut Known, words: &[Word], depth: usize) -> Option<()> {
    let all = words.len();
    let mut words = words;
    for _ in 0..STARTS_MAX {
        let Some(first) = words.first() else { return Some(()) };
        let Some(program) = first.text.as_deref() else {
            known.programs_vague = true;
            return Some(());
        };
        if program.is_empty() {
            known.programs_vague = true;
            return Some(());
        }
        known.start(program);
        let name = program.rsplit('/').next().unwrap_or_default();
        let rest = words.get(1..).unwrap_or_default();
        if UNTOLD.contains(&name) {
            known.programs_vague = true;
            return Some(());
        }
        // Variables that a shell keeps count for whatever follows.
        if KEEPERS.contains(&name) {
            let sets = name != "printf" || rest.first().is_none_or(|word| word.text.as_deref() == Some("-v"));
            known.programs_vague |= sets && rest.iter().any(|word| !is_plain_export(word));
            return Some(());
        }
        if SHELLS.contains(&name) {
            return shell(known, rest, depth);
        }
        if name == "find" {
            return find(known, rest, depth);
        }
        // A keyword behind a program that starts others is read by who knows whom.
        if RUNNERS.contains(&name) || (words.len() < all && BEFORE_COMMANDS.contains(&program)) {
            known.programs_vague = true;
            return Some(());
        }
        let Some(starter) = STARTERS.iter().find(|starter| starter.name == name) else { return Some(()) };
        match started(starter, rest) {
            Some(next) => words = next,
            None => {
                known.programs_vague = true;
                return Some(());
            }
        }
    }
    known.programs_vague = true;
    Some(())
}

/// Whether a word of `export` sets no variable that matters.
fn is_plain_export(word: &Word) -> bool {
    word.text.as_deref().is_some_and(|text| {
        let name = text.split('=').next().unwrap_or_default();
        is_harmless(name)
    })
}

/// The words from the program on that `starter` starts; none when it starts none, and `None` when that is not known.
fn started<'a>(starter: &Starter, mut words: &'a [Word]) -> Option<&'a [Word]> {
    let mut operands = starter.operands;
    while let Some((word, rest)) = words.split_first() {
        let text = word.text.as_deref()?;
        if text == "--" {
            words = rest;
            break;
        }
        // Variables that env and sudo set.
        if matches!(starter.name, "env" | "sudo" | "doas")
            && let Some((name, _)) = text.split_once('=')
            && !name.starts_with('-')
        {
            if !is_harmless(name) {
                return None;
            }
            words = rest;
            continue;
        }
        if !text.starts_with('-') {
            break;
        }
        let is_long = text.starts_with("--");
        let name = if is_long { text.split('=').next().unwrap_or_default() } else { text };
        if starter.flags.contains(&name) {
            words = rest;
        } else if starter.values.contains(&name) {
            // A long option has its value behind an equals sign, or as the next word.
            let apart = !(is_long && text.contains('='));
            words = if apart { rest.get(1..)? } else { rest };
        } else if !is_long && starter.values.iter().any(|value| value.len() == 2 && text.starts_with(value)) {
            words = rest;
        } else {
            return None;
        }
    }
    while operands > 0 {
        words.first()?.text.as_ref()?;
        words = words.get(1..)?;
        operands -= 1;
    }
    Some(words)
}

/// What a shell runs: the line behind `-c`; a script, or what it reads, is not known.
fn shell(known: &mut Known, words: &[Word], depth: usize) -> Option<()> {
    for (at, word) in words.iter().enumerate() {
        let Some(text) = word.text.as_deref() else { break };
        match text {
            "-e" | "-u" | "-x" | "-l" | "-i" | "--login" | "--norc" | "--noprofile" => {}
            _ if text.starts_with('-')
                && !text.starts_with("--")
                && text.ends_with('c')
                && text.bytes().skip(1).all(|byte| b"euxlic".contains(&byte)) =>
            {
                let Some(line) = words.get(at + 1).and_then(|word| word.text.as_deref()) else { break };
                return known.read(line.as_bytes(), depth + 1);
            }
            _ => break,
        }
    }
    known.programs_vague = true;
    Some(())
}

/// What `find` runs on what it finds.
fn find(known: &mut Known, words: &[Word], depth: usize) -> Option<()> {
    for (at, word) in words.iter().enumerate() {
        match word.text.as_deref() {
            // What stands in place of an option that nobody knows may be one of these.
            None => known.programs_vague = true,
            Some("-exec" | "-execdir" | "-ok" | "-okdir") => {
                let rest = words.get(at + 1..).unwrap_or_default();
                let ends = |word: &Word| matches!(word.text.as_deref(), Some(";" | "+"));
                let end = rest.iter().position(ends).unwrap_or(rest.len());
                if rest.iter().take(1).any(|word| word.text.as_deref().is_some_and(|text| text.contains("{}"))) {
                    known.programs_vague = true;
                }
                if depth < crate::limits::COMMAND_DEPTH_MAX {
                    of(known, rest.get(..end).unwrap_or_default(), depth + 1)?;
                } else {
                    return None;
                }
            }
            Some("-delete") => drop(known.programs.insert("rm".to_owned())),
            Some(_) => {}
        }
    }
    Some(())
}
