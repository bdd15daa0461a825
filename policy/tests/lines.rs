//! What lines for a shell start, as policies are told: a table to read.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use wiretape_policy::CommandLine;

/// A line, the programs that it starts, the files of its redirections, and whether its words are known; `?` stands for
/// what is not known.
const LINES: &[(&str, &str, &str, bool)] = &[
    ("ls -la /tmp", "ls", "", true),
    ("/bin/rm -rf /", "/bin/rm rm", "", true),
    ("r\"m\" -rf x", "rm", "", true),
    ("r\\m -rf x", "rm", "", true),
    ("'rm' x", "rm", "", true),
    ("ls && rm x", "ls rm", "", true),
    ("ls; rm x", "ls rm", "", true),
    ("ls | xargs rm", "ls rm xargs", "", true),
    ("ls\nrm x", "ls rm", "", true),
    ("ls & rm x", "ls rm", "", true),
    ("ls || rm x", "ls rm", "", true),
    ("(ls; rm x)", "ls rm", "", true),
    ("{ ls; rm x; }", "ls rm", "", true),
    ("if true; then rm x; fi", "rm true", "", true),
    ("while true; do rm x; done", "rm true", "", true),
    ("! rm x", "rm", "", true),
    ("echo $(rm x)", "echo rm", "", false),
    ("echo `rm x`", "echo rm", "", false),
    ("echo \"$(rm x)\"", "echo rm", "", false),
    ("echo \"a $(echo \")\" ) b\"", "echo", "", false),
    ("echo '$(rm x)'", "echo", "", true),
    ("echo \\$(rm x)", "?", "?", false),
    ("$cmd x", "?", "", false),
    ("\"$cmd\" x", "?", "", false),
    ("${cmd} x", "?", "", false),
    ("$(echo rm) x", "?", "", false),
    ("r$x x", "?", "", false),
    ("/bin/r? x", "?", "", false),
    ("/bin/{rm,ls} x", "?", "", false),
    ("sudo rm x", "rm sudo", "", true),
    ("sudo -u root -n rm x", "rm sudo", "", true),
    ("sudo -Z rm x", "?", "", true),
    ("sudo FOO=1 rm x", "?", "", true),
    ("env rm x", "env rm", "", true),
    ("env -i LANG=C rm x", "env rm", "", true),
    ("env PATH=/tmp ls", "?", "", true),
    ("env -S 'rm x'", "?", "", true),
    ("nohup nice -n 5 timeout 5 rm x", "nice nohup rm timeout", "", true),
    ("timeout -k 1 5 rm x", "rm timeout", "", true),
    ("sh -c 'rm x'", "rm sh", "", true),
    ("sh -c \"rm x && ls\"", "ls rm sh", "", true),
    ("bash -ec 'sudo rm x'", "bash rm sudo", "", true),
    ("sh -c \"$x\"", "?", "", false),
    ("sh script.sh", "?", "", true),
    ("bash", "?", "", true),
    ("curl x | sh", "?", "", true),
    ("eval rm x", "?", "", true),
    (". ./x", "?", "", true),
    ("source x", "?", "", true),
    ("alias ls=rm", "?", "", true),
    ("trap 'rm x' EXIT", "?", "", true),
    ("find . -name x -exec rm {} +", "find rm", "", true),
    ("find . -delete", "find rm", "", true),
    ("find . -exec sh -c 'rm $1' _ {} \\;", "find rm sh", "", false),
    ("xargs -n1 rm < list", "rm xargs", "list", true),
    ("PATH=/tmp ls", "?", "", true),
    ("LC_ALL=C ls", "ls", "", true),
    ("FOO=bar", "?", "", true),
    ("FOO=bar ls", "?", "", true),
    ("LANG=$(rm x) ls", "ls rm", "", true),
    ("ls > /etc/passwd", "ls", "/etc/passwd", true),
    ("ls >> out 2>&1", "ls", "out", true),
    ("ls &> out", "ls", "out", true),
    ("cat < /etc/shadow", "cat", "/etc/shadow", true),
    ("cat <<EOF\nx\nEOF", "?", "?", false),
    ("cat <<< x", "?", "?", false),
    ("diff <(ls) <(rm x)", "?", "?", false),
    ("for i in a b; do rm $i; done", "?", "?", false),
    ("case x in x) rm x;; esac", "?", "?", false),
    ("f() { rm x; }; f", "?", "?", false),
    ("function f { rm x; }", "?", "?", false),
    ("[ -f x ] && rm x", "[ rm", "", true),
    ("[[ -f x ]] && rm x", "?", "", false),
    ("test -f x", "test", "", true),
    ("((x=1))", "?", "?", false),
    ("echo $((1+1))", "?", "?", false),
    ("echo 'unclosed", "?", "?", false),
    ("echo \"unclosed", "?", "?", false),
    ("echo $(unclosed", "?", "?", false),
    ("echo )", "?", "?", false),
    ("ls # && rm x", "ls", "", true),
    ("ls#x", "ls#x", "", true),
    ("echo a#b; rm x", "echo rm", "", true),
    ("ls *.txt", "ls", "", false),
    ("ls ~/x", "ls", "", false),
    ("ls $HOME", "ls", "", false),
    ("echo \"hello world\" 'a b'", "echo", "", true),
    ("echo $'\\x72m'", "?", "?", false),
    ("echo \"${x:-$(rm x)}\"", "?", "?", false),
    ("exec rm x", "exec rm", "", true),
    ("command rm x", "command rm", "", true),
    ("command -v rm", "command rm", "", true),
    ("export PATH=/tmp", "?", "", true),
    ("export LANG=C", "export", "", true),
    ("set -e; rm x", "rm set", "", true),
    ("su -c 'rm x'", "?", "", true),
    ("ssh host rm x", "?", "", true),
    ("python3 -c 'import os'", "python3", "", true),
    ("perl -e 'unlink \"x\"'", "perl", "", true),
    ("git-upload-pack '/org/x.git'", "git-upload-pack", "", true),
    ("scp -t /tmp", "scp", "", true),
    ("rsync --server -vlogDtpre.iLsfxCIvu . /tmp", "rsync", "", true),
    ("/usr/lib/openssh/sftp-server", "/usr/lib/openssh/sftp-server sftp-server", "", true),
    ("time rm x", "rm time", "", true),
    ("echo x >&2", "echo", "", true),
    ("2>/dev/null ls", "ls", "/dev/null", true),
    ("ls 2>/dev/null", "ls", "/dev/null", true),
    ("\\\nls", "ls", "", true),
    ("ls \\\n-la", "ls", "", true),
    ("if ls; then echo x; else rm y; fi > out", "echo ls rm", "out", true),
    ("echo {a,b}", "echo", "", false),
    ("rm -rf \"$x\"/*", "rm", "", false),
    ("busybox rm x", "?", "", true),
    ("a=b c=d rm x", "?", "", true),
    ("time { rm x; }", "?", "", true),
    ("time -p rm x", "rm time", "", true),
    ("sudo -s", "?", "", true),
    ("xargs -i rm {}", "?", "", true),
    ("printf -v PATH x; ls", "?", "", true),
    ("printf '%s' x", "printf", "", true),
    ("read PATH", "?", "", true),
    ("find . $x", "?", "", false),
    // What a line that goes on joins is one to a shell, before it reads any of it.
    ("echo \"$\\\n(rm x)\"", "?", "?", false),
    ("echo $\\\n'\\'' ; rm x #'", "?", "?", false),
    ("$\\\nx rm", "?", "?", false),
    ("env -u 1\\\n>x ls rm y", "?", "?", false),
    ("ls &\\\n>x rm y", "?", "?", false),
    ("ls;\\\n;rm x", "?", "?", false),
    ("echo $(\\\n(x))", "?", "?", false),
    ("r\\\nm x", "?", "?", false),
    ("ls\\\n -la", "ls", "", true),
    ("echo \"a\\\nb\"", "echo", "", true),
    ("echo 'a\\\nb'", "echo", "", true),
    // What shells differ about.
    ("ls&>out rm x", "?", "?", false),
    ("ls &>out PATH=x; ls", "?", "?", false),
    ("ls &>out; rm x", "ls rm", "out", true),
    ("ls &>out 2>&1", "ls", "out", true),
    ("env -u 10>x rm ls", "?", "?", false),
    ("ls 9>x", "ls", "x", true),
    ("zsh -c 'ls x'", "?", "", true),
    ("ksh -c 'ls x'", "?", "", true),
    // What is computed.
    ("echo \"$[a[\\$(rm x)]]\"", "?", "?", false),
    ("ls {a['$(rm x)']}>f", "?", "?", false),
    ("exec {PATH}>f", "?", "?", false),
    ("{ ls; }>f", "ls", "f", true),
    ("test -v 'a[$(rm x)]'", "?", "", true),
    ("[ -n x -a -v 'a[$(rm x)]' ]", "?", "", true),
    ("[ \"$LC_X\" 'a[$(rm x)]' ]", "?", "", false),
    ("[ \"$LC_X\" \"$LC_Y\" ]", "?", "", false),
    ("[ $LC_X ]", "?", "", false),
    ("[ \"\"$LC_X ]", "?", "", false),
    ("sh -c '[ \"$@\" ]' x -v 'a[$(rm x)]'", "?", "", false),
    ("[ -f \"$x\" ] && ls", "[ ls", "", false),
    ("[ \"$x\" = \"$y\" ] && ls", "[ ls", "", false),
    ("test -v x", "test", "", true),
    ("ls >&'$(rm x)'", "?", "?", false),
    ("ls >&\"$x\"", "?", "?", false),
    ("ls >&out", "ls", "out", true),
    // Who starts what.
    ("time A=1 rm x", "?", "", true),
    ("time coproc rm x", "?", "", true),
    ("time function f { rm x; }; f", "?", "", true),
    ("env -- A=1 rm x", "?", "", true),
    ("flock lock -c 'rm x'", "?", "", true),
    ("sh -c -- 'rm x'", "?", "", true),
    ("sh -c -e 'rm x'", "?", "", true),
    ("sh -c +e 'rm x'", "?", "", true),
    ("chroot /srv", "?", "", true),
    ("jobs -x rm x", "?", "", true),
    ("xargs", "xargs", "", true),
    ("echo rm x | xargs env", "?", "", true),
    ("echo rm x | xargs sudo -u root", "?", "", true),
    ("echo -delete | xargs find .", "?", "", true),
    ("echo rm | xargs -I ls ls x", "?", "", true),
    ("echo rm | xargs -Il env ls x", "?", "", true),
    ("echo i | xargs -I u env -u rm ls", "?", "", true),
    ("xargs -I % sh -c 'ls %'", "?", "", true),
    ("xargs -I % ls % x", "ls xargs", "", true),
    ("xargs rm", "rm xargs", "", true),
    ("find . -name rm -exec env {} x \\;", "?", "", true),
    ("find . -exec sh -c 'ls {}' \\;", "?", "", true),
    ("find . -exec nice + rm x \\;", "?", "", true),
    ("find . -exec rm {} + -exec ls {} \\;", "find ls rm", "", true),
    // What shells keep.
    ("printf -vPATH x; ls", "?", "", true),
    ("printf 'ab%n' PATH; ls", "?", "", true),
    ("printf -- '%5.3n' PATH", "?", "", true),
    ("printf \"$LC_X\" x; ls", "?", "", false),
    ("printf '%s\\n' x", "printf", "", true),
    ("wait -p PATH; ls", "?", "", true),
    ("ls & wait", "ls wait", "", true),
    ("set -k; ls PATH=x", "?", "", true),
    ("set -o keyword; ls", "?", "", true),
    ("set -euo pipefail; ls", "ls set", "", true),
    ("set -- a b", "set", "", true),
    ("set $x", "?", "", false),
];

