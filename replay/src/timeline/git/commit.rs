//! Commits and tags as `git log --stat` shows them; with patches as `git log -p --stat` does.

use wiretape_core::event::{FileChange, GitEvent, GitService, Ident, ObjectId, SignatureKind};
use wiretape_core::{Lane, Moment, Side};

use super::Told;
use super::aside::Aside;
use crate::describe::{self, line};
use crate::legible::count;
use crate::limits::{COMMIT_FILES_KEPT_MAX, LINE_LETTERS_MAX, MESSAGE_LINES_SHOWN, PATCH_LINES_MAX};
use crate::repository::date::date;
use crate::repository::diff::Sort;
use crate::repository::library::Library;
use crate::repository::patch::{PatchLine, PatchSort, patch};
use crate::repository::stat::stat;
use crate::repository::words;
use crate::timeline::Mark;

/// The commits of a push, one of which waits for the rest of its files.
#[derive(Clone)]
pub(super) struct Commits {
    files: Option<Files>,
    patches: Option<Patches>,
    omitted: bool,
    told: bool,
}

/// The files of a commit, as far as they have come.
#[derive(Clone)]
struct Files {
    at: Moment,
    changes: Vec<FileChange>,
    complete: bool,
    said: bool,
}

impl Commits {
    pub(super) fn new(patches: Option<Patches>) -> Self {
        Self { files: None, patches, omitted: false, told: false }
    }

    pub(super) fn data(&mut self, side: Side, bytes: &[u8]) {
        if let Some(patches) = &mut self.patches {
            patches.aside.data(side, bytes);
        }
    }

    pub(super) fn omitted(&mut self) {
        self.omitted = true;
    }

    /// Whether commits or tags were told since this was asked last.
    pub(super) fn were_told(&mut self) -> bool {
        std::mem::take(&mut self.told)
    }

    /// Whether the packs are in the recording.
    pub(super) fn is_kept(&self) -> bool {
        !self.omitted
    }

    pub(super) fn service(&mut self, service: GitService) {
        if let Some(patches) = &mut self.patches {
            patches.aside.service(service);
        }
    }

    pub(super) fn pack(&mut self, bytes: u64, checksum: &ObjectId) {
        if let Some(patches) = &mut self.patches {
            patches.aside.pack(bytes, checksum);
        }
    }

    pub(super) fn commit(&mut self, said: &GitEvent, told: &mut Told<'_>) {
        let GitEvent::Commit { id, parents, author, message, signature, .. } = said else { return };
        told.git(String::new());
        self.told = true;
        told.put(Mark::Commit, format!("commit {id}{}", signed(*signature)));
        if parents.len() > 1 {
            let parents: Vec<_> = parents.iter().take(8).map(words::short).collect();
            told.git(format!("Merge: {}", parents.join(" ")));
        }
        told.git(format!("Author: {}", who(author)));
        told.git(format!("Date:   {}", date(author.seconds, author.offset_minutes)));
        tell_message(message, told);
        self.files = Some(Files { at: told.at, changes: Vec::new(), complete: true, said: false });
    }

    pub(super) fn tag(&mut self, said: &GitEvent, told: &mut Told<'_>) {
        let GitEvent::Tag { target, target_kind, name, tagger, message, signature, .. } = said else { return };
        told.git(String::new());
        self.told = true;
        told.put(Mark::Commit, format!("tag {}{}", describe::path(name), signed(*signature)));
        if let Some(tagger) = tagger {
            told.git(format!("Tagger: {}", who(tagger)));
            told.git(format!("Date:   {}", date(tagger.seconds, tagger.offset_minutes)));
        }
        told.git(format!("Names:  {} {target}", words::object(*target_kind)));
        tell_message(message, told);
    }

    pub(super) fn files(&mut self, changes: &[FileChange], complete: bool) {
        let Some(files) = &mut self.files else { return };
        let room = COMMIT_FILES_KEPT_MAX.saturating_sub(files.changes.len());
        files.changes.extend(changes.iter().take(room).cloned());
        files.complete = complete && changes.len() <= room;
        files.said = true;
    }

