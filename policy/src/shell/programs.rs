//! Which programs a command starts: its own, and those that it is told to start.

use super::Known;
use super::builtins;
use super::lexer::{BEFORE_COMMANDS, OTHER_KEYWORDS, Word, is_harmless};

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
const SHELLS: [&str; 4] = ["sh", "bash", "dash", "ash"];

/// Programs that start others in ways that are not looked into, and shells that read lines in their own way.
const RUNNERS: [&str; 79] = [
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
    "zsh",
    "ksh",
    "ksh93",
    "mksh",
    "lksh",
    "rbash",
    "csh",
    "tcsh",
    "fish",
    "yash",
    "posh",
    "pwsh",
    "pkexec",
    "run0",
    "gosu",
    "su-exec",
    "setuidgid",
    "softlimit",
    "envdir",
    "capsh",
    "runcon",
    "aa-exec",
    "firejail",
    "bwrap",
    "setarch",
    "linux32",
    "linux64",
    "choom",
    "eatmydata",
    "dbus-run-session",
    "ssh-agent",
    "sshpass",
    "xvfb-run",
    "chronic",
    "ifne",
    "pee",
    "entr",
    "run-parts",
    "coreutils",
    "machinectl",
    "systemd-nspawn",
    "valgrind",
    "perf",
];

/// How many programs may start one another.
const STARTS_MAX: usize = 16;

/// What a program gets from another one that starts it, beside what stands in the line.
#[derive(Clone, Debug, Default)]
pub(super) struct Fed {
    /// More words behind its own.
    more: bool,
    /// Texts in whose place others are put.
    replaced: Vec<String>,
}

impl Fed {
    /// Whether something else may be put in the place of what stands in `words`.
    fn changes(&self, words: &[Word]) -> bool {
        let is_changed = |text: &str| self.replaced.iter().any(|replaced| text.contains(replaced.as_str()));
        words.iter().any(|word| word.text.as_deref().is_some_and(is_changed))
    }

    /// The same behind `xargs` with these options.
    fn by_xargs(mut self, options: &[Word]) -> Self {
        self.more = true;
        let texts: Vec<&str> = options.iter().map(|word| word.text.as_deref().unwrap_or_default()).collect();
        for (at, text) in texts.iter().enumerate() {
            let value = match text.strip_prefix("-I") {
                Some("") => texts.get(at + 1).copied(),
                value => value,
            };
            self.replaced.extend(value.map(str::to_owned));
        }
        self
    }
}

/// Notes the programs that the command `words` starts. `None` when lines in it cannot be told apart.
pub(super) fn of(known: &mut Known, words: &[Word], depth: usize, fed: &Fed) -> Option<()> {
    if programs(known, words, depth, fed.clone())? {
        known.programs_vague = true;
    }
    Some(())
}

/// The same; true when it starts others that are not known.
fn programs(known: &mut Known, words: &[Word], depth: usize, mut fed: Fed) -> Option<bool> {
    let all = words.len();
    let mut words = words;
    for _ in 0..STARTS_MAX {
        let Some(first) = words.first() else { return Some(false) };
        let Some(program) = first.text.as_deref().filter(|text| !text.is_empty()) else { return Some(true) };
        if words.len() < all && !is_name(program) {
            return Some(true);
        }
        known.start(program);
        if fed.changes(words.get(..1).unwrap_or_default()) {
            return Some(true);
        }
        let name = program.rsplit('/').next().unwrap_or_default();
        let rest = words.get(1..).unwrap_or_default();
        if let Some(vague) = builtins::vague(name, rest) {
            return Some(vague);
        }
        if SHELLS.contains(&name) {
            return shell(known, rest, depth, &fed);
        }
        if name == "find" {
            return find(known, rest, depth, &fed);
        }
        if RUNNERS.contains(&name) {
            return Some(true);
        }
        let Some(starter) = STARTERS.iter().find(|starter| starter.name == name) else { return Some(false) };
        let Some(next) = started(starter, rest) else { return Some(true) };
        let options = rest.get(..rest.len().saturating_sub(next.len())).unwrap_or_default();
        if next.is_empty() {
            // Without a program it does something harmless, if it is not given one. A shell is not.
            return Some(fed.more || name == "chroot");
        }
        if fed.changes(options) {
            return Some(true);
        }
        if name == "xargs" {
            fed = fed.by_xargs(options);
        }
        words = next;
    }
    Some(true)
}

/// Whether a program that another one starts is surely called so: it is no option, sets no variable, and is no keyword,
/// which whoever starts it may know.
fn is_name(text: &str) -> bool {
    !text.starts_with(['-', '+'])
        && !text.contains('=')
        && !BEFORE_COMMANDS.contains(&text)
        && !OTHER_KEYWORDS.contains(&text)
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
fn shell(known: &mut Known, words: &[Word], depth: usize, fed: &Fed) -> Option<bool> {
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
                // Options may stand behind `-c`, too: the line is the first word that is none.
                if line.starts_with(['-', '+']) || fed.changes(words.get(..at + 2).unwrap_or_default()) {
                    break;
                }
                return known.read(line.as_bytes(), depth + 1).map(|()| false);
            }
            _ => break,
        }
    }
    Some(true)
}

/// What `find` runs on what it finds.
fn find(known: &mut Known, words: &[Word], depth: usize, fed: &Fed) -> Option<bool> {
    // What is put behind or in the place of its words may be what it runs.
    let mut vague = fed.more || fed.changes(words);
    for (at, word) in words.iter().enumerate() {
        match word.text.as_deref() {
            // What stands in place of an option that nobody knows may be one of these.
            None => vague = true,
            Some("-exec" | "-execdir" | "-ok" | "-okdir") => {
                let rest = words.get(at + 1..).unwrap_or_default();
                let end = rest.iter().enumerate().position(|(place, word)| match word.text.as_deref() {
                    Some(";") => true,
                    // Elsewhere it is a word as any other.
                    Some("+") => {
                        place > 0 && rest.get(place - 1).is_some_and(|word| word.text.as_deref() == Some("{}"))
                    }
                    _ => false,
                });
                let command = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                if depth >= crate::limits::COMMAND_DEPTH_MAX {
                    return None;
                }
                let mut fed = fed.clone();
                fed.replaced.push("{}".to_owned());
                of(known, command, depth + 1, &fed)?;
            }
            Some("-delete") => drop(known.programs.insert("rm".to_owned())),
            Some(_) => {}
        }
    }
    Some(vague)
}