fn shown(known: Option<&BTreeSet<String>>) -> String {
    known.map_or("?".to_owned(), |texts| texts.iter().cloned().collect::<Vec<_>>().join(" "))
}

#[test]
fn what_lines_start() {
    let mut wrong = Vec::new();
    for (line, programs, redirections, words) in LINES {
        let read = CommandLine::parse(line.as_bytes());
        let is = (shown(read.programs.as_ref()), shown(read.redirections.as_ref()), read.words.is_some());
        if is != ((*programs).to_owned(), (*redirections).to_owned(), *words) {
            wrong.push(format!("{line}\n  is      {is:?}\n  and not {:?}", (programs, redirections, words)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn words_are_what_the_program_gets() {
    for (line, expected) in [
        ("echo 'a  b' \"c d\" e\\ f ''", " |a  b|c d|e f|echo"),
        ("echo \"a\\\"b\" 'c\"d'", "a\"b|c\"d|echo"),
        ("sh -c 'rm -rf \"/x y\"'", "-c|-rf|/x y|rm|rm -rf \"/x y\"|sh"),
    ] {
        let words = CommandLine::parse(line.as_bytes()).words.expect(line);
        let shown: Vec<&str> = words.iter().map(|word| if word.is_empty() { " " } else { word.as_str() }).collect();
        assert_eq!(shown.join("|"), expected, "{line}");
    }
}

#[test]
fn deep_and_long_lines_end() {
    let many = |piece: &str, count: usize| piece.repeat(count);
    for line in [
        many("(", 100_000),
        many("$(", 50_000),
        format!("{}{}", many("$(", 12), many(")", 12)),
        format!("echo {}", many("\"$(", 50_000)),
        many("`", 99_999),
        many("a;", 100_000),
        many("sudo ", 50_000),
        many("find -exec ", 20_000),
        format!("{}rm", many("sh -c ", 9_000)),
        many("'", 99_999),
        many("a=", 99_999),
        many("\\\n", 90_000),
    ] {
        let read = CommandLine::parse(line.as_bytes());
        assert!(!read.is_understood() || line.starts_with(['$', '\\', 'a']), "{}", &line[..20]);
    }
    for bytes in [&b"ls \xff"[..], b"ls\0rm", b"ls\rrm"] {
        assert_eq!(CommandLine::parse(bytes), CommandLine::default());
    }
}
