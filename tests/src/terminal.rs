//! A real terminal, driven by a test: tmux with a socket of its own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::program::{PATIENCE, Program};
use crate::stage::Folder;

/// A terminal in which one command runs.
pub struct Terminal<'a> {
    folder: &'a Folder,
    socket: String,
    /// Where the command's exit code is written; tmux itself sometimes does not notice that a command ended.
    exit_code: PathBuf,
}

impl<'a> Terminal<'a> {
    /// Runs `command`, a line of shell, in a new terminal of this size.
    #[must_use]
    pub fn start(folder: &'a Folder, columns: u16, rows: u16, command: &str) -> Self {
        let socket = folder.join("tmux").display().to_string();
        let exit_code = folder.join("exit-code");
        let _none_yet = std::fs::remove_file(&exit_code);
        let command = format!("{command}; echo $? > {code}.new; mv {code}.new {code}", code = exit_code.display());
        let terminal = Self { folder, socket, exit_code };
        let configuration = folder.write("tmux.conf", "set -g status off\nset -g remain-on-exit on\n");
        terminal
            .tmux()
            .arg("-f")
            .arg(configuration)
            .args(["new-session", "-d", "-x", &columns.to_string(), "-y", &rows.to_string(), &command])
            .succeed();
        terminal
    }

    fn tmux(&self) -> Program {
        self.folder.program("tmux").args(["-u", "-S", &self.socket])
    }

    /// Types `text`, letter by letter.
    pub fn type_text(&self, text: &str) {
        // A semicolon at the end of a word ends tmux's own command.
        let text = text.strip_suffix(';').map_or_else(|| text.to_owned(), |start| format!("{start}\\;"));
        self.tmux().args(["send-keys", "-l", "--", &text]).succeed();
    }

    /// Presses the key that tmux calls `name`: `Enter`, `Escape`, `C-c`, …
    pub fn press(&self, name: &str) {
        self.tmux().args(["send-keys", name]).succeed();
    }

    /// Types `line` and presses Enter.
    pub fn enter(&self, line: &str) {
        self.type_text(line);
        self.press("Enter");
    }

    /// Gives it another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.tmux().args(["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]).succeed();
    }

    /// What it shows: its lines, without what is blank at their ends.
    #[must_use]
    pub fn screen(&self) -> Vec<String> {
        let output = self.tmux().args(["capture-pane", "-p"]).succeed();
        output.text().lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Waits until it shows `word`.
    pub fn wait(&self, word: &str) {
        self.wait_for(&format!("{word:?} on the screen"), |screen| screen.iter().any(|line| line.contains(word)));
    }

    /// Waits until what it shows is as `wanted`.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&[String]) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                return;
            }
            assert!(Instant::now() < until, "no {what} on the screen:\n{}", screen.join("\n"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the command ended, and gives its exit code.
    #[must_use]
    pub fn exit(&self) -> i32 {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Ok(code) = std::fs::read_to_string(&self.exit_code) {
                return code.trim().parse().expect("an exit code");
            }
            assert!(Instant::now() < until, "the command did not end:\n{}", self.screen().join("\n"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").finish();
    }
}