    /// Tells the files of the commit that came last.
    pub(super) fn flush(&mut self, told: &mut Told<'_>) {
        let Some(files) = self.files.take().filter(|files| files.said) else { return };
        let now = std::mem::replace(&mut told.at, files.at);
        if !files.changes.is_empty() {
            told.git(if self.patches.is_some() { "---".to_owned() } else { String::new() });
            for line in stat(&files.changes) {
                told.git(line);
            }
        }
        if !files.complete {
            told.git(" (and others, which are not known)".to_owned());
        }
        if let Some(patches) = self.patches.as_mut().filter(|_| !files.changes.is_empty()) {
            told.git(String::new());
            patches.tell(&files, self.omitted, told);
        }
        told.at = now;
    }
}

/// The packs that patches are made from, and how much of them was told.
#[derive(Clone)]
pub(super) struct Patches {
    lane: Lane,
    aside: Aside,
    lines: usize,
}

impl Patches {
    /// Those of the commits of `lane`, from the packs that it and other lanes brought.
    pub(super) fn new(lane: Lane, library: Library) -> Self {
        Self { lane, aside: Aside::new(lane, library), lines: 0 }
    }

    fn tell(&mut self, files: &Files, omitted: bool, told: &mut Told<'_>) {
        if omitted {
            told.put(Mark::Lack, "(no patch: the pack was not kept)".to_owned());
            return;
        }
        let library = match self.aside.library() {
            Ok(library) => library.clone(),
            Err(error) => return told.put(Mark::Lack, format!("(no patch: {error})")),
        };
        for file in &files.changes {
            if self.lines > PATCH_LINES_MAX {
                return;
            }
            match patch(file, &mut |id| library.object(self.lane, id)) {
                Ok(lines) => self.tell_lines(&lines, told),
                Err(error) => told.put(Mark::Lack, format!("(no patch: {error})")),
            }
        }
    }

    fn tell_lines(&mut self, lines: &[PatchLine], told: &mut Told<'_>) {
        for PatchLine { sort, text } in lines {
            self.lines += 1;
            if self.lines > PATCH_LINES_MAX {
                let lines = count(PATCH_LINES_MAX as u64, "line");
                return told.put(Mark::Lack, format!("(more than {lines} are not shown)"));
            }
            let mark = match sort {
                PatchSort::File => Mark::PatchFile,
                PatchSort::Line(Sort::Head) => Mark::PatchHead,
                PatchSort::Line(Sort::Added) => Mark::PatchAdded,
                PatchSort::Line(Sort::Removed) => Mark::PatchRemoved,
                PatchSort::Line(Sort::Same | Sort::Remark) | PatchSort::New => Mark::Git,
                PatchSort::Lack => Mark::Lack,
            };
            told.put(mark, shown(text));
        }
    }
}

fn signed(kind: Option<SignatureKind>) -> String {
    kind.map(|kind| format!(" (signed, {})", words::signature(kind))).unwrap_or_default()
}

fn who(ident: &Ident) -> String {
    format!("{} <{}>", describe::path(&ident.name), describe::path(&ident.email))
}

fn tell_message(message: &[u8], told: &mut Told<'_>) {
    let message = message.trim_ascii_end();
    if message.is_empty() {
        return;
    }
    told.git(String::new());
    let mut lines = message.split(|byte| *byte == b'\n');
    for line in lines.by_ref().take(MESSAGE_LINES_SHOWN) {
        told.git(format!("    {}", shown(line)).trim_end().to_owned());
    }
    let left = lines.count() as u64;
    if left > 0 {
        told.git(format!("    … {}", count(left, "more line")));
    }
}

/// A line of text, legible.
fn shown(text: &[u8]) -> String {
    let cut = text.get(..LINE_LETTERS_MAX * 4).unwrap_or(text);
    line(&String::from_utf8_lossy(cut).replace('\t', "    "))
}
