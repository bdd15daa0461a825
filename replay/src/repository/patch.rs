//! What a commit changes, file by file, as `git show -p` prints it, from the objects that the recording holds.

use bytes::Bytes;
use wiretape_core::event::{FileChange, ObjectId, TreeFile};

use super::diff::{self, Sort};
use super::pack::Unreadable;
use super::words::short;
use crate::describe;
use crate::limits::DIFF_LINES_MAX;

/// The mode of a submodule, whose id is a commit of another repository.
const SUBMODULE: u32 = 0o160_000;

/// A line of a patch, and how it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PatchLine {
    pub(crate) sort: PatchSort,
    pub(crate) text: Vec<u8>,
}

/// What kind of line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchSort {
    /// About a file.
    File,
    /// A line of a difference.
    Line(Sort),
    /// A line of a content of which it is not known what it was before.
    New,
    /// What the recording does not say.
    Lack,
}

/// The content of one side of a change.
enum Content {
    /// The file is not there.
    None,
    Known(Bytes),
    /// It is not in the recording, or too large.
    Unknown,
}

/// Looks up the content of an object; `None` when the recording does not hold it, or it is too large.
pub(crate) type Find<'f> = dyn FnMut(&ObjectId) -> Result<Option<Bytes>, Unreadable> + 'f;

/// The lines for one file.
pub(crate) fn patch(file: &FileChange, find: &mut Find<'_>) -> Result<Vec<PatchLine>, Unreadable> {
    let path = describe::path(&file.path);
    let mut lines = Lines(Vec::new());
    lines.file(format!("diff --git a/{path} b/{path}"));
    modes(file, &mut lines);
    let old = content(file.old.as_ref(), find)?;
    let new = content(file.new.as_ref(), find)?;
    if let (Some(old), Some(new)) = (&file.old, &file.new)
        && old.id == new.id
    {
        return Ok(lines.0);
    }
    index(file, &mut lines);
    let names = match (&file.old, &file.new) {
        (None, _) if file.status == wiretape_core::event::FileStatus::Added => {
            ("/dev/null".to_owned(), format!("b/{path}"))
        }
        (_, None) => (format!("a/{path}"), "/dev/null".to_owned()),
        _ => (format!("a/{path}"), format!("b/{path}")),
    };
    let was_there = file.status != wiretape_core::event::FileStatus::Added;
    match (old, new) {
        (Content::Known(content), _) | (_, Content::Known(content)) if !diff::is_text(&content) => {
            lines.file(format!("Binary files {} and {} differ", names.0, names.1));
        }
        (Content::None, Content::Known(new)) if was_there => lines.new_content(&new),
        (Content::Unknown, Content::Known(new)) => lines.new_content(&new),
        (Content::None, Content::Known(new)) => lines.difference(b"", &new, &names),
        (Content::Known(old), Content::Known(new)) => lines.difference(&old, &new, &names),
        (Content::Known(old), Content::None) => lines.difference(&old, b"", &names),
        (Content::Unknown, Content::None) => lines.lack("what it was is not in the recording"),
        (_, Content::Unknown) => lines.lack("its content is not in the recording, or too large to be shown"),
        (Content::None, Content::None) => {}
    }
    Ok(lines.0)
}

fn content(file: Option<&TreeFile>, find: &mut Find<'_>) -> Result<Content, Unreadable> {
    match file {
        None => Ok(Content::None),
        Some(file) if file.mode == SUBMODULE => Ok(Content::Known(format!("Subproject commit {}\n", file.id).into())),
        Some(file) => Ok(find(&file.id)?.map_or(Content::Unknown, Content::Known)),
    }
}

fn modes(file: &FileChange, lines: &mut Lines) {
    use wiretape_core::event::FileStatus::{Added, Deleted};
    match (file.status, &file.old, &file.new) {
        (Added, _, Some(new)) => lines.file(format!("new file mode {:06o}", new.mode)),
        (Deleted, Some(old), _) => lines.file(format!("deleted file mode {:06o}", old.mode)),
        (_, Some(old), Some(new)) if old.mode != new.mode => {
            lines.file(format!("old mode {:06o}", old.mode));
            lines.file(format!("new mode {:06o}", new.mode));
        }
        _ => {}
    }
}

fn index(file: &FileChange, lines: &mut Lines) {
    let nothing = |id: &ObjectId| "0".repeat(short(id).len());
    let (old, new) = match (&file.old, &file.new) {
        (Some(old), Some(new)) => (short(&old.id), short(&new.id)),
        (Some(old), None) => (short(&old.id), nothing(&old.id)),
        (None, Some(new)) => (nothing(&new.id), short(&new.id)),
        (None, None) => return,
    };
    let mode = match (&file.old, &file.new) {
        (Some(old), Some(new)) if old.mode == new.mode => format!(" {:06o}", new.mode),
        _ => String::new(),
    };
    lines.file(format!("index {old}..{new}{mode}"));
}

struct Lines(Vec<PatchLine>);

impl Lines {
    fn file(&mut self, text: String) {
        self.0.push(PatchLine { sort: PatchSort::File, text: text.into_bytes() });
    }

    fn lack(&mut self, text: &str) {
        self.0.push(PatchLine { sort: PatchSort::Lack, text: format!("({text})").into_bytes() });
    }

    fn new_content(&mut self, content: &[u8]) {
        self.lack("new content; what it was is not in the recording");
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            let text = [b" ", line.strip_suffix(b"\n").unwrap_or(line)].concat();
            self.0.push(PatchLine { sort: PatchSort::New, text });
        }
    }

    fn difference(&mut self, old: &[u8], new: &[u8], names: &(String, String)) {
        let Some(lines) = diff::unified(old, new, DIFF_LINES_MAX) else {
            return self.lack("too many lines to be compared");
        };
        if lines.is_empty() {
            return;
        }
        self.file(format!("--- {}", names.0));
        self.file(format!("+++ {}", names.1));
        self.0.extend(lines.into_iter().map(|(sort, text)| PatchLine { sort: PatchSort::Line(sort), text }));
    }
}
