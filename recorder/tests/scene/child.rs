//! A part of a test that runs in a process of its own, because that process is killed or put under limits.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Names the part that a child plays; unset in the test itself.
const PART: &str = "WIRETAPE_TEST_FOLDER";

/// The folder that was given to this process, if it is a child.
pub(crate) fn folder() -> Option<std::path::PathBuf> {
    std::env::var_os(PART).map(Into::into)
}

/// What a shell runs before it becomes the child.
pub(crate) struct Wrap {
    pub(crate) program: &'static [&'static str],
    pub(crate) script: String,
}

/// This test program again, running only `test`, which is ignored otherwise.
pub(crate) fn start(test: &str, folder: &std::path::Path, wrap: Option<Wrap>) -> Actor {
    let own = std::env::current_exe().unwrap();
    let mut command = match wrap {
        None => Command::new(own),
        Some(wrap) => {
            let mut command = Command::new(wrap.program[0]);
            command.args(&wrap.program[1..]).args(["-c", &format!("{}; exec \"$@\"", wrap.script), "sh"]).arg(own);
            command
        }
    };
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
    let mut child = command.env(PART, folder).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    Actor { child, lines }
}

/// A child, and what it says.
pub(crate) struct Actor {
    pub(crate) child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Actor {
    /// The rest of the next line that starts with `word`; `None` once the child says no more.
    pub(crate) fn hears(&mut self, word: &str) -> Option<String> {
        self.lines.by_ref().map_while(Result::ok).find_map(|line| {
            // The test harness writes its own words before ours on the first line.
            line.split_once(&format!("@{word} ")).map(|(_, rest)| rest.to_owned())
        })
    }

    /// Waits for its end; true when it went well.
    pub(crate) fn succeeds(mut self) -> bool {
        for line in self.lines.by_ref().map_while(Result::ok) {
            println!("child: {line}");
        }
        self.child.wait().unwrap().success()
    }

    /// Kills it as a power cut would, as far as the process is concerned.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says something to the parent.
pub(crate) fn say(word: &str, rest: impl std::fmt::Display) {
    println!("@{word} {rest}");
}
